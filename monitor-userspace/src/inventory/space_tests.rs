//! One address space from seed to correction, and what the arguments of calls mean.

use super::*;
use crate::{
    event::{Filters, Privilege, ReadRange, StackChoice},
    inventory::Mapping,
};
use MappingClass::{Anonymous, Heap};

const P: u64 = 4096;

fn reading(at_ns: u64, ranges: &[(u64, u64, MappingClass)]) -> Reconcile {
    let ranges = ranges.iter().map(|&(a, b, class)| ReadRange(a * P, b * P, class, None));
    Reconcile { t0_ns: at_ns, t1_ns: at_ns + 1, ranges: ranges.collect(), ..Reconcile::default() }
}

/// A space that was read at 10 and holds these pages.
fn seeded(ranges: &[(u64, u64, MappingClass)]) -> Space {
    let mut space = Space::unseeded(0);
    assert!(space.reconcile(&reading(10, ranges), true));
    space
}

fn map(start: u64, end: u64) -> MemOp {
    MemOp::Map {
        start: start * P,
        end: end * P,
        class: Anonymous,
        replaces: false,
        origin: Origin::Unknown,
    }
}

#[test]
fn operations_wait_for_the_first_reading() {
    let mut space = Space::unseeded(0);
    assert_eq!(space.apply(1, map(1, 2)), Applied::Waiting);
    assert_eq!(space.totals(), None);
}

#[test]
fn a_collision_ends_exactness() {
    let mut space = seeded(&[(1, 3, Anonymous)]);
    assert!(space.is_exact());
    assert_eq!(space.apply(20, map(5, 6)), Applied::Ok);
    assert!(space.is_exact());
    assert_eq!(space.apply(21, map(2, 4)), Applied::Collided);
    assert!(!space.is_exact());
}

#[test]
fn a_forked_heap_goes_on_from_where_it_was() {
    let mut child = seeded(&[(10, 14, Heap)]).forked(20);
    child.apply(21, MemOp::Brk { start: 10 * P, end: 12 * P });
    assert_eq!(child.totals().unwrap().get(Heap), 2 * P);
}

#[test]
fn a_correction_makes_nothing_younger() {
    let mut space = seeded(&[(1, 3, Anonymous)]);
    let later_ns = 6 * Mapping::BIRTH_STEP_NS;
    space.start_log(50);
    // What was known is there still; another range was missed.
    assert!(space.reconcile(&reading(later_ns, &[(1, 3, Anonymous), (5, 6, Anonymous)]), true));
    let births: Vec<_> =
        space.mappings.iter().map(|(start, range)| (start / P, range.born_ns)).collect();
    assert_eq!(births, [(1, 0), (5, later_ns)]);
}

fn facts() -> Start {
    Start {
        version: String::new(),
        host: String::new(),
        boot_id: String::new(),
        kernel: String::new(),
        started_ns: 0,
        boot_epoch_ns: 0,
        page_bytes: P,
        huge_page_bytes: 2 << 20,
        cpus: 1,
        attach: Vec::new(),
        privilege: Privilege::Full,
        filters: Filters::default(),
        reconcile: true,
        stacks: StackChoice::Off,
        max_memory_bytes: 1 << 28,
        interval_ns: 1,
        agent_pid: 1,
        command_pid: None,
        rules: Vec::new(),
    }
}

/// What an mmap stands for: its range, if any.
fn mmap(length: u64, flags: u32, result: i64) -> Option<(u64, u64)> {
    let body = Body::Mmap {
        hint: 0,
        length,
        offset: 0,
        prot: 3,
        flags,
        fd: -1,
        file: FileKind::None,
        result,
    };
    match mem_op(&body, &facts(), &Segments::default(), 0)? {
        MemOp::Map { start, end, .. } => Some((start, end)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lengths_are_rounded_up_to_whole_pages_of_their_size() {
    let private = MAP_ANONYMOUS | 2;
    assert_eq!(mmap(1, private, 0x10_0000), Some((0x10_0000, 0x10_1000)));
    assert_eq!(mmap(P, private, 0x10_0000), Some((0x10_0000, 0x10_1000)));
    let huge = private | MAP_HUGETLB;
    assert_eq!(mmap(1, huge, 0x20_0000), Some((0x20_0000, 0x40_0000)));
    let gigabyte = huge | 30 << MAP_HUGE_SHIFT;
    assert_eq!(mmap(1, gigabyte, 0x4000_0000), Some((0x4000_0000, 0x8000_0000)));
}

#[test]
fn failed_calls_and_ranges_that_grow_down_change_nothing() {
    let private = MAP_ANONYMOUS | 2;
    assert_eq!(mmap(P, private, -12), None);
    assert_eq!(mmap(P, private, -4095), None);
    assert_eq!(mmap(P, private | MAP_GROWSDOWN, 0x10_0000), None);
    // The end of no range, so that nothing overflows.
    let nothing = Body::Mremap { old_addr: P, old_length: P, new_length: 0, flags: 1, result: -22 };
    assert_eq!(mem_op(&nothing, &facts(), &Segments::default(), 0), None);
}

#[test]
fn an_mremap_of_length_zero_or_dontunmap_keeps_its_source() {
    let keeps = |old_length: u64, flags: u64| {
        let body =
            Body::Mremap { old_addr: P, old_length, new_length: P, flags, result: 8 * P as i64 };
        match mem_op(&body, &facts(), &Segments::default(), 0) {
            Some(MemOp::Remap { keeps_source, .. }) => keeps_source,
            other => panic!("{other:?}"),
        }
    };
    assert!(!keeps(P, 1) && keeps(0, 1) && keeps(P, 1 | MREMAP_DONTUNMAP));
}

/// What a call stands for where segment 5 has a byte more than a page.
fn call_of(kind: EventKind, args: [u64; 4], result: i64) -> Option<MemOp> {
    let get = |args, result| Call {
        kind: EventKind::Shmget,
        args,
        result,
        inode: 0,
        file: FileKind::None,
        detail: 0,
    };
    let mut segments = Segments::default();
    segments.apply(1, &Body::Call(get([0, P + 1, 0, 0], 5)));
    // One that is there is asked for by any smaller size, or none.
    segments.apply(2, &Body::Call(get([0, 0, 0, 0], 5)));
    segments.apply(2, &Body::Call(get([0, 9, 0, 0], 5)));
    segments.apply(2, &Body::Call(get([0, P, 0, 0], -28)));
    let call = Call { kind, args, result, ..get([0; 4], 0) };
    mem_op(&Body::Call(call), &facts(), &segments, 0)
}

fn made(start: u64, pages: u64, class: MappingClass, origin: Origin) -> MemOp {
    let end = start + pages * P;
    MemOp::Map { start, end, class, replaces: false, origin }
}

#[test]
fn a_segment_is_attached_whole_and_goes_by_its_address() {
    let at = 0x10_0000;
    let attached = made(at, 2, MappingClass::Shared, Origin::Segment(5));
    assert_eq!(call_of(EventKind::Shmat, [5, 0, 0, 0], at as i64), Some(attached));
    let over = call_of(EventKind::Shmat, [5, 0, SHM_REMAP, 0], at as i64);
    assert!(matches!(over, Some(MemOp::Map { replaces: true, .. })), "{over:?}");
    assert_eq!(call_of(EventKind::Shmat, [6, 0, 0, 0], at as i64), None, "of unknown size");
    assert_eq!(call_of(EventKind::Shmat, [5, 0, 0, 0], -22), None);
    let detached = Some(MemOp::Detach { start: at });
    assert_eq!(call_of(EventKind::Shmdt, [at, 0, 0, 0], 0), detached);
    assert_eq!(call_of(EventKind::IoDestroy, [at, 0, 0, 0], 0), detached);
}

#[test]
fn rings_of_aio_and_shadow_stacks_have_their_sizes() {
    let at = 0x10_0000;
    let aio = |pages| Some(made(at, pages, MappingClass::File, Origin::Aio));
    // 2 * 128 + 2 slots of 32 bytes, and a header.
    assert_eq!(call_of(EventKind::IoSetup, [128, at, 0, 0], 0), aio(3));
    // Four a CPU at least.
    assert_eq!(call_of(EventKind::IoSetup, [1, at, 0, 0], 0), aio(1));
    assert_eq!(call_of(EventKind::IoSetup, [1, at, 7 * P, 0], 0), aio(7), "as read");
    let shadow = call_of(EventKind::MapShadowStack, [0, P + 1, 0, 0], at as i64);
    assert_eq!(shadow, Some(made(at, 2, Anonymous, Origin::Unknown)));
}

#[test]
fn what_a_call_attached_is_detached_in_all_its_pieces() {
    let mut space = seeded(&[(1, 2, Anonymous)]);
    let attach = |start: u64, end: u64, id| MemOp::Map {
        start: start * P,
        end: end * P,
        class: MappingClass::Shared,
        replaces: false,
        origin: Origin::Segment(id),
    };
    space.apply(20, attach(4, 8, 5));
    space.apply(20, attach(8, 10, 6));
    assert_eq!(space.segments(), Some(2));
    // A part goes, and what begins elsewhere is no segment's start.
    space.apply(21, MemOp::Unmap { start: 7 * P, end: 8 * P });
    space.apply(22, MemOp::Detach { start: 5 * P });
    space.apply(22, MemOp::Detach { start: P });
    assert_eq!(space.totals().unwrap().all(), 6 * P);
    space.apply(23, MemOp::Detach { start: 4 * P });
    assert_eq!((space.totals().unwrap().all(), space.segments()), (3 * P, Some(1)));
}

#[test]
fn files_without_a_path_are_shared_memory() {
    let of = |flags: u32, file: FileKind| class(flags, file);
    assert_eq!(of(MAP_SHARED, FileKind::Memfd), MappingClass::Shared);
    assert_eq!(of(2, FileKind::Memfd), MappingClass::Shared);
    assert_eq!(of(MAP_SHARED, FileKind::DevZero), MappingClass::Shared);
    assert_eq!(of(2, FileKind::DevZero), MappingClass::File);
    assert_eq!(of(MAP_SHARED, FileKind::Path), MappingClass::File);
    assert_eq!(of(MAP_SHARED | MAP_ANONYMOUS, FileKind::None), MappingClass::Shared);
    assert_eq!(of(MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, FileKind::None), Anonymous);
}

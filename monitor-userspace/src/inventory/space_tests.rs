//! One address space from seed to correction, and what the arguments of calls mean.

use super::*;
use crate::event::{Filters, Privilege, ReadRange, StackChoice};
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
    space.start_log(50);
    // What was known is there still; another range was missed.
    assert!(space.reconcile(&reading(60, &[(1, 3, Anonymous), (5, 6, Anonymous)]), true));
    let births: Vec<_> =
        space.mappings.iter().map(|(start, range)| (start / P, range.born_ns)).collect();
    assert_eq!(births, [(1, 10), (5, 60)]);
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

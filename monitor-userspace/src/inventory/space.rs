//! One address space: what it holds, whether that is known, and how right it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Mappings, MemOp, OpLog, Origin, Segments, Totals, oplog::apply};
use crate::event::{Body, Call, EventKind, FileKind, MappingClass, Reconcile, Start};

/// `MAP_SHARED`, also the low bits of `MAP_SHARED_VALIDATE` (include/uapi/linux/mman.h).
const MAP_SHARED: u32 = 0x01;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_GROWSDOWN: u32 = 0x0100;
const MAP_HUGETLB: u32 = 0x4_0000;
/// Bits of the flags that hold log2 of the huge page's size; 0 is the default size.
const MAP_HUGE_SHIFT: u32 = 26;
const MAP_HUGE_MASK: u32 = 0x3f;
/// `SHM_REMAP`, include/uapi/linux/shm.h.
const SHM_REMAP: u64 = 0o40000;
const MREMAP_FIXED: u64 = 2;
const MREMAP_DONTUNMAP: u64 = 4;

/// Key of an address space: the kernel's `mm_struct` address or, until an event shows that, a
/// number made of the pid. Kernel addresses have the top bit set, pids do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceKey(u64);

impl SpaceKey {
    /// Known by the kernel's identity.
    pub fn of_mm(mm: u64) -> Self {
        Self(mm)
    }

    /// Known by one of its processes only.
    pub fn provisional(pid: u32) -> Self {
        Self(u64::from(pid))
    }

    /// Whether the kernel's identity is still unknown.
    pub fn is_provisional(self) -> bool {
        self.0 >> 63 == 0
    }
}

/// How right the inventory was at its last check, before anything was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
    /// When, in nanoseconds since boot.
    pub checked_ns: u64,
    /// Bytes held by one side only, or by both in different classes.
    pub error_bytes: u64,
}

/// What came of applying an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    Ok,
    /// It was applied, and it proved that a release was missed.
    Collided,
    /// The space is not known yet; the operation waits in its log.
    Waiting,
}

/// What is kept of a space whose ranges are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Coarse {
    totals: Totals,
    segments: usize,
}

/// An address space.
#[derive(Clone, Debug)]
pub struct Space {
    mappings: Arc<Mappings>,
    heap_end: Option<u64>,
    /// What was last read, where ranges are not kept.
    coarse: Option<Coarse>,
    is_seeded: bool,
    is_exact: bool,
    log: Option<OpLog>,
    /// Processes that run in it.
    pub users: u32,
    /// When its last event was stamped, in nanoseconds since boot.
    pub last_event_ns: u64,
    /// When a check was last asked for, in nanoseconds since boot.
    pub asked_ns: u64,
    /// When it was last read, in nanoseconds since boot.
    pub read_ns: u64,
    /// What the last brk returned, not rounded.
    pub last_brk: Option<u64>,
    /// Readings in a row that could not be used, because too much went on under them.
    pub refusals: u8,
    /// Whether a reading of /proc/PID/statm contradicts the inventory.
    pub is_suspect: bool,
    /// The last check.
    pub accuracy: Option<Accuracy>,
    /// Number of VMAs at the last reading.
    pub vmas: Option<u32>,
    /// Virtual size that is not in the inventory (stack, vdso) when the two last agreed.
    pub unlisted_bytes: Option<i64>,
}

impl Space {
    /// A space nothing is known of; what happens from `now_ns` on is kept until it is read.
    pub fn unseeded(now_ns: u64) -> Self {
        Self {
            mappings: Arc::default(),
            heap_end: None,
            coarse: None,
            is_seeded: false,
            is_exact: false,
            log: Some(OpLog::new(now_ns)),
            users: 0,
            last_event_ns: 0,
            asked_ns: 0,
            read_ns: 0,
            last_brk: None,
            refusals: 0,
            is_suspect: false,
            accuracy: None,
            vmas: None,
            unlisted_bytes: None,
        }
    }

    /// The space of a forked child: a copy-on-write reference to what its parent holds now.
    #[must_use]
    pub fn forked(&self, now_ns: u64) -> Self {
        if !self.is_seeded {
            return Self::unseeded(now_ns);
        }
        Self {
            mappings: Arc::clone(&self.mappings),
            heap_end: self.heap_end,
            coarse: self.coarse,
            is_seeded: true,
            is_exact: self.is_exact,
            log: None,
            last_event_ns: self.last_event_ns,
            read_ns: self.read_ns,
            last_brk: self.last_brk,
            vmas: self.vmas,
            // Ranges that fork leaves out (MADV_DONTFORK) show as a difference to the parent's.
            unlisted_bytes: self.unlisted_bytes,
            ..Self::unseeded(now_ns)
        }
    }

    /// How many System V segments are attached; `None` until it was read once.
    pub fn segments(&self) -> Option<usize> {
        let kept = || self.coarse.map_or_else(|| self.mappings.segments().len(), |it| it.segments);
        self.is_seeded.then(kept)
    }

    /// Which System V segments are attached; none where only their number is kept.
    pub fn segment_ids(&self) -> BTreeSet<i32> {
        self.mappings.segments()
    }

    /// What it holds by class; `None` until it was read once.
    pub fn totals(&self) -> Option<Totals> {
        self.is_seeded.then(|| self.coarse.map_or_else(|| self.mappings.totals(), |it| it.totals))
    }

    /// How many ranges are kept; those that a fork shares count for each.
    pub fn ranges(&self) -> usize {
        self.mappings.len()
    }

    /// Bytes of memory, about. Ranges that a fork shares count for each.
    pub fn memory_bytes(&self) -> usize {
        let log = self.log.as_ref().map_or(0, OpLog::memory_bytes);
        size_of::<Self>() + self.mappings.len() * Mappings::RANGE_BYTES + log
    }

    /// Joins neighbouring ranges, which forgets births and stacks but no byte. Says how many.
    pub fn join_neighbours(&mut self) -> usize {
        Arc::make_mut(&mut self.mappings).join_neighbours()
    }

    /// Keeps totals only, from now on as /proc shows them: there is no room for ranges, or events
    /// do not tell of them.
    pub fn make_coarse(&mut self) {
        if self.is_coarse() {
            return;
        }
        let (totals, segments) = (self.mappings.totals(), self.mappings.segments().len());
        self.coarse = Some(Coarse { totals, segments });
        self.mappings = Arc::default();
        self.log = None;
        self.accuracy = None;
    }

    /// Whether only totals are kept.
    pub fn is_coarse(&self) -> bool {
        self.coarse.is_some()
    }

    /// Whether it was read once.
    pub fn is_seeded(&self) -> bool {
        self.is_seeded
    }

    /// Whether nothing is known to be missing.
    pub fn is_exact(&self) -> bool {
        self.is_seeded && self.is_exact
    }

    /// Notes that events were missed: how right it is is not known until it was read again.
    pub fn mark_inexact(&mut self) {
        self.is_exact = false;
        self.accuracy = None;
    }

    /// Starts keeping operations, so that a reading can be merged a second later.
    pub fn start_log(&mut self, now_ns: u64) {
        if self.log.is_none() && !self.is_coarse() {
            self.log = Some(OpLog::new(now_ns));
        }
    }

    /// When operations began to be kept, if they are.
    pub fn log_started_ns(&self) -> Option<u64> {
        self.log.as_ref().map(OpLog::started_ns)
    }

    /// Applies an operation.
    pub fn apply(&mut self, at_ns: u64, op: MemOp) -> Applied {
        self.last_event_ns = at_ns;
        if self.is_coarse() {
            return Applied::Waiting;
        }
        if let Some(log) = &mut self.log {
            log.push(at_ns, op);
        }
        if !self.is_seeded {
            return Applied::Waiting;
        }
        if apply(Arc::make_mut(&mut self.mappings), &mut self.heap_end, op, at_ns) {
            self.is_exact = false;
            return Applied::Collided;
        }
        Applied::Ok
    }

    /// Takes a reading whose end the stream has passed: seeds an unknown space; for a known one
    /// takes its accuracy first and then, if `correct`, what the reading says. Says whether the
    /// reading could be used.
    pub fn reconcile(&mut self, reading: &Reconcile, correct: bool) -> bool {
        self.asked_ns = 0;
        if self.is_coarse() {
            let ids: BTreeSet<i32> = reading.ranges.iter().filter_map(|range| range.3).collect();
            let totals = Totals::of_reading(reading);
            self.coarse = Some(Coarse { totals, segments: ids.len() });
            self.vmas = Some(reading.vmas);
            self.read_ns = reading.t1_ns;
            (self.is_seeded, self.is_exact) = (true, true);
            return true;
        }
        let merged = self.log.as_ref().and_then(|log| log.merge(reading));
        let Some((merged, heap_end)) = merged else {
            self.refusals = self.refusals.saturating_add(1);
            return false;
        };
        self.refusals = 0;
        self.vmas = Some(reading.vmas);
        let seeding = !self.is_seeded;
        if !seeding {
            let error_bytes = self.mappings.difference_bytes(&merged);
            self.accuracy = Some(Accuracy { checked_ns: reading.t1_ns, error_bytes });
            self.is_exact = error_bytes == 0;
        }
        if seeding || (correct && !self.is_exact) {
            self.mappings = Arc::new(self.with_births(&merged));
            self.heap_end = heap_end;
            self.is_seeded = true;
            self.is_exact = true;
        }
        self.unlisted_bytes = None;
        self.is_suspect = false;
        self.read_ns = reading.t1_ns;
        self.log = None;
        true
    }

    /// Keeps the births of what was known before: a correction does not make memory younger.
    fn with_births(&self, read: &Mappings) -> Mappings {
        let mut merged = read.clone();
        for (start, range) in read.iter() {
            for (known, piece) in self.mappings.slice(start, range.end) {
                if piece.class == range.class {
                    let origin = match range.origin {
                        Origin::Unknown => piece.origin,
                        read => read,
                    };
                    merged.insert_from(known, piece.end, piece.class, piece.born_ns, origin);
                }
            }
        }
        merged
    }
}

/// The change of an address space an event stands for; `None` for failed calls and for what the
/// inventory leaves to /proc (ranges that grow down).
///
/// `segments` knows the sizes of System V segments, `stack` is the number of the caller's stack.
pub fn mem_op(body: &Body, facts: &Start, segments: &Segments, stack: u32) -> Option<MemOp> {
    let page = facts.page_bytes.max(1);
    let up = |bytes: u64| bytes.checked_next_multiple_of(page);
    match *body {
        Body::Mmap { length, flags, file, result, .. } => {
            let start = address(result)?;
            if flags & MAP_GROWSDOWN != 0 {
                return None;
            }
            let length = length.checked_next_multiple_of(granule(flags, facts))?;
            Some(MemOp::Map {
                start,
                end: start.checked_add(length)?,
                class: class(flags, file),
                replaces: flags & MAP_FIXED != 0,
                origin: if stack == 0 { Origin::Unknown } else { Origin::Stack(stack) },
            })
        }
        Body::Munmap { addr, length } => {
            Some(MemOp::Unmap { start: addr, end: addr.checked_add(up(length)?)? })
        }
        Body::Mremap { old_addr, old_length, new_length, flags, result } => {
            let new_start = address(result)?;
            Some(MemOp::Remap {
                old_start: old_addr,
                old_end: old_addr.checked_add(up(old_length)?)?,
                new_start,
                new_end: new_start.checked_add(up(new_length)?)?,
                keeps_source: old_length == 0 || flags & MREMAP_DONTUNMAP != 0,
                replaces: flags & MREMAP_FIXED != 0,
            })
        }
        Body::Brk { result, start_brk, .. } => {
            (start_brk != 0).then_some(MemOp::Brk { start: up(start_brk)?, end: up(result)? })
        }
        Body::Call(ref call) => call_op(call, facts, segments),
        Body::Close { .. }
        | Body::TcpState(_)
        | Body::Stack(_)
        | Body::Fork { .. }
        | Body::Exec { .. }
        | Body::Exit { .. }
        | Body::Rename { .. } => None,
    }
}

/// The change that a call of family memory stands for.
fn call_op(call: &Call, facts: &Start, segments: &Segments) -> Option<MemOp> {
    let page = facts.page_bytes.max(1);
    let start = address(call.result)?;
    let [first, second, third, _] = call.args;
    match call.kind {
        EventKind::Shmat => {
            let id = first as i32;
            let bytes = segments.bytes(id)?.checked_next_multiple_of(page)?;
            Some(MemOp::Map {
                start,
                end: start.checked_add(bytes)?,
                class: MappingClass::Shared,
                replaces: third & SHM_REMAP != 0,
                origin: Origin::Segment(id),
            })
        }
        EventKind::Shmdt | EventKind::IoDestroy => Some(MemOp::Detach { start: first }),
        EventKind::IoSetup => Some(MemOp::Map {
            start: second,
            end: second.checked_add(aio_bytes(first, third, facts))?,
            class: MappingClass::File,
            replaces: false,
            origin: Origin::Aio,
        }),
        EventKind::MapShadowStack => Some(MemOp::Map {
            start,
            end: start.checked_add(second.checked_next_multiple_of(page)?)?,
            class: MappingClass::Anonymous,
            replaces: false,
            origin: Origin::Unknown,
        }),
        _ => None,
    }
}

/// Bytes of the ring of an AIO context of `events`: as read of it, or as the kernel reckons
/// (fs/aio.c, `ioctx_alloc` and `aio_setup_ring`: twice the events, four a CPU at least, two more,
/// and a header of the size of one).
fn aio_bytes(events: u64, read_bytes: u64, facts: &Start) -> u64 {
    if read_bytes > 0 {
        return read_bytes;
    }
    let least = u64::from(facts.cpus) * 4;
    let slots = events.min(u64::from(u32::MAX)).max(least) * 2 + 2;
    (32 + 32 * slots).next_multiple_of(facts.page_bytes.max(1))
}

/// The address a call returned; `None` for a negative errno.
fn address(result: i64) -> Option<u64> {
    (!(-4095..0).contains(&result)).then_some(result as u64)
}

/// What lengths of a mapping are rounded up to.
fn granule(flags: u32, facts: &Start) -> u64 {
    if flags & MAP_HUGETLB == 0 {
        return facts.page_bytes.max(1);
    }
    match (flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK {
        0 => facts.huge_page_bytes.max(1),
        shift => 1 << shift,
    }
}

fn class(flags: u32, file: FileKind) -> MappingClass {
    if flags & MAP_ANONYMOUS != 0 {
        // Huge pages are /anon_hugepage in maps, shared or not.
        return if flags & MAP_SHARED != 0 && flags & MAP_HUGETLB == 0 {
            MappingClass::Shared
        } else {
            MappingClass::Anonymous
        };
    }
    match file {
        FileKind::Memfd => MappingClass::Shared,
        FileKind::DevZero if flags & MAP_SHARED != 0 => MappingClass::Shared,
        _ => MappingClass::File,
    }
}

#[cfg(test)]
#[path = "space_tests.rs"]
mod tests;

//! What happened to an address space while it is being read, and the merge of both.

use std::collections::VecDeque;

use super::{Mappings, mappings::Origin, window::Window};
use crate::event::{MappingClass, Reconcile};

/// A change of an address space, page-rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemOp {
    /// A range was acquired; `replaces` where the caller asked for exactly this place.
    Map {
        /// First address.
        start: u64,
        /// First address after.
        end: u64,
        /// Class.
        class: MappingClass,
        /// Whether landing on something live was asked for (`MAP_FIXED`).
        replaces: bool,
        /// Where it came from.
        origin: Origin,
    },
    /// What one call put in at this address was released whole (shmdt, io_destroy).
    Detach {
        /// First address.
        start: u64,
    },
    /// A range was released.
    Unmap {
        /// First address.
        start: u64,
        /// First address after.
        end: u64,
    },
    /// A range was moved, resized or duplicated.
    Remap {
        /// First address of the source.
        old_start: u64,
        /// First address after the source.
        old_end: u64,
        /// First address of the destination.
        new_start: u64,
        /// First address after the destination.
        new_end: u64,
        /// Whether the source stays (`MREMAP_DONTUNMAP`, or an old length of zero).
        keeps_source: bool,
        /// Whether landing on something live was asked for (`MREMAP_FIXED`).
        replaces: bool,
    },
    /// The heap now lies between these.
    Brk {
        /// First address.
        start: u64,
        /// First address after.
        end: u64,
    },
}

/// Operations on one address space with their times, oldest first; bounded.
#[derive(Clone, Debug)]
pub struct OpLog {
    /// When it was started, in nanoseconds since boot.
    started_ns: u64,
    /// From when on nothing is missing: later, where old operations had to go.
    since_ns: u64,
    ops: VecDeque<(u64, MemOp)>,
}

impl OpLog {
    /// Operations kept; at most 3 MiB a space, and only while it waits to be read.
    pub const CAP: usize = 65_536;

    /// How long a release may take from its start to its effect. What takes longer is drift.
    pub const LOOKBACK_NS: u64 = 1_000_000_000;

    /// A log that misses nothing from `now_ns` on.
    pub fn new(now_ns: u64) -> Self {
        Self { started_ns: now_ns, since_ns: now_ns, ops: VecDeque::new() }
    }

    /// When it was started, in nanoseconds since boot.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> usize {
        self.ops.capacity() * size_of::<(u64, MemOp)>()
    }

    /// Notes an operation. At the cap the oldest goes, and the log starts later.
    pub fn push(&mut self, at_ns: u64, op: MemOp) {
        if self.ops.len() >= Self::CAP
            && let Some((dropped, _)) = self.ops.pop_front()
        {
            self.since_ns = dropped + 1;
        }
        self.ops.push_back((at_ns, op));
    }

    /// Brings a reading up to now: the reading as of `t0`, releases that may have taken effect
    /// after it, then everything later in order. `None` where the log starts too late for it, or
    /// where a move went on under the reading and it may have been seen at neither of its places.
    pub fn merge(&self, reading: &Reconcile) -> Option<(Mappings, Option<u64>)> {
        if self.since_ns > reading.t0_ns {
            return None;
        }
        let mut mappings = Mappings::default();
        for range in &reading.ranges {
            let origin = range.3.map_or(Origin::Unknown, Origin::Segment);
            mappings.insert_from(range.0, range.1, range.2, reading.t0_ns, origin);
        }
        if !self.window(reading).is_clear(&mappings) {
            return None;
        }
        let mut heap_end = heap_end(reading);
        self.apply_late_releases(&mut mappings, reading.t0_ns);
        for &(at_ns, op) in self.ops.iter().filter(|(at_ns, _)| *at_ns > reading.t0_ns) {
            apply(&mut mappings, &mut heap_end, op, at_ns);
        }
        Some((mappings, heap_end))
    }

    /// The operations that may have taken effect while the reading went on.
    fn window(&self, reading: &Reconcile) -> Window {
        let end_ns = reading.t1_ns + Window::SLACK_NS;
        let inside = |at_ns: u64| at_ns > reading.t0_ns && at_ns <= end_ns;
        let ops = self.ops.iter().filter(|(at_ns, _)| inside(*at_ns)).map(|(_, op)| *op);
        Window { ops: ops.collect() }
    }

    /// A release is stamped when it starts: one from just before `t0` may have run after the
    /// reading passed its range. It is applied, but not to what was acquired again up to `t0`:
    /// hence from the newest back, gathering what was acquired on the way.
    fn apply_late_releases(&self, mappings: &mut Mappings, t0_ns: u64) {
        let early = t0_ns.saturating_sub(Self::LOOKBACK_NS);
        let mut reacquired = Mappings::default();
        let before = self.ops.iter().rev().skip_while(|(at_ns, _)| *at_ns > t0_ns);
        for &(_, op) in before.take_while(|(at_ns, _)| *at_ns >= early) {
            if let MemOp::Unmap { start, end } = op {
                let mut from = start;
                for (kept, range) in reacquired.slice(start, end) {
                    mappings.remove(from, kept);
                    from = range.end;
                }
                mappings.remove(from, end);
            } else if let MemOp::Detach { start } = op {
                if !reacquired.overlaps(start, start + 1) {
                    mappings.detach(start);
                }
            } else if let Some((start, end)) = acquired(op) {
                reacquired.insert(start, end, MappingClass::Anonymous, 0);
            }
        }
    }
}

/// The end of the heap as a reading shows it: of its last heap range, or where it would start.
fn heap_end(reading: &Reconcile) -> Option<u64> {
    let last = reading.ranges.iter().rev().find(|range| range.2 == MappingClass::Heap);
    last.map(|range| range.1).or(reading.start_brk)
}

fn acquired(op: MemOp) -> Option<(u64, u64)> {
    match op {
        MemOp::Map { start, end, .. } | MemOp::Brk { start, end } => Some((start, end)),
        MemOp::Remap { new_start, new_end, .. } => Some((new_start, new_end)),
        MemOp::Unmap { .. } | MemOp::Detach { .. } => None,
    }
}

/// Applies an operation; says whether an acquisition landed on something live that it did not ask
/// to replace, which proves a missed release.
pub(super) fn apply(
    mappings: &mut Mappings,
    heap_end: &mut Option<u64>,
    op: MemOp,
    at_ns: u64,
) -> bool {
    match op {
        MemOp::Map { start, end, class, replaces, origin } => {
            mappings.insert_from(start, end, class, at_ns, origin) > 0 && !replaces
        }
        MemOp::Detach { start } => {
            mappings.detach(start);
            false
        }
        MemOp::Unmap { start, end } => {
            mappings.remove(start, end);
            false
        }
        MemOp::Remap { old_start, old_end, new_start, new_end, keeps_source, .. } => {
            let moved = Moved { old_start, old_end, new_start, new_end, keeps_source };
            moved.apply(mappings, at_ns);
            false
        }
        MemOp::Brk { start, end } => {
            let old = heap_end.replace(end).unwrap_or(start).max(start);
            if end > old {
                mappings.insert(old, end, MappingClass::Heap, at_ns);
            } else {
                mappings.remove(end, old);
            }
            false
        }
    }
}

struct Moved {
    old_start: u64,
    old_end: u64,
    new_start: u64,
    new_end: u64,
    keeps_source: bool,
}

impl Moved {
    /// What was held at the source appears at the destination, piece by piece (since Linux 6.17
    /// one call may move several mappings and the holes between them); growth takes the class of
    /// the source. A source that is gone already leaves the destination as it is.
    fn apply(&self, mappings: &mut Mappings, at_ns: u64) {
        let source_end = self.old_end.max(self.old_start + 1);
        let source = mappings.slice(self.old_start, source_end);
        let Some(&(_, last)) = source.last() else { return };
        if self.new_start == self.old_start {
            if self.new_end > self.old_end {
                mappings.insert(self.old_end, self.new_end, last.class, at_ns);
            } else {
                mappings.remove(self.new_end, self.old_end);
            }
            return;
        }
        if !self.keeps_source {
            mappings.remove(self.old_start, self.old_end);
        }
        mappings.remove(self.new_start, self.new_end);
        let keep = (self.new_end - self.new_start).min(self.old_end - self.old_start);
        for (start, piece) in source {
            let from = self.new_start + (start - self.old_start);
            let to = self.new_start + (piece.end - self.old_start).min(keep);
            let born_ns = if self.keeps_source { at_ns } else { piece.born_ns };
            mappings.insert_from(from, to, piece.class, born_ns, piece.origin);
        }
        mappings.insert(self.new_start + keep, self.new_end, last.class, at_ns);
    }
}

#[cfg(test)]
mod tests {
    use MappingClass::{Anonymous, File, Heap};

    use super::*;
    use crate::{event::ReadRange, inventory::Mapping};

    const P: u64 = 4096;
    const T0: u64 = 10_000_000_000;

    fn map(start: u64, end: u64) -> MemOp {
        MemOp::Map {
            start: start * P,
            end: end * P,
            class: Anonymous,
            replaces: false,
            origin: Origin::Unknown,
        }
    }

    fn unmap(start: u64, end: u64) -> MemOp {
        MemOp::Unmap { start: start * P, end: end * P }
    }

    fn remap(old: (u64, u64), new: (u64, u64), keeps_source: bool) -> MemOp {
        MemOp::Remap {
            old_start: old.0 * P,
            old_end: old.1 * P,
            new_start: new.0 * P,
            new_end: new.1 * P,
            keeps_source,
            replaces: false,
        }
    }

    /// What is held after a reading of `read` taken at `T0` meets `ops`, in pages.
    fn merged(read: &[(u64, u64, MappingClass)], ops: &[(u64, MemOp)]) -> Vec<(u64, u64)> {
        let mut log = OpLog::new(0);
        for &(at_ns, op) in ops {
            log.push(at_ns, op);
        }
        let ranges =
            read.iter().map(|&(a, b, class)| ReadRange(a * P, b * P, class, None)).collect();
        let reading = Reconcile { t0_ns: T0, t1_ns: T0 + 9, ranges, ..Reconcile::default() };
        let (mappings, _) = log.merge(&reading).unwrap();
        mappings.iter().map(|(start, range)| (start / P, range.end / P)).collect()
    }

    #[test]
    fn a_release_just_before_the_reading_may_have_run_after_it() {
        assert_eq!(merged(&[(1, 4, Anonymous)], &[(T0 - 1, unmap(2, 3))]), [(1, 2), (3, 4)]);
        // Too long ago to be still under way.
        let old = T0 - OpLog::LOOKBACK_NS - 1;
        assert_eq!(merged(&[(1, 4, Anonymous)], &[(old, unmap(2, 3))]), [(1, 4)]);
    }

    #[test]
    fn a_segment_that_is_detached_while_it_is_read_goes() {
        let at = |from: u64, to: u64| ReadRange(from * P, to * P, MappingClass::Shared, Some(5));
        let held = |ops: &[(u64, MemOp)]| {
            let mut log = OpLog::new(0);
            for &(at_ns, op) in ops {
                log.push(at_ns, op);
            }
            let reading =
                Reconcile { t0_ns: T0, ranges: vec![at(1, 4), at(4, 6)], ..Reconcile::default() };
            log.merge(&reading).unwrap().0.totals().all() / P
        };
        let detach = MemOp::Detach { start: P };
        assert_eq!(held(&[]), 5);
        assert_eq!(held(&[(T0 - 1, detach)]), 0);
        assert_eq!(held(&[(T0 + 1, detach)]), 0);
        assert_eq!(held(&[(T0 - 9, detach), (T0 - 5, map(1, 2))]), 5, "attached again");
    }

    #[test]
    fn what_was_acquired_again_before_the_reading_stays() {
        let ops = [(T0 - 9, unmap(1, 4)), (T0 - 5, map(2, 3)), (T0, map(3, 4))];
        assert_eq!(merged(&[(1, 4, Anonymous)], &ops), [(2, 4)]);
        // Released once more: nothing stays.
        let again = [(T0 - 9, unmap(1, 4)), (T0 - 5, map(2, 3)), (T0 - 1, unmap(2, 3))];
        assert_eq!(merged(&[(1, 4, Anonymous)], &again), []);
    }

    #[test]
    fn later_events_apply_whether_the_reading_saw_them_or_not() {
        let ops = [(T0 + 1, map(8, 9)), (T0 + 2, unmap(1, 2))];
        assert_eq!(merged(&[(1, 3, File)], &ops), [(2, 3), (8, 9)]);
        assert_eq!(merged(&[(2, 3, File), (8, 9, Anonymous)], &ops), [(2, 3), (8, 9)]);
    }

    #[test]
    fn a_move_the_reading_saw_already_is_not_done_twice() {
        let ops = [(T0 + 1, remap((1, 3), (5, 7), false))];
        assert_eq!(merged(&[(1, 3, File)], &ops), [(5, 7)]);
        assert_eq!(merged(&[(5, 7, File)], &ops), [(5, 7)]);
    }

    #[test]
    fn a_reading_under_which_something_moved_is_refused_where_it_may_have_missed_it() {
        let is_taken = |read: &[(u64, u64, MappingClass)], ops: &[MemOp]| {
            let mut log = OpLog::new(0);
            for &op in ops {
                log.push(T0 + 1, op);
            }
            let ranges =
                read.iter().map(|&(a, b, class)| ReadRange(a * P, b * P, class, None)).collect();
            let reading = Reconcile { t0_ns: T0, t1_ns: T0 + 9, ranges, ..Reconcile::default() };
            log.merge(&reading).is_some()
        };
        let down = remap((5, 7), (1, 3), false);
        assert!(!is_taken(&[], &[down]), "read at neither place");
        assert!(!is_taken(&[(5, 6, File)], &[down]), "half of it read");
        assert!(is_taken(&[(5, 7, File)], &[down]) && is_taken(&[(1, 3, File)], &[down]));
        let chain = [down, remap((9, 11), (5, 7), false)];
        assert!(!is_taken(&[(1, 3, File), (5, 7, File)], &chain), "another came to its place");
        let mut over = down;
        if let MemOp::Remap { replaces, .. } = &mut over {
            *replaces = true;
        }
        assert!(!is_taken(&[(1, 3, File)], &[over]), "it may be what was there before");
    }

    #[test]
    fn a_log_that_starts_after_the_reading_refuses_it() {
        let reading = Reconcile { t0_ns: T0, ..Reconcile::default() };
        assert!(OpLog::new(T0 + 1).merge(&reading).is_none());
        let mut log = OpLog::new(0);
        (0..=OpLog::CAP as u64).for_each(|at_ns| log.push(T0 + at_ns, map(1, 2)));
        assert!(log.merge(&reading).is_none(), "the oldest operation was dropped");
    }

    /// Applies operations to `from` and says what is held, in pages, with births.
    fn applied(from: &[(u64, u64, MappingClass)], op: MemOp) -> Vec<(u64, u64, MappingClass)> {
        let mut mappings = Mappings::default();
        for &(start, end, class) in from {
            mappings.insert(start * P, end * P, class, 0);
        }
        apply(&mut mappings, &mut None, op, 1);
        mappings.iter().map(|(at, range)| (at / P, range.end / P, range.class)).collect()
    }

    #[test]
    fn mremap_in_all_its_forms() {
        let one = [(1, 3, File)];
        assert_eq!(applied(&one, remap((1, 3), (1, 2), false)), [(1, 2, File)], "shrink");
        let grown = applied(&one, remap((1, 3), (1, 5), false));
        assert_eq!(grown, [(1, 3, File), (3, 5, File)], "grow in place");
        let moved = applied(&one, remap((1, 3), (7, 11), false));
        assert_eq!(moved, [(7, 9, File), (9, 11, File)], "move and grow");
        assert_eq!(applied(&one, remap((1, 3), (7, 8), false)), [(7, 8, File)], "move and shrink");
        let part = applied(&[(1, 9, File)], remap((2, 4), (20, 22), false));
        assert_eq!(part, [(1, 2, File), (4, 9, File), (20, 22, File)], "out of the middle");
        let over = applied(&[(1, 3, File), (5, 9, Heap)], remap((1, 3), (6, 8), false));
        assert_eq!(over, [(5, 6, Heap), (6, 8, File), (8, 9, Heap)], "over something live");
        let kept = applied(&one, remap((1, 3), (7, 9), true));
        assert_eq!(kept, [(1, 3, File), (7, 9, File)], "DONTUNMAP");
        let twice = applied(&one, remap((1, 1), (7, 9), true));
        assert_eq!(twice, [(1, 3, File), (7, 9, File)], "old size 0 duplicates");
        let many = applied(&[(1, 2, File), (3, 4, Heap)], remap((1, 4), (11, 14), false));
        assert_eq!(many, [(11, 12, File), (13, 14, Heap)], "several with a hole (Linux 6.17)");
        let held = [(1, 2, File), (3, 4, File), (12, 13, Heap)];
        let over = applied(&held, remap((1, 4), (11, 14), false));
        assert_eq!(over, [(11, 12, File), (13, 14, File)], "a hole over something live");
    }

    #[test]
    fn what_moves_keeps_its_birth_and_what_grows_is_new() {
        const STEP: u64 = Mapping::BIRTH_STEP_NS;
        let births = |keeps_source: bool| {
            let mut mappings = Mappings::default();
            mappings.insert(P, 3 * P, File, 5 * STEP);
            apply(&mut mappings, &mut None, remap((1, 3), (7, 11), keeps_source), 9 * STEP);
            mappings.iter().map(|(at, range)| (at / P, range.born_ns / STEP)).collect::<Vec<_>>()
        };
        assert_eq!(births(false), [(7, 5), (9, 9)]);
        assert_eq!(births(true), [(1, 5), (7, 9), (9, 9)]);
    }

    #[test]
    fn a_move_stamped_just_after_the_reading_may_have_gone_on_under_it() {
        let is_taken = |late_ns: u64| {
            let mut log = OpLog::new(0);
            let reading = Reconcile { t0_ns: T0, t1_ns: T0 + 9, ..Reconcile::default() };
            log.push(reading.t1_ns + late_ns, remap((5, 7), (1, 3), false));
            log.merge(&reading).is_some()
        };
        assert!(!is_taken(Window::SLACK_NS));
        assert!(is_taken(Window::SLACK_NS + 1));
    }

    #[test]
    fn brk_grows_and_shrinks_from_where_it_was() {
        let mut mappings = Mappings::default();
        let mut end = None;
        for (brk, held) in [(10, 0), (14, 4), (12, 2), (10, 0), (11, 1)] {
            apply(&mut mappings, &mut end, MemOp::Brk { start: 10 * P, end: brk * P }, 0);
            assert_eq!(mappings.totals().get(Heap), held * P, "brk at page {brk}");
        }
    }

    #[test]
    fn an_acquisition_on_something_live_proves_a_missed_release() {
        let (mut mappings, mut end) = (Mappings::default(), None);
        assert!(!apply(&mut mappings, &mut end, map(1, 3), 0));
        assert!(apply(&mut mappings, &mut end, map(2, 4), 0));
        let fixed = MemOp::Map {
            start: P,
            end: 2 * P,
            class: File,
            replaces: true,
            origin: Origin::Unknown,
        };
        assert!(!apply(&mut mappings, &mut end, fixed, 0));
    }
}

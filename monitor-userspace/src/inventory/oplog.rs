//! What happened to an address space while it is being read, and the merge of both.

use std::collections::VecDeque;

use super::Mappings;
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
    /// From when on nothing is missing, in nanoseconds since boot.
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
        Self { since_ns: now_ns, ops: VecDeque::new() }
    }

    /// From when on nothing is missing.
    pub fn since_ns(&self) -> u64 {
        self.since_ns
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
    /// after it, then everything later in order. `None` where the log starts too late for it.
    pub fn merge(&self, reading: &Reconcile) -> Option<(Mappings, Option<u64>)> {
        if self.since_ns > reading.t0_ns {
            return None;
        }
        let mut mappings = Mappings::default();
        for range in &reading.ranges {
            mappings.insert(range.0, range.1, range.2, reading.t0_ns);
        }
        let mut heap_end = heap_end(reading);
        self.apply_late_releases(&mut mappings, reading.t0_ns);
        for &(at_ns, op) in self.ops.iter().filter(|(at_ns, _)| *at_ns > reading.t0_ns) {
            apply(&mut mappings, &mut heap_end, op, at_ns);
        }
        Some((mappings, heap_end))
    }

    /// A release is stamped when it starts: one from just before `t0` may have run after the
    /// reading passed its range. It is applied, but not to what was acquired again up to `t0`.
    fn apply_late_releases(&self, mappings: &mut Mappings, t0_ns: u64) {
        let early = t0_ns.saturating_sub(Self::LOOKBACK_NS);
        for (index, &(at_ns, op)) in self.ops.iter().enumerate() {
            let MemOp::Unmap { start, end } = op else { continue };
            if at_ns < early || at_ns > t0_ns {
                continue;
            }
            let mut gone = Mappings::default();
            gone.insert(start, end, MappingClass::Anonymous, 0);
            let later = self.ops.range(index + 1..).take_while(|(at_ns, _)| *at_ns <= t0_ns);
            for (_, op) in later {
                if let Some((start, end)) = acquired(*op) {
                    gone.remove(start, end);
                }
            }
            for (start, range) in gone.iter() {
                mappings.remove(start, range.end);
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
        MemOp::Unmap { .. } => None,
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
        MemOp::Map { start, end, class, replaces } => {
            mappings.insert(start, end, class, at_ns) > 0 && !replaces
        }
        MemOp::Unmap { start, end } => {
            mappings.remove(start, end);
            false
        }
        MemOp::Remap { old_start, old_end, new_start, new_end, keeps_source } => {
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
            mappings.insert(from, to, piece.class, born_ns);
        }
        mappings.insert(self.new_start + keep, self.new_end, last.class, at_ns);
    }
}

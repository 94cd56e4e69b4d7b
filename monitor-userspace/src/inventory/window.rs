//! Whether a reading of an address space can be trusted although things moved under it.
//!
//! /proc/PID/maps is not taken at one instant: the kernel walks it in address order. A range that
//! moves from above the walker to below it is seen at neither place, and what comes to its old
//! place meanwhile is taken for it. Acquisitions and releases do no harm, because applying them
//! twice changes nothing; a move needs its source.

use super::{Mappings, MemOp};

/// The operations that may have taken effect while a reading went on.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) ops: Vec<MemOp>,
}

impl Window {
    /// A move is stamped when the call returns: it may have taken effect this long before.
    pub(super) const SLACK_NS: u64 = 5_000_000;

    /// Operations in a window above which no move is looked into: it is refused.
    const MAX_OPS: usize = 1_000;

    /// Whether every move in the window was seen, as the ranges `read` show.
    pub(super) fn is_clear(&self, read: &Mappings) -> bool {
        let has_moves = self.ops.iter().any(|op| matches!(op, MemOp::Remap { .. }));
        if !has_moves {
            return true;
        }
        self.ops.len() <= Self::MAX_OPS
            && (0..self.ops.len()).all(|index| self.is_seen(index, read))
    }

    /// Whether the operation needs no source, or was seen whole at one of its places that no
    /// other operation of the window touches.
    fn is_seen(&self, index: usize, read: &Mappings) -> bool {
        let op = self.ops[index];
        let MemOp::Remap { old_start, old_end, new_start, new_end, replaces, .. } = op else {
            return true;
        };
        let places = touched(op);
        let meets = |other: &MemOp| {
            touched(*other).iter().any(|a| places.iter().any(|b| a.0 < b.1 && b.0 < a.1))
        };
        if self.ops.iter().enumerate().any(|(at, other)| at != index && meets(other)) {
            return false;
        }
        let source_end = old_end.max(old_start + 1);
        let is_whole = |start, end| {
            read.slice(start, end).iter().map(|(at, range)| range.end - at).sum::<u64>()
                == end - start
        };
        let is_in_place = new_start == old_start;
        is_whole(old_start, source_end)
            || (is_in_place && is_whole(new_start, new_end))
            || (!replaces && !read.overlaps(old_start, source_end) && is_whole(new_start, new_end))
    }
}

/// The ranges an operation changes.
fn touched(op: MemOp) -> [(u64, u64); 2] {
    match op {
        MemOp::Map { start, end, .. } | MemOp::Unmap { start, end } | MemOp::Brk { start, end } => {
            [(start, end), (0, 0)]
        }
        MemOp::Detach { start } => [(start, start + 1), (0, 0)],
        MemOp::Remap { old_start, old_end, new_start, new_end, .. } => {
            [(old_start, old_end.max(old_start + 1)), (new_start, new_end)]
        }
    }
}

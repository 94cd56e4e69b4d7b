//! Keeps the inventory within its memory. What is least useful goes first: births and stacks of
//! neighbouring ranges, then the history of processes that do not grow, then the ranges of the
//! largest spaces, of which only totals are kept from then on. A total is never lost.

use super::Engine;
use crate::{
    inventory::{Mappings, Object, Space, Table},
    rule::Growths,
};

/// How often the memory is added up.
const CHECK_NS: u64 = 5_000_000_000;
/// A descriptor: an entry of its table, in tree nodes that are two thirds full.
const DESCRIPTOR_BYTES: usize = 16;
/// A process beside its ranges, descriptors and series.
const PROCESS_BYTES: usize = 1024;
/// Spaces of fewer ranges are left alone: giving them up frees nothing.
const SMALL_SPACE: usize = 256;

impl Engine {
    /// What the inventory and the series take, estimated from what is in them. Ranges that forked
    /// processes share count for each of them.
    pub(super) fn inventory_bytes(&self) -> usize {
        let ranges: usize = self.table.spaces().map(Space::ranges).sum();
        let descriptors: usize = self.tables.iter().map(Table::len).sum();
        let growths: usize = self.growths.values().map(Growths::memory_bytes).sum();
        ranges * Mappings::RANGE_BYTES
            + descriptors * DESCRIPTOR_BYTES
            + self.tables.objects().len() * size_of::<Option<Object>>()
            + growths
            + self.table.len() * PROCESS_BYTES
    }

    /// Gives detail up while too much memory is used.
    pub(super) fn keep_budget(&mut self, now_ns: u64) {
        if now_ns < self.next_budget_ns {
            return;
        }
        self.next_budget_ns = now_ns + CHECK_NS;
        let limit = usize::try_from(self.facts.max_memory_bytes).unwrap_or(usize::MAX);
        if self.inventory_bytes() <= limit {
            return;
        }
        for space in self.table.spaces_mut().filter(|space| space.ranges() > SMALL_SPACE) {
            self.counts.folded += space.join_neighbours() as u64;
        }
        if self.inventory_bytes() > limit {
            for growths in self.growths.values_mut() {
                growths.forget();
                self.counts.folded += 1;
            }
        }
        self.make_coarse(limit);
    }

    /// Keeps totals only of the largest spaces, one after the other until the rest fits.
    fn make_coarse(&mut self, limit: usize) {
        let mut excess = self.inventory_bytes().saturating_sub(limit);
        while excess > 0 {
            // Of equals the first by pid, so that a replay does the same.
            let largest = self
                .table
                .pids()
                .into_iter()
                .filter_map(|pid| Some((self.table.space_of(pid)?.ranges(), pid)))
                .max_by_key(|&(ranges, pid)| (ranges, std::cmp::Reverse(pid)));
            let Some((ranges, pid)) = largest.filter(|(ranges, _)| *ranges > SMALL_SPACE) else {
                return;
            };
            if let Some(space) = self.table.space_of_mut(pid) {
                space.make_coarse();
                self.counts.folded += 1;
            }
            excess = excess.saturating_sub(ranges * Mappings::RANGE_BYTES);
        }
    }
}

//! Keeps the inventory within its memory. What is least useful goes first: births and stacks of
//! neighbouring ranges, then the history of processes that do not grow, then the ranges of the
//! largest spaces and the descriptors of the largest tables, of which only totals are kept from then
//! on. A total is never lost.

use super::Engine;
use crate::{
    inventory::{Space, Table},
    rule::Growths,
};

/// How often the memory is added up.
const CHECK_NS: u64 = 5_000_000_000;
/// A process beside its ranges, descriptors and series.
const PROCESS_BYTES: usize = 1024;
/// Spaces of fewer ranges are left alone: joining them frees nothing.
const SMALL_SPACE: usize = 256;
/// What takes less is left alone: giving it up frees nothing.
const SMALL_BYTES: usize = 16 << 10;

/// What can be given up for its totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Ranges,
    Descriptors,
}

impl Engine {
    /// What the inventory and the series take, estimated from what is in them. Ranges that forked
    /// processes share count for each of them.
    pub(super) fn inventory_bytes(&self) -> usize {
        let spaces: usize = self.table.spaces().map(Space::memory_bytes).sum();
        let growths: usize = self.growths.values().map(Growths::memory_bytes).sum();
        spaces
            + self.tables.memory_bytes()
            + self.table.timer_bytes()
            + growths
            + self.services.memory_bytes()
            + self.book.memory_bytes()
            + self.components.series_bytes()
            + self.kernel.as_ref().map_or(0, |it| it.parts().memory_bytes())
            + self.table.len() * PROCESS_BYTES
    }

    /// Gives detail up while too much memory is used.
    pub(super) fn keep_budget(&mut self, now_ns: u64) {
        if now_ns < self.next_budget_ns {
            return;
        }
        self.next_budget_ns = now_ns + CHECK_NS;
        self.tables.shrink();
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
            self.book.forget_growth();
            self.components.forget_growth();
        }
        self.make_coarse(limit);
    }

    /// Keeps totals only of the largest spaces and tables, one after the other until the rest fits.
    fn make_coarse(&mut self, limit: usize) {
        while self.inventory_bytes() > limit {
            let Some((pid, detail)) = self.largest() else { return };
            match detail {
                Detail::Ranges => {
                    if let Some(space) = self.table.space_of_mut(pid) {
                        space.make_coarse();
                    }
                }
                Detail::Descriptors => {
                    self.tables.make_coarse(pid);
                    self.tables.shrink();
                }
            }
            self.counts.folded += 1;
        }
    }

    /// Whose detail takes most; of equals that of the first pid, so that a replay does the same.
    fn largest(&self) -> Option<(u32, Detail)> {
        let mut largest: Option<(usize, u32, Detail)> = None;
        for pid in self.table.pids() {
            let space = self.table.space_of(pid).filter(|it| it.is_seeded() && !it.is_coarse());
            let table = self.tables.of(pid).filter(|it| it.is_seeded() && !it.is_coarse());
            let found = [
                (space.map_or(0, Space::memory_bytes), pid, Detail::Ranges),
                (table.map_or(0, Table::detail_bytes), pid, Detail::Descriptors),
            ];
            for one in found {
                if one.0 > largest.map_or(SMALL_BYTES, |(bytes, _, _)| bytes) {
                    largest = Some(one);
                }
            }
        }
        largest.map(|(_, pid, detail)| (pid, detail))
    }
}

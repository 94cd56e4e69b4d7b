//! Processes of exported lines that ended without a last line.

use std::collections::HashMap;

use anyhow::Result;

use super::leak_check::{Judge, Known, Tell};
use crate::{event::ProcessId, rule::Service};

/// A process of which there was no line for so long, and for so many times the longest pause between its
/// lines, has ended, if another took its place.
const SILENT_NS: u64 = 60_000_000_000;
const SILENT_PAUSES: u64 = 3;

impl Judge {
    /// A process whose pid another has now has ended without a last line.
    pub(super) fn end_replaced(&mut self, by: ProcessId, tell: Tell<'_>) -> Result<()> {
        if self.processes.contains_key(&by) {
            return Ok(());
        }
        self.end_those(|id, _| id.pid == by.pid, tell)
    }

    /// So has one of which nothing is heard, while a later one of its service is there.
    pub(super) fn end_silent(&mut self, at_ns: u64, tell: Tell<'_>) -> Result<()> {
        if at_ns < self.next_check_ns {
            return Ok(());
        }
        self.next_check_ns = at_ns + SILENT_NS;
        let mut newest: HashMap<Service, u64> = HashMap::new();
        for known in self.processes.values() {
            if let Some(service) = known.growths.service() {
                let first_ns = newest.entry(service.clone()).or_default();
                *first_ns = known.first_ns.max(*first_ns);
            }
        }
        let is_followed = |known: &Known| {
            let newest_ns = known.growths.service().and_then(|service| newest.get(service));
            newest_ns.is_some_and(|newest_ns| *newest_ns >= known.heard_ns)
        };
        self.end_those(|_, known| known.is_silent(at_ns) && is_followed(known), tell)
    }

    fn end_those(
        &mut self,
        is_over: impl Fn(ProcessId, &Known) -> bool,
        tell: Tell<'_>,
    ) -> Result<()> {
        let all = self.processes.iter().filter(|(id, known)| is_over(**id, known));
        let mut over: Vec<_> = all.map(|(id, known)| (*id, known.heard_ns)).collect();
        over.sort_unstable_by_key(|(id, _)| (id.pid, id.start_ticks));
        for (id, heard_ns) in over {
            self.end(id, heard_ns, tell)?;
        }
        Ok(())
    }
}

impl Known {
    /// There is a line of it.
    pub(super) fn hear(&mut self, at_ns: u64) {
        self.longest_pause_ns = self.longest_pause_ns.max(at_ns.saturating_sub(self.heard_ns));
        self.heard_ns = self.heard_ns.max(at_ns);
    }

    /// Whether there was no line of it for longer than there ever was.
    pub(super) fn is_silent(&self, at_ns: u64) -> bool {
        let least_ns = SILENT_NS.max(SILENT_PAUSES * self.longest_pause_ns);
        self.longest_pause_ns > 0 && self.heard_ns + least_ns <= at_ns
    }
}

//! What the engine says at intervals and at its end.

use std::collections::BTreeMap;

use super::Engine;
use crate::{
    event::Family,
    output::{FindingState, Interval, Stats, Summary},
};

impl Engine {
    pub(super) fn interval(&self) -> Interval {
        let pids = self.table.pids();
        Interval {
            ts: self.clock.at(self.now_ns),
            snapshots: pids.iter().filter_map(|&pid| self.snapshot(pid, false)).collect(),
            open_findings: self.open_findings(FindingState::Updated),
            stats: self.stats(),
            host: self.host_snapshot(),
            components: self.component_snapshots(),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let checked: Vec<u64> = self
            .table
            .pids()
            .iter()
            .filter_map(|&pid| self.accuracy_of(self.table.get(pid)?))
            .filter_map(|accuracy| accuracy.mapping_error_bytes)
            .collect();
        let resolved = self.resolved.iter().cloned();
        let findings = resolved.chain(self.open_findings(FindingState::Open)).collect();
        Summary {
            ts: self.clock.at(self.now_ns),
            seconds: self.now_ns.saturating_sub(self.facts.started_ns) as f64 / 1e9,
            stats: self.stats(),
            findings,
            earlier_findings: self.resolved_before,
            accuracy: checked.iter().max().map(|&worst| (worst, checked.len())),
            command_status: self.command_status,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let loss = self.counts.loss;
        Stats {
            ts: self.clock.at(self.now_ns),
            events_seen: self.counts.events,
            events_lost: loss.lost.iter().sum::<u64>() + loss.read_errors,
            lost_by_family: by_family(loss.lost),
            decode_errors: loss.decode_errors,
            failed_calls: loss.failed.iter().sum(),
            failed_by_family: by_family(loss.failed),
            unwatched_children: loss.unwatched,
            events_not_printed: self.not_printed,
            order_repairs: self.counts.collisions,
            reconciled: self.counts.reconciled,
            folded: self.counts.folded,
            inventory_bytes: self.inventory_bytes() as u64,
            custom_values: self.book.values,
            custom_rejected: self.book.rejected,
            services_forgotten: self.services.forgotten(),
            processes: self.table.len(),
            agent_rss_anon_bytes: self.own.map(|own| own.rss_anon_bytes),
            agent_kernel_bytes: self.own.map(|own| own.kernel_bytes),
            agent_cpu_percent: self.own.map(|own| own.cpu_percent),
            reading_cpu_percent: self.own.map(|own| own.reading_cpu_percent),
        }
    }
}

/// Counts under the families' names.
fn by_family(counts: [u64; Family::ALL.len()]) -> BTreeMap<&'static str, u64> {
    Family::ALL.iter().map(|&family| (family.name(), counts[family as usize])).collect()
}

//! What the engine says: snapshots, findings, figures.

use std::collections::BTreeMap;

use super::{Engine, REMEMBERED_FINDINGS};
use crate::{
    event::{Family, ProcessId, TICK_NS},
    output::{
        Evidence, Finding, FindingState, FindingVerdict, Interval, Output, Severity, Stats,
        Summary, start_time,
    },
    rule::{Change, Growths, Report, Sample},
};

/// Per-CPU batches of the kernel's RSS counters, in pages (mm/memory.c, `TASK_RSS_EVENTS_THRESH`).
const RSS_BATCH_PAGES: u64 = 64;

impl Engine {
    pub(super) fn interval(&self) -> Interval {
        let pids = self.table.pids();
        Interval {
            ts: self.clock.at(self.now_ns),
            snapshots: pids.iter().filter_map(|&pid| self.snapshot(pid, false)).collect(),
            open_findings: self.open_findings(FindingState::Updated),
            stats: self.stats(),
            host: self.host_snapshot(),
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

    fn stats(&self) -> Stats {
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
            processes: self.table.len(),
            agent_rss_anon_bytes: self.own.map(|own| own.rss_anon_bytes),
            agent_kernel_bytes: self.own.map(|own| own.kernel_bytes),
            agent_cpu_percent: self.own.map(|own| own.cpu_percent),
        }
    }

    /// Feeds the memory series of a process and says what came of it.
    pub(super) fn observe_growth(
        &mut self,
        id: ProcessId,
        sample: &Sample,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let page = self.facts.page_bytes;
        let step = RSS_BATCH_PAGES * u64::from(self.facts.cpus.max(1)) * page;
        let growths = self.growths.entry(id.pid).or_insert_with(|| Growths::new(id, page, step));
        let Some((change, report)) = growths.observe(sample) else { return };
        let state = match change {
            Change::Opened => FindingState::Open,
            Change::Updated => FindingState::Updated,
            Change::Ended => FindingState::Resolved,
        };
        let Some(finding) = self.finding(id.pid, sample.at_ns, &report, state) else { return };
        self.publish(finding, out);
    }

    /// Ends the finding of a process that ended.
    pub(super) fn end_growths(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let Some(report) = self.growths.remove(&pid).and_then(|growths| growths.open()) else {
            return;
        };
        if let Some(finding) = self.finding(pid, at_ns, &report, FindingState::Resolved) {
            self.publish(Finding { verdict: FindingVerdict::Suspect, ..finding }, out);
        }
    }

    pub(super) fn publish(&mut self, finding: Finding, out: &mut dyn FnMut(Output<'_>)) {
        self.worst = self.worst.max(Some(finding.severity));
        out(Output::Finding(&finding));
        if finding.state == FindingState::Resolved {
            if self.resolved.len() >= REMEMBERED_FINDINGS {
                self.resolved.pop_front();
                self.resolved_before += 1;
            }
            self.resolved.push_back(finding);
        }
    }

    fn open_findings(&self, state: FindingState) -> Vec<Finding> {
        self.table
            .pids()
            .into_iter()
            .filter_map(|pid| {
                let report = self.growths.get(&pid)?.open()?;
                self.finding(pid, self.now_ns, &report, state)
            })
            .chain(self.rule_findings(state))
            .collect()
    }

    fn finding(
        &self,
        pid: u32,
        at_ns: u64,
        report: &Report,
        state: FindingState,
    ) -> Option<Finding> {
        if !self.book.names(report.rule) {
            return None;
        }
        let process = self.table.get(pid)?;
        let leading = &report.leading;
        Some(Finding {
            ts: self.clock.at(at_ns),
            id: finding_id(report, process.id),
            rule: report.rule.to_owned(),
            state,
            severity: Severity::Medium,
            verdict: if state == FindingState::Resolved {
                FindingVerdict::Stopped
            } else {
                FindingVerdict::Suspect
            },
            pid: Some(pid),
            start_time: start_time(self.clock, process.id),
            comm: Some(process.comm.clone()),
            component: None,
            resource: report.resource.to_owned(),
            rate_per_min: Some(leading.rate_per_min),
            rate_unit: Some("bytes"),
            rate_interval: Some(leading.rate_interval),
            confidence: None,
            e_value_log10: Some(leading.e_value_log10),
            rival: None,
            // The bucket in which the growth began may be older than the process.
            since: self.clock.at(leading.since_ns.max(process.id.start_ticks * TICK_NS)),
            forecast: None,
            evidence: evidence(report),
            stacks: Vec::new(),
            recommendation: format!(
                "compare its working set with what it should hold, and watch it alone: \
                 memwatch-ebpf --pid {pid}"
            ),
        })
    }
}

/// Counts under the families' names.
fn by_family(counts: [u64; Family::ALL.len()]) -> BTreeMap<&'static str, u64> {
    Family::ALL.iter().map(|&family| (family.name(), counts[family as usize])).collect()
}

/// A hash of rule, identity and first time (FNV-1a): the same in every replay.
fn finding_id(report: &Report, id: ProcessId) -> String {
    let parts = [u64::from(id.pid), id.start_ticks, report.opened_ns];
    let bytes = parts.iter().flat_map(|part| part.to_le_bytes());
    let hash =
        b"growth".iter().copied().chain(bytes).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

fn evidence(report: &Report) -> Vec<Evidence> {
    let rates = [
        ("touched_rate", "touched memory", report.touched),
        ("heap_rate", "the heap", report.heap),
        ("anon_mapping_rate", "anonymous mappings", report.anon),
    ];
    let rates = rates.into_iter().filter_map(|(name, what, growth)| {
        let rate = growth?.rate_per_min;
        let text = format!("{what} grows by {:.1} MiB a minute", rate / 1_048_576.0);
        Some(Evidence { name: name.into(), value: rate, says: "leak", text })
    });
    let leading = &report.leading;
    let shape = Evidence {
        name: "rho".into(),
        value: leading.rho,
        says: if leading.rho >= 0.35 { "leak" } else { "settling" },
        text: format!("{:.0} % of the growth fell into the second half", leading.rho * 100.0),
    };
    let e_value = Evidence {
        name: "e_value_log10".into(),
        value: leading.e_value_log10,
        says: "growth",
        text: format!(
            "floors without a trend would look like this in at most one of 10^{:.0} series",
            leading.e_value_log10.floor()
        ),
    };
    rates.chain([shape, e_value]).collect()
}

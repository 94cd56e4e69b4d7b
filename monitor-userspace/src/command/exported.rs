//! What is remembered of exported lines beside the series, and the view that is made of it.

use std::collections::VecDeque;

use super::leak_check::CLOCK;
use crate::{
    engine::HostMemory,
    output::{Finding, FindingState, HostSnapshot, View, Viewed},
};

/// Processes that ended and findings that are over, of each so many are remembered.
const REMEMBERED: usize = 1000;

/// The last lines of a run come within this time, in nanoseconds.
const LAST_LINES_NS: u64 = 2_000_000_000;

/// What is over; of very much the last.
#[derive(Default)]
pub(super) struct Past {
    ended: VecDeque<Ended>,
    resolved: VecDeque<Finding>,
    earlier_findings: u64,
    samples: u64,
    host: Option<HostSnapshot>,
    host_memory: HostMemory,
    /// Times of the first and the last line, in nanoseconds since 1970.
    from_ns: u64,
    to_ns: u64,
}

impl Past {
    /// Takes a line of the host.
    pub(super) fn host(&mut self, host: HostSnapshot) {
        if let Ok(at_ns) = u64::try_from(host.ts.0) {
            self.host_memory.look(at_ns, host.mem_total_bytes, host.mem_available_bytes);
            self.host = Some(host);
        }
    }

    pub(super) fn look(&mut self, at_ns: u64) {
        self.from_ns = if self.samples == 0 { at_ns } else { self.from_ns.min(at_ns) };
        self.to_ns = self.to_ns.max(at_ns);
        self.samples += 1;
    }

    pub(super) fn resolved(&mut self, finding: Finding) {
        if self.resolved.len() == REMEMBERED {
            self.resolved.pop_front();
            self.earlier_findings += 1;
        }
        self.resolved.push_back(finding);
    }

    /// Takes the last of a process, with what was open of it.
    pub(super) fn ended(&mut self, at_ns: u64, viewed: Viewed, findings: Vec<Finding>) {
        if self.ended.len() == REMEMBERED
            && let Some(first) = self.ended.pop_front()
        {
            first.findings.into_iter().for_each(|finding| self.resolved(finding));
        }
        self.ended.push_back(Ended { at_ns, viewed, findings });
    }

    /// Whether there was no line.
    pub(super) fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// When the last line was, in nanoseconds since 1970.
    pub(super) fn end_ns(&self) -> u64 {
        self.to_ns
    }

    /// All that was seen; `living` are the processes without a last line, and what is open of each.
    pub(super) fn view(mut self, living: Vec<(Viewed, Vec<Finding>)>) -> View {
        let end_ns = self.to_ns;
        let mut view = View {
            from: CLOCK.at(self.from_ns),
            to: CLOCK.at(end_ns),
            seconds: (end_ns - self.from_ns) as f64 / 1e9,
            samples: self.samples,
            host_memory: self.host_memory.trend(),
            host: self.host,
            findings: self.resolved.drain(..).collect(),
            earlier_findings: self.earlier_findings,
            ..View::default()
        };
        self.ended.iter_mut().for_each(|ended| ended.reopen(end_ns));
        let ended = self.ended.into_iter().map(|ended| (ended.viewed, ended.findings));
        for (viewed, findings) in living.into_iter().chain(ended) {
            view.processes.push(viewed);
            view.findings.extend(findings);
        }
        view
    }
}

/// A process at its last line.
struct Ended {
    at_ns: u64,
    viewed: Viewed,
    findings: Vec<Finding>,
}

impl Ended {
    /// Every process has a last line when a run ends: one whose last line is among the very last has
    /// not ended for all that is known.
    fn reopen(&mut self, end_ns: u64) {
        if self.at_ns + LAST_LINES_NS < end_ns {
            return;
        }
        self.viewed.snapshot.is_final = false;
        self.findings.iter_mut().for_each(|finding| finding.state = FindingState::Open);
    }
}

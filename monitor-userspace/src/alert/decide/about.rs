//! What alerts say of a finding, kept over restarts of the agent.

use serde::{Deserialize, Serialize};

use crate::{
    output::{Finding, Severity, Timestamp},
    sink,
};

/// Start times of one process may differ by this much in nanoseconds between two runs of the agent: each
/// takes the offset between the boot's clock and the wall's anew.
const SAME_START_NS: u64 = 2_000_000_000;

/// A finding, as far as alerts go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Id of the finding.
    pub id: String,
    /// What it is about.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// What it is taken for.
    pub verdict: String,
    /// Name of the process.
    pub comm: Option<String>,
    /// Since when it is so.
    pub since: Timestamp,
    /// How fast it grows, in `rate_unit` a minute.
    pub rate_per_min: Option<f64>,
    /// What the rate counts.
    pub rate_unit: Option<String>,
    /// Probability of a leak.
    pub confidence: Option<f64>,
    /// How much is held, where the finding says so.
    pub size: Option<f64>,
    /// All of it in a sentence, without what could harm a terminal.
    pub sentence: String,
    /// What to do.
    pub recommendation: String,
}

/// What stays the same when the agent is restarted and finds the same again under another id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// Which rule.
    pub rule: String,
    /// Which process; `None` for a component or the host.
    pub pid: Option<u32>,
    /// When the process started.
    pub start_time: Option<Timestamp>,
    /// What grows, or is near its limit.
    pub resource: String,
    /// The group of processes.
    pub component: Option<String>,
}

impl Cause {
    /// Whether it is the same, seen from another run of the agent.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.rule == other.rule
            && self.resource == other.resource
            && self.component == other.component
            && self.is_same_process(other.pid, other.start_time)
    }

    /// Whether it is about this process.
    pub(super) fn is_same_process(&self, pid: Option<u32>, start: Option<Timestamp>) -> bool {
        let is_near = |one: Timestamp, other: Timestamp| one.0.abs_diff(other.0) <= SAME_START_NS;
        self.pid == pid
            && match (self.start_time, start) {
                (Some(one), Some(other)) => is_near(one, other),
                (None, None) => true,
                _ => false,
            }
    }
}

impl About {
    /// Of a finding.
    pub fn of(finding: &Finding) -> Self {
        let named = finding.evidence.iter().find(|it| it.name == finding.resource);
        let used = || finding.limits.first().map(|limit| limit.used);
        Self {
            id: finding.id.clone(),
            cause: Cause {
                rule: finding.rule.clone(),
                pid: finding.pid,
                start_time: finding.start_time,
                resource: finding.resource.clone(),
                component: finding.component.clone(),
            },
            severity: finding.severity,
            verdict: finding.verdict.name().to_owned(),
            comm: finding.comm.clone(),
            since: finding.since,
            rate_per_min: finding.rate_per_min,
            rate_unit: finding.rate_unit.map(str::to_owned),
            confidence: finding.confidence,
            size: named.map(|it| it.value).or_else(used),
            sentence: sink::finding_sentence(finding),
            recommendation: finding.recommendation.clone(),
        }
    }

    /// Findings that are told together share this.
    pub(super) fn group(&self) -> &str {
        let own = self.cause.component.as_deref().or(self.comm.as_deref());
        own.unwrap_or("this host")
    }

    /// Takes newer figures over; who it is about stays as it was announced.
    pub(super) fn refresh(&mut self, newer: Self) {
        let (id, cause, comm) = (self.id.clone(), self.cause.clone(), self.comm.clone());
        *self = Self { id, cause, comm, ..newer };
    }
}

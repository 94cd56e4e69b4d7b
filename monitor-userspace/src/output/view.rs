//! What a time of watching showed, whole: what every command that answers a question answers from.
//! It is made of a live run, of a recording or of exported lines, and asks nobody anything.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ComponentSnapshot, Finding, FindingState, FindingVerdict, HostSnapshot, Snapshot, Stats,
    Timestamp,
};
use crate::event::Filters;

/// Least time in seconds after which growth can have become a finding: a series is judged once it
/// has 12 buckets of 5 s (`series::MIN_KNOWN`), and two judgements must agree. The e-value takes 15 to
/// 21 rising floors.
pub(crate) const LEAST_SECONDS: f64 = 75.0;

/// Everything that is known at the end of a time of watching.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// When the first and the last look were.
    pub from: Timestamp,
    /// The same of the last.
    pub to: Timestamp,
    /// Time between them, in seconds.
    pub seconds: f64,
    /// What was watched; `None` of exported lines, which do not say.
    pub scope: Option<Filters>,
    /// Looks at processes.
    pub samples: u64,
    /// The host at the last look.
    pub host: Option<HostSnapshot>,
    /// Memory in use of the host over the time: MemTotal - MemAvailable.
    pub host_memory: Option<Trend>,
    /// CPU of all watched processes over the time, in percent of the host.
    pub host_cpu: Option<Trend>,
    /// The processes by pid; those that ended meanwhile, of which some are left out, after them.
    pub processes: Vec<Viewed>,
    /// Groups of them.
    pub components: Vec<ComponentSnapshot>,
    /// Findings, those that ended too; of very many that ended, the last.
    pub findings: Vec<Finding>,
    /// Findings that ended before those.
    pub earlier_findings: u64,
    /// The rules that were on.
    pub rules: Vec<RuleText>,
    /// Resources that are held.
    pub tracked: Tracked,
    /// The agent's own figures; `None` of exported lines.
    pub stats: Option<Stats>,
}

/// A process, and how what it holds moved.
#[derive(Clone, Debug, Default)]
pub struct Viewed {
    /// Its last state.
    pub snapshot: Snapshot,
    /// Its measures of which a trend is known.
    pub trends: Vec<Trend>,
    /// Measures that are known and never changed.
    pub constant: usize,
}

/// Which way a measure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up: the whole interval of its rate is above 0, and it moved by a step at least.
    Rising,
    /// Down.
    Falling,
    /// Neither.
    Steady,
}

impl Direction {
    /// The word of the monitoring API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Rising => "increasing",
            Self::Falling => "decreasing",
            Self::Steady => "stable",
        }
    }
}

/// How a measure moved: the slope of its floors, in which bursts do not count.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// What is measured.
    pub resource: &'static str,
    /// `bytes`, `items` or `percent`.
    pub unit: &'static str,
    /// Which way it went.
    pub direction: Direction,
    /// Where it was at first, in its unit.
    pub first: f64,
    /// Where it was last.
    pub last: f64,
    /// How fast it moved, in its unit a minute.
    pub rate_per_min: f64,
    /// 95 % interval of the rate.
    pub rate_interval: [f64; 2],
    /// The time that these figures are of, in seconds.
    pub over_seconds: f64,
}

/// A rule, as far as an explanation needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleText {
    /// Its name.
    pub name: String,
    /// What it finds.
    pub description: String,
    /// Its condition.
    pub condition: String,
    /// How long the condition must hold, in seconds.
    pub hold_seconds: u64,
}

/// Resources that are held, each once whoever shares it; `null` where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tracked {
    /// POSIX timers and interval timers.
    pub timers: Option<u64>,
    /// Listening sockets, epoll watches and inotify watches.
    pub listeners: Option<u64>,
    /// Ends of pipes and unix stream sockets.
    pub streams: Option<u64>,
    /// Connected inet sockets.
    pub connections: Option<u64>,
    /// What applications report as caches; nothing takes such reports yet.
    pub caches: Option<u64>,
}

impl View {
    /// Findings that are open, the worst first: by severity, then by confidence.
    pub(crate) fn open_findings(&self) -> Vec<&Finding> {
        let is_open = |finding: &&Finding| finding.state != FindingState::Resolved;
        let mut open: Vec<&Finding> = self.findings.iter().filter(is_open).collect();
        open.sort_by(|one, other| worse(one, other));
        open
    }

    /// Findings that are open and leaks whose process ended, the worst first: what the time watched
    /// leaves to be done.
    pub(crate) fn standing_findings(&self) -> Vec<&Finding> {
        let is_standing = |finding: &&Finding| {
            finding.state != FindingState::Resolved || finding.verdict == FindingVerdict::Leak
        };
        let mut standing: Vec<&Finding> = self.findings.iter().filter(is_standing).collect();
        standing.sort_by(|one, other| worse(one, other));
        standing
    }

    /// Whether it was long enough for growth to become a finding.
    pub(crate) fn can_judge(&self) -> bool {
        self.seconds >= LEAST_SECONDS && !self.processes.is_empty()
    }
}

/// The worse finding first; of equal ones the surer, then the order of their ids.
pub(super) fn worse(one: &Finding, other: &Finding) -> std::cmp::Ordering {
    let sure = |finding: &Finding| finding.confidence.unwrap_or(0.0);
    let by_severity = other.severity.cmp(&one.severity);
    by_severity.then(sure(other).total_cmp(&sure(one))).then_with(|| one.id.cmp(&other.id))
}

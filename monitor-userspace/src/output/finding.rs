//! A finding, as it is printed.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Timestamp,
    word::{self, Word},
};

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Suspect.
    Low,
    /// A leak.
    Medium,
    /// A leak, and the limit is within a day.
    High,
    /// The limit is within an hour.
    Critical,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |severity: &Self| severity.name() == text;
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| "one of low, medium, high, critical".to_owned())
    }
}

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// It begins.
    Open,
    /// Its figures changed.
    Updated,
    /// It is over.
    Resolved,
}

/// What a finding is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingVerdict {
    /// It grows without end, and every other explanation is refuted.
    Leak,
    /// It grows, and a leak is the likeliest explanation.
    Suspect,
    /// It grows, and what it fills may have an end.
    PossibleFill,
    /// It grows ever more slowly towards a level.
    WarmingUp,
    /// It grows and falls with the load.
    LoadDriven,
    /// The program gave it back, its allocator keeps it.
    AllocatorRetention,
    /// It rises and falls by itself.
    Periodic,
    /// It grew, and has stopped.
    Stopped,
    /// A limit is passed or near, whatever the cause.
    Threshold,
}

impl FindingVerdict {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Suspect => "suspect",
            Self::PossibleFill => "possible_fill",
            Self::WarmingUp => "warming_up",
            Self::LoadDriven => "load_driven",
            Self::AllocatorRetention => "allocator_retention",
            Self::Periodic => "periodic",
            Self::Stopped => "stopped",
            Self::Threshold => "threshold",
        }
    }
}

/// A figure that speaks for or against a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What was measured.
    pub name: Cow<'static, str>,
    /// The figure.
    pub value: f64,
    /// What it speaks for.
    #[serde(deserialize_with = "word::word")]
    pub says: Word,
    /// The sentence for a person.
    pub text: String,
}

/// The best explanation that is not a leak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rival {
    /// Its name.
    #[serde(deserialize_with = "word::word")]
    pub hypothesis: Word,
    /// How likely it is.
    pub probability: f64,
    /// What would tell it from a leak.
    #[serde(deserialize_with = "word::word")]
    pub decided_by: Word,
}

/// How likely one explanation of growth is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Believed {
    /// Its name.
    #[serde(deserialize_with = "word::word")]
    pub hypothesis: Word,
    /// Whether it is a leak.
    pub is_leak: bool,
    /// How likely it is.
    pub probability: f64,
}

/// A limit on the way of what grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitUse {
    /// Its name.
    pub limit: String,
    /// Where it is, in the unit of what grows.
    pub limit_value: f64,
    /// How much of it is used, by all that share it.
    pub used: f64,
}

/// When a limit is reached, if it goes on like this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// Which limit is the nearest.
    pub limit: String,
    /// Where it is, in the unit of what grows.
    pub limit_value: f64,
    /// When it is as likely reached as not.
    pub at: Timestamp,
    /// The early and the late end (10 % and 90 %); a late end that is not in sight is `null`.
    pub interval: (Timestamp, Option<Timestamp>),
}

/// What an earlier run of a service came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It grew until it ended.
    Grew,
    /// To a plateau.
    Settled,
    /// Nobody can tell.
    Unknown,
}

/// An earlier run of the same service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierRun {
    /// When it began.
    pub started: Timestamp,
    /// How long it lasted, in seconds.
    pub uptime_seconds: f64,
    /// What became of what grows now.
    pub state: RunState,
    /// Where that was at the end, or its plateau, in `rate_unit`.
    pub level: Option<f64>,
    /// How fast it grew, in `rate_unit` a minute.
    pub rate_per_min: Option<f64>,
    /// After how many seconds it had settled.
    pub settled_after_seconds: Option<f64>,
}

/// What other runs of the same service show: those before this process, and those beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runs {
    /// Runs before this one, one after the other, that grew like this until they ended.
    pub grew_alike: u32,
    /// When the first of those began.
    pub grew_since: Option<Timestamp>,
    /// Id of the finding about the first of those: the same in all that follow.
    pub first_finding: Option<String>,
    /// Other processes of the service that grow like this now.
    pub siblings: usize,
    /// Runs that ended before, the oldest first; of many the last eight.
    pub earlier: Vec<EarlierRun>,
}

/// A rule that holds for a process, a component or the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// When this line was made.
    pub ts: Timestamp,
    /// Stable for the life of the finding.
    pub id: String,
    /// Which rule.
    pub rule: String,
    /// Where it is in its life.
    pub state: FindingState,
    /// How bad it is.
    pub severity: Severity,
    /// What it is taken for.
    pub verdict: FindingVerdict,
    /// Whose; `None` for a component or the host.
    pub pid: Option<u32>,
    /// When the process started.
    pub start_time: Option<Timestamp>,
    /// Its name.
    pub comm: Option<String>,
    /// The group of processes it belongs to, or which it is about.
    pub component: Option<String>,
    /// What grows, or is near its limit.
    pub resource: String,
    /// How fast, in `rate_unit` a minute; `None` where nothing grows.
    pub rate_per_min: Option<f64>,
    /// What the rate counts: `bytes` or `items`.
    #[serde(deserialize_with = "word::maybe")]
    pub rate_unit: Option<Word>,
    /// 95 % interval of the rate.
    pub rate_interval: Option<[f64; 2]>,
    /// Probability of a leak; `None` where that is not the question.
    pub confidence: Option<f64>,
    /// log10 of the e-value that opened the gate.
    pub e_value_log10: Option<f64>,
    /// The best other explanation.
    pub rival: Option<Rival>,
    /// Since when it grows, or the rule holds.
    pub since: Timestamp,
    /// When it will hurt; `None` where no limit is in sight.
    pub forecast: Option<Forecast>,
    /// What speaks for and against it.
    pub evidence: Vec<Evidence>,
    /// Explanations of growth that were weighed, the likeliest first, without those below 0.5 %. Those
    /// that are leaks add up to `confidence`. Empty where nothing grows.
    pub explanations: Vec<Believed>,
    /// The limits on its way, whether or not they will be reached.
    pub limits: Vec<LimitUse>,
    /// Other runs of the same service; `None` where none is known.
    pub runs: Option<Runs>,
    /// Where the growth comes from; empty until stacks are taken.
    pub stacks: Vec<()>,
    /// What to do.
    pub recommendation: String,
}

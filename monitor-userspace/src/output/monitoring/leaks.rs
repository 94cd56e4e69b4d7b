//! `leaks` and `leak-check`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{Finding, View, answer::Leaks},
    Scope, Timestamp,
};

/// Growth that was found, the worst first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringLeaks<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// How long was watched, in seconds.
    pub tracking_seconds: f64,
    /// Whether something is taken for a leak, what ended leaking included; `null` where the time was
    /// too short to tell.
    pub is_leak_detected: Option<bool>,
    /// How fast all memory leaks grow together, in MB (1,048,576 bytes) a minute; `null` as above.
    pub leak_rate: Option<f64>,
    /// Probability of a leak of the finding that is surest; `null` without findings.
    pub confidence: Option<f64>,
    /// Growth that is going on, the worst first.
    pub findings: Vec<&'a Finding>,
    /// Growth that ended, or whose process did, in the order of its end.
    pub ended: Vec<&'a Finding>,
}

/// The same, as a check that was asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeakCheck<'a> {
    /// What was found.
    #[serde(flatten)]
    pub leaks: MonitoringLeaks<'a>,
    /// All findings that are open, thresholds too.
    pub violations_found: usize,
    /// What was done about them: nothing, as there are no actions yet.
    pub actions_performed: u64,
}

impl<'a> MonitoringLeaks<'a> {
    /// What the view shows of growth.
    pub fn of(view: &'a View, scope: Scope) -> Self {
        let leaks = Leaks::of(view);
        Self {
            timestamp: leaks.timestamp,
            scope,
            tracking_seconds: leaks.tracking_seconds,
            is_leak_detected: leaks.is_leak_detected,
            leak_rate: leaks.leak_rate,
            confidence: leaks.confidence,
            findings: leaks.findings,
            ended: leaks.ended,
        }
    }
}

impl<'a> LeakCheck<'a> {
    /// What the view shows of growth and thresholds.
    pub fn of(view: &'a View, scope: Scope) -> Self {
        let violations_found = view.open_findings().len();
        Self { leaks: MonitoringLeaks::of(view, scope), violations_found, actions_performed: 0 }
    }
}

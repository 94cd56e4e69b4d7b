//! `leaks`: who holds more and more.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{Finding, FindingState, FindingVerdict, Timestamp, View},
    MB, is_growth,
};
use crate::event::Filters;

/// Growth that was found, the worst first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaks<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// How long was watched, in seconds.
    pub tracking_seconds: f64,
    /// What was watched; `null` of exported lines.
    pub scope: Option<&'a Filters>,
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

impl<'a> Leaks<'a> {
    /// What the view shows of growth.
    pub fn of(view: &'a View) -> Self {
        let findings: Vec<&Finding> =
            view.open_findings().into_iter().filter(|it| is_growth(it)).collect();
        let is_ended = |it: &&Finding| is_growth(it) && it.state == FindingState::Resolved;
        let ended: Vec<&Finding> = view.findings.iter().filter(is_ended).collect();
        let all = || findings.iter().chain(&ended);
        let leaks = || all().filter(|it| it.verdict == FindingVerdict::Leak);
        let is_known = view.can_judge() || leaks().next().is_some();
        let bytes = leaks().filter(|it| it.rate_unit == Some("bytes"));
        let rate = bytes.filter_map(|it| it.rate_per_min).fold(0.0, |sum, rate| sum + rate);
        Self {
            timestamp: view.to,
            tracking_seconds: view.seconds,
            scope: view.scope.as_ref(),
            is_leak_detected: is_known.then(|| leaks().next().is_some()),
            leak_rate: is_known.then_some(rate / MB),
            confidence: all().filter_map(|it| it.confidence).reduce(f64::max),
            findings,
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, view},
        *,
    };
    use crate::output::Severity;

    #[test]
    fn the_worst_comes_first_and_the_rate_is_that_of_leaks_of_memory() {
        let mut view = view();
        let suspect = finding("aa", Severity::Low, FindingVerdict::Suspect);
        let worst = finding("bb", Severity::High, FindingVerdict::Leak);
        let mut items = finding("cc", Severity::Medium, FindingVerdict::Leak);
        items.rate_unit = Some("items");
        let mut ended = finding("dd", Severity::Medium, FindingVerdict::Leak);
        ended.state = FindingState::Resolved;
        view.findings = vec![suspect, items, worst, ended];
        let leaks = Leaks::of(&view);
        let ids: Vec<&str> = leaks.findings.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["bb", "cc", "aa"]);
        assert_eq!(leaks.ended.len(), 1);
        assert_eq!(leaks.is_leak_detected, Some(true));
        assert_eq!(leaks.leak_rate, Some(10.0), "5 MB a minute of two");
    }

    #[test]
    fn a_time_too_short_to_tell_says_neither_yes_nor_no() {
        let mut view = view();
        view.findings.clear();
        let leaks = Leaks::of(&view);
        assert_eq!((leaks.is_leak_detected, leaks.leak_rate), (Some(false), Some(0.0)));
        view.seconds = 30.0;
        let leaks = Leaks::of(&view);
        assert_eq!((leaks.is_leak_detected, leaks.leak_rate), (None, None));
        assert_eq!(leaks.confidence, None);
    }

    #[test]
    fn a_threshold_is_no_leak() {
        let mut view = view();
        let mut threshold = finding("aa", Severity::High, FindingVerdict::Threshold);
        threshold.rate_per_min = None;
        view.findings = vec![threshold];
        let leaks = Leaks::of(&view);
        assert!(leaks.findings.is_empty() && leaks.is_leak_detected == Some(false));
    }
}

//! Findings: how many by severity, and each that is open.

use super::{
    super::{Finding, FindingState, Severity, View},
    host::labelled,
    page::{
        Kind::{Counter, Info},
        Labels, Measure, Page, gauge,
    },
};

/// Open findings that are told one by one; of more, the worst.
pub(super) const MOST: usize = 500;

const MEASURES: &[Measure<Finding>] = &[
    gauge("finding_growth_bytes_per_second", "How fast it grows.", |it| rate(it, "bytes")),
    gauge("finding_growth_items_per_second", "How many more there are each second.", |it| {
        rate(it, "items")
    }),
    gauge("finding_confidence_ratio", "Probability of a leak.", |it| it.confidence),
    gauge("finding_since_timestamp_seconds", "Since when, counted from 1970.", |it| {
        Some(it.since.0 as f64 / 1e9)
    }),
    gauge(
        "finding_limit_reached_timestamp_seconds",
        "When the nearest limit will be reached, counted from 1970.",
        |it| Some(it.forecast.as_ref()?.at.0 as f64 / 1e9),
    ),
];

fn rate(finding: &Finding, unit: &str) -> Option<f64> {
    Some(finding.rate_per_min? / 60.0).filter(|_| finding.rate_unit == Some(unit))
}

/// Writes them.
pub(super) fn write(page: &mut Page, view: &View) {
    let mut open = view.open_findings();
    let count = |severity| open.iter().filter(|it| it.severity == severity).count() as f64;
    let counts = Severity::ALL.map(|severity| (severity.name(), count(severity)));
    labelled(page, "findings", "Findings that are open.", "severity", &counts);
    let resolved = view.findings.iter().filter(|it| it.state == FindingState::Resolved).count();
    let resolved = resolved as f64 + view.earlier_findings as f64;
    page.family(
        "findings_resolved",
        Counter,
        "Findings that ended.",
        [(&Labels::default(), resolved)],
    );
    open.truncate(MOST);
    // Severity and verdict change in the life of a finding: they are in a series of their own, so that
    // the others go on.
    let info: Vec<Labels> = open.iter().map(|it| info(it)).collect();
    let help = "Says what a finding is.";
    page.family("finding", Info, help, info.iter().map(|labels| (labels, 1.0)));
    let subjects: Vec<_> = open.into_iter().map(|it| (labels(it), it)).collect();
    for measure in MEASURES {
        page.measure(measure, &subjects);
    }
}

fn labels(finding: &Finding) -> Labels {
    let pid = finding.pid.map_or(String::new(), |pid| pid.to_string());
    Labels::default()
        .with("finding", &finding.id)
        .with("rule", &finding.rule)
        .with("pid", &pid)
        .with("comm", finding.comm.as_deref().unwrap_or_default())
        .with("component", finding.component.as_deref().unwrap_or_default())
}

fn info(finding: &Finding) -> Labels {
    labels(finding)
        .with("severity", finding.severity.name())
        .with("verdict", finding.verdict.name())
        .with("resource", &finding.resource)
}

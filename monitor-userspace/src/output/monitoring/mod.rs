//! The answers of the monitoring API, as values made of a [`View`](super::View) and of what is kept beside
//! it: camelCase where the API's users know the names, the lines' own names inside of snapshots and findings.

mod health;
mod leaks;
mod lists;
mod metrics;
mod past;
mod report;
mod requests;
mod scope;
mod thresholds;

pub use health::{Health, HealthMemory, HealthParts};
pub use leaks::{LeakCheck, MonitoringLeaks};
pub use lists::{
    Components, FindingAnswer, Findings, HostAnswer, PartialSnapshot, ProcessAnswer, Processes,
    RuleLine, Rules, snapshot_fields,
};
pub use metrics::{Metrics, MetricsStats, Percentiles};
pub use past::{Past, Point};
pub use report::MonitoringReport;
pub use requests::Durations;
pub use scope::{Scope, ScopeKind, Unknown, Whom};
pub use thresholds::{Load, Passed, Thresholds};

use super::{ComponentSnapshot, Finding, Severity, Snapshot, Timestamp, answer::MB};

/// What the API calls a process's memory: private anonymous pages, resident or swapped out.
pub(crate) fn memory_of(snapshot: &Snapshot) -> Option<u64> {
    Some(snapshot.rss_anon_bytes? + snapshot.swap_bytes.unwrap_or(0))
}

/// A component's: its working set, else the sum over its processes.
fn memory_of_component(component: &ComponentSnapshot) -> Option<u64> {
    let sum = || Some(component.rss_anon_bytes? + component.swap_bytes.unwrap_or(0));
    component.working_set_bytes.or_else(sum)
}

/// The word for the worst of these findings.
fn status_word<'a>(findings: impl Iterator<Item = &'a Finding>) -> &'static str {
    match findings.map(|finding| finding.severity).max() {
        Some(Severity::Critical) => "critical",
        Some(Severity::Medium | Severity::High) => "warning",
        Some(Severity::Low) | None => "healthy",
    }
}

//! `report`: the time watched on one page, of whom was asked for.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{
        Finding, HostSnapshot, View,
        answer::{Performance, Prevention, Report, TopProcess},
    },
    Scope, Timestamp,
};

/// The time watched on one page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringReport<'a> {
    /// How it went.
    pub performance: Performance,
    /// What was looked for and found.
    pub leak_prevention: Prevention,
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// The host; `null` of a part of it.
    pub host: Option<&'a HostSnapshot>,
    /// Processes watched.
    pub processes: usize,
    /// Those that hold most memory.
    pub top_processes: Vec<TopProcess<'a>>,
    /// Findings that are open and leaks whose process ended, the worst first.
    pub findings: Vec<&'a Finding>,
}

impl<'a> MonitoringReport<'a> {
    /// The page of a view; `caches` are those that applications report.
    pub fn of(view: &'a View, scope: Scope, caches: Option<u64>) -> Self {
        let mut report = Report::of(view);
        report.leak_prevention.resources_tracked.caches = caches;
        Self {
            performance: report.performance,
            leak_prevention: report.leak_prevention,
            timestamp: report.timestamp,
            scope,
            host: report.host,
            processes: report.processes,
            top_processes: report.top_processes,
            findings: report.findings,
        }
    }
}

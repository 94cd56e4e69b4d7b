//! `report`: the time watched on one page.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{Finding, HostSnapshot, Severity, Snapshot, Timestamp, Tracked, View},
    MB,
    optimize::Optimization,
};
use crate::event::Filters;

/// Processes that are named.
const TOP: usize = 10;

/// The time watched on one page. The first three are the monitoring API's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    /// How it went.
    pub performance: Performance,
    /// What was looked for and found.
    pub leak_prevention: Prevention,
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What was watched; `null` of exported lines.
    pub scope: Option<&'a Filters>,
    /// The host; `null` where it was not read.
    pub host: Option<&'a HostSnapshot>,
    /// Processes watched.
    pub processes: usize,
    /// Those that hold most memory.
    pub top_processes: Vec<TopProcess<'a>>,
    /// Findings that are open and leaks whose process ended, the worst first.
    pub findings: Vec<&'a Finding>,
}

/// How it went.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Performance {
    /// In short.
    pub summary: Summary,
    /// Which way it went.
    pub trends: DirectionWords,
    /// What to do, each with its figure.
    pub recommendations: Vec<String>,
}

/// In short.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How long was watched, in hours.
    pub tracking_duration: f64,
    /// Looks at processes.
    pub total_metrics: u64,
    /// `critical` if one of `findings` is critical, `warning` if one is of medium or high severity, else
    /// `healthy`; `null` where the time was too short to tell.
    pub health_status: Option<&'static str>,
    /// Those of medium severity or above.
    pub alerts: usize,
}

/// Which way it went: `increasing`, `decreasing` or `stable`; `null` where too little was seen.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectionWords {
    /// Memory in use of the host.
    pub memory_trend: Option<&'static str>,
    /// CPU of the watched processes.
    pub cpu_trend: Option<&'static str>,
    /// Response times: not measured yet.
    pub performance_trend: Option<&'static str>,
    /// How fast the memory in use moved, in MB a minute.
    pub memory_rate: Option<f64>,
    /// How fast CPU moved, in percent of the host a minute.
    pub cpu_rate: Option<f64>,
}

/// What was looked for and found.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prevention {
    /// Rules that were on; `null` where none were asked (exported lines are judged for growth only).
    pub rules_checked: Option<usize>,
    /// All of `findings`.
    pub violations_found: usize,
    /// What is held.
    pub resources_tracked: Tracked,
}

/// A process that holds much.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopProcess<'a> {
    /// Which.
    pub pid: u32,
    /// Its name.
    pub comm: &'a str,
    /// The group it belongs to.
    pub component: Option<&'a str>,
    /// Its anonymous memory, resident and swapped, in MB; where that is unknown all that is resident.
    pub memory: f64,
    /// Its descriptors.
    pub descriptors: Option<u64>,
    /// Its threads.
    pub threads: Option<u32>,
    /// Its CPU, in percent of one core.
    pub cpu_percent: Option<f64>,
}

impl<'a> Report<'a> {
    /// The page of a view.
    pub fn of(view: &'a View) -> Self {
        let findings = view.standing_findings();
        let advice = Optimization::of(view);
        let word = |trend: &Option<super::super::Trend>| {
            trend.as_ref().map(|trend| trend.direction.word())
        };
        let rate = |trend: &Option<super::super::Trend>| trend.as_ref().map(|it| it.rate_per_min);
        Self {
            performance: Performance {
                summary: summary(view, &findings),
                trends: DirectionWords {
                    memory_trend: word(&view.host_memory),
                    cpu_trend: word(&view.host_cpu),
                    performance_trend: None,
                    memory_rate: rate(&view.host_memory).map(|rate| rate / MB),
                    cpu_rate: rate(&view.host_cpu),
                },
                recommendations: advice.recommendations.iter().map(super::Advice::line).collect(),
            },
            leak_prevention: Prevention {
                rules_checked: (!view.rules.is_empty()).then_some(view.rules.len()),
                violations_found: findings.len(),
                resources_tracked: view.tracked,
            },
            timestamp: view.to,
            scope: view.scope.as_ref(),
            host: view.host.as_ref(),
            processes: living(view).count(),
            top_processes: top(view),
            findings,
        }
    }
}

fn summary(view: &View, findings: &[&Finding]) -> Summary {
    let worst = findings.iter().map(|finding| finding.severity).max();
    let status = match worst {
        Some(Severity::Critical) => Some("critical"),
        Some(Severity::Medium | Severity::High) => Some("warning"),
        Some(Severity::Low) | None => view.can_judge().then_some("healthy"),
    };
    Summary {
        tracking_duration: view.seconds / 3600.0,
        total_metrics: view.samples,
        health_status: status,
        alerts: findings.iter().filter(|finding| finding.severity >= Severity::Medium).count(),
    }
}

fn living(view: &View) -> impl Iterator<Item = &Snapshot> {
    view.processes.iter().map(|viewed| &viewed.snapshot).filter(|snapshot| !snapshot.is_final)
}

fn top(view: &View) -> Vec<TopProcess<'_>> {
    let mut all: Vec<TopProcess<'_>> = living(view).filter_map(top_process).collect();
    all.sort_by(|one, other| other.memory.total_cmp(&one.memory).then(one.pid.cmp(&other.pid)));
    all.truncate(TOP);
    all
}

fn top_process(snapshot: &Snapshot) -> Option<TopProcess<'_>> {
    let anon = snapshot.rss_anon_bytes.map(|bytes| bytes + snapshot.swap_bytes.unwrap_or(0));
    Some(TopProcess {
        pid: snapshot.pid,
        comm: &snapshot.comm,
        component: snapshot.component.as_deref(),
        memory: anon.or(snapshot.rss_bytes)? as f64 / MB,
        descriptors: snapshot.descriptors,
        threads: snapshot.threads,
        cpu_percent: snapshot.cpu_percent,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, view},
        *,
    };
    use crate::output::FindingVerdict;

    #[test]
    fn health_is_that_of_the_worst_open_finding() {
        let mut view = view();
        let mut status = |severity: Option<Severity>| {
            let leak = |severity| finding("aa", severity, FindingVerdict::Leak);
            view.findings = severity.map(leak).into_iter().collect();
            let summary = Report::of(&view).performance.summary;
            (summary.health_status, summary.alerts)
        };
        assert_eq!(status(None), (Some("healthy"), 0));
        assert_eq!(status(Some(Severity::Low)), (Some("healthy"), 0));
        assert_eq!(status(Some(Severity::High)), (Some("warning"), 1));
        assert_eq!(status(Some(Severity::Critical)), (Some("critical"), 1));
        view.findings.clear();
        view.seconds = 10.0;
        assert_eq!(Report::of(&view).performance.summary.health_status, None);
    }

    #[test]
    fn the_names_are_those_of_the_monitoring_api() {
        let json = serde_json::to_value(Report::of(&view())).unwrap();
        let at = |path: &str| json.pointer(path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(at("/performance/summary/trackingDuration"), 0.05);
        assert_eq!(at("/performance/summary/totalMetrics"), 40);
        assert_eq!(at("/performance/trends/memoryTrend"), "increasing");
        assert_eq!(at("/performance/trends/memoryRate"), 4.0);
        assert!(at("/performance/trends/performanceTrend").is_null());
        assert!(at("/performance/recommendations").is_array());
        assert_eq!(at("/leakPrevention/rulesChecked"), 1);
        assert_eq!(at("/leakPrevention/resourcesTracked/timers"), 3);
        assert!(at("/leakPrevention/resourcesTracked/caches").is_null());
        assert_eq!(at("/topProcesses/0/memory"), 64.0);
        assert!(at("/timestamp").is_string());
    }
}

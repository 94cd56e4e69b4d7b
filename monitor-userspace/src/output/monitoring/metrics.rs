//! `metrics`: averages and peaks over a period.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::View,
    MB, Past, Point, Scope, ScopeKind, Timestamp, memory_of,
    past::{Window, point_of, point_of_component, point_of_host},
};

/// Averages and peaks over a period.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// What was asked for, in minutes.
    pub period: u32,
    /// What of it is known, in minutes: the agent may not have watched for so long, and keeps a day of the
    /// host and two hours of everything else.
    pub covered: f64,
    /// The figures.
    pub stats: MetricsStats,
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
}

/// Figures over a period; `null` where nothing measures them. Memory is that of `health`, in MB (1,048,576
/// bytes). CPU is in percent of all CPUs for the host, of one core for a component or a process.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsStats {
    /// In MB.
    pub average_memory: Option<f64>,
    /// In MB.
    pub peak_memory: Option<f64>,
    /// In percent.
    pub average_cpu: Option<f64>,
    /// In percent.
    pub peak_cpu: Option<f64>,
    /// In milliseconds: not measured yet.
    pub average_event_loop_lag: Option<f64>,
    /// In milliseconds: not measured yet.
    pub peak_event_loop_lag: Option<f64>,
    /// Collections an hour: not measured yet.
    pub gc_frequency: Option<f64>,
    /// What applications report, in milliseconds, over at most two hours.
    pub response_time: Percentiles,
}

/// Percentiles of durations in milliseconds, to 2.5 %; `null` where none was reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// What 95 % are below.
    pub p95: Option<f64>,
    /// What 99 % are below.
    pub p99: Option<f64>,
}

impl Metrics {
    /// What is known of the last minutes of whom the view is about.
    pub fn of(
        view: &View,
        scope: Scope,
        past: &Past,
        period: u32,
        response_time: Percentiles,
    ) -> Self {
        let (window, now) = course(view, &scope, past, period);
        let figures = window.with(now);
        let memory = figures.memory();
        let cpu = figures.cpu();
        Self {
            period,
            covered: figures.minutes_before(view.to),
            stats: MetricsStats {
                average_memory: memory.map(|(mean, _)| mean / MB),
                peak_memory: memory.map(|(_, peak)| peak / MB),
                average_cpu: cpu.map(|(mean, _)| mean),
                peak_cpu: cpu.map(|(_, peak)| peak),
                average_event_loop_lag: None,
                peak_event_loop_lag: None,
                gc_frequency: None,
                response_time,
            },
            timestamp: view.to,
            scope,
        }
    }
}

/// What was, and what is now.
fn course(view: &View, scope: &Scope, past: &Past, period: u32) -> (Window, Point) {
    match scope.kind {
        ScopeKind::Host => {
            let now = view.host.as_ref().map_or_else(Point::default, point_of_host);
            (past.host(view.to, period), now)
        }
        ScopeKind::Process => match view.processes.first() {
            Some(process) if !process.snapshot.is_final => {
                let now = point_of(&process.snapshot);
                (past.process(&process.snapshot, view.to, period), now)
            }
            _ => <_>::default(),
        },
        ScopeKind::Component => match (view.components.as_slice(), &scope.component) {
            ([first, ..], Some(name)) => {
                (past.component(name, view.to, period), point_of_component(first))
            }
            // Who is registered with its processes has no past of its own.
            _ => (Window::default(), sum_of(view)),
        },
    }
}

fn sum_of(view: &View) -> Point {
    let living = || view.processes.iter().map(|it| &it.snapshot).filter(|it| !it.is_final);
    let memory = living().filter_map(memory_of).reduce(|sum, more| sum + more);
    Point {
        memory: memory.map(|bytes| bytes as f64),
        cpu: living().filter_map(|it| it.cpu_percent).reduce(|sum, more| sum + more),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{super::answer::tests::view, Whom},
        *,
    };

    #[test]
    fn before_the_first_interval_the_figures_are_those_of_now() {
        let view = view();
        let (part, scope) = view.narrowed(&Whom::Process(7)).unwrap();
        let metrics = Metrics::of(&part, scope, &Past::default(), 60, Percentiles::default());
        let json = serde_json::to_value(metrics).unwrap();
        assert_eq!((&json["period"], &json["covered"]), (&60.into(), &0.0.into()));
        assert_eq!(json["stats"]["averageMemory"], 64.0);
        assert_eq!(json["stats"]["peakCpu"], 12.5);
        for unknown in ["averageEventLoopLag", "peakEventLoopLag", "gcFrequency"] {
            assert!(json["stats"][unknown].is_null() && json["stats"].get(unknown).is_some());
        }
        assert!(json["stats"]["responseTime"]["p95"].is_null());
        assert_eq!(json["scope"]["kind"], "process");
    }
}

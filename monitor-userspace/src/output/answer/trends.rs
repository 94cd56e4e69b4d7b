//! `trends`: what grew and shrank, whether or not that means anything.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::{Direction, Timestamp, Trend, View, Viewed};
use crate::event::Filters;

/// What moved over the time watched.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trends<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// How long was watched, in seconds.
    pub tracking_seconds: f64,
    /// What was watched; `null` of exported lines.
    pub scope: Option<&'a Filters>,
    /// The host.
    pub host: HostTrends<'a>,
    /// Processes of which something moved, what moved fastest first.
    pub processes: Vec<ProcessTrends<'a>>,
    /// Processes of which nothing moved.
    pub steady_processes: usize,
    /// Processes of which too little was seen to tell.
    pub unknown_processes: usize,
}

/// How the host moved; `null` where too little was seen of it.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostTrends<'a> {
    /// Memory in use: MemTotal - MemAvailable.
    pub memory: Option<&'a Trend>,
    /// CPU of all watched processes, in percent of the host.
    pub cpu: Option<&'a Trend>,
}

/// How one process moved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessTrends<'a> {
    /// Which.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<Timestamp>,
    /// Its name.
    pub comm: &'a str,
    /// The group it belongs to.
    pub component: Option<&'a str>,
    /// Whether it has ended.
    pub ended: bool,
    /// What rose or fell, bytes before items, the fastest first.
    pub trends: Vec<&'a Trend>,
    /// How many measures neither rose nor fell.
    pub steady: usize,
}

impl<'a> Trends<'a> {
    /// What of the view moved.
    pub fn of(view: &'a View) -> Self {
        let is_unknown = |it: &&Viewed| it.trends.is_empty() && it.constant == 0;
        let unknown = view.processes.iter().filter(is_unknown).count();
        let mut processes: Vec<ProcessTrends<'_>> = view.processes.iter().map(of_process).collect();
        processes.retain(|process| !process.trends.is_empty());
        processes.sort_by(|one, other| {
            let speed = |process: &ProcessTrends<'_>| {
                process.trends.first().map_or((0, 0.0), |trend| speed(trend))
            };
            let ((kind, rate), (other_kind, other_rate)) = (speed(other), speed(one));
            kind.cmp(&other_kind).then(rate.total_cmp(&other_rate)).then(one.pid.cmp(&other.pid))
        });
        Self {
            timestamp: view.to,
            tracking_seconds: view.seconds,
            scope: view.scope.as_ref(),
            host: HostTrends { memory: view.host_memory.as_ref(), cpu: view.host_cpu.as_ref() },
            steady_processes: view.processes.len() - processes.len() - unknown,
            unknown_processes: unknown,
            processes,
        }
    }
}

/// Bytes count for more than any number of items.
fn speed(trend: &Trend) -> (u8, f64) {
    (u8::from(trend.unit == "bytes"), trend.rate_per_min.abs())
}

fn of_process(viewed: &Viewed) -> ProcessTrends<'_> {
    let has_moved = |trend: &&Trend| trend.direction != Direction::Steady;
    let mut trends: Vec<&Trend> = viewed.trends.iter().filter(has_moved).collect();
    trends.sort_by(|one, other| {
        let ((kind, rate), (other_kind, other_rate)) = (speed(other), speed(one));
        kind.cmp(&other_kind).then(rate.total_cmp(&other_rate))
    });
    let snapshot = &viewed.snapshot;
    ProcessTrends {
        pid: snapshot.pid,
        start_time: snapshot.start_time,
        comm: &snapshot.comm,
        component: snapshot.component.as_deref(),
        ended: snapshot.is_final,
        steady: viewed.constant + viewed.trends.len() - trends.len(),
        trends,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{trend, view},
        *,
    };

    #[test]
    fn the_fastest_comes_first_bytes_before_items_and_the_steady_are_counted() {
        let mut view = view();
        let process = |pid, trends| {
            let snapshot = crate::output::Snapshot { pid, ..<_>::default() };
            Viewed { snapshot, trends, constant: 3 }
        };
        let (rising, falling) = (Direction::Rising, Direction::Falling);
        view.processes = vec![
            process(1, vec![trend("threads", "items", rising, 900.0)]),
            process(2, vec![trend("heap", "bytes", Direction::Steady, 0.0)]),
            process(
                3,
                vec![
                    trend("heap", "bytes", rising, 10.0),
                    trend("sockets", "items", rising, 99.0),
                    trend("resident memory", "bytes", falling, -20.0),
                ],
            ),
            Viewed::default(),
        ];
        let trends = Trends::of(&view);
        let pids: Vec<u32> = trends.processes.iter().map(|it| it.pid).collect();
        assert_eq!(pids, [3, 1]);
        let names: Vec<&str> = trends.processes[0].trends.iter().map(|it| it.resource).collect();
        assert_eq!(names, ["resident memory", "heap", "sockets"]);
        assert_eq!((trends.steady_processes, trends.unknown_processes), (1, 1));
        assert_eq!(trends.processes[1].steady, 3);
    }
}

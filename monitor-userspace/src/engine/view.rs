//! The whole of what was seen, for the commands that answer from it.

use std::collections::VecDeque;

use super::Engine;
use crate::{
    event::{DescriptorKind, HostReading},
    inventory::{Object, Watch},
    output::{Direction, FindingState, RuleText, Tracked, Trend, View, Viewed},
    rule::{Drift, Drifts},
    series::{Bucket, Series, SeriesSpec},
};

/// Processes asked for by name that ended and are still shown; of more, the last.
const REMEMBERED_ENDED: usize = 64;
/// The least change of the host's memory that is one, in bytes.
const LEAST_MEMORY: f64 = 1_048_576.0;
/// The least change of CPU that is one, in percent of the host.
const LEAST_CPU: f64 = 1.0;

/// `AF_UNIX`, `AF_INET`, `AF_INET6` and `SOCK_STREAM`.
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const SOCK_STREAM: u8 = 1;
/// States of inet sockets that are not connected: unknown, `TCP_CLOSE`, `TCP_LISTEN`
/// (include/net/tcp_states.h; UDP has the first two and `TCP_ESTABLISHED`).
const UNCONNECTED: [u8; 3] = [0, 7, 10];

/// Of series that are described and not judged.
const SPEC: SeriesSpec =
    SeriesSpec { quantum: 0.0, min_effect: LEAST_MEMORY, seed: 0, counts: false, prior: 0.0 };

/// Memory in use of the host over time.
#[derive(Debug)]
pub struct HostMemory(Series);

impl Default for HostMemory {
    fn default() -> Self {
        Self(Series::new(SPEC))
    }
}

impl HostMemory {
    /// Takes a look at `at_ns`: `MemTotal` and `MemAvailable`, in bytes.
    pub fn look(&mut self, at_ns: u64, total_bytes: u64, available_bytes: u64) {
        self.0.push(at_ns, total_bytes.saturating_sub(available_bytes) as f64, 0.0);
    }

    /// How it moved; `None` before enough was seen.
    pub fn trend(&self) -> Option<Trend> {
        let drift = Drift::of(&self.0, |bucket| bucket.floor)?;
        Some(trend("memory in use", "bytes", &drift, LEAST_MEMORY))
    }
}

/// What a view needs beside the state of now.
#[derive(Debug)]
pub(super) struct Past {
    memory: HostMemory,
    cpu: Series,
    ended: VecDeque<Viewed>,
    /// Looks at processes.
    pub(super) samples: u64,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            memory: HostMemory::default(),
            cpu: Series::new(SPEC),
            ended: VecDeque::new(),
            samples: 0,
        }
    }
}

impl Engine {
    /// What was seen until now.
    pub fn view(&self) -> View {
        let shown = |pid| {
            let drifts = self.growths.get(&pid).map(crate::rule::Growths::drifts);
            Some(viewed(self.snapshot(pid, false)?, &drifts.unwrap_or_default()))
        };
        let living = self.table.pids().into_iter().filter_map(shown);
        // CPU has no floor that means anything: whoever waits for a moment would set it.
        let cpu = Drift::of(&self.past.cpu, |bucket| bucket.mean);
        let resolved = self.resolved.iter().cloned();
        View {
            from: self.clock.at(self.facts.started_ns),
            to: self.clock.at(self.now_ns),
            seconds: self.now_ns.saturating_sub(self.facts.started_ns) as f64 / 1e9,
            scope: Some(self.facts.filters.clone()),
            samples: self.past.samples,
            host: self.host_snapshot(),
            host_memory: self.past.memory.trend(),
            host_cpu: cpu.map(|drift| trend("CPU", "percent", &drift, LEAST_CPU)),
            processes: living.chain(self.past.ended.iter().cloned()).collect(),
            components: self.component_snapshots(),
            findings: resolved.chain(self.open_findings(FindingState::Open)).collect(),
            earlier_findings: self.resolved_before,
            rules: self.rule_texts(),
            tracked: self.tracked(),
            stats: Some(self.stats()),
        }
    }

    /// Takes what the host's trends are made of.
    pub(super) fn remember_host(&mut self, host: &HostReading) {
        self.past.memory.look(host.at_ns, host.mem_total_bytes, host.mem_available_bytes);
        let cpu: f64 = self.table.iter().filter_map(|process| process.cpu_percent).sum();
        self.past.cpu.push(host.at_ns, cpu / f64::from(self.facts.cpus.max(1)), 0.0);
    }

    /// Keeps the last of a process that was asked for and is about to be forgotten.
    pub(super) fn remember_ended(&mut self, pid: u32, snapshot: &crate::output::Snapshot) {
        if self.table.get(pid).is_none_or(|process| process.watch != Watch::Named) {
            return;
        }
        let drifts = self.growths.get(&pid).map(crate::rule::Growths::drifts);
        if self.past.ended.len() == REMEMBERED_ENDED {
            self.past.ended.pop_front();
        }
        self.past.ended.push_back(viewed(snapshot.clone(), &drifts.unwrap_or_default()));
    }

    fn rule_texts(&self) -> Vec<RuleText> {
        let text = |rule: &crate::rule::Rule| RuleText {
            name: rule.name.clone(),
            description: rule.description.clone(),
            condition: rule.condition_text.split_whitespace().collect::<Vec<_>>().join(" "),
            hold_seconds: rule.hold_ns / 1_000_000_000,
        };
        self.book.rules.iter().filter(|rule| rule.enabled).map(text).collect()
    }

    /// What is held, each open file once.
    fn tracked(&self) -> Tracked {
        let pids = self.table.pids();
        let timers = pids.iter().filter_map(|&pid| self.table.get(pid)?.timers.count(self.now_ns));
        let counts = self.tables.counts_of(&pids).map(|counts| counts.open_files);
        let count = |is_one: fn(&Object) -> bool| {
            let all = self.tables.objects().iter();
            counts.map(|_| all.filter(|object| is_one(object)).count() as u64)
        };
        Tracked {
            timers: Some(timers.sum()),
            listeners: counts.map(|it| it.listeners + it.epoll_watches + it.inotify_watches),
            streams: count(is_stream),
            connections: count(is_connected),
            caches: None,
        }
    }
}

fn is_stream(object: &Object) -> bool {
    object.kind == DescriptorKind::Pipe
        || (object.socket.family == AF_UNIX && object.socket.socket_type == SOCK_STREAM)
}

fn is_connected(object: &Object) -> bool {
    matches!(object.socket.family, AF_INET | AF_INET6)
        && !UNCONNECTED.contains(&object.socket.state)
}

/// How a measure moved that was looked at so: times in nanoseconds, never decreasing, and values. What is no
/// level but a flow, such as CPU, has a mean that means more than its floor.
pub fn moved(
    resource: &'static str,
    unit: &'static str,
    least: f64,
    is_flow: bool,
    looks: impl Iterator<Item = (u64, f64)>,
) -> Option<Trend> {
    let mut series = Series::new(SPEC);
    for (at_ns, value) in looks {
        series.push(at_ns, value, 0.0);
    }
    let of = if is_flow { |bucket: &Bucket| bucket.mean } else { |bucket: &Bucket| bucket.floor };
    Some(trend(resource, unit, &Drift::of(&series, of)?, least))
}

/// A process with its measures in words.
pub fn viewed(snapshot: crate::output::Snapshot, drifts: &Drifts) -> Viewed {
    let moved = drifts.moved.iter();
    let trends = moved
        .map(|(signal, drift, step)| trend(signal.resource(), signal.unit(), drift, *step))
        .collect();
    Viewed { snapshot, trends, constant: drifts.constant }
}

fn trend(resource: &'static str, unit: &'static str, drift: &Drift, least: f64) -> Trend {
    Trend {
        resource,
        unit,
        direction: match drift.sign(least) {
            1 => Direction::Rising,
            -1 => Direction::Falling,
            _ => Direction::Steady,
        },
        first: drift.first,
        last: drift.last,
        rate_per_min: drift.rate_per_min,
        rate_interval: drift.rate_interval,
        over_seconds: drift.over_ns as f64 / 1e9,
    }
}

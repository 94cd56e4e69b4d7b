//! What conditions see of a process, a component and the host.

use super::{Engine, rules::Who};
use crate::{
    event::{self, Pressures, TICK_NS},
    output::{ComponentSnapshot, Snapshot},
    rule::{
        ComponentView, Counters, GaugeGrowths, GrowthFigures, HostView, Limits, Pressure,
        ProcessView, SystemTables, View,
    },
};

/// What a cgroup says of a component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) memory_bytes: Option<u64>,
    processes: u64,
    threads: Option<u64>,
    pub(super) limits: Limits,
    pressure: Pressure,
    cpu_throttled_percent: Option<f64>,
}

impl Engine {
    /// Shows a process, which reports `counters`, to a condition; `judged` is the growth of the gauge
    /// in question. `None` where it is not known.
    pub(super) fn with_process<T>(
        &self,
        pid: u32,
        at_ns: u64,
        counters: Option<&Counters>,
        judged: Option<GrowthFigures>,
        look: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        let snapshot = self.snapshot_at(pid, at_ns, false)?;
        let started_ns = self.table.get(pid).map_or(0, |process| process.id.start_ticks * TICK_NS);
        let growth = self.growth_figures(pid);
        let open = gauges(counters);
        Some(look(&View::Process(ProcessView {
            snapshot: &snapshot,
            age_seconds: (started_ns > 0).then(|| at_ns.saturating_sub(started_ns) as f64 / 1e9),
            limits: self.limits_for_rules(pid, &snapshot),
            growth: &growth,
            gauges: GaugeGrowths { open: &open, judged },
            custom: counters,
        })))
    }

    /// Shows a component to a condition, as [`Self::with_process`].
    pub(super) fn with_component<T>(
        &self,
        name: &str,
        judged: Option<GrowthFigures>,
        look: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        let own = self.book.components.get(name)?;
        let open = gauges(Some(&own.counters));
        Some(look(&View::Component(ComponentView {
            name,
            custom: Some(&own.counters),
            memory_bytes: own.measured.and_then(|it| it.memory_bytes),
            processes: own.measured.map(|it| it.processes),
            threads: own.measured.and_then(|it| it.threads),
            cpu_throttled_percent: own.measured.and_then(|it| it.cpu_throttled_percent),
            limits: own.measured.map(|it| it.limits).unwrap_or_default(),
            pressure: own.measured.map(|it| it.pressure).unwrap_or_default(),
            gauges: GaugeGrowths { open: &open, judged },
            growth: own.path.as_deref().and_then(|path| self.whole_figures(Some(path))),
        })))
    }

    /// Shows the host to a condition. `None` before it was read.
    pub(super) fn with_host<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        let snapshot = self.host_snapshot()?;
        Some(look(&View::Host(HostView {
            snapshot: &snapshot,
            pressure: pressure(&snapshot.pressure),
            tables: SystemTables {
                open_files: snapshot.limits.open_files,
                open_files_limit: snapshot.limits.file_max,
                tasks: snapshot.limits.tasks,
                tasks_limit: lower(snapshot.limits.pid_max, snapshot.limits.threads_max),
                conntrack: snapshot.limits.conntrack,
                conntrack_limit: snapshot.limits.conntrack_max,
            },
            growth: self.whole_figures(None),
        })))
    }

    /// Shows whoever it is to a condition about the growth of a gauge.
    pub(super) fn with_reporter<T>(
        &self,
        who: &Who,
        at_ns: u64,
        judged: GrowthFigures,
        look: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        match who {
            Who::Process(pid) => {
                self.with_process(*pid, at_ns, self.book.counters(who), Some(judged), look)
            }
            Who::Component(name) => self.with_component(name, Some(judged), look),
            Who::Host => None,
        }
    }

    fn limits_for_rules(&self, pid: u32, snapshot: &Snapshot) -> Limits {
        let own = snapshot.limits.unwrap_or_default();
        Limits {
            descriptors: own.open_files,
            address_space_bytes: own.address_space_bytes,
            processes: own.processes,
            mappings: self.host.as_ref().and_then(|host| host.limits.max_map_count),
            memory_bytes: self.memory_max_of(pid).map(|max| max.limit_bytes),
        }
    }
}

/// The figures of gauges that grow.
fn gauges(counters: Option<&Counters>) -> Vec<(String, GrowthFigures)> {
    let all = counters.into_iter().flat_map(Counters::growths);
    all.filter_map(|(name, single)| {
        Some((name.clone(), super::growth_rules::figures(&single.open()?.growth, &[])))
    })
    .collect()
}

pub(super) fn measured(snapshot: &ComponentSnapshot) -> Measured {
    Measured {
        // The limit may be another cgroup's around it: what counts is what is charged there.
        memory_bytes: match &snapshot.memory_max {
            Some(limit) => Some(limit.working_set_bytes),
            None => snapshot.working_set_bytes,
        },
        processes: snapshot.processes,
        threads: snapshot.threads,
        limits: Limits {
            memory_bytes: snapshot.memory_max.as_ref().map(|limit| limit.limit_bytes),
            processes: snapshot.pids_max.as_ref().map(|limit| limit.limit),
            ..Limits::default()
        },
        pressure: pressure(&snapshot.pressure),
        cpu_throttled_percent: snapshot.cpu_throttled_percent,
    }
}

/// The lower of two limits that are known.
fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

fn pressure(pressures: &Pressures) -> Pressure {
    let some = |of: Option<event::Pressure>| of.map(|of| of.some.avg10);
    let full = |of: Option<event::Pressure>| of.and_then(|of| of.full).map(|full| full.avg10);
    Pressure {
        memory_some_avg10: some(pressures.memory),
        memory_full_avg10: full(pressures.memory),
        cpu_some_avg10: some(pressures.cpu),
        io_some_avg10: some(pressures.io),
        io_full_avg10: full(pressures.io),
    }
}

//! What rules can be about, and what is known of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Grower, Value, custom::Counters};
use crate::output::{HostSnapshot, Snapshot};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Each watched process.
    Process,
    /// Each named group of processes.
    Component,
    /// The host.
    Host,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Component, Self::Host];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Component => "component",
            Self::Host => "host",
        }
    }
}

/// Limits of a process or a component. A limit that is not set is unknown, as one that was not
/// read: neither can be near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_NOFILE.
    pub descriptors: Option<u64>,
    /// RLIMIT_AS, in bytes.
    pub address_space_bytes: Option<u64>,
    /// RLIMIT_NPROC, or pids.max of the cgroup's path.
    pub processes: Option<u64>,
    /// vm.max_map_count.
    pub mappings: Option<u64>,
    /// The tightest memory.max of the cgroup's path, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Pressure stall information of a cgroup or of the host (Documentation/accounting/psi.rst):
/// percent of the time, averaged over 10 s, in which some or all tasks waited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Some task waited for memory.
    pub memory_some_avg10: Option<f64>,
    /// All tasks waited for memory.
    pub memory_full_avg10: Option<f64>,
    /// Some task waited for a CPU.
    pub cpu_some_avg10: Option<f64>,
    /// Some task waited for a disk.
    pub io_some_avg10: Option<f64>,
    /// All tasks waited for a disk.
    pub io_full_avg10: Option<f64>,
}

/// What one growth series says, as the judge has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GrowthFigures {
    /// Probability that it is a leak.
    pub confidence: Option<f64>,
    /// How fast, in bytes or things a minute.
    pub rate_per_min: Option<f64>,
    /// The name of its verdict.
    pub verdict: Option<&'static str>,
    /// log10 of the e-value that opened the gate.
    pub e_value_log10: Option<f64>,
    /// Minutes until the nearest limit is as likely reached as not; `None` where none is in sight.
    pub minutes_to_limit: Option<f64>,
}

/// Gauges that grow.
#[derive(Clone, Copy, Debug, Default)]
pub struct GaugeGrowths<'a> {
    /// Those of which a finding may be open, by name.
    pub open: &'a [(String, GrowthFigures)],
    /// The one that is judged at the moment.
    pub judged: Option<GrowthFigures>,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessView<'a> {
    /// Its state, as printed.
    pub snapshot: &'a Snapshot,
    /// Seconds since it started.
    pub age_seconds: Option<f64>,
    /// Its limits.
    pub limits: Limits,
    /// Its growth, by [`Signal`](super::Signal); empty until the judge has looked.
    pub growth: &'a [Option<GrowthFigures>],
    /// Growth of what it reports of itself.
    pub gauges: GaugeGrowths<'a>,
    /// What it reports of itself.
    pub custom: Option<&'a Counters>,
}

/// What is known of a component.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComponentView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Working set: memory.current without inactive file pages and reclaimable slab, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes in it.
    pub processes: Option<u64>,
    /// Threads in it.
    pub threads: Option<u64>,
    /// Its limits.
    pub limits: Limits,
    /// Its pressure.
    pub pressure: Pressure,
    /// Periods of its CPU quota in which the quota was used up, in percent.
    pub cpu_throttled_percent: Option<f64>,
    /// What is reported of it.
    pub custom: Option<&'a Counters>,
    /// Growth of what is reported of it.
    pub gauges: GaugeGrowths<'a>,
    /// Growth of its memory that no process of it explains.
    pub growth: Option<GrowthFigures>,
}

/// Tables of the kernel that fill up for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemTables {
    /// Open files (fs.file-nr).
    pub open_files: Option<u64>,
    /// fs.file-max.
    pub open_files_limit: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// The lower of kernel.pid_max and kernel.threads-max.
    pub tasks_limit: Option<u64>,
    /// Tracked connections (nf_conntrack_count).
    pub conntrack: Option<u64>,
    /// nf_conntrack_max.
    pub conntrack_limit: Option<u64>,
}

/// What is known of the host.
#[derive(Clone, Copy, Debug)]
pub struct HostView<'a> {
    /// Its state, as printed.
    pub snapshot: &'a HostSnapshot,
    /// Its pressure.
    pub pressure: Pressure,
    /// Its tables.
    pub tables: SystemTables,
    /// Growth of its memory that no process or component explains.
    pub growth: Option<GrowthFigures>,
}

/// What is known of a subject.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// Of a process.
    Process(ProcessView<'a>),
    /// Of a component.
    Component(ComponentView<'a>),
    /// Of the host.
    Host(HostView<'a>),
}

impl<'a> View<'a> {
    /// Which kind of subject it is.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Process(_) => Subject::Process,
            Self::Component(_) => Subject::Component,
            Self::Host(_) => Subject::Host,
        }
    }

    /// The figures of what grows; `None` where it does not.
    pub fn growth(&self, grower: &Grower) -> Option<GrowthFigures> {
        let gauges = match self {
            Self::Process(view) => view.gauges,
            Self::Component(view) => view.gauges,
            Self::Host(_) => GaugeGrowths::default(),
        };
        match (grower, self) {
            (Grower::Signal(signal), Self::Process(view)) => {
                view.growth.get(*signal as usize).copied().flatten()
            }
            (Grower::Memory, Self::Component(view)) => view.growth,
            (Grower::Kernel, Self::Host(view)) => view.growth,
            (Grower::AnyGauge, _) => gauges.judged,
            (Grower::Gauge(name), _) => {
                let named = gauges.open.iter().find(|(known, _)| known == name);
                named.map(|(_, figures)| *figures)
            }
            _ => None,
        }
    }

    /// What is reported under a name.
    pub fn custom(&self, name: &str) -> Value<'a> {
        let counters = match self {
            Self::Process(view) => view.custom,
            Self::Component(view) => view.custom,
            Self::Host(_) => None,
        };
        counters.and_then(|counters| counters.get(name)).into()
    }
}

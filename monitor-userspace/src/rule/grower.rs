//! What may grow, as conditions and growth rules name it.

use std::borrow::Cow;

use super::{Signal, Subject, variable::CUSTOM};

/// What grows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grower {
    /// What a process holds.
    Signal(Signal),
    /// A gauge that a process or a component reports, by its name.
    Gauge(String),
    /// Whichever gauge is judged at the moment.
    AnyGauge,
    /// The memory of a component.
    Memory,
    /// Memory of the host that no process holds.
    Kernel,
}

impl Grower {
    /// Its name in `growth.NAME.…`: that of what is counted.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Signal(signal) => series(*signal).into(),
            Self::Gauge(name) => format!("{CUSTOM}.{name}").into(),
            Self::AnyGauge => CUSTOM.into(),
            Self::Memory => "memory".into(),
            Self::Kernel => "kernel_memory".into(),
        }
    }

    /// What of such a subject goes by this name.
    pub(super) fn find(subject: Subject, name: &str) -> Option<Self> {
        if let Some(known) = Self::of(subject).into_iter().find(|it| it.name() == name) {
            return Some(known);
        }
        let gauge = name.strip_prefix(CUSTOM)?.strip_prefix('.')?;
        let is_gauge = subject != Subject::Host && crate::event::is_custom_name(gauge);
        is_gauge.then(|| Self::Gauge(gauge.to_owned()))
    }

    /// What may grow of such a subject, whatever gauges there are.
    pub(super) fn of(subject: Subject) -> Vec<Self> {
        match subject {
            Subject::Process => {
                Signal::ALL.into_iter().map(Self::Signal).chain([Self::AnyGauge]).collect()
            }
            Subject::Component => vec![Self::Memory, Self::AnyGauge],
            Subject::Host => vec![Self::Kernel],
        }
    }

    /// The built-in rule that its growth comes under.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Signal(signal) => signal.rule(),
            Self::Gauge(_) | Self::AnyGauge => "custom_growth",
            Self::Memory => "cgroup_memory_growth",
            Self::Kernel => "kernel_memory_growth",
        }
    }

    /// Whether the growth of anything comes under a rule of this name.
    pub(super) fn has_rule(name: &str) -> bool {
        let mut all = Subject::ALL.into_iter().flat_map(Self::of);
        all.any(|it| it.rule() == name)
    }
}

const fn series(signal: Signal) -> &'static str {
    match signal {
        Signal::Heap => "heap",
        Signal::Anon => "anon_mapped",
        Signal::Touched => "touched",
        Signal::Shared => "shared_mapped",
        Signal::Segments => "shm_segments",
        Signal::Memfds => "memfds",
        Signal::Descriptors => "descriptors",
        Signal::Files => "files",
        Signal::Pipes => "pipes",
        Signal::Eventfds => "eventfds",
        Signal::Sockets => "sockets",
        Signal::CloseWait => "close_wait",
        Signal::Timerfds => "timerfds",
        Signal::Timers => "timers",
        Signal::EpollWatches => "epoll_watches",
        Signal::InotifyWatches => "inotify_watches",
        Signal::Threads => "threads",
        Signal::Children => "children",
        Signal::Zombies => "zombies",
        Signal::Swapped => "swapped",
    }
}

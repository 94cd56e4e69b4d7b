//! Which limits growth runs into.

use super::Engine;
use crate::{
    event::{MemoryLimit, ProcLimits},
    inventory::Process,
    output::LimitUse,
    rule::Signal,
};

/// A limit on the way of a signal, in its unit.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Its name, for a person.
    pub name: String,
    /// Where it is.
    pub value: f64,
    /// How much of it is used.
    pub held: f64,
}

impl Limit {
    /// The limit of a process's own that is on the way of a signal, where it is known what is used of
    /// it.
    pub fn own(
        signal: Signal,
        limits: &ProcLimits,
        descriptors: Option<u64>,
        virtual_bytes: Option<u64>,
    ) -> Option<Self> {
        match signal {
            Signal::Heap | Signal::Anon | Signal::Shared => {
                Some(Self::new("RLIMIT_AS", limits.address_space_bytes?, virtual_bytes?))
            }
            Signal::Touched
            | Signal::Swapped
            | Signal::Segments
            | Signal::Timers
            | Signal::EpollWatches
            | Signal::InotifyWatches
            | Signal::Threads
            | Signal::Children
            | Signal::Zombies => None,
            _ => Some(Self::new("RLIMIT_NOFILE", limits.open_files?, descriptors?)),
        }
    }

    /// As it is printed.
    pub(super) fn told(&self) -> LimitUse {
        LimitUse { limit: self.name.clone(), limit_value: self.value, used: self.held }
    }

    /// A cgroup's limit on memory.
    pub fn of_cgroup(max: &MemoryLimit) -> Self {
        let name = format!("memory.max of {}", max.path);
        Self::new(name, max.limit_bytes, max.working_set_bytes)
    }

    /// The host's memory, in bytes: all of it and what of it is available, and the same of swap.
    pub fn of_host((total, available): (u64, u64), (swap_total, swap_free): (u64, u64)) -> Self {
        let (value, free) = (total + swap_total, available + swap_free);
        Self::new("memory of the host", value, value.saturating_sub(free))
    }

    fn new(name: impl Into<String>, value: u64, held: u64) -> Self {
        Self { name: name.into(), value: value as f64, held: held as f64 }
    }
}

impl Engine {
    /// The limits of a signal of a process that are known.
    pub(super) fn limits_of(&self, pid: u32, signal: Signal) -> Vec<Limit> {
        let Some(process) = self.table.get(pid) else { return Vec::new() };
        match signal {
            Signal::Touched | Signal::Swapped => self.memory_limits(process),
            Signal::Heap | Signal::Anon | Signal::Shared => {
                self.own_limit(process, signal).into_iter().collect()
            }
            Signal::Threads | Signal::Children | Signal::Zombies => self.task_limits(process),
            Signal::Timers | Signal::Segments | Signal::EpollWatches => Vec::new(),
            Signal::InotifyWatches => self.watch_limits(pid),
            _ => self.descriptor_limits(process, signal),
        }
    }

    /// What ends the growth of resident memory: the cgroup's limit, and what the host has left, which
    /// all that grows shares.
    fn memory_limits(&self, process: &Process) -> Vec<Limit> {
        self.limits_of_memory(self.memory_max_of(process.id.pid), true)
    }

    /// The same with this limit of the cgroup; `swaps` is whether it can be swapped out.
    pub(super) fn limits_of_memory(&self, max: Option<&MemoryLimit>, swaps: bool) -> Vec<Limit> {
        let of_group = max.map(Limit::of_cgroup);
        let of_host = self.host.as_ref().map(|host| {
            let swap = if swaps { (host.swap_total_bytes, host.swap_free_bytes) } else { (0, 0) };
            Limit::of_host((host.mem_total_bytes, host.mem_available_bytes), swap)
        });
        of_group.into_iter().chain(of_host).collect()
    }

    /// The limit on memory on the way of a process's cgroup that leaves least room.
    pub(super) fn memory_max_of(&self, pid: u32) -> Option<&MemoryLimit> {
        let place = self.table.get(pid)?.component.as_ref()?;
        self.components.reading(&place.path)?.memory_max.as_ref()
    }

    fn task_limits(&self, process: &Process) -> Vec<Limit> {
        let group = process.component.as_ref().and_then(|it| self.components.reading(&it.path));
        let of_group = group
            .and_then(|group| group.pids_max.as_ref())
            .map(|max| Limit::new(format!("pids.max of {}", max.path), max.limit, max.current));
        let host = self.host.as_ref().map(|host| &host.limits);
        let of_host = |name: &str, limit: fn(&crate::event::SystemLimits) -> Option<u64>| {
            let host = host?;
            Some(Limit::new(name, limit(host)?, host.tasks?))
        };
        [
            of_group,
            of_host("kernel.threads-max", |host| host.threads_max),
            of_host("kernel.pid_max", |host| host.pid_max),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn own_limit(&self, process: &Process, signal: Signal) -> Option<Limit> {
        let reading = process.reading.as_ref()?;
        let counts = self.tables.counts(process.id.pid);
        let descriptors = counts.map(|counts| counts.by_kind.iter().sum());
        Limit::own(signal, &reading.limits?, descriptors, Some(reading.virtual_bytes))
    }

    fn descriptor_limits(&self, process: &Process, signal: Signal) -> Vec<Limit> {
        let host = self.host.as_ref().map(|host| &host.limits);
        let shared =
            host.and_then(|host| Some(Limit::new("fs.file-max", host.file_max?, host.open_files?)));
        self.own_limit(process, signal).into_iter().chain(shared).collect()
    }

    fn watch_limits(&self, pid: u32) -> Vec<Limit> {
        let limit = self.host.as_ref().and_then(|host| host.limits.inotify_max_user_watches);
        // Of those that other processes of the user have nothing is known here.
        let held = self.tables.counts(pid).map(|counts| counts.inotify_watches);
        let name = "fs.inotify.max_user_watches";
        limit.zip(held).map(|(limit, held)| Limit::new(name, limit, held)).into_iter().collect()
    }
}

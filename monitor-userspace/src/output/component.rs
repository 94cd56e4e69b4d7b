//! The line of a component.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Connections, Timestamp};
use crate::event::{CgroupMemory, MemoryLimit, Pressures, TaskLimit};

/// The state of a group of processes: a container, else a systemd unit, else a cgroup. First the
/// sums over its watched processes, in which an address space, a descriptor table and an open file
/// that several share count once, and which leave out what was not read yet; then its cgroup,
/// which counts every process in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ComponentSnapshot {
    /// When.
    pub ts: Timestamp,
    /// Its name: the container's, the unit's, or the last part of the path of its cgroup.
    pub component: String,
    /// Path of the cgroup that bears the name: components of one name differ in it.
    pub cgroup: String,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
    /// Kubernetes pod uid.
    pub pod: Option<String>,
    /// Watched processes.
    pub processes: u64,
    /// Their threads.
    pub threads: Option<u64>,
    /// Their children that ended and were not waited for.
    pub zombies: u64,
    /// Resident sets; a page that several have mapped counts for each.
    pub rss_bytes: Option<u64>,
    /// Resident anonymous memory; pages that a fork left shared count for each.
    pub rss_anon_bytes: Option<u64>,
    /// Swapped out, of those processes whose status was read.
    pub swap_bytes: Option<u64>,
    /// Virtual sizes.
    pub virtual_bytes: Option<u64>,
    /// The brk areas.
    pub heap_bytes: Option<u64>,
    /// Private anonymous mappings.
    pub anon_mapped_bytes: Option<u64>,
    /// File mappings; a file counts for each address space.
    pub file_mapped_bytes: Option<u64>,
    /// Shared memory mappings; a piece counts for each address space.
    pub shared_mapped_bytes: Option<u64>,
    /// VMAs at the last readings of maps.
    pub mappings: Option<u64>,
    /// Open descriptors. The kinds that follow are open files, so that they add up to less where
    /// descriptors are copies or inherited.
    pub descriptors: Option<u64>,
    /// Descriptors of files with a path, directories and devices.
    pub files: Option<u64>,
    /// Ends of pipes.
    pub pipes: Option<u64>,
    /// Eventfds.
    pub eventfds: Option<u64>,
    /// Sockets of every family, listeners too.
    pub sockets: Option<u64>,
    /// Listening sockets.
    pub listeners: Option<u64>,
    /// Timerfds.
    pub timerfds: Option<u64>,
    /// Epolls.
    pub epolls: Option<u64>,
    /// Inotifies.
    pub inotifies: Option<u64>,
    /// Memfds.
    pub memfds: Option<u64>,
    /// Files without a path of other kinds.
    pub other_descriptors: Option<u64>,
    /// TCP sockets by state.
    pub connections: Option<Connections>,
    /// POSIX timers and interval timers.
    pub timers: Option<u64>,
    /// Descriptors that epolls watch.
    pub epoll_watches: Option<u64>,
    /// Files that inotifies watch.
    pub inotify_watches: Option<u64>,
    /// System V shared-memory segments attached.
    pub shm_segments: Option<u64>,
    /// Percent of one core between the last two looks at each.
    pub cpu_percent: Option<f64>,
    /// When its cgroup was last read; `null` until then, as is all that follows.
    pub read_at: Option<Timestamp>,
    /// What of its memory cannot be given back without swapping: current less inactive file pages
    /// and reclaimable slab, which v1 does not tell.
    pub working_set_bytes: Option<u64>,
    /// Memory of its cgroup; `null` where no cgroup of its own accounts for memory.
    pub memory: Option<CgroupMemory>,
    /// The `memory.max` on the way to the root that leaves least room; `null` without any.
    pub memory_max: Option<MemoryLimit>,
    /// The same of `memory.high`.
    pub memory_high: Option<MemoryLimit>,
    /// Tasks in its cgroup.
    pub tasks: Option<u64>,
    /// The `pids.max` on the way to the root that leaves least room; `null` without any.
    pub pids_max: Option<TaskLimit>,
    /// How often a limit of its own could not be kept; `null` in v1.
    pub oom_events: Option<u64>,
    /// Its processes that were killed for want of memory, since the cgroup was made.
    pub oom_kills: Option<u64>,
    /// Percent of the periods of its CPU quota, between the last two looks, in which the quota was used
    /// up and it had to stop; `null` without a quota of its own, and in v1.
    pub cpu_throttled_percent: Option<f64>,
    /// Time lost to waiting.
    pub pressure: Pressures,
}

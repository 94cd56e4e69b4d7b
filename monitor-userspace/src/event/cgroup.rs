//! What is read of cgroups: where the processes of a component are, what they take together, and
//! which limits stop them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Pressures;

/// Where the processes of a component are in the cgroup trees. A component is a container, else a
/// systemd unit, else whatever its cgroup groups; the root cgroup is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The container's id or name, the unit, or the last part of the path. Not safe to print.
    pub name: String,
    /// The cgroup that bears this name, in the tree that shows it: what tells components apart.
    pub path: String,
    /// In the v2 tree; it may carry no controller but still PSI.
    pub unified: Option<TreePath>,
    /// In v1's memory hierarchy, where there is one: then the v2 tree has no memory controller.
    pub memory_v1: Option<TreePath>,
    /// In v1's pids hierarchy, where there is one.
    pub pids_v1: Option<TreePath>,
}

/// A cgroup of one hierarchy. The root is left out: it has neither limits nor figures of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreePath {
    /// Its path.
    pub path: String,
    /// Whether it is the component's alone; else others are in it too, and only its limits say
    /// anything about the component.
    pub is_own: bool,
}

/// One look at the cgroups of a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CgroupReading {
    /// [`Placement::path`]
    pub path: String,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// What it takes; `None` where no cgroup of its own accounts for memory.
    pub memory: Option<CgroupMemory>,
    /// The limit (`memory.max`) on its way to the root that leaves least room; `None` without any.
    pub memory_max: Option<MemoryLimit>,
    /// The same of `memory.high`, above which the kernel slows allocations down (v2 only).
    pub memory_high: Option<MemoryLimit>,
    /// Tasks (threads) in it; `None` where no cgroup of its own counts them.
    pub tasks: Option<u64>,
    /// The limit (`pids.max`) on its way to the root that leaves least room; `None` without any.
    pub pids_max: Option<TaskLimit>,
    /// How often its own limit or one within could not be kept (`oom` of memory.events, v2 only).
    pub oom_events: Option<u64>,
    /// Processes within that were killed for want of memory, whoever's limit it was (`oom_kill`).
    pub oom_kills: Option<u64>,
    /// How often it used its CPU quota up; `None` where it has none of its own (v2 only).
    pub cpu: Option<CgroupCpu>,
    /// Time lost in it to waiting for resources.
    pub pressure: Pressures,
}

/// How a CPU quota (`cpu.max`) was used, since the cgroup was made (cpu.stat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupCpu {
    /// Periods in which it ran (`nr_periods`).
    pub periods: u64,
    /// Those in which it had to stop, the quota being used up (`nr_throttled`).
    pub throttled_periods: u64,
}

/// The memory of a cgroup and all within. v2: memory.current and memory.stat
/// (Documentation/admin-guide/cgroup-v2.rst). v1: memory.usage_in_bytes, the `total_` lines of
/// memory.stat and the kmem files (Documentation/admin-guide/cgroup-v1/memory.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CgroupMemory {
    /// All that is charged: anonymous memory, page cache, tmpfs and kernel memory; of v1 without
    /// socket buffers, which have a counter of their own there.
    pub current_bytes: u64,
    /// Cached file pages that were not used lately: given back at once when memory is short.
    pub inactive_file_bytes: u64,
    /// Kernel objects that it can give back; `null` in v1, which does not tell them from others.
    pub slab_reclaimable_bytes: Option<u64>,
    /// Anonymous memory.
    pub anon_bytes: u64,
    /// tmpfs, shared anonymous memory, memfds and System V segments.
    pub shmem_bytes: u64,
    /// Kernel memory, slab and stacks and page tables among it; part of `current_bytes`. Before
    /// Linux 5.18 the sum of slab, stacks, page tables and per-CPU memory.
    pub kernel_bytes: Option<u64>,
    /// Socket buffers; part of `current_bytes` in v2, not in v1.
    pub sock_bytes: Option<u64>,
    /// Swapped out; `null` where swap is not accounted for.
    pub swap_bytes: Option<u64>,
}

impl CgroupMemory {
    /// What cannot be given back without swapping: `current − inactive_file − slab_reclaimable`.
    /// The counters are not read at one instant.
    pub fn working_set_bytes(&self) -> u64 {
        let given_back =
            self.inactive_file_bytes.saturating_add(self.slab_reclaimable_bytes.unwrap_or(0));
        self.current_bytes.saturating_sub(given_back)
    }
}

/// A limit on memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryLimit {
    /// The cgroup that has it: the component's own or one around it.
    pub path: String,
    /// Most that may be charged there.
    pub limit_bytes: u64,
    /// What is charged there.
    pub current_bytes: u64,
    /// What of it cannot be given back: what the limit is compared with.
    pub working_set_bytes: u64,
}

impl MemoryLimit {
    /// What is left until the limit is reached.
    pub fn room_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.working_set_bytes)
    }
}

/// A limit on tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskLimit {
    /// The cgroup that has it: the component's own or one around it.
    pub path: String,
    /// Most tasks there may be in it.
    pub limit: u64,
    /// Tasks in it.
    pub current: u64,
}

impl TaskLimit {
    /// What is left until the limit is reached.
    pub fn room(&self) -> u64 {
        self.limit.saturating_sub(self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_set_is_what_cannot_be_given_back() {
        let mut memory = CgroupMemory {
            current_bytes: 100,
            inactive_file_bytes: 30,
            slab_reclaimable_bytes: Some(5),
            ..CgroupMemory::default()
        };
        assert_eq!(memory.working_set_bytes(), 65);
        memory.slab_reclaimable_bytes = None;
        assert_eq!(memory.working_set_bytes(), 70);
        memory.inactive_file_bytes = 101;
        assert_eq!(memory.working_set_bytes(), 0, "read a moment apart");
    }
}

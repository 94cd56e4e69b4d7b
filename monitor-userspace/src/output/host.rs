//! The line of the host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::event::{Pressures, SystemLimits};

/// The state of the host: what it has, where its memory went, and the sums over all processes, in
/// which what several share counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostSnapshot {
    /// When.
    pub ts: Timestamp,
    /// MemTotal.
    pub mem_total_bytes: u64,
    /// MemAvailable.
    pub mem_available_bytes: u64,
    /// SwapTotal.
    pub swap_total_bytes: u64,
    /// SwapFree.
    pub swap_free_bytes: u64,
    /// Where the memory is; the parts add up to `mem_total_bytes`.
    pub memory: MemoryParts,
    /// Parts of the parts above that no process owns.
    pub unowned: UnownedMemory,
    /// Processes.
    pub processes: u64,
    /// Children that ended and were not waited for.
    pub zombies: u64,
    /// Threads, where known.
    pub threads: u64,
    /// Mapped private anonymous memory and heaps, each address space once.
    pub anon_mapped_bytes: u64,
    /// Open descriptors that are no plain files, each table once.
    pub tracked_descriptors: u64,
    /// Sockets with a descriptor, each once.
    pub sockets: u64,
    /// POSIX and interval timers.
    pub timers: u64,
    /// Percent of all CPU time between the last two looks that was not idle; 100 is all CPUs.
    pub cpu_percent: Option<f64>,
    /// Inotifies of the user that has most of them; `null` while no user is known.
    pub user_inotifies: Option<u64>,
    /// Inotify watches of the user that has most of them.
    pub user_inotify_watches: Option<u64>,
    /// System V segments.
    pub shm_segments: u64,
    /// Those that nobody has attached.
    pub orphan_shm_segments: u64,
    /// Limits that all processes share, and what is used of them.
    pub limits: SystemLimits,
    /// Time lost to waiting.
    pub pressure: Pressures,
}

/// Where the host's memory is. The parts are disjoint; what they do not explain is a part too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryParts {
    /// Nobody's: MemFree, and the free pages that each CPU keeps for itself.
    pub free_bytes: u64,
    /// Private anonymous memory of processes.
    pub anon_bytes: u64,
    /// Cached file pages.
    pub file_cache_bytes: u64,
    /// tmpfs, shared anonymous memory, memfds and System V segments.
    pub shmem_bytes: u64,
    /// Kernel objects it can give back.
    pub slab_reclaimable_bytes: u64,
    /// Kernel objects it cannot.
    pub slab_unreclaimable_bytes: u64,
    /// Stacks of threads in the kernel.
    pub kernel_stack_bytes: u64,
    /// Page tables.
    pub page_table_bytes: u64,
    /// Per-CPU memory of the kernel.
    pub percpu_bytes: u64,
    /// Other memory of the kernel's own address space.
    pub vmalloc_bytes: u64,
    /// Pools of huge pages.
    pub hugetlb_bytes: u64,
    /// What else the kernel accounts for.
    pub other_kernel_bytes: u64,
    /// What nothing accounts for: pages that drivers and the kernel took directly. Below 0 where
    /// counters overlap.
    pub unexplained_bytes: i64,
}

/// Memory that no process owns, although a process may have asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnownedMemory {
    /// Slab, kernel stacks, page tables, per-CPU, vmalloc and what else is the kernel's.
    pub kernel_bytes: u64,
    /// Files in tmpfs mounts.
    pub tmpfs_bytes: u64,
    /// Resident memory of System V segments that nobody has attached.
    pub orphan_shm_bytes: u64,
    /// Socket buffers (within the kernel's).
    pub socket_buffer_bytes: u64,
}

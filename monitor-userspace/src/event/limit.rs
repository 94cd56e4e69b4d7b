//! The limits of processes and of the host, and the time lost to waiting (PSI).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Soft resource limits of a process, as /proc/PID/limits shows them; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcLimits {
    /// `RLIMIT_NOFILE`: descriptor numbers stay below it.
    pub open_files: Option<u64>,
    /// `RLIMIT_AS`: most bytes of virtual size.
    pub address_space_bytes: Option<u64>,
    /// `RLIMIT_NPROC`: most threads of its real user, in all of its processes together.
    pub processes: Option<u64>,
    /// `RLIMIT_DATA`: most bytes of brk area and private writable mappings.
    pub data_bytes: Option<u64>,
}

/// Limits of the kernel that all processes share, and what is used of them. `None` where the
/// kernel does not tell; the network's are those of the agent's own network namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemLimits {
    /// vm.max_map_count: most VMAs of one address space.
    pub max_map_count: Option<u64>,
    /// kernel.pid_max: pids and thread ids stay below it.
    pub pid_max: Option<u64>,
    /// kernel.threads-max: most tasks.
    pub threads_max: Option<u64>,
    /// Tasks there are (/proc/loadavg).
    pub tasks: Option<u64>,
    /// fs.file-max: most open files; `None` where it is as good as unlimited too.
    pub file_max: Option<u64>,
    /// Open files (fs.file-nr).
    pub open_files: Option<u64>,
    /// fs.inotify.max_user_watches: most inotify watches of one user.
    pub inotify_max_user_watches: Option<u64>,
    /// fs.inotify.max_user_instances: most inotifies of one user.
    pub inotify_max_user_instances: Option<u64>,
    /// First of the ports that the kernel gives to connections (net.ipv4.ip_local_port_range).
    pub local_port_first: Option<u64>,
    /// Last of them.
    pub local_port_last: Option<u64>,
    /// TCP connections in TIME_WAIT (/proc/net/sockstat).
    pub time_wait: Option<u64>,
    /// net.ipv4.tcp_max_tw_buckets: most of them; what comes beyond is forgotten at once.
    pub time_wait_max: Option<u64>,
    /// Of the ports that the kernel gives to connections, those in TIME_WAIT towards one and the same
    /// peer, the one with most: with all of them there no further connection to it can be made. Counted
    /// only where TIME_WAIT is at least half as large as the range, and not where the kernel uses such
    /// ports again (net.ipv4.tcp_tw_reuse).
    pub time_wait_ports: Option<u64>,
    /// Connections that are tracked (net.netfilter.nf_conntrack_count).
    pub conntrack: Option<u64>,
    /// Most of them (net.netfilter.nf_conntrack_max).
    pub conntrack_max: Option<u64>,
    /// Huge pages of the default size in their pool (HugePages_Total).
    pub huge_pages: Option<u64>,
    /// Those of them that nobody uses (HugePages_Free).
    pub huge_pages_free: Option<u64>,
}

/// Time lost to waiting, by what was waited for: pressure stall information
/// (Documentation/accounting/psi.rst). `None` where the kernel does not measure it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressures {
    /// For memory: reclaim, refaults, swapping in.
    pub memory: Option<Pressure>,
    /// For a CPU.
    pub cpu: Option<Pressure>,
    /// For storage.
    pub io: Option<Pressure>,
}

/// Time lost to one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// Some task waited.
    pub some: Stall,
    /// All tasks that were not idle waited at once; `None` for the CPU of the whole host, where it
    /// means nothing.
    pub full: Option<Stall>,
}

/// A share of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stall {
    /// Percent of the last 10 seconds.
    pub avg10: f64,
    /// Percent of the last minute.
    pub avg60: f64,
    /// Microseconds since boot, or since the cgroup was made.
    pub total_us: u64,
}

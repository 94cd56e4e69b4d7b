//! The one door into the engine: [`Input`]. What is recorded is this; what is replayed is this.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CgroupReading, CustomReading, DeletedReading, DescriptorKind, Event, Family, MappingClass,
    ObjectReading, Placement, Pressures, ProcLimits, SocketFacts, SocketsReading, SystemLimits,
};

/// Nanoseconds in a clock tick of /proc (`USER_HZ` is 100 on every Linux that runs here).
pub const TICK_NS: u64 = 10_000_000;

/// A process: its pid and when it started. A pid alone is never an identity.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ProcessId {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Start, in clock ticks since boot (field 22 of /proc/PID/stat).
    pub start_ticks: u64,
}

impl ProcessId {
    /// From the kernel's own start time, which /proc truncates to the tick.
    pub const fn from_start_ns(pid: u32, start_ns: u64) -> Self {
        Self { pid, start_ticks: start_ns / TICK_NS }
    }
}

/// What the engine is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The first input: facts, filters and configuration.
    Start(Box<Start>),
    /// A record of the kernel.
    Event(Event),
    /// Records were lost or could not be decoded.
    Loss(Loss),
    /// One look at /proc/PID.
    Proc(Box<ProcReading>),
    /// One look at an address space.
    Reconcile(Box<Reconcile>),
    /// One look at a descriptor table.
    Table(Box<TableReading>),
    /// One look at the host.
    Host(Box<HostReading>),
    /// One look at what of a process's memory was accessed.
    Access(AccessReading),
    /// One look at the TCP sockets of a network namespace.
    Sockets(Box<SocketsReading>),
    /// One look at the deleted files that a process has open.
    Deleted(Box<DeletedReading>),
    /// One look at whether objects of a process are used.
    Objects(Box<ObjectReading>),
    /// One look at the cgroups of a component.
    Cgroup(Box<CgroupReading>),
    /// One look at the agent itself.
    SelfReading(SelfReading),
    /// What applications report of themselves.
    Custom(Box<CustomReading>),
    /// The user's files of rules have changed: all of them, in their order.
    Rules(Vec<RuleFile>),
    /// The command started with `--` ended.
    CommandExit(CommandExit),
    /// Time has passed. The only clock the engine has.
    Tick {
        /// Nanoseconds since boot.
        now_ns: u64,
    },
    /// The run is about to end: ask for the last checks.
    Closing {
        /// Nanoseconds since boot.
        now_ns: u64,
    },
    /// The run ends: judge and report for the last time.
    Stop {
        /// Nanoseconds since boot.
        now_ns: u64,
    },
}

/// What the agent may do on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Kernel events and every process's /proc.
    Full,
    /// /proc only.
    ProcOnly,
}

/// Which call stacks are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StackChoice {
    /// None.
    Off,
    /// Of large anonymous mappings and of heap growth.
    #[default]
    Memory,
    /// Of every descriptor, socket and timer too.
    All,
}

/// Which processes are watched, as given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filters {
    /// Every process.
    pub all: bool,
    /// These.
    pub pids: Vec<u32>,
    /// Those whose name matches this regular expression.
    pub comm: Option<String>,
    /// The children of watched processes too.
    pub follow: bool,
    /// Smallest mapping that is traced, in bytes.
    pub min_mapping_bytes: u64,
}

/// Facts, filters and configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// Kernel release.
    pub kernel: String,
    /// Nanoseconds since boot at the start of the run.
    pub started_ns: u64,
    /// Wall-clock time of boot, in nanoseconds since 1970, taken once.
    pub boot_epoch_ns: i64,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Bytes of a default huge page.
    pub huge_page_bytes: u64,
    /// CPUs of the host.
    pub cpus: u32,
    /// Which hook carries each probe, by probe name, sorted; `none` where skipped.
    pub attach: Vec<(String, String)>,
    /// What may be seen.
    pub privilege: Privilege,
    /// Which processes are watched.
    pub filters: Filters,
    /// Whether drift is corrected, or only measured.
    pub reconcile: bool,
    /// Which call stacks are taken.
    pub stacks: StackChoice,
    /// What the agent may use for what it remembers, in bytes.
    pub max_memory_bytes: u64,
    /// Seconds between printed lines.
    pub interval_ns: u64,
    /// Pid of the agent.
    pub agent_pid: u32,
    /// Pid of the command started with `--`.
    pub command_pid: Option<u32>,
    /// The user's files of rules, in their order.
    pub rules: Vec<RuleFile>,
}

/// A file of rules, as it was read at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Records that did not arrive and calls that failed, since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When it was noticed, in nanoseconds since boot.
    pub at_ns: u64,
    /// Records that found the ring full, by [`Family`].
    pub lost: [u64; Family::ALL.len()],
    /// Failed acquisitions and replacements, by [`Family`].
    pub failed: [u64; Family::ALL.len()],
    /// Records that could not be decoded.
    pub decode_errors: u64,
    /// Kernel structures that could not be read.
    pub read_errors: u64,
    /// Followed children for which the kernel side had no room.
    pub unwatched: u64,
}

/// One look at /proc/PID.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcReading {
    /// Who.
    pub process: ProcessId,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// Parent.
    pub ppid: u32,
    /// Name, not yet safe to print.
    pub comm: String,
    /// State letter of /proc/PID/stat.
    pub state: char,
    /// Threads.
    pub threads: u32,
    /// CPU time used so far, user and system, in clock ticks.
    pub cpu_ticks: u64,
    /// Virtual size, in bytes.
    pub virtual_bytes: u64,
    /// Resident set, in bytes.
    pub rss_bytes: u64,
    /// Resident anonymous memory (resident minus shared of statm), in bytes.
    pub rss_anon_bytes: u64,
    /// What only /proc/PID/status tells; read when it pays.
    pub detail: Option<ProcDetail>,
    /// What only /proc/PID/smaps_rollup tells; read for suspects, it walks the whole space.
    pub rollup: Option<ProcRollup>,
    /// True for a kernel thread (no address space).
    pub kernel_thread: bool,
    /// Open descriptors; `None` where they are hidden, or where the kernel does not count them
    /// (before Linux 6.2) and nobody did.
    pub descriptors: Option<u64>,
    /// What it has read so far by read(2) and its like, of files and sockets alike, in bytes (`rchar`
    /// of /proc/PID/io); what recv(2) and its like gave is not among it. `None` where hidden.
    pub read_bytes: Option<u64>,
    /// Who it is beyond its name; read at first sight, after exec and now and then.
    pub identity: Option<Box<ProcIdentity>>,
    /// Its limits; read with its identity. `None` where hidden, too.
    pub limits: Option<ProcLimits>,
}

/// Who a process is beyond its name. Any of it may be the process's own choice: not safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcIdentity {
    /// Command line, arguments joined by blanks, with what looks like a secret left out.
    pub cmdline: Option<String>,
    /// Name of its real user, or the number of one without a name.
    pub user: Option<String>,
    /// Path of its cgroup: in the v2 tree, or in v1's `name=systemd` or memory hierarchy.
    pub cgroup: Option<String>,
    /// Container id in that path.
    pub container: Option<String>,
    /// Kubernetes pod uid in that path.
    pub pod: Option<String>,
    /// systemd unit in that path.
    pub unit: Option<String>,
    /// The component it belongs to; `None` in the root cgroup.
    pub component: Option<Box<Placement>>,
    /// Whether its program is a 32-bit one, whose system calls no tracepoint of this agent sees.
    pub is_32bit: bool,
    /// Inode number of its network namespace; `None` where it is hidden.
    pub net_namespace: Option<u64>,
}

/// What /proc/PID/status adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcDetail {
    /// Resident file pages, in bytes.
    pub rss_file_bytes: u64,
    /// Resident shared memory, in bytes.
    pub rss_shmem_bytes: u64,
    /// Swapped out, in bytes.
    pub swap_bytes: u64,
    /// Real user id.
    pub uid: u32,
}

/// What /proc/PID/smaps_rollup adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcRollup {
    /// Proportional share of the resident set, in bytes.
    pub pss_bytes: u64,
    /// What of it is shared memory, in bytes: all of a page that nobody else has mapped.
    pub pss_shmem_bytes: u64,
    /// Freed by the program (`MADV_FREE`) and not yet taken back, in bytes.
    pub lazyfree_bytes: u64,
    /// Anonymous memory in transparent huge pages, in bytes.
    pub thp_bytes: u64,
}

/// A range of an address space and its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRange(
    /// First address.
    pub u64,
    /// First address after it.
    pub u64,
    /// Class.
    pub MappingClass,
    /// Of an attached System V segment its shmid.
    pub Option<i32>,
);

/// One look at an address space (/proc/PID/maps), taken between two instants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// Whose.
    pub process: ProcessId,
    /// Just before reading, in nanoseconds since boot.
    pub t0_ns: u64,
    /// Just after reading, in nanoseconds since boot.
    pub t1_ns: u64,
    /// CPU time that reading it took, in nanoseconds. On a busy host far less than passed meanwhile.
    pub cost_ns: u64,
    /// Start of the heap, page-rounded up; `None` where the kernel does not say.
    pub start_brk: Option<u64>,
    /// Ranges in address order, neighbours of one class joined.
    pub ranges: Vec<ReadRange>,
    /// Lines of maps: the number of VMAs.
    pub vmas: u32,
    /// False when the process was gone or could not be read: then the rest says nothing.
    pub found: bool,
}

/// One look at a descriptor table (by the kernel's iterator, or /proc/PID/fd) and at the POSIX timers of its process, taken
/// between two instants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReading {
    /// Whose.
    pub process: ProcessId,
    /// Just before reading, in nanoseconds since boot.
    pub t0_ns: u64,
    /// Just after reading, in nanoseconds since boot.
    pub t1_ns: u64,
    /// CPU time that reading it took, in nanoseconds. On a busy host far less than passed meanwhile.
    pub cost_ns: u64,
    /// Open descriptors, ascending.
    pub open: Vec<ReadDescriptor>,
    /// Ids of its POSIX timers; `None` where the kernel does not tell.
    pub timers: Option<Vec<i32>>,
    /// Whether an io_uring is among them: it opens and closes descriptors without system calls.
    pub has_ring: bool,
    /// False when the process was gone or could not be read: then the rest says nothing.
    pub found: bool,
}

/// An open descriptor as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadDescriptor {
    /// Its number.
    pub fd: u32,
    /// What it names.
    pub kind: DescriptorKind,
    /// Inode number of a socket or pipe; else 0.
    pub inode: u64,
    /// Whether it was opened for writing: tells the ends of a pipe.
    pub writes: bool,
    /// Of a socket, what the kernel or its network namespace's tables say.
    pub socket: Option<ReadSocket>,
    /// What an epoll (descriptor numbers) or an inotify (watch numbers) watches.
    pub watches: Vec<u32>,
    /// The same for all descriptors of one open file, in whatever process, for as long as it is
    /// open; 0 where only /proc was asked, which does not tell.
    pub file: u64,
}

/// A socket as the tables of its network namespace show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSocket {
    /// `AF_*`
    pub family: u8,
    /// `SOCK_*`
    pub socket_type: u8,
    /// `TCP_*` of a TCP socket; 0 of others.
    pub tcp_state: u8,
    /// Whether it listens.
    pub is_listener: bool,
}

impl From<ReadSocket> for SocketFacts {
    fn from(socket: ReadSocket) -> Self {
        Self { family: socket.family, socket_type: socket.socket_type, state: socket.tcp_state }
    }
}

/// A System V shared-memory segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysvSegment {
    /// Its shmid.
    pub id: i32,
    /// Its size, in bytes.
    pub bytes: u64,
    /// What of it is resident, in bytes.
    pub rss_bytes: u64,
    /// What of it is swapped out, in bytes.
    pub swap_bytes: u64,
    /// How many attach it.
    pub attached: u64,
    /// Pid of its maker.
    pub creator: u32,
}

/// One look at the host. The memory figures are those of /proc/meminfo unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostReading {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// MemTotal, in bytes: a virtual machine may be given more, or less, while it runs.
    pub mem_total_bytes: u64,
    /// MemAvailable, in bytes.
    pub mem_available_bytes: u64,
    /// MemFree and the free pages that each CPU keeps for itself (/proc/zoneinfo), in bytes.
    pub mem_free_bytes: u64,
    /// SwapTotal, in bytes.
    pub swap_total_bytes: u64,
    /// SwapFree, in bytes.
    pub swap_free_bytes: u64,
    /// AnonPages, in bytes.
    pub anon_bytes: u64,
    /// Buffers + Cached + SwapCached - Shmem: file pages, in bytes.
    pub file_cache_bytes: u64,
    /// Shmem: tmpfs, shared anonymous memory, memfds and System V segments, in bytes.
    pub shmem_bytes: u64,
    /// SReclaimable, in bytes.
    pub slab_reclaimable_bytes: u64,
    /// SUnreclaim, in bytes.
    pub slab_unreclaimable_bytes: u64,
    /// KernelStack, in bytes.
    pub kernel_stack_bytes: u64,
    /// PageTables + SecPageTables, in bytes.
    pub page_table_bytes: u64,
    /// Percpu, in bytes.
    pub percpu_bytes: u64,
    /// Pages of vmalloc that are not kernel stacks, in bytes.
    pub vmalloc_bytes: u64,
    /// Huge pages of the pools, free ones too, in bytes.
    pub hugetlb_bytes: u64,
    /// KReclaimable - SReclaimable, Bounce, WritebackTmp, Zswap and Balloon, in bytes.
    pub other_kernel_bytes: u64,
    /// Memory of socket buffers (/proc/net/sockstat); part of slab and of free-standing pages.
    pub socket_buffer_bytes: u64,
    /// Files in the host's tmpfs mounts (statfs); part of `shmem_bytes`.
    pub tmpfs_bytes: u64,
    /// System V segments of the agent's IPC namespace, by id.
    pub segments: Vec<SysvSegment>,
    /// Limits that all processes share, and what is used of them.
    pub limits: SystemLimits,
    /// CPU time since boot that was not idle, of all CPUs, in clock ticks; what a hypervisor gave to
    /// others is among it. 0 where it was not read, as the next.
    pub cpu_busy_ticks: u64,
    /// All CPU time since boot, in clock ticks.
    pub cpu_all_ticks: u64,
    /// Time lost to waiting.
    pub pressure: Pressures,
}

/// One look at the accessed pages of a process's anonymous memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReading {
    /// Whose.
    pub process: ProcessId,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// Whether the marks were taken away; else those that are back were counted.
    pub begins: bool,
    /// Resident anonymous memory, in bytes.
    pub held_bytes: u64,
    /// What of it was accessed since the marks were taken away, in bytes.
    pub touched_bytes: u64,
}

/// One look at the agent itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfReading {
    /// Its resident anonymous memory, in bytes.
    pub rss_anon_bytes: u64,
    /// Memory of its maps and programs in the kernel, in bytes.
    pub kernel_bytes: u64,
    /// CPU it used since the last look, percent of one core.
    pub cpu_percent: f64,
    /// What of it the readings took: everything that is asked of /proc, /sys and the kernel's
    /// iterators.
    pub reading_cpu_percent: f64,
}

/// The command started with `--` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandExit {
    /// Its exit status, as a shell would say it (128 + signal).
    pub status: i32,
}

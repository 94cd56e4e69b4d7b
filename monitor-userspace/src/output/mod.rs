//! What leaves the engine, as values: the lines of the NDJSON. Sinks print them; nothing here
//! does. Units are in the names; what is unknown is `None` and prints as `null`.

mod amount;
pub mod answer;
mod component;
mod event;
mod finding;
mod held;
mod host;
mod line;
pub mod metrics;
pub mod monitoring;
mod objects;
mod rule_error;
mod time;
mod view;
mod word;

pub(crate) use amount::{amount_text, byte_text, grows};
pub use component::ComponentSnapshot;
pub use event::EventLine;
pub(crate) use event::start_time;
pub use finding::{
    Believed, EarlierRun, Evidence, Finding, FindingState, FindingVerdict, Forecast, LimitUse,
    Rival, RunState, Runs, Severity,
};
pub use held::{AcceptQueue, DeletedFiles};
pub use host::{HostSnapshot, MemoryParts, UnownedMemory};
pub(crate) use line::Line;
pub use line::schema;
pub use objects::ObjectsLine;
pub use rule_error::RuleError;
use schemars::JsonSchema;
use serde::Serialize;
pub use time::{Timestamp, WallClock};
pub(crate) use view::LEAST_SECONDS;
use view::worse;
pub use view::{Direction, RuleText, Tracked, Trend, View, Viewed};

use crate::event::{Filters, ProcLimits, StackChoice};

/// Whether a character of a name could move the cursor of a terminal or reorder the text around it.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Everything the engine can say.
#[derive(Debug)]
pub enum Output<'a> {
    /// The first line of a run.
    Header(&'a Header),
    /// Something the kernel did.
    Event(&'a EventLine<'a>),
    /// The state of every watched process, at the end of an interval.
    Interval(&'a Interval),
    /// The last state of a process.
    Final(&'a Snapshot),
    /// A finding opened, changed or ended.
    Finding(&'a Finding),
    /// A rule could not be evaluated.
    RuleError(&'a RuleError),
    /// The last figures of a run.
    Summary(&'a Summary),
}

/// The first line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Header {
    /// Version of the line format.
    pub v: u32,
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// Kernel release.
    pub kernel: String,
    /// When the run started.
    pub started: Timestamp,
    /// Which hook carries each probe.
    pub attach: std::collections::BTreeMap<String, String>,
    /// Which processes are watched.
    pub filters: Filters,
    /// Whether drift is corrected.
    pub reconcile: bool,
    /// Which call stacks are taken.
    pub stacks: StackChoice,
    /// What the agent may use for what it remembers.
    pub max_memory_bytes: u64,
}

/// The state of all watched processes.
#[derive(Clone, Debug)]
pub struct Interval {
    /// When.
    pub ts: Timestamp,
    /// By pid.
    pub snapshots: Vec<Snapshot>,
    /// Findings that are open.
    pub open_findings: Vec<Finding>,
    /// The agent's own figures.
    pub stats: Stats,
    /// The host, once it was read.
    pub host: Option<HostSnapshot>,
    /// Groups of watched processes, by the path of their cgroup.
    pub components: Vec<ComponentSnapshot>,
}

/// Where a snapshot's inventory comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Kernel events.
    #[default]
    Events,
    /// /proc alone.
    Proc,
}

/// How right the inventory was when last checked, before any correction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AccuracyLine {
    /// When.
    pub checked_at: Timestamp,
    /// Bytes on which events and /proc disagreed.
    pub mapping_error_bytes: Option<u64>,
    /// Descriptors on which events and /proc disagreed, plain files aside.
    pub descriptor_error: Option<u64>,
}

/// The state of one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Snapshot {
    /// When.
    pub ts: Timestamp,
    /// Pid.
    pub pid: u32,
    /// When the process started.
    pub start_time: Option<Timestamp>,
    /// Parent.
    pub ppid: Option<u32>,
    /// Name.
    pub comm: String,
    /// Command line, with what looks like a secret left out.
    pub cmdline: Option<String>,
    /// Name of its user.
    pub user: Option<String>,
    /// The group of processes it belongs to: its container, else its unit, else its cgroup; `null` in
    /// the root cgroup.
    pub component: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
    /// Kubernetes pod uid.
    pub pod: Option<String>,
    /// Where the figures of mappings and descriptors come from.
    pub source: Source,
    /// Resident set.
    pub rss_bytes: Option<u64>,
    /// Resident anonymous memory.
    pub rss_anon_bytes: Option<u64>,
    /// Resident file pages.
    pub rss_file_bytes: Option<u64>,
    /// Resident shared memory.
    pub rss_shmem_bytes: Option<u64>,
    /// Proportional share of the resident set.
    pub pss_bytes: Option<u64>,
    /// Its share of shared memory: all of a page that nobody else has mapped.
    pub pss_shmem_bytes: Option<u64>,
    /// Swapped out.
    pub swap_bytes: Option<u64>,
    /// Freed by the program, not yet taken back by the kernel.
    pub lazyfree_bytes: Option<u64>,
    /// In transparent huge pages.
    pub thp_bytes: Option<u64>,
    /// Virtual size.
    pub virtual_bytes: Option<u64>,
    /// The brk area.
    pub heap_bytes: Option<u64>,
    /// Private anonymous mappings.
    pub anon_mapped_bytes: Option<u64>,
    /// File mappings.
    pub file_mapped_bytes: Option<u64>,
    /// Shared memory mappings.
    pub shared_mapped_bytes: Option<u64>,
    /// VMAs at the last reading of maps.
    pub mappings: Option<u32>,
    /// Open descriptors: the sum of the kinds that follow.
    pub descriptors: Option<u64>,
    /// Files with a path, directories and devices.
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
    /// Files without a path of other kinds: signalfd, pidfd, io_uring, …
    pub other_descriptors: Option<u64>,
    /// Open files behind the descriptors that are no plain files: copies of a descriptor name one.
    pub descriptor_objects: Option<u64>,
    /// TCP sockets by state.
    pub connections: Option<Connections>,
    /// TCP connections on which nothing was sent or received for ten minutes, keep-alive probes aside.
    pub idle_connections: Option<u64>,
    /// The accept queue of the fullest of its TCP listeners; `null` without any. Of a listener that
    /// several processes hold, the one with the lowest pid shows it.
    pub accept_queue: Option<AcceptQueue>,
    /// Files that were deleted while it has them open.
    pub deleted_files: Option<DeletedFiles>,
    /// POSIX timers and interval timers.
    pub timers: Option<u64>,
    /// Descriptors that its epolls watch.
    pub epoll_watches: Option<u64>,
    /// Files that its inotifies watch.
    pub inotify_watches: Option<u64>,
    /// System V shared-memory segments it has attached.
    pub shm_segments: Option<u64>,
    /// Threads.
    pub threads: Option<u32>,
    /// Living children.
    pub children: u64,
    /// Children that ended and were not waited for.
    pub zombies: u64,
    /// Percent of one core between the last two looks.
    pub cpu_percent: Option<f64>,
    /// What it did so far: growth may follow it.
    pub load: Option<LoadLine>,
    /// What looks at accessed pages found last; `null` while nobody looks: only memory that grows
    /// is looked at.
    pub access: Option<AccessLine>,
    /// What looks at counted objects found last, kind by kind; `null` while nobody looks: only what
    /// grows is looked at.
    pub objects: Option<Vec<ObjectsLine>>,
    /// Its own limits.
    pub limits: Option<ProcLimits>,
    /// How right the mapping figures are.
    pub accuracy: Option<AccuracyLine>,
    /// When /proc was last read.
    pub sampled_at: Option<Timestamp>,
    /// Whether this is the process's last snapshot.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// How much of its memory a process uses, as marks of accessed pages tell. Memory that is leaked is
/// held and not touched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessLine {
    /// When the last look was.
    pub at: Timestamp,
    /// For how long accesses were counted.
    pub window_seconds: u64,
    /// Resident anonymous memory when that began.
    pub held_bytes: u64,
    /// What of it was touched since then.
    pub touched_bytes: u64,
}

/// What a process was asked to do, in counters that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoadLine {
    /// CPU time since it started, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Connections accepted since the first look at it, where events tell of them.
    pub accepted: Option<u64>,
    /// Bytes that read(2) and its like gave it since it started, of files and sockets alike. What
    /// recv(2) and its like gave is not among them: the kernel counts it nowhere.
    pub read_bytes: Option<u64>,
}

/// Descriptors of TCP sockets by the state of their socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Connections {
    /// `TCP_ESTABLISHED`
    pub established: u64,
    /// `TCP_SYN_SENT`
    pub syn_sent: u64,
    /// `TCP_SYN_RECV`
    pub syn_recv: u64,
    /// `TCP_FIN_WAIT1`
    pub fin_wait1: u64,
    /// `TCP_FIN_WAIT2`
    pub fin_wait2: u64,
    /// `TCP_TIME_WAIT`
    pub time_wait: u64,
    /// `TCP_CLOSE`: not connected yet, or any more.
    pub close: u64,
    /// `TCP_CLOSE_WAIT`: the peer has closed, the program has not.
    pub close_wait: u64,
    /// `TCP_LAST_ACK`
    pub last_ack: u64,
    /// `TCP_LISTEN`
    pub listen: u64,
    /// `TCP_CLOSING`
    pub closing: u64,
}

/// The agent's own figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    /// When.
    pub ts: Timestamp,
    /// Kernel records taken.
    pub events_seen: u64,
    /// Kernel records that found the ring full.
    pub events_lost: u64,
    /// The same by family.
    pub lost_by_family: std::collections::BTreeMap<&'static str, u64>,
    /// Records of another version, or damaged.
    pub decode_errors: u64,
    /// Calls that failed and changed nothing.
    pub failed_calls: u64,
    /// The same by family.
    pub failed_by_family: std::collections::BTreeMap<&'static str, u64>,
    /// Followed children for which the kernel side had no room.
    pub unwatched_children: u64,
    /// Lines the reader of the output was too slow for.
    pub events_not_printed: u64,
    /// Acquisitions that landed on something live: releases that were missed.
    pub order_repairs: u64,
    /// Address spaces read again.
    pub reconciled: u64,
    /// Pieces of detail given up to stay within --max-memory: ranges joined, spaces of which only
    /// totals are kept, series started anew.
    pub folded: u64,
    /// What the inventory and the series take, estimated.
    pub inventory_bytes: u64,
    /// Values that applications reported (--counters).
    pub custom_values: u64,
    /// Reported values that were not taken: no such line, process or component, or no room.
    pub custom_rejected: u64,
    /// Services whose earlier runs were forgotten for want of room.
    pub services_forgotten: u64,
    /// Processes watched.
    pub processes: usize,
    /// The agent's resident anonymous memory.
    pub agent_rss_anon_bytes: Option<u64>,
    /// Memory of its maps in the kernel.
    pub agent_kernel_bytes: Option<u64>,
    /// CPU of the agent, percent of one core.
    pub agent_cpu_percent: Option<f64>,
    /// What of it reading /proc, /sys and the kernel's tables took.
    pub reading_cpu_percent: Option<f64>,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// When.
    pub ts: Timestamp,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// The agent's own figures.
    pub stats: Stats,
    /// Every finding of the run, as it stands; of very many that ended, the last.
    pub findings: Vec<Finding>,
    /// Findings that ended before those.
    pub earlier_findings: u64,
    /// Worst mapping error of a checked process, and how many were checked; `None` if none was.
    pub accuracy: Option<(u64, usize)>,
    /// Status of the command started with `--`.
    pub command_status: Option<i32>,
}

/// The last line of a run with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExitLine {
    /// Status of the command started with `--`.
    pub command_status: i32,
    /// Status of the agent.
    pub status: u8,
}

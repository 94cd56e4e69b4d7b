//! What enters the engine, as values: [`Event`]s decoded from the kernel's records and the other
//! kinds of [`Input`]. Pure: nothing here reads a host, a clock or a file.

mod cgroup;
mod custom;
mod decode;
mod deleted;
mod input;
mod limit;
mod objects;
mod recording;
mod sockets;

pub use cgroup::{
    CgroupCpu, CgroupMemory, CgroupReading, MemoryLimit, Placement, TaskLimit, TreePath,
};
pub use custom::{
    CustomKind, CustomReading, CustomSubject, CustomValue, is_custom_name, parse_custom,
};
pub use decode::{DecodeError, decode};
pub use deleted::{DeletedFile, DeletedReading};
pub use input::{
    AccessReading, CommandExit, Filters, HostReading, Input, Loss, Privilege, ProcDetail,
    ProcIdentity, ProcReading, ProcRollup, ProcessId, ReadDescriptor, ReadRange, ReadSocket,
    Reconcile, RuleFile, SelfReading, StackChoice, Start, SysvSegment, TICK_NS, TableReading,
};
pub use limit::{Pressure, Pressures, ProcLimits, Stall, SystemLimits};
pub use monitor_common::Family;
pub use monitor_common::record::{EventKind, FileKind, OpenSet, SocketFacts};
pub use objects::{ObjectKind, ObjectReading, ObjectUse, UseTrace};
pub use recording::{RECORDING_MAGIC, RecordingError, RecordingReader, RecordingWriter};
use serde::{Deserialize, Serialize};
pub use sockets::{IDLE_SECONDS, Listener, SocketsReading};

/// The class of a mapping, as its line in /proc/PID/maps shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingClass {
    /// No name, `[anon:…]` or `/anon_hugepage`: private anonymous memory.
    Anonymous,
    /// `/dev/zero (deleted)`, `/SYSV…` or `/memfd:…`: shared memory without a path.
    Shared,
    /// Any other path.
    File,
    /// The brk area, `[heap]`.
    Heap,
}

impl MappingClass {
    /// All classes, in the order of their totals.
    pub const ALL: [Self; 4] = [Self::Anonymous, Self::Shared, Self::File, Self::Heap];
}

/// A task's name, NUL-padded as the kernel keeps it. Any process can put any bytes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Comm(pub [u8; monitor_common::limits::COMM_LEN]);

impl Comm {
    /// The name as text: up to the first NUL, invalid UTF-8 replaced. Not yet safe to print.
    pub fn to_text(self) -> String {
        let bytes = self.0.split(|&b| b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// One thing the kernel did.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// The process that did it.
    pub pid: u32,
    /// The thread that did it.
    pub tid: u32,
    /// Identity of the address space it ran in; 0 where the kernel had dropped it.
    pub mm: u64,
    /// Identity of the descriptor table it used; 0 where the kernel had dropped it.
    pub files: u64,
    /// What it was.
    pub body: Body,
}

/// What an event says beyond its header, by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A mapping was made, or failed to be.
    Mmap {
        /// Address asked for.
        hint: u64,
        /// Length asked for, in bytes, not rounded.
        length: u64,
        /// Offset into the file, in bytes.
        offset: u64,
        /// `PROT_*`
        prot: u32,
        /// `MAP_*`
        flags: u32,
        /// Descriptor argument.
        fd: i32,
        /// What the descriptor named.
        file: FileKind,
        /// Address returned, or a negative errno.
        result: i64,
    },
    /// Mappings are being released.
    Munmap {
        /// First address.
        addr: u64,
        /// Length in bytes, not rounded.
        length: u64,
    },
    /// A mapping was moved or resized, or failed to be.
    Mremap {
        /// Address of the source.
        old_addr: u64,
        /// Length of the source in bytes.
        old_length: u64,
        /// Length of the destination in bytes.
        new_length: u64,
        /// `MREMAP_*`
        flags: u64,
        /// Address returned, or a negative errno.
        result: i64,
    },
    /// The end of the heap was asked for or moved.
    Brk {
        /// End asked for; 0 only asks.
        requested: u64,
        /// End after the call.
        result: u64,
        /// Start of the heap.
        start_brk: u64,
    },
    /// A call whose arguments are numbers.
    Call(Call),
    /// A descriptor that is no plain file is being closed.
    Close {
        /// Which.
        fd: u32,
    },
    /// A TCP socket changed its state.
    TcpState(Box<TcpState>),
    /// The call stack of the event that follows in the same thread: return addresses, innermost
    /// first.
    Stack(Box<[u64]>),
    /// A process was made by this one.
    Fork {
        /// Its pid.
        child: u32,
        /// Its parent, not always the maker.
        child_ppid: u32,
        /// When it started, in nanoseconds since boot.
        child_start_ns: u64,
        /// Its address space.
        child_mm: u64,
        /// Its descriptor table: the maker's with `CLONE_FILES`.
        child_files: u64,
        /// What that table holds.
        open: Box<OpenSet>,
        /// Its name.
        comm: Comm,
    },
    /// This process became another program.
    Exec {
        /// When the process started, in nanoseconds since boot.
        start_ns: u64,
        /// Its new name.
        comm: Comm,
        /// The path given to execve, lossily decoded, cut at 255 bytes.
        filename: String,
        /// What its descriptor table still holds.
        open: Box<OpenSet>,
    },
    /// The last thread of this process ended.
    Exit {
        /// When the process started, in nanoseconds since boot.
        start_ns: u64,
        /// Status as wait(2) reports it.
        exit_code: u32,
    },
    /// A process got another name.
    Rename {
        /// Which.
        pid: u32,
        /// The name.
        comm: Comm,
    },
}

/// A call whose arguments are numbers; what they are stands at each [`EventKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which call.
    pub kind: EventKind,
    /// Its arguments, as the kind says.
    pub args: [u64; 4],
    /// What it returned, or a negative errno; 0 for calls reported at their start.
    pub result: i64,
    /// Inode number of the file it made or copied, where that is a socket or a pipe; else 0.
    pub inode: u64,
    /// What the resulting descriptor of a copying call names.
    pub file: FileKind,
    /// As the kind says.
    pub detail: u32,
}

/// A TCP socket changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpState {
    /// Inode number of the socket.
    pub inode: u64,
    /// `TCP_*` before.
    pub old_state: u16,
    /// `TCP_*` now.
    pub new_state: u16,
    /// Local address and port.
    pub local: std::net::SocketAddr,
    /// Remote address and port.
    pub remote: std::net::SocketAddr,
}

/// What a descriptor is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DescriptorKind {
    /// A file with a path, a directory or a device.
    File,
    /// An end of a pipe.
    Pipe,
    /// An eventfd.
    Eventfd,
    /// A socket.
    Socket,
    /// A timerfd.
    Timerfd,
    /// An epoll.
    Epoll,
    /// An inotify.
    Inotify,
    /// A memfd.
    Memfd,
    /// Any other file without a path.
    Other,
}

impl DescriptorKind {
    /// All kinds, in the order of their counts.
    pub const ALL: [Self; 9] = [
        Self::File,
        Self::Pipe,
        Self::Eventfd,
        Self::Socket,
        Self::Timerfd,
        Self::Epoll,
        Self::Inotify,
        Self::Memfd,
        Self::Other,
    ];

    /// What the kernel's word for a file counts as; `None` where it is not known.
    pub const fn of_file(file: FileKind) -> Option<Self> {
        Some(match file {
            FileKind::None | FileKind::Unknown => return None,
            FileKind::Path | FileKind::DevZero => Self::File,
            FileKind::Memfd => Self::Memfd,
            FileKind::Socket => Self::Socket,
            FileKind::Pipe => Self::Pipe,
            FileKind::Eventfd => Self::Eventfd,
            FileKind::Epoll => Self::Epoll,
            FileKind::Timerfd => Self::Timerfd,
            FileKind::Inotify => Self::Inotify,
            FileKind::Other => Self::Other,
        })
    }
}

impl Event {
    /// The kind of this event.
    pub fn kind(&self) -> EventKind {
        match self.body {
            Body::Mmap { .. } => EventKind::Mmap,
            Body::Munmap { .. } => EventKind::Munmap,
            Body::Mremap { .. } => EventKind::Mremap,
            Body::Brk { .. } => EventKind::Brk,
            Body::Call(ref call) => call.kind,
            Body::Close { .. } => EventKind::Close,
            Body::TcpState(_) => EventKind::TcpState,
            Body::Stack(_) => EventKind::Stack,
            Body::Fork { .. } => EventKind::Fork,
            Body::Exec { .. } => EventKind::Exec,
            Body::Exit { .. } => EventKind::Exit,
            Body::Rename { .. } => EventKind::Rename,
        }
    }
}

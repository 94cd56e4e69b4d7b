//! What enters the engine, as values: [`Event`]s decoded from the kernel's records and the other
//! kinds of [`Input`]. Pure: nothing here reads a host, a clock or a file.

mod decode;
mod input;
mod recording;

pub use decode::{DecodeError, decode};
pub use input::{
    CommandExit, Filters, HostReading, Input, Loss, Privilege, ProcDetail, ProcReading, ProcRollup,
    ProcessId, ReadRange, Reconcile, SelfReading, Start, TICK_NS,
};
pub use monitor_common::Family;
pub use monitor_common::record::{EventKind, FileKind};
pub use recording::{RECORDING_MAGIC, RecordingError, RecordingReader, RecordingWriter};
use serde::{Deserialize, Serialize};

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
        /// Whether it shares the maker's descriptor table.
        shares_descriptors: bool,
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

impl Event {
    /// The kind of this event.
    pub fn kind(&self) -> EventKind {
        match self.body {
            Body::Mmap { .. } => EventKind::Mmap,
            Body::Munmap { .. } => EventKind::Munmap,
            Body::Mremap { .. } => EventKind::Mremap,
            Body::Brk { .. } => EventKind::Brk,
            Body::Fork { .. } => EventKind::Fork,
            Body::Exec { .. } => EventKind::Exec,
            Body::Exit { .. } => EventKind::Exit,
            Body::Rename { .. } => EventKind::Rename,
        }
    }
}

//! Looks at whether counted objects are used.

use serde::{Deserialize, Serialize};

use super::ProcessId;

/// What the objects of a look are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ObjectKind {
    /// Sockets, by inode number.
    Sockets,
    /// Descriptors of eventfds, by number.
    Eventfds,
    /// Descriptors of timerfds, by number.
    Timerfds,
    /// Children, by pid.
    Children,
    /// Descriptors of plain files, by number and inode number. The reader lists them itself.
    Files,
    /// Threads, by number. The reader lists them itself.
    Threads,
}

impl ObjectKind {
    /// Whether the reader lists the objects, rather than being asked for some.
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Files | Self::Threads)
    }
}

/// One look at some objects of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReading {
    /// Whose.
    pub process: ProcessId,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// What they are.
    pub kind: ObjectKind,
    /// Those that were asked for and are there; of those that are listed the newest, ascending.
    pub objects: Vec<ObjectUse>,
    /// How many there are in all, of those that are listed.
    pub count: u32,
}

/// What shows the use of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectUse {
    /// Which.
    pub id: u64,
    /// What can be seen of its use.
    pub trace: UseTrace,
}

/// What can be seen of the use of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UseTrace {
    /// Nothing.
    Unknown,
    /// It is in use now.
    Used,
    /// Nothing moved for so long, in nanoseconds.
    Quiet(u64),
    /// A figure that moves with every use.
    Figure(u64),
}

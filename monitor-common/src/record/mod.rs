//! The records of the ring buffer: a common header, then one layout per kind.

mod memory;
mod process;

pub use memory::{FileKind, RawBrk, RawMmap, RawMremap, RawMunmap};
pub use process::{RawExec, RawExit, RawFork, RawRename};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First bytes of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawHeader {
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`, as /proc's start times), taken in the program.
    pub boot_ns: u64,
    /// Address of the task's `mm_struct`: the identity of its address space; 0 where it has none.
    pub mm: u64,
    /// Address of the task's `files_struct`: the identity of its descriptor table.
    pub files: u64,
    /// Thread-group id (what users call the pid) in the initial pid namespace.
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// An [`EventKind`] as an integer.
    pub kind: u16,
    /// [`crate::WIRE_VERSION`] of the writer.
    pub version: u16,
    /// CPU on which the program ran.
    pub cpu: u32,
}

/// A group of probes with one name everywhere; loss is counted by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Mappings and heap.
    Memory,
    /// Birth, exec, rename and death of processes.
    Process,
}

impl Family {
    /// All families, in the order of their loss counters.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Process];

    /// The word users see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $family:ident, $raw:ty;)*) => {
        /// What happened. The integer on the wire is the discriminant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum EventKind { $($(#[$doc])* $variant = $code,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The kind with this code, or `None` for a code of another version.
            pub const fn from_raw(raw: u16) -> Option<Self> {
                match raw { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Bytes of a whole record of this kind, header included.
            pub const fn wire_len(self) -> usize {
                match self { $(Self::$variant => size_of::<$raw>(),)* }
            }

            /// The word users see in `kind`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The family the kind belongs to.
            pub const fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family,)* }
            }
        }

        $(impl WireRecord for $raw { const KIND: EventKind = EventKind::$variant; })*
    };
}

/// A record layout; ties the type to its kind so that the two cannot be mixed up.
pub trait WireRecord: Copy + FromBytes + IntoBytes + Immutable + KnownLayout + 'static {
    /// The kind whose records have this layout.
    const KIND: EventKind;
}

kinds! {
    /// A mapping was made (stamped when the call returns).
    Mmap = 1, "mmap", Memory, RawMmap;
    /// Mappings are about to go (stamped when the call starts).
    Munmap = 2, "munmap", Memory, RawMunmap;
    /// A mapping was moved or resized (stamped when the call returns).
    Mremap = 3, "mremap", Memory, RawMremap;
    /// The end of the heap was asked for or moved (stamped when the call returns).
    Brk = 4, "brk", Memory, RawBrk;
    /// A process was made (threads are not reported).
    Fork = 16, "fork", Process, RawFork;
    /// A process became another program.
    Exec = 17, "exec", Process, RawExec;
    /// The last thread of a process ended.
    Exit = 18, "exit", Process, RawExit;
    /// A process changed its name.
    Rename = 19, "rename", Process, RawRename;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_raw(kind as u16), Some(kind));
            assert!(kind.wire_len() >= size_of::<RawHeader>());
            assert_eq!(kind.wire_len() % 8, 0, "{kind:?} would leave a hole in the ring");
        }
        assert_eq!(EventKind::from_raw(0), None);
        assert_eq!(EventKind::from_raw(u16::MAX), None);
    }
}

//! What a reading through the kernel is made of. Not of the ring: a pass over a table has no
//! header, and no other reader.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An open descriptor of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawDescriptor {
    /// Address of its `struct file`: the identity of the open file for as long as it is open.
    pub file: u64,
    /// Inode number of a socket or pipe; else 0.
    pub inode: u64,
    /// Its number.
    pub fd: u32,
    /// The thread whose table was read.
    pub tid: u32,
    /// A [`super::FileKind`]; [`super::FileKind::Unknown`] where a read of the kernel's structures
    /// failed.
    pub kind: u16,
    /// 1 where it was opened for writing, else 0.
    pub writes: u16,
    /// [`super::SocketFacts`] of a socket; else 0.
    pub socket: u32,
}

const _: () = assert!(size_of::<RawDescriptor>() == 32);

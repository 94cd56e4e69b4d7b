//! Layouts that several kinds share.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;

/// A system call whose arguments are numbers. What the arguments are stands at each
/// [`super::EventKind`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawCall {
    /// Common header.
    pub header: RawHeader,
    /// The arguments, as the kind says; the rest is 0.
    pub args: [u64; 4],
    /// What the call returned, or a negative errno; 0 for calls reported at their start.
    pub result: i64,
    /// Inode number of the file the call made or copied, where it is a socket or a pipe; else 0.
    pub inode: u64,
    /// A [`super::FileKind`]: what the resulting descriptor of a copying call names; else 0.
    pub file: u32,
    /// As the kind says: of a socket its [`super::SocketFacts`], packed; else 0.
    pub detail: u32,
}

/// close at its start.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawClose {
    /// Common header.
    pub header: RawHeader,
    /// The descriptor.
    pub fd: u32,
    /// Keeps the record free of padding.
    pub reserved: u32,
}

/// Frames of a call stack that are kept, innermost first.
pub const MAX_FRAMES: usize = 32;

/// A user call stack. It belongs to the record of the same thread that follows it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawStack {
    /// Common header.
    pub header: RawHeader,
    /// How many frames there are.
    pub depth: u32,
    /// Keeps the record free of padding.
    pub reserved: u32,
    /// Return addresses, innermost first.
    pub frames: [u64; MAX_FRAMES],
}

const _: () = assert!(size_of::<RawCall>() == 96);
const _: () = assert!(size_of::<RawClose>() == 48);

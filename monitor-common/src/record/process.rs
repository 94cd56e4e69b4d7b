//! Family process: birth, exec, rename and death.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;
use crate::limits::{COMM_LEN, FILENAME_LEN};

/// A process was made; the header is its maker's.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawFork {
    /// Common header of the task that called fork, vfork or clone.
    pub header: RawHeader,
    /// `mm_struct` of the child: equal to the header's with `CLONE_VM` and vfork.
    pub child_mm: u64,
    /// `files_struct` of the child: equal to the header's with `CLONE_FILES`.
    pub child_files: u64,
    /// When the child started, in nanoseconds since boot.
    pub child_start_ns: u64,
    /// Thread-group id of the child.
    pub child_tgid: u32,
    /// Parent of the child: not always the maker (`CLONE_PARENT`).
    pub child_ppid: u32,
    /// The child's name, NUL-padded.
    pub comm: [u8; COMM_LEN],
}

/// execve succeeded; the header shows the new address space.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawExec {
    /// Common header.
    pub header: RawHeader,
    /// When the process started, in nanoseconds since boot.
    pub start_ns: u64,
    /// Thread id of the caller before the call; it differs from the header's where a thread
    /// that was not the leader called.
    pub old_tid: u32,
    /// Bytes of `filename` in use, the terminating NUL included.
    pub filename_len: u32,
    /// The new name, NUL-padded.
    pub comm: [u8; COMM_LEN],
    /// The path given to execve, cut to its first bytes.
    pub filename: [u8; FILENAME_LEN],
}

/// The last thread of a process ended. Some kernels have already dropped the address space, so
/// `header.mm` may be 0.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawExit {
    /// Common header.
    pub header: RawHeader,
    /// When the process started, in nanoseconds since boot.
    pub start_ns: u64,
    /// As wait(2) reports it: exit status in bits 8-15, signal in bits 0-6.
    pub exit_code: u32,
    /// Keeps the record free of padding.
    pub reserved: u32,
}

/// The leader of a process changed its name (prctl, /proc/PID/comm or exec).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawRename {
    /// Common header of the task that renamed; `renamed_tgid` says which process.
    pub header: RawHeader,
    /// Thread-group id of the renamed process.
    pub renamed_tgid: u32,
    /// Keeps the record free of padding.
    pub reserved: u32,
    /// The new name, NUL-padded.
    pub comm: [u8; COMM_LEN],
}

//! Family process: birth, exec, rename and death.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;
use crate::limits::{COMM_LEN, FILENAME_LEN, OPEN_WORDS};

/// Which descriptors of a table are open, as far as the record has room for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OpenSet {
    /// Bit `n % 64` of word `n / 64`: descriptor `n` is open.
    pub words: [u64; OPEN_WORDS],
    /// How many descriptors the table has room for; above [`OpenSet::CAPACITY`] the rest is not
    /// known. 0 where it could not be read.
    pub slots: u32,
    /// Keeps the record free of padding.
    pub reserved: u32,
}

impl OpenSet {
    /// Descriptors it has room for.
    pub const CAPACITY: u32 = 64 * OPEN_WORDS as u32;

    /// Nothing known.
    pub const UNKNOWN: Self = Self { words: [0; OPEN_WORDS], slots: 0, reserved: 0 };

    /// Whether a descriptor is open; `None` where that is not known.
    pub const fn has(&self, fd: u32) -> Option<bool> {
        if self.slots == 0 || fd >= Self::CAPACITY {
            return None;
        }
        Some(self.words[(fd / 64) as usize] >> (fd % 64) & 1 == 1)
    }

    /// How many are open; `None` where not all are known.
    pub fn count(&self) -> Option<u32> {
        let is_whole = self.slots != 0 && self.slots <= Self::CAPACITY;
        is_whole.then(|| self.words.iter().map(|word| word.count_ones()).sum())
    }
}

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
    /// What the child's table holds.
    pub open: OpenSet,
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
    /// What the table holds now that the close-on-exec descriptors are closed.
    pub open: OpenSet,
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

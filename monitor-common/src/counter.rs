//! What the kernel programs count where it happens, per CPU.

use crate::record::Family;

/// Index into the per-CPU array [`crate::map::COUNTERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Records of family memory that found the ring full.
    LostMemory = 0,
    /// Records of family process that found the ring full.
    LostProcess = 1,
    /// Failed acquisitions and replacements of family memory.
    FailedMemory = 2,
    /// A program could not read what it needed of a kernel structure; its event is lost.
    ReadError = 3,
    /// [`crate::map::WATCHED`] was full, so a followed child is not watched.
    WatchedFull = 4,
}

impl Counter {
    /// How many counters there are: the size of the array.
    pub const COUNT: u32 = 5;

    /// The counter of records of `family` that found no room in the ring.
    pub const fn lost(family: Family) -> Self {
        match family {
            Family::Memory => Self::LostMemory,
            Family::Process => Self::LostProcess,
        }
    }
}

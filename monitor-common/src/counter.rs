//! What the kernel programs count where it happens, per CPU.

use crate::record::Family;

/// Index into the per-CPU array [`crate::map::COUNTERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Records of a family that found the ring full.
    Lost(Family),
    /// Failed acquisitions and replacements of a family.
    Failed(Family),
    /// A program could not read what it needed of a kernel structure; its event is lost.
    ReadError,
    /// [`crate::map::WATCHED`] was full, so a followed child is not watched.
    WatchedFull,
}

const FAMILIES: u32 = Family::ALL.len() as u32;

impl Counter {
    /// How many counters there are: the size of the array.
    pub const COUNT: u32 = 2 * FAMILIES + 2;

    /// Place in the array.
    pub const fn index(self) -> u32 {
        match self {
            Self::Lost(family) => family as u32,
            Self::Failed(family) => FAMILIES + family as u32,
            Self::ReadError => 2 * FAMILIES,
            Self::WatchedFull => 2 * FAMILIES + 1,
        }
    }
}

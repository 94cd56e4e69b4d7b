//! Drains the ring. The ring is the queue: nothing stands between it and the engine.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use aya::maps::{Map, MapData, MapError, RingBuf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::KernelError;

/// The consumer of the ring.
pub struct Ring {
    buffer: RingBuf<MapData>,
}

impl Ring {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        Ok(Self { buffer: RingBuf::try_from(map)? })
    }

    /// Hands each waiting record to `take`, at most `limit` of them; says how many there were.
    pub fn drain(&mut self, limit: usize, mut take: impl FnMut(&[u8])) -> usize {
        let mut taken = 0;
        while taken < limit {
            let Some(record) = self.buffer.next() else { break };
            take(&record);
            taken += 1;
        }
        taken
    }

    /// Waits until the kernel side asks to be read (the ring passed a quarter), until `other` is
    /// readable, or until the time is over.
    pub fn wait(&self, other: BorrowedFd<'_>, timeout_ms: u16) -> Result<(), KernelError> {
        // SAFETY: the descriptor is the ring's and lives as long as `self`.
        let ring = unsafe { BorrowedFd::borrow_raw(self.buffer.as_raw_fd()) };
        let mut fds =
            [PollFd::new(ring, PollFlags::POLLIN), PollFd::new(other.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(timeout_ms)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring")
    }
}

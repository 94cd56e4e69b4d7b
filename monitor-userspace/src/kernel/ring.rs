//! Drains the ring. The ring is the queue: nothing stands between it and the engine.

use std::os::fd::AsFd as _;

use aya::maps::{Map, MapData, MapError, RingBuf};
use nix::poll::{PollFd, PollFlags};

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

    /// For waiting: readable when the kernel side asks to be read, as the ring passes a quarter.
    pub fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(self.buffer.as_fd(), PollFlags::POLLIN)
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring")
    }
}

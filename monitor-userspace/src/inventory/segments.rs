//! The sizes of System V shared-memory segments: shmat tells the address only.

use rustc_hash::FxHashMap;

use crate::event::{Body, EventKind, HostReading};

/// What was learnt this long before a list was read is in it.
const SETTLED_NS: u64 = 1_000_000_000;

/// Segments by id.
#[derive(Debug, Default)]
pub struct Segments {
    /// Size, and when it was learnt from a call.
    known: FxHashMap<i32, (u64, u64)>,
}

impl Segments {
    /// Segments that are kept; the kernel's own default limit is 4096.
    const CAP: usize = 65_536;

    /// Bytes of a segment, as asked for. Ids of other IPC namespaces may be taken for ours: a check
    /// of the address space shows that.
    pub fn bytes(&self, id: i32) -> Option<u64> {
        self.known.get(&id).map(|(bytes, _)| *bytes)
    }

    /// Learns from shmget; other events say nothing.
    pub fn apply(&mut self, at_ns: u64, body: &Body) {
        let Body::Call(call) = body else { return };
        // A size of 0 asks for a segment that exists.
        if call.kind == EventKind::Shmget
            && call.result >= 0
            && call.args[1] > 0
            && self.known.len() < Self::CAP
        {
            let known = self.known.entry(call.result as i32).or_default();
            *known = (call.args[1].max(known.0), at_ns);
        }
    }

    /// Takes the kernel's list; what was made while it was read stays.
    pub fn read(&mut self, reading: &HostReading) {
        self.known.retain(|_, (_, learnt_ns)| *learnt_ns + SETTLED_NS > reading.at_ns);
        for found in &reading.segments {
            self.known.insert(found.id, (found.bytes, 0));
        }
    }
}

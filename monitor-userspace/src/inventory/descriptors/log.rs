//! What happened to a descriptor table while it is being read, and the merge of both.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::FdOp;
use crate::event::{DescriptorKind, ReadDescriptor, SocketFacts, TableReading};

/// A descriptor as a reading and the operations after it show it. Plain files are among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: DescriptorKind,
    pub(super) inode: u64,
    pub(super) writes: bool,
    pub(super) socket: SocketFacts,
    pub(super) is_listener: bool,
    pub(super) watches: BTreeSet<u32>,
}

impl Seen {
    fn read(found: &ReadDescriptor) -> Self {
        let socket = found.socket.unwrap_or_default();
        Self {
            kind: found.kind,
            inode: found.inode,
            writes: found.writes,
            socket: SocketFacts {
                family: socket.family,
                socket_type: socket.socket_type,
                state: socket.tcp_state,
            },
            is_listener: socket.is_listener,
            watches: found.watches.iter().copied().collect(),
        }
    }

    fn made(kind: DescriptorKind, inode: u64, writes: bool, socket: SocketFacts) -> Self {
        Self { kind, inode, writes, socket, is_listener: false, watches: BTreeSet::new() }
    }
}

/// Operations on one table with their times, oldest first; bounded.
#[derive(Clone, Debug)]
pub(super) struct FdLog {
    started_ns: u64,
    since_ns: u64,
    ops: VecDeque<(u64, FdOp)>,
}

impl FdLog {
    /// Operations kept; at most 4 MiB a table, and only while it waits to be read.
    pub(super) const CAP: usize = 65_536;

    /// How long a release may take from its start to its effect. What takes longer is drift.
    pub(super) const LOOKBACK_NS: u64 = 1_000_000_000;

    pub(super) fn new(now_ns: u64) -> Self {
        Self { started_ns: now_ns, since_ns: now_ns, ops: VecDeque::new() }
    }

    pub(super) fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Notes an operation. At the cap the oldest goes, and the log starts later.
    pub(super) fn push(&mut self, at_ns: u64, op: FdOp) {
        if self.ops.len() >= Self::CAP
            && let Some((dropped, _)) = self.ops.pop_front()
        {
            self.since_ns = dropped + 1;
        }
        self.ops.push_back((at_ns, op));
    }

    /// Whether anything happened from `since_ns` on.
    pub(super) fn is_busy_since(&self, since_ns: u64) -> bool {
        self.ops.back().is_some_and(|(at_ns, _)| *at_ns >= since_ns)
    }

    /// Brings a reading up to now: as of its start, then releases that may have taken effect after
    /// it, then everything later in order. `None` where the log starts too late for it.
    pub(super) fn merge(&self, reading: &TableReading) -> Option<BTreeMap<u32, Seen>> {
        if self.since_ns > reading.t0_ns {
            return None;
        }
        let mut seen: BTreeMap<u32, Seen> =
            reading.open.iter().map(|found| (found.fd, Seen::read(found))).collect();
        self.apply_late_releases(&mut seen, reading.t0_ns);
        for (_, op) in self.ops.iter().filter(|(at_ns, _)| *at_ns > reading.t0_ns) {
            apply(&mut seen, *op);
        }
        Some(seen)
    }

    /// A release is stamped when it starts: one from just before `t0` may have run after the
    /// descriptor was read. It is applied, but not to what was acquired again up to `t0`.
    fn apply_late_releases(&self, seen: &mut BTreeMap<u32, Seen>, t0_ns: u64) {
        let early = t0_ns.saturating_sub(Self::LOOKBACK_NS);
        let mut reacquired = BTreeSet::new();
        let before = self.ops.iter().rev().skip_while(|(at_ns, _)| *at_ns > t0_ns);
        for (_, op) in before.take_while(|(at_ns, _)| *at_ns >= early) {
            match *op {
                FdOp::Close { first, last } => {
                    seen.retain(|fd, found| {
                        // Of plain files nothing is known but that they are there.
                        !(first..=last).contains(fd)
                            || reacquired.contains(fd)
                            || found.kind == DescriptorKind::File
                    });
                }
                FdOp::Open { fd, .. } | FdOp::Copy { new: fd, .. } => {
                    reacquired.insert(fd);
                }
                _ => {}
            }
        }
    }
}

fn apply(seen: &mut BTreeMap<u32, Seen>, op: FdOp) {
    match op {
        FdOp::Open { fd, kind, inode, writes, socket } => {
            let again = seen.get(&fd).filter(|found| found.kind == kind && found.inode == inode);
            // The reading may have seen it already, and more of it.
            if again.is_none() {
                seen.insert(fd, Seen::made(kind, inode, writes, socket));
            }
        }
        FdOp::Copy { old, new, kind, inode, .. } => {
            let is_same = |found: &&Seen| {
                kind.is_none_or(|kind| kind == found.kind)
                    && (inode == 0 || found.inode == 0 || inode == found.inode)
            };
            let source = seen.get(&old).filter(is_same).cloned();
            match (source, kind) {
                (Some(source), _) => drop(seen.insert(new, source)),
                // The source is gone already: the destination stays as read if it can be that.
                (None, Some(kind)) if !seen.get(&new).is_some_and(|found| found.kind == kind) => {
                    seen.insert(new, Seen::made(kind, inode, false, SocketFacts::default()));
                }
                (None, _) => {}
            }
        }
        FdOp::Close { first, last } => {
            if first == last {
                seen.remove(&first);
            } else {
                seen.retain(|fd, _| !(first..=last).contains(fd));
            }
        }
        FdOp::Listen { fd } => {
            if let Some(found) = seen.get_mut(&fd) {
                found.is_listener = true;
            }
        }
        FdOp::Watch { epoll: fd, fd: watch } | FdOp::AddWatch { inotify: fd, watch } => {
            if let Some(found) = seen.get_mut(&fd) {
                found.watches.insert(watch);
            }
        }
        FdOp::Unwatch { epoll: fd, fd: watch } | FdOp::RemoveWatch { inotify: fd, watch } => {
            if let Some(found) = seen.get_mut(&fd) {
                found.watches.remove(&watch);
            }
        }
    }
}

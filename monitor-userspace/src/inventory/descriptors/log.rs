//! What happened to a descriptor table while it is being read, and the merge of both.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::FdOp;
use crate::event::{DescriptorKind, ReadDescriptor, SocketFacts, TableReading};

/// A descriptor as a reading and the operations around it show it. Plain files are among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: DescriptorKind,
    pub(super) inode: u64,
    pub(super) writes: bool,
    /// What the kernel knows the file by, 0 where the reading does not tell.
    pub(super) file: u64,
    pub(super) socket: SocketFacts,
    pub(super) is_listener: bool,
    /// What it watches: number, and group of the file behind it, 0 if that is not known.
    pub(super) watches: BTreeSet<(u32, u32)>,
    /// The same for descriptors of one file.
    pub(super) group: u32,
}

impl Seen {
    fn read(found: &ReadDescriptor, group: u32) -> Self {
        let socket = found.socket.unwrap_or_default();
        Self {
            kind: found.kind,
            inode: found.inode,
            writes: found.writes,
            file: found.file,
            socket: socket.into(),
            is_listener: socket.is_listener,
            watches: BTreeSet::new(),
            group,
        }
    }

    /// Whether both may be the same file.
    fn may_be(&self, kind: DescriptorKind, inode: u64) -> bool {
        self.kind == kind && (inode == 0 || self.inode == 0 || inode == self.inode)
    }

    /// Takes over what the operations told of the same file and a reading cannot.
    fn learn(&mut self, told: &Self) {
        self.is_listener |= told.is_listener;
        if self.socket.family == 0 {
            self.socket = told.socket;
        }
    }
}

/// Descriptors by number, as they come to be known.
#[derive(Debug, Default)]
struct Sketch {
    open: BTreeMap<u32, Seen>,
    groups: u32,
    /// Descriptors of each group.
    refs: FxHashMap<u32, u32>,
    /// Numbers under which a group is watched.
    numbers: FxHashMap<u32, Vec<u32>>,
    /// Descriptors that watch others.
    watchers: BTreeSet<u32>,
}

impl Sketch {
    fn group(&mut self) -> u32 {
        self.groups += 1;
        self.groups
    }

    /// What is open now as it was read, with what is known of the same files already.
    fn read(self, reading: &TableReading) -> Self {
        let mut told = self.open;
        let mut read = Self { groups: self.groups, ..Self::default() };
        let mut groups = Groups::default();
        for found in &reading.open {
            let told = told.get(&found.fd).filter(|told| told.may_be(found.kind, found.inode));
            let group = groups.of(found.file, told.map(|told| told.group), || read.group());
            let mut seen = Seen::read(found, group);
            if let Some(told) = told {
                seen.learn(told);
            }
            read.put(found.fd, seen);
        }
        for found in reading.open.iter().filter(|found| !found.watches.is_empty()) {
            let told = told.get_mut(&found.fd);
            let mut told = told.map(|told| std::mem::take(&mut told.watches)).unwrap_or_default();
            for &number in &found.watches {
                // The number may name another file by now than when it began to be watched.
                let known = told.range((number, 0)..=(number, u32::MAX)).next().copied();
                if let Some(known) = known {
                    told.remove(&known);
                }
                let is_epoll = found.kind == DescriptorKind::Epoll;
                let behind = read.open.get(&number).filter(|_| is_epoll);
                let known = known.map(|it| groups.now(it.1));
                let group = known.unwrap_or_else(|| behind.map_or(0, |seen| seen.group));
                read.add_watch(found.fd, number, group);
            }
        }
        read
    }

    fn add_watch(&mut self, fd: u32, number: u32, group: u32) {
        if let Some(seen) = self.open.get_mut(&fd) {
            seen.watches.insert((number, group));
            self.watchers.insert(fd);
            if group != 0 {
                self.numbers.entry(group).or_default().push(number);
            }
        }
    }

    fn close(&mut self, first: u32, last: u32) {
        if first > last {
            return;
        }
        while let Some((&fd, _)) = self.open.range(first..=last).next() {
            self.remove(fd);
        }
        // A file that was gone before it could be read is watched no longer either.
        for watcher in &self.watchers {
            let Some(seen) = self.open.get_mut(watcher) else { continue };
            if seen.kind != DescriptorKind::Epoll {
                continue;
            }
            let range = (first, 0)..=(last, u32::MAX);
            let refs = &self.refs;
            let is_dead = |watch: &&(u32, u32)| !refs.contains_key(&watch.1);
            let dead: Vec<_> = seen.watches.range(range).filter(is_dead).copied().collect();
            for watch in dead {
                seen.watches.remove(&watch);
            }
        }
    }

    fn remove(&mut self, fd: u32) {
        let Some(gone) = self.open.remove(&fd) else { return };
        self.watchers.remove(&fd);
        let Some(refs) = self.refs.get_mut(&gone.group) else { return };
        *refs -= 1;
        if *refs > 0 {
            return;
        }
        self.refs.remove(&gone.group);
        for number in self.numbers.remove(&gone.group).unwrap_or_default() {
            for watcher in &self.watchers {
                if let Some(seen) = self.open.get_mut(watcher) {
                    seen.watches.remove(&(number, gone.group));
                }
            }
        }
    }

    fn put(&mut self, fd: u32, seen: Seen) {
        self.remove(fd);
        *self.refs.entry(seen.group).or_insert(0) += 1;
        if !seen.watches.is_empty() {
            self.watchers.insert(fd);
        }
        self.open.insert(fd, seen);
    }

    fn apply(&mut self, op: FdOp) {
        match op {
            FdOp::Open { fd, kind, inode, writes, socket } => {
                let group = self.group();
                let told = Seen {
                    kind,
                    inode,
                    writes,
                    file: 0,
                    socket,
                    is_listener: false,
                    watches: BTreeSet::new(),
                    group,
                };
                // The reading may have seen it already, and more of it.
                match self.open.get_mut(&fd) {
                    Some(seen) if seen.kind == kind && seen.inode == inode => {
                        if seen.socket.family == 0 {
                            seen.socket = socket;
                        }
                    }
                    _ => self.put(fd, told),
                }
            }
            FdOp::Copy { old, new, kind, inode, .. } => self.copy(old, new, kind, inode),
            FdOp::Close { first, last } => self.close(first, last),
            FdOp::Listen { fd } => {
                if let Some(seen) = self.open.get_mut(&fd) {
                    seen.is_listener = true;
                }
            }
            FdOp::Watch { epoll, fd } => {
                let group = self.open.get(&fd).map_or(0, |seen| seen.group);
                for epoll in self.copies_of(epoll) {
                    self.add_watch(epoll, fd, group);
                }
            }
            FdOp::AddWatch { inotify, watch } => {
                for inotify in self.copies_of(inotify) {
                    self.add_watch(inotify, watch, 0);
                }
            }
            FdOp::Unwatch { epoll: fd, fd: number }
            | FdOp::RemoveWatch { inotify: fd, watch: number } => {
                for fd in self.copies_of(fd) {
                    if let Some(seen) = self.open.get_mut(&fd) {
                        seen.watches.retain(|(watched, _)| *watched != number);
                    }
                }
            }
        }
    }

    /// Every descriptor of the file that `fd` names.
    fn copies_of(&self, fd: u32) -> Vec<u32> {
        let Some(group) = self.open.get(&fd).map(|seen| seen.group) else { return Vec::new() };
        if self.refs.get(&group) == Some(&1) {
            return vec![fd];
        }
        let copies = self.open.iter().filter(|(_, seen)| seen.group == group);
        copies.map(|(&fd, _)| fd).collect()
    }

    fn copy(&mut self, old: u32, new: u32, kind: Option<DescriptorKind>, inode: u64) {
        let is_same = |seen: &&Seen| kind.is_none_or(|kind| seen.may_be(kind, inode));
        let source = self.open.get(&old).filter(is_same).cloned();
        match (source, kind) {
            (Some(source), _) => {
                if self.open.get(&new).is_none_or(|seen| seen.group != source.group) {
                    self.put(new, source);
                }
            }
            // The source is gone already: the destination stays as read if it can be that.
            (None, Some(kind)) if self.open.get(&new).is_none_or(|seen| seen.kind != kind) => {
                let group = self.group();
                let seen = Seen {
                    kind,
                    inode,
                    writes: false,
                    file: 0,
                    socket: SocketFacts::default(),
                    is_listener: false,
                    watches: BTreeSet::new(),
                    group,
                };
                self.put(new, seen);
            }
            (None, _) => {}
        }
    }
}

/// Which descriptors of a reading are of one file: as it says itself or else, where only /proc was
/// asked, as the operations told.
#[derive(Debug, Default)]
struct Groups {
    by_file: FxHashMap<u64, u32>,
    files: FxHashMap<u32, u64>,
    /// Groups that the reading showed to be the same as another.
    renamed: FxHashMap<u32, u32>,
}

impl Groups {
    /// The group of a descriptor that operations put into `told`.
    fn of(&mut self, file: u64, told: Option<u32>, fresh: impl FnOnce() -> u32) -> u32 {
        if file == 0 {
            return told.unwrap_or_else(fresh);
        }
        if let Some(&group) = self.by_file.get(&file) {
            if let Some(told) = told.filter(|told| !self.files.contains_key(told)) {
                self.renamed.insert(told, group);
            }
            return group;
        }
        // Files that were taken for one may be two.
        let free = told.filter(|told| !self.files.contains_key(told));
        let group = free.unwrap_or_else(fresh);
        self.by_file.insert(file, group);
        self.files.insert(group, file);
        group
    }

    /// What became of a group of the operations.
    fn now(&self, group: u32) -> u32 {
        self.renamed.get(&group).copied().unwrap_or(group)
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

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.ops.capacity() * size_of::<(u64, FdOp)>()
    }

    /// Whether anything happened from `since_ns` on.
    pub(super) fn is_busy_since(&self, since_ns: u64) -> bool {
        self.ops.back().is_some_and(|(at_ns, _)| *at_ns >= since_ns)
    }

    /// Brings a reading up to now: as of its start, then releases that may have taken effect after
    /// it, then everything later in order. What came before tells which descriptors are copies of
    /// each other. `None` where the log starts too late for it.
    pub(super) fn merge(&self, reading: &TableReading) -> Option<BTreeMap<u32, Seen>> {
        if self.since_ns > reading.t0_ns {
            return None;
        }
        let mut sketch = Sketch::default();
        for (_, op) in self.ops.iter().take_while(|(at_ns, _)| *at_ns <= reading.t0_ns) {
            sketch.apply(*op);
        }
        let mut sketch = sketch.read(reading);
        self.apply_late_releases(&mut sketch, reading.t0_ns);
        for (_, op) in self.ops.iter().skip_while(|(at_ns, _)| *at_ns <= reading.t0_ns) {
            sketch.apply(*op);
        }
        Some(sketch.open)
    }

    /// A release is stamped when it starts: one from just before `t0` may have run after the
    /// descriptor was read. It is applied, but not to what was acquired again up to `t0`.
    fn apply_late_releases(&self, sketch: &mut Sketch, t0_ns: u64) {
        let early = t0_ns.saturating_sub(Self::LOOKBACK_NS);
        let mut reacquired = BTreeSet::new();
        let before = self.ops.iter().rev().skip_while(|(at_ns, _)| *at_ns > t0_ns);
        for (_, op) in before.take_while(|(at_ns, _)| *at_ns >= early) {
            match *op {
                FdOp::Close { first, last } => {
                    // Of plain files nothing is known but that they are there.
                    let is_gone = |(fd, seen): (&u32, &Seen)| {
                        let stays = reacquired.contains(fd) || seen.kind == DescriptorKind::File;
                        (!stays).then_some(*fd)
                    };
                    let range = first..=last.max(first);
                    let gone: Vec<u32> = sketch.open.range(range).filter_map(is_gone).collect();
                    for fd in gone {
                        sketch.remove(fd);
                    }
                }
                FdOp::Open { fd, .. } | FdOp::Copy { new: fd, .. } => {
                    reacquired.insert(fd);
                }
                _ => {}
            }
        }
    }
}

//! One descriptor table: what it holds, whether that is known, and how right it was.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::{
    FdOp, Object, ObjectId, Objects,
    log::{FdLog, Seen},
};
use crate::{
    event::{DescriptorKind, OpenSet, TableReading},
    inventory::Applied,
};

/// `AF_INET`, `AF_INET6` and `SOCK_STREAM`.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const SOCK_STREAM: u8 = 1;
/// `TCP_LISTEN`, include/net/tcp_states.h.
const TCP_LISTEN: u8 = 10;

/// How many TCP states there are, 0 included (include/net/tcp_states.h).
pub const TCP_STATES: usize = 13;

/// How right a table was at its last check, before anything was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableAccuracy {
    /// When, in nanoseconds since boot.
    pub checked_ns: u64,
    /// Descriptors that only one side has, or that name another kind of file, plain files aside.
    pub errors: u64,
}

/// What a table holds, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescriptorCounts {
    /// Descriptors by [`DescriptorKind`]; of files the last known number.
    pub by_kind: [u64; DescriptorKind::ALL.len()],
    /// Whether the number of plain files is known.
    pub knows_files: bool,
    /// Open files behind the descriptors that are no plain files.
    pub objects: u64,
    /// Listening sockets.
    pub listeners: u64,
    /// Descriptors of TCP sockets by `TCP_*`.
    pub tcp: [u64; TCP_STATES],
    /// Descriptors its epolls watch.
    pub epoll_watches: u64,
    /// Files its inotifies watch.
    pub inotify_watches: u64,
}

impl DescriptorCounts {
    /// Descriptors of one kind.
    pub fn get(&self, kind: DescriptorKind) -> u64 {
        self.by_kind[kind as usize]
    }

    /// Descriptors that are no plain files.
    pub fn tracked(&self) -> u64 {
        self.by_kind.iter().sum::<u64>() - self.get(DescriptorKind::File)
    }
}

/// A descriptor table.
#[derive(Debug)]
pub struct Table {
    open: BTreeMap<u32, ObjectId>,
    /// Watches of epolls on descriptors that are not followed, by number: they end with it.
    plain_watches: BTreeSet<(u32, ObjectId)>,
    /// Plain files at the last look.
    files: Option<u64>,
    is_seeded: bool,
    is_exact: bool,
    log: Option<FdLog>,
    /// Processes that use it.
    pub users: u32,
    /// When its last event was stamped, in nanoseconds since boot.
    pub last_event_ns: u64,
    /// When a look was last asked for, in nanoseconds since boot.
    pub asked_ns: u64,
    /// When it was last read, in nanoseconds since boot.
    pub read_ns: u64,
    /// Readings in a row that could not be used.
    pub refusals: u8,
    /// Whether the number of descriptors contradicts the inventory.
    pub is_suspect: bool,
    /// The last check.
    pub accuracy: Option<TableAccuracy>,
}

impl Table {
    /// A table nothing is known of; what happens from `now_ns` on is kept until it is read.
    pub fn unseeded(now_ns: u64) -> Self {
        Self {
            open: BTreeMap::new(),
            plain_watches: BTreeSet::new(),
            files: None,
            is_seeded: false,
            is_exact: false,
            log: Some(FdLog::new(now_ns)),
            users: 0,
            last_event_ns: 0,
            asked_ns: 0,
            read_ns: 0,
            refusals: 0,
            is_suspect: false,
            accuracy: None,
        }
    }

    /// A copy for a forked child or a thread that leaves a shared table: those descriptors that
    /// `open` does not call closed.
    #[must_use]
    pub fn copied(&self, open: &OpenSet, now_ns: u64, objects: &mut Objects) -> Self {
        let mut copy = Self::unseeded(now_ns);
        if !self.is_seeded {
            return copy;
        }
        copy.open = self.open.clone();
        copy.open.retain(|&fd, _| open.has(fd) != Some(false));
        copy.open.values().for_each(|&id| objects.hold(id));
        copy.files = match open.count() {
            Some(all) => Some(u64::from(all).saturating_sub(copy.open.len() as u64)),
            None => self.files,
        };
        copy.is_seeded = true;
        copy.is_exact = self.is_exact;
        copy.log = None;
        copy.last_event_ns = now_ns;
        copy.read_ns = now_ns;
        copy
    }

    /// Lets everything go.
    pub fn clear(&mut self, objects: &mut Objects) {
        for (_, id) in std::mem::take(&mut self.open) {
            objects.release(id);
        }
    }

    /// Whether it was read once.
    pub fn is_seeded(&self) -> bool {
        self.is_seeded
    }

    /// Whether nothing is known to be missing.
    pub fn is_exact(&self) -> bool {
        self.is_seeded && self.is_exact
    }

    /// How many descriptors are followed.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The files behind its descriptors.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.open.values().copied()
    }

    /// Notes that events were missed.
    pub fn mark_inexact(&mut self) {
        self.is_exact = false;
        self.accuracy = None;
    }

    /// Starts keeping operations, so that a reading can be merged a second later.
    pub fn start_log(&mut self, now_ns: u64) {
        if self.log.is_none() {
            self.log = Some(FdLog::new(now_ns));
        }
    }

    /// When operations began to be kept, if they are.
    pub fn log_started_ns(&self) -> Option<u64> {
        self.log.as_ref().map(FdLog::started_ns)
    }

    /// The kernel said how many descriptors there are, at a time when nothing was going on: what is
    /// not followed is plain files. A surprise is worth a look.
    pub fn take_total(&mut self, total: u64) {
        if !self.is_seeded {
            return;
        }
        let files = total.checked_sub(self.open.len() as u64);
        self.is_suspect |= files.is_none() || self.files != files;
        self.files = files.or(self.files);
    }

    /// Applies an operation stamped `at_ns`; `stack` is where it came from, 0 if unknown.
    pub fn apply(&mut self, at_ns: u64, op: FdOp, stack: u32, objects: &mut Objects) -> Applied {
        self.last_event_ns = at_ns;
        if let Some(log) = &mut self.log {
            log.push(at_ns, op);
        }
        if !self.is_seeded {
            return Applied::Waiting;
        }
        if self.change(at_ns, op, stack, objects) {
            self.is_exact = false;
            return Applied::Collided;
        }
        Applied::Ok
    }

    /// Changes what is held; says whether an acquisition landed on something live that it did not
    /// ask to replace.
    fn change(&mut self, at_ns: u64, op: FdOp, stack: u32, objects: &mut Objects) -> bool {
        match op {
            FdOp::Open { fd, kind, inode, writes, socket } => {
                let object = Object { inode, writes, socket, stack, ..Object::new(kind, at_ns) };
                self.put(fd, Some(objects.add(object)), objects)
            }
            FdOp::Copy { old, new, kind, inode, replaces } => {
                let object = self.copy_of(old, kind, inode, at_ns, objects);
                self.put(new, object, objects) && !replaces
            }
            FdOp::Close { first, last } => {
                self.close(first, last, objects);
                false
            }
            FdOp::Listen { fd } => {
                if let Some(object) = self.object_mut(fd, objects) {
                    object.is_listener = true;
                }
                false
            }
            FdOp::Watch { epoll, fd } => {
                if let Some(&id) = self.open.get(&epoll) {
                    let watched = self.open.get(&fd).copied();
                    objects.watch(id, fd, watched);
                    if watched.is_none() {
                        self.plain_watches.insert((fd, id));
                    }
                }
                false
            }
            FdOp::Unwatch { epoll, fd } => {
                if let Some(&id) = self.open.get(&epoll) {
                    objects.unwatch(id, fd, self.open.get(&fd).copied());
                }
                false
            }
            FdOp::AddWatch { inotify, watch } => {
                if let Some(&id) = self.open.get(&inotify) {
                    objects.add_inotify_watch(id, watch);
                }
                false
            }
            FdOp::RemoveWatch { inotify, watch } => {
                if let Some(&id) = self.open.get(&inotify) {
                    objects.remove_inotify_watch(id, watch);
                }
                false
            }
        }
    }

    fn object_mut<'a>(&self, fd: u32, objects: &'a mut Objects) -> Option<&'a mut Object> {
        objects.get_mut(*self.open.get(&fd)?)
    }

    /// The file a copy names: that of its source, unless the kernel saw another there.
    fn copy_of(
        &self,
        old: u32,
        kind: Option<DescriptorKind>,
        inode: u64,
        at_ns: u64,
        objects: &mut Objects,
    ) -> Option<ObjectId> {
        if kind == Some(DescriptorKind::File) {
            return None;
        }
        let source = self.open.get(&old).copied().filter(|&id| {
            objects.get(id).is_some_and(|object| {
                kind.is_none_or(|kind| kind == object.kind)
                    && (inode == 0 || object.inode == 0 || inode == object.inode)
            })
        });
        source.or_else(|| Some(objects.add(Object { inode, ..Object::new(kind?, at_ns) })))
    }

    /// Gives a number to a file, or to a plain file (`None`); says whether it was another's.
    fn put(&mut self, fd: u32, object: Option<ObjectId>, objects: &mut Objects) -> bool {
        let before = match object {
            Some(id) => {
                objects.hold(id);
                self.open.insert(fd, id)
            }
            None => self.open.remove(&fd),
        };
        if let Some(before) = before {
            objects.release(before);
        }
        before.is_some()
    }

    fn close(&mut self, first: u32, last: u32, objects: &mut Objects) {
        if first > last {
            return;
        }
        while let Some(&(fd, epoll)) = self.plain_watches.range((first, 0)..).next()
            && fd <= last
        {
            self.plain_watches.remove(&(fd, epoll));
            objects.unwatch(epoll, fd, None);
        }
        while let Some((&fd, &id)) = self.open.range(first..=last).next() {
            self.open.remove(&fd);
            objects.release(id);
        }
    }

    /// Takes a reading whose end the stream has passed: seeds an unknown table; for a known one
    /// takes its accuracy first and then, if `correct`, what the reading says. Says whether the
    /// reading could be used.
    pub fn reconcile(
        &mut self,
        reading: &TableReading,
        correct: bool,
        objects: &mut Objects,
    ) -> bool {
        let quiet_since = reading.t0_ns.saturating_sub(FdLog::LOOKBACK_NS);
        let was_busy = self.log.as_ref().is_some_and(|log| log.is_busy_since(quiet_since));
        let merged = self.log.as_ref().and_then(|log| log.merge(reading));
        self.asked_ns = 0;
        let Some(merged) = merged else {
            self.refusals = self.refusals.saturating_add(1);
            return false;
        };
        self.refusals = 0;
        let seeding = !self.is_seeded;
        if !seeding {
            let errors = self.errors(&merged, objects);
            self.accuracy = Some(TableAccuracy { checked_ns: reading.t1_ns, errors });
            self.is_exact = errors == 0;
        }
        if seeding || correct {
            self.install(&merged, reading.t0_ns, objects);
            if seeding || !was_busy {
                self.install_details(&merged, reading.t0_ns, objects);
            }
            self.is_seeded = true;
            self.is_exact = true;
        }
        let files = merged.values().filter(|seen| seen.kind == DescriptorKind::File).count();
        self.files = Some(files as u64);
        self.is_suspect = false;
        self.read_ns = reading.t1_ns;
        self.log = None;
        true
    }

    /// Whether a descriptor is what was seen, as far as both know it.
    fn is_same(id: ObjectId, seen: &Seen, objects: &Objects) -> bool {
        objects.get(id).is_some_and(|object| object.may_be(seen))
    }

    fn errors(&self, merged: &BTreeMap<u32, Seen>, objects: &Objects) -> u64 {
        let followed = |seen: &&Seen| seen.kind != DescriptorKind::File;
        let wrong = self.open.iter().filter(|&(fd, &id)| {
            !merged.get(fd).filter(followed).is_some_and(|seen| Self::is_same(id, seen, objects))
        });
        let missed =
            merged.iter().filter(|(fd, seen)| followed(seen) && !self.open.contains_key(fd));
        (wrong.count() + missed.count()) as u64
    }

    /// Makes the descriptors those that were seen; files that are known keep their births.
    fn install(&mut self, merged: &BTreeMap<u32, Seen>, read_ns: u64, objects: &mut Objects) {
        let mut old = std::mem::take(&mut self.open);
        let mut by_group: FxHashMap<u32, ObjectId> = FxHashMap::default();
        for (&fd, seen) in merged {
            if seen.kind == DescriptorKind::File {
                continue;
            }
            let known = old.get(&fd).copied().filter(|&id| Self::is_same(id, seen, objects));
            let copy = by_group.get(&seen.group).copied();
            let id = objects.choose(seen, copy, known).unwrap_or_else(|| {
                objects.add(Object {
                    inode: seen.inode,
                    writes: seen.writes,
                    ..Object::new(seen.kind, read_ns)
                })
            });
            objects.name(id, seen.file);
            by_group.insert(seen.group, id);
            self.open.insert(fd, id);
            if known == Some(id) {
                old.remove(&fd);
            } else {
                objects.hold(id);
            }
        }
        for id in old.into_values() {
            objects.release(id);
        }
    }

    /// Takes what a reading says of sockets and watches.
    fn install_details(&self, merged: &BTreeMap<u32, Seen>, read_ns: u64, objects: &mut Objects) {
        let by_group: FxHashMap<u32, ObjectId> =
            self.open.iter().filter_map(|(fd, &id)| Some((merged.get(fd)?.group, id))).collect();
        for (fd, &id) in &self.open {
            let Some(seen) = merged.get(fd) else { continue };
            match seen.kind {
                DescriptorKind::Epoll => {
                    let watches: Vec<_> = seen
                        .watches
                        .iter()
                        .map(|(fd, group)| (*fd, by_group.get(group).copied()))
                        .collect();
                    objects.set_watches(id, &watches);
                }
                DescriptorKind::Inotify => {
                    let watches = seen.watches.iter().map(|(watch, _)| *watch);
                    objects.set_inotify_watches(id, watches.collect());
                }
                DescriptorKind::Socket => {
                    objects.set_socket(id, seen.socket, seen.is_listener, read_ns);
                }
                _ => {}
            }
        }
    }

    /// What it holds; `None` until it was read once.
    pub fn counts(&self, objects: &Objects) -> Option<DescriptorCounts> {
        if !self.is_seeded {
            return None;
        }
        let mut counts = DescriptorCounts { knows_files: self.files.is_some(), ..<_>::default() };
        counts.by_kind[DescriptorKind::File as usize] = self.files.unwrap_or(0);
        let mut copies = BTreeSet::new();
        for &id in self.open.values() {
            let Some(object) = objects.get(id) else { continue };
            counts.by_kind[object.kind as usize] += 1;
            let is_first = object.refs() == 1 || copies.insert(id);
            counts.objects += u64::from(is_first);
            match object.kind {
                DescriptorKind::Socket => count_socket(object, &mut counts),
                DescriptorKind::Epoll if is_first => {
                    counts.epoll_watches += objects.watch_count(id) as u64;
                }
                DescriptorKind::Inotify if is_first => {
                    counts.inotify_watches += objects.inotify_watch_count(id) as u64;
                }
                _ => {}
            }
        }
        Some(counts)
    }
}

fn count_socket(object: &Object, counts: &mut DescriptorCounts) {
    let socket = object.socket;
    let is_tcp = matches!(socket.family, AF_INET | AF_INET6) && socket.socket_type == SOCK_STREAM;
    let is_listener = object.is_listener || (is_tcp && socket.state == TCP_LISTEN);
    counts.listeners += u64::from(is_listener);
    if is_tcp && let Some(count) = counts.tcp.get_mut(usize::from(socket.state)) {
        *count += 1;
    }
}

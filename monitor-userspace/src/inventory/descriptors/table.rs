//! One descriptor table: what it holds, whether that is known, and how right it was.

use std::collections::{BTreeMap, BTreeSet};

use super::{DescriptorCounts, FdOp, Object, ObjectId, Objects, log::FdLog};
use crate::{
    event::{DescriptorKind, OpenSet},
    inventory::Applied,
};

/// How right a table was at its last check, before anything was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableAccuracy {
    /// When, in nanoseconds since boot.
    pub checked_ns: u64,
    /// Descriptors that only one side has, or that name another kind of file, plain files aside.
    pub errors: u64,
}

/// A descriptor table.
#[derive(Debug)]
pub struct Table {
    pub(super) open: BTreeMap<u32, ObjectId>,
    /// Watches of epolls on descriptors that are not followed, by number: they end with it.
    plain_watches: BTreeSet<(u32, ObjectId)>,
    /// Plain files at the last look.
    pub(super) files: Option<u64>,
    /// What was last read, where there is no room for descriptors.
    pub(super) coarse: Option<DescriptorCounts>,
    pub(super) is_seeded: bool,
    pub(super) is_exact: bool,
    pub(super) log: Option<FdLog>,
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
            coarse: None,
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
        copy.coarse = self.coarse;
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

    /// Keeps numbers only, from now on as /proc shows them: there is no room for descriptors, or
    /// events do not tell of them.
    pub fn make_coarse(&mut self, objects: &mut Objects) {
        if self.is_coarse() {
            return;
        }
        self.coarse = Some(self.counts(objects).unwrap_or_default());
        self.clear(objects);
        self.log = None;
        self.accuracy = None;
    }

    /// Whether only numbers are kept.
    pub fn is_coarse(&self) -> bool {
        self.coarse.is_some()
    }

    /// Lets everything go.
    pub fn clear(&mut self, objects: &mut Objects) {
        self.plain_watches.clear();
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

    /// Bytes of memory, about: entries in tree nodes that are half full, and what waits to be merged.
    pub fn memory_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 20;
        let log = self.log.as_ref().map_or(0, FdLog::memory_bytes);
        size_of::<Self>() + (self.open.len() + self.plain_watches.len()) * ENTRY_BYTES + log
    }

    /// Bytes that its descriptors take with the files behind them, were these named by no other.
    pub fn detail_bytes(&self) -> usize {
        self.memory_bytes() + self.open.len() * size_of::<Option<Object>>()
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
        if self.log.is_none() && !self.is_coarse() {
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
        if !self.is_seeded || self.is_coarse() {
            return;
        }
        let files = total.checked_sub(self.open.len() as u64);
        self.is_suspect |= files.is_none() || self.files != files;
        self.files = files.or(self.files);
    }

    /// Applies an operation stamped `at_ns`; `stack` is where it came from, 0 if unknown.
    pub fn apply(&mut self, at_ns: u64, op: FdOp, stack: u32, objects: &mut Objects) -> Applied {
        self.last_event_ns = at_ns;
        if self.is_coarse() {
            return Applied::Waiting;
        }
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
}

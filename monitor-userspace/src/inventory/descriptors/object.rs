//! Open files: what descriptors name, with what epolls and inotifies watch.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;

use super::log::Seen;
use crate::event::{DescriptorKind, SocketFacts};

/// Place of an object in [`Objects`].
pub(crate) type ObjectId = u32;

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it counts as.
    pub kind: DescriptorKind,
    /// Inode number of a socket or pipe, where known; else 0.
    pub inode: u64,
    /// Whether this is the writing end of a pipe.
    pub writes: bool,
    /// What the kernel knows it by, where a reading told; else 0. Another file's once it is gone.
    pub(super) file: u64,
    /// What is known of a socket.
    pub socket: SocketFacts,
    /// Whether it is a listening socket.
    pub is_listener: bool,
    /// When it was made or first read, in nanoseconds since boot.
    pub born_ns: u64,
    /// The process that made it or was found to hold it.
    pub owner: u32,
    /// Call stack of its making, 0 where none was taken.
    pub stack: u32,
    /// When an event last told its TCP state, in nanoseconds since boot; 0 for never.
    pub(super) state_ns: u64,
    /// Descriptors that name it, in all tables.
    pub(super) refs: u32,
    pub(super) is_watched: bool,
}

impl Object {
    /// A file nobody names yet.
    pub fn new(kind: DescriptorKind, born_ns: u64) -> Self {
        Self {
            kind,
            inode: 0,
            writes: false,
            file: 0,
            socket: SocketFacts::default(),
            is_listener: false,
            born_ns,
            owner: 0,
            stack: 0,
            state_ns: 0,
            refs: 0,
            is_watched: false,
        }
    }

    /// Descriptors that name it, in all tables.
    pub fn refs(&self) -> u32 {
        self.refs
    }

    /// What tells it from every other live file; `None` where nothing does.
    fn identity(&self) -> Option<(u64, bool)> {
        (self.inode != 0).then_some((self.inode, self.writes))
    }

    /// Whether it may be what was seen, as far as both know it.
    pub(super) fn may_be(&self, seen: &Seen) -> bool {
        let agree = |one: u64, other: u64| one == 0 || other == 0 || one == other;
        self.kind == seen.kind && agree(self.inode, seen.inode) && agree(self.file, seen.file)
    }
}

/// How old the tables of a network namespace may be when they are read.
const STATES_AGE_NS: u64 = 2_000_000_000;
/// States of sockets that are not known yet: how many are kept, and how long when there are more.
const MAX_EARLY_STATES: usize = 16_384;
const KEEP_STATES_NS: u64 = 10_000_000_000;

/// What an epoll watches: descriptor number at the time and the file behind it; `None` for files
/// that are not followed.
type Watch = (u32, Option<ObjectId>);

/// All open files that any followed descriptor names.
#[derive(Debug, Default)]
pub struct Objects {
    slots: Vec<Option<Object>>,
    /// Last states of sockets that are not known yet, with their times.
    early_states: FxHashMap<u64, (u64, u8)>,
    /// Whose table is being changed.
    actor: u32,
    /// Empty places, the lowest first, so that those at the end can be given back. Places beyond the
    /// end are left over from before that.
    free: BinaryHeap<Reverse<ObjectId>>,
    count: usize,
    by_identity: FxHashMap<(u64, bool), ObjectId>,
    by_file: FxHashMap<u64, ObjectId>,
    epolls: FxHashMap<ObjectId, BTreeSet<Watch>>,
    inotifies: FxHashMap<ObjectId, BTreeSet<u32>>,
    /// Epolls that watch an object.
    watchers: FxHashMap<ObjectId, Vec<ObjectId>>,
}

impl Objects {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.slots.iter().flatten()
    }

    /// All of them with their ids.
    pub fn with_ids(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(id, slot)| Some((ObjectId::try_from(id).ok()?, slot.as_ref()?)))
    }

    /// An object; ids of live descriptors always have one.
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.slots.get(id as usize)?.as_ref()
    }

    /// An object, to change what is known of it. Its identity must not be changed.
    pub fn get_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    /// The socket or pipe end with this inode number, if it is known.
    pub fn find(&self, inode: u64, writes: bool) -> Option<ObjectId> {
        if inode == 0 { None } else { self.by_identity.get(&(inode, writes)).copied() }
    }

    /// The open file that the kernel knows by this, if a reading told of it.
    pub(super) fn find_file(&self, file: u64) -> Option<ObjectId> {
        if file == 0 { None } else { self.by_file.get(&file).copied() }
    }

    /// A reading told what the kernel knows an object by.
    pub(super) fn name(&mut self, id: ObjectId, file: u64) {
        let Some(object) = self.get_mut(id).filter(|_| file != 0) else { return };
        let before = std::mem::replace(&mut object.file, file);
        self.forget_name(id, before);
        self.by_file.insert(file, id);
    }

    fn forget_name(&mut self, id: ObjectId, file: u64) {
        if file != 0 && self.by_file.get(&file) == Some(&id) {
            self.by_file.remove(&file);
        }
    }

    /// The file that was seen at a number, if it is known: `copy` is that of another number of the
    /// same file, `known` what the number named until now and may be.
    pub(super) fn choose(
        &self,
        seen: &Seen,
        copy: Option<ObjectId>,
        known: Option<ObjectId>,
    ) -> Option<ObjectId> {
        let same = |id: &ObjectId| self.get(*id).is_some_and(|object| object.may_be(seen));
        let by_inode = || self.find(seen.inode, seen.writes).filter(same);
        if seen.file == 0 {
            return known.or(copy).or_else(by_inode);
        }
        // What events told of keeps its birth; what a reading told of gives way to it.
        let unnamed = |id: &ObjectId| self.get(*id).is_some_and(|object| object.file == 0);
        let named = || self.find_file(seen.file).filter(same);
        copy.or(known.filter(unnamed)).or_else(named).or(known).or_else(by_inode)
    }

    /// Files that are added from now on are this process's.
    pub(super) fn act_for(&mut self, pid: u32) {
        self.actor = pid;
    }

    /// Adds a file that was just made. One with the same inode number is known no longer by it: its
    /// end was missed.
    pub fn add(&mut self, object: Object) -> ObjectId {
        let mut object = Object { owner: self.actor, ..object };
        // What was told before belongs to an earlier socket of this number, unless it came while
        // this one was not known.
        if object.kind == DescriptorKind::Socket
            && let Some(&(at_ns, state)) = self.early_states.get(&object.inode)
            && at_ns > object.born_ns
        {
            object.socket.state = state;
            object.state_ns = at_ns;
        }
        let id = self.place();
        self.count += 1;
        if let Some(identity) = object.identity() {
            self.by_identity.insert(identity, id);
        }
        self.slots[id as usize] = Some(object);
        id
    }

    /// An empty place.
    fn place(&mut self) -> ObjectId {
        if let Some(Reverse(id)) = self.free.pop()
            && (id as usize) < self.slots.len()
        {
            return id;
        }
        // The lowest is beyond the end: so are all.
        self.free.clear();
        self.slots.push(None);
        (self.slots.len() - 1) as ObjectId
    }

    /// Bytes of memory, about: those of all places, of the tables by which files are found, and of what epolls
    /// and inotifies watch.
    pub fn memory_bytes(&self) -> usize {
        const IDENTITY_BYTES: usize = 32;
        const WATCH_BYTES: usize = 24;
        let epolls = self.epolls.values().map(BTreeSet::len).sum::<usize>();
        let inotifies = self.inotifies.values().map(BTreeSet::len).sum::<usize>();
        self.slots.capacity() * size_of::<Option<Object>>()
            + self.free.len() * size_of::<ObjectId>()
            + (self.by_identity.capacity() + self.by_file.capacity()) * IDENTITY_BYTES
            + (2 * epolls + inotifies) * WATCH_BYTES
    }

    /// Gives back the room of what is gone, where that is most of it.
    pub fn shrink(&mut self) {
        if self.slots.capacity() > 4 * self.slots.len() {
            self.slots.shrink_to(2 * self.slots.len());
            let len = self.slots.len();
            self.free.retain(|Reverse(id)| (*id as usize) < len);
            self.free.shrink_to_fit();
        }
        if self.by_identity.capacity() > 4 * self.by_identity.len() {
            self.by_identity.shrink_to(2 * self.by_identity.len());
        }
        if self.by_file.capacity() > 4 * self.by_file.len() {
            self.by_file.shrink_to(2 * self.by_file.len());
        }
    }

    /// A descriptor more names it.
    pub fn hold(&mut self, id: ObjectId) {
        if let Some(object) = self.get_mut(id) {
            object.refs += 1;
        }
    }

    /// A descriptor less names it; with the last it is gone, and every watch on it.
    pub fn release(&mut self, id: ObjectId) {
        let Some(object) = self.get_mut(id) else { return };
        object.refs = object.refs.saturating_sub(1);
        if object.refs > 0 {
            return;
        }
        let gone = *object;
        self.slots[id as usize] = None;
        self.count -= 1;
        self.free.push(Reverse(id));
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        if let Some(identity) = gone.identity()
            && self.by_identity.get(&identity) == Some(&id)
        {
            self.by_identity.remove(&identity);
        }
        self.forget_name(id, gone.file);
        if gone.is_watched {
            for epoll in self.watchers.remove(&id).unwrap_or_default() {
                if let Some(watches) = self.epolls.get_mut(&epoll) {
                    watches.retain(|(_, watched)| *watched != Some(id));
                }
            }
        }
        for (_, watched) in self.epolls.remove(&id).unwrap_or_default() {
            self.forget_watcher(watched, id);
        }
        self.inotifies.remove(&id);
    }

    fn forget_watcher(&mut self, watched: Option<ObjectId>, epoll: ObjectId) {
        let Some(watched) = watched else { return };
        if let Some(watchers) = self.watchers.get_mut(&watched)
            && let Some(at) = watchers.iter().position(|&id| id == epoll)
        {
            watchers.swap_remove(at);
        }
    }

    /// An epoll watches a descriptor.
    pub fn watch(&mut self, epoll: ObjectId, fd: u32, watched: Option<ObjectId>) {
        if !self.epolls.entry(epoll).or_default().insert((fd, watched)) {
            return;
        }
        if let Some(id) = watched
            && let Some(object) = self.get_mut(id)
        {
            object.is_watched = true;
            self.watchers.entry(id).or_default().push(epoll);
        }
    }

    /// An epoll watches a descriptor no longer.
    pub fn unwatch(&mut self, epoll: ObjectId, fd: u32, watched: Option<ObjectId>) {
        if let Some(watches) = self.epolls.get_mut(&epoll)
            && watches.remove(&(fd, watched))
        {
            self.forget_watcher(watched, epoll);
        }
    }

    /// What an epoll watches was read: descriptor numbers, and the files behind them where known.
    pub fn set_watches(&mut self, epoll: ObjectId, read: &[Watch]) {
        let mut known: Vec<Watch> =
            self.epolls.remove(&epoll).unwrap_or_default().into_iter().collect();
        for &(_, object) in &known {
            self.forget_watcher(object, epoll);
        }
        for &(fd, object) in read {
            // The number may have been given to another file since: what was known is better.
            let at = known.iter().position(|(number, _)| *number == fd);
            let object = at.map_or(object, |at| known.swap_remove(at).1);
            self.watch(epoll, fd, object);
        }
    }

    /// What the tables of its network namespace say of a socket, read at `read_ns` or up to a second
    /// before. A state that an event told since is newer.
    pub fn set_socket(
        &mut self,
        id: ObjectId,
        facts: SocketFacts,
        is_listener: bool,
        read_ns: u64,
    ) {
        let Some(inode) = self.get(id).map(|object| object.inode) else { return };
        let early = self.early_states.remove(&inode);
        let Some(object) = self.get_mut(id) else { return };
        let told =
            early.or((object.state_ns > 0).then_some((object.state_ns, object.socket.state)));
        if facts.family != 0 {
            object.socket = facts;
        }
        object.is_listener |= is_listener;
        if let Some((at_ns, state)) = told
            && (early.is_some() || at_ns + STATES_AGE_NS > read_ns)
        {
            object.socket.state = state;
            object.state_ns = at_ns;
        }
    }

    /// A TCP socket changed its state; of one that is not known yet that is kept for a while.
    pub fn set_tcp_state(&mut self, inode: u64, state: u8, at_ns: u64) {
        if let Some(id) = self.find(inode, false)
            && let Some(object) = self.get_mut(id)
        {
            object.socket.state = state;
            object.state_ns = at_ns;
            return;
        }
        if self.early_states.len() >= MAX_EARLY_STATES {
            self.early_states.retain(|_, (kept_ns, _)| *kept_ns + KEEP_STATES_NS > at_ns);
        }
        if self.early_states.len() < MAX_EARLY_STATES {
            self.early_states.insert(inode, (at_ns, state));
        }
    }

    /// How many descriptors an epoll watches.
    pub fn watch_count(&self, epoll: ObjectId) -> usize {
        self.epolls.get(&epoll).map_or(0, BTreeSet::len)
    }

    /// An inotify watches a file more.
    pub fn add_inotify_watch(&mut self, inotify: ObjectId, watch: u32) {
        self.inotifies.entry(inotify).or_default().insert(watch);
    }

    /// An inotify watches a file less.
    pub fn remove_inotify_watch(&mut self, inotify: ObjectId, watch: u32) {
        if let Some(watches) = self.inotifies.get_mut(&inotify) {
            watches.remove(&watch);
        }
    }

    /// What an inotify watches was read.
    pub fn set_inotify_watches(&mut self, inotify: ObjectId, watches: BTreeSet<u32>) {
        self.inotifies.insert(inotify, watches);
    }

    /// How many files an inotify watches.
    pub fn inotify_watch_count(&self, inotify: ObjectId) -> usize {
        self.inotifies.get(&inotify).map_or(0, BTreeSet::len)
    }
}

//! All descriptor tables, who uses them, and the files behind them.

use rustc_hash::FxHashMap;

use super::{DescriptorCounts, FdOp, Objects, Table};
use crate::{
    event::{OpenSet, TableReading},
    inventory::Applied,
};

/// Key of a table: the kernel's `files_struct` address or, until an event shows that, a number made
/// of the pid. Kernel addresses have the top bit set, pids do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TableKey(u64);

impl TableKey {
    fn provisional(pid: u32) -> Self {
        Self(u64::from(pid))
    }

    fn is_provisional(self) -> bool {
        self.0 >> 63 == 0
    }
}

/// The tables a process uses: the one /proc shows, and those that threads took for themselves.
#[derive(Clone, Debug)]
struct Uses {
    main: TableKey,
    others: Vec<TableKey>,
}

/// Tables that threads of one process may have taken for themselves; more are not followed.
const MAX_OTHERS: usize = 64;

/// All descriptor tables.
#[derive(Debug, Default)]
pub struct Tables {
    by_key: FxHashMap<TableKey, Table>,
    uses: FxHashMap<u32, Uses>,
    objects: Objects,
}

impl Tables {
    /// The files behind all descriptors.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// How many tables there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// All tables, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Table> {
        self.by_key.values()
    }

    /// All tables, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Table> {
        self.by_key.values_mut()
    }

    /// The table /proc shows for a process.
    pub fn of(&self, pid: u32) -> Option<&Table> {
        self.by_key.get(&self.uses.get(&pid)?.main)
    }

    /// The same, to change.
    pub fn of_mut(&mut self, pid: u32) -> Option<&mut Table> {
        self.by_key.get_mut(&self.uses.get(&pid)?.main)
    }

    /// What a process holds; `None` until its table was read.
    pub fn counts(&self, pid: u32) -> Option<DescriptorCounts> {
        self.of(pid)?.counts(&self.objects)
    }

    /// Takes a process up of whose table nothing is known.
    pub fn discover(&mut self, pid: u32, now_ns: u64) {
        self.exit(pid);
        let key = TableKey::provisional(pid);
        self.join(key, now_ns);
        self.uses.insert(pid, Uses { main: key, others: Vec::new() });
    }

    /// A process was made: it shares the table `files` of its maker, or has a copy there.
    pub fn fork(&mut self, maker: Maker, child: u32, files: u64, open: &OpenSet, now_ns: u64) {
        self.exit(child);
        let key = TableKey(files);
        if files == maker.files && files != 0 {
            self.bind(maker.pid, maker.tid, files, now_ns);
        } else {
            let from = self.bind(maker.pid, maker.tid, maker.files, now_ns);
            self.copy(from.filter(|_| maker.is_followed), key, open, now_ns);
        }
        self.join(key, now_ns);
        self.uses.insert(child, Uses { main: key, others: Vec::new() });
    }

    /// A process became another program, with a table of its own at `files` that holds `open`.
    pub fn exec(&mut self, pid: u32, files: u64, open: &OpenSet, now_ns: u64) {
        let key = TableKey(files);
        let old = self.uses.remove(&pid);
        let mut table = match old.as_ref().and_then(|uses| self.by_key.get(&uses.main)) {
            // Another program holds less, mostly: there may be room for it.
            Some(old) if !old.is_coarse() => old.copied(open, now_ns, &mut self.objects),
            _ => Table::unseeded(now_ns),
        };
        // Beyond the record's room nothing is known of what was closed on exec.
        if open.count().is_none() && table.is_seeded() {
            table.mark_inexact();
        }
        for key in old.iter().flat_map(|uses| uses.others.iter().chain([&uses.main])) {
            self.leave(*key);
        }
        self.install(key, table);
        self.join(key, now_ns);
        self.uses.insert(pid, Uses { main: key, others: Vec::new() });
    }

    /// A thread left a table it shared: it has a copy at `files` now.
    pub fn unshare(&mut self, pid: u32, tid: u32, files: u64, now_ns: u64) {
        let key = TableKey(files);
        let Some(uses) = self.uses.get(&pid) else { return };
        // Nothing happens to a table that is not shared.
        if files == 0 || uses.main == key || uses.others.contains(&key) {
            return;
        }
        let from = uses.main;
        self.copy(Some(from), key, &OpenSet::UNKNOWN, now_ns);
        self.take_up(pid, tid, key, now_ns);
    }

    /// A process ended: nobody uses its tables through it any more.
    pub fn exit(&mut self, pid: u32) {
        let Some(uses) = self.uses.remove(&pid) else { return };
        for key in uses.others.into_iter().chain([uses.main]) {
            self.leave(key);
        }
    }

    /// Applies an operation that a thread did to the table at `files`.
    pub fn apply(&mut self, who: Maker, at_ns: u64, op: FdOp, stack: u32) -> Applied {
        let key = self.bind(who.pid, who.tid, who.files, at_ns);
        let Some(table) = key.and_then(|key| self.by_key.get_mut(&key)) else {
            return Applied::Waiting;
        };
        self.objects.act_for(who.pid);
        table.apply(at_ns, op, stack, &mut self.objects)
    }

    /// Keeps numbers only of the table /proc shows for a process.
    pub fn make_coarse(&mut self, pid: u32) {
        let key = self.uses.get(&pid).map(|uses| uses.main);
        if let Some(table) = key.and_then(|key| self.by_key.get_mut(&key)) {
            table.make_coarse(&mut self.objects);
        }
    }

    /// Bytes of memory, about.
    pub fn memory_bytes(&self) -> usize {
        self.iter().map(Table::memory_bytes).sum::<usize>() + self.objects.memory_bytes()
    }

    /// Gives back the room of what is gone.
    pub fn shrink(&mut self) {
        self.objects.shrink();
    }

    /// A process that holds or held the socket with this inode number; `None` if it is not known.
    pub fn owner_of(&self, inode: u64) -> Option<u32> {
        Some(self.objects.get(self.objects.find(inode, false)?)?.owner)
    }

    /// A TCP socket changed its state.
    pub fn set_tcp_state(&mut self, inode: u64, state: u8, at_ns: u64) {
        self.objects.set_tcp_state(inode, state, at_ns);
    }

    /// Takes a reading of a process's table; see [`Table::reconcile`].
    pub fn reconcile(&mut self, reading: &TableReading, correct: bool) -> bool {
        let key = self.uses.get(&reading.process.pid).map(|uses| uses.main);
        let Some(table) = key.and_then(|key| self.by_key.get_mut(&key)) else { return false };
        self.objects.act_for(reading.process.pid);
        table.reconcile(reading, correct, &mut self.objects)
    }

    /// Which table an event of a thread was about; `None` where the process is not followed. A key
    /// that was provisional becomes the kernel's; an unknown one means that something was missed.
    fn bind(&mut self, pid: u32, tid: u32, files: u64, now_ns: u64) -> Option<TableKey> {
        let key = TableKey(files);
        let uses = self.uses.get_mut(&pid)?;
        if files == 0 || uses.main == key || uses.others.contains(&key) {
            return Some(if files == 0 { uses.main } else { key });
        }
        if uses.main.is_provisional() {
            let old = std::mem::replace(&mut uses.main, key);
            if self.by_key.contains_key(&key) {
                // Shared with a process that is known.
                self.join(key, now_ns);
                self.leave(old);
            } else if let Some(table) = self.by_key.remove(&old) {
                self.by_key.insert(key, table);
            }
            return Some(key);
        }
        self.take_up(pid, tid, key, now_ns);
        Some(key)
    }

    /// A thread uses another table from now on: the process does, if the thread is its first.
    fn take_up(&mut self, pid: u32, tid: u32, key: TableKey, now_ns: u64) {
        let Some(uses) = self.uses.get_mut(&pid) else { return };
        if pid == tid {
            let old = std::mem::replace(&mut uses.main, key);
            self.join(key, now_ns);
            self.leave(old);
        } else if uses.others.len() < MAX_OTHERS {
            uses.others.push(key);
            self.join(key, now_ns);
        }
    }

    /// Puts a copy of a table at `key`.
    fn copy(&mut self, from: Option<TableKey>, key: TableKey, open: &OpenSet, now_ns: u64) {
        let table = match from.and_then(|from| self.by_key.get(&from)) {
            Some(from) => from.copied(open, now_ns, &mut self.objects),
            None => Table::unseeded(now_ns),
        };
        self.install(key, table);
    }

    /// Puts a table in at `key`. One that was left there belongs to processes whose end was missed:
    /// the kernel has given its address to another.
    fn install(&mut self, key: TableKey, table: Table) {
        let Some(mut stale) = self.by_key.insert(key, table) else { return };
        stale.clear(&mut self.objects);
        let orphans: Vec<u32> = self
            .uses
            .iter_mut()
            .filter_map(|(&pid, uses)| {
                uses.others.retain(|other| *other != key);
                (uses.main == key).then_some(pid)
            })
            .collect();
        for pid in orphans {
            let orphan = TableKey::provisional(pid);
            self.join(orphan, stale.last_event_ns);
            if let Some(uses) = self.uses.get_mut(&pid) {
                uses.main = orphan;
            }
        }
    }

    fn join(&mut self, key: TableKey, now_ns: u64) {
        self.by_key.entry(key).or_insert_with(|| Table::unseeded(now_ns)).users += 1;
    }

    fn leave(&mut self, key: TableKey) {
        let Some(table) = self.by_key.get_mut(&key) else { return };
        table.users = table.users.saturating_sub(1);
        if table.users == 0
            && let Some(mut table) = self.by_key.remove(&key)
        {
            table.clear(&mut self.objects);
        }
    }
}

/// Who did something to a table.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// Its table, 0 if unknown.
    pub files: u64,
    /// Whether its events were surely followed until now.
    pub is_followed: bool,
}

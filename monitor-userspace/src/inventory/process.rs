//! The processes and which address space each runs in.

use rustc_hash::FxHashMap;

use std::sync::Arc;

use super::{Load, Space, SpaceKey, Timers};
use crate::event::{Placement, ProcIdentity, ProcReading, ProcessId};

/// How closely a process is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// As one of all.
    Host,
    /// Asked for by the user: read at once, and before the run ends.
    Named,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Who. The start is 0 until an event or a reading shows it.
    pub id: ProcessId,
    /// Parent, 0 if unknown.
    pub ppid: u32,
    /// Name, not safe to print.
    pub comm: String,
    /// How closely it is watched.
    pub watch: Watch,
    /// Where it runs.
    pub space: SpaceKey,
    /// When it was first seen or became another program, in nanoseconds since boot.
    pub since_ns: u64,
    /// Last look at /proc.
    pub reading: Option<Box<ProcReading>>,
    /// CPU it used between the last two looks, percent of one core.
    pub cpu_percent: Option<f64>,
    /// What it did between the last two looks.
    pub load: Option<Load>,
    /// Connections it accepted since the first look at it; `None` where no event tells of them.
    pub accepted: Option<u64>,
    /// [`Self::accepted`] at the last look.
    pub accepted_before: Option<u64>,
    /// Readings in a row that showed no change; idle processes are read less often.
    pub idle_rounds: u8,
    /// When the next look is due, in nanoseconds since boot.
    pub due_ns: u64,
    /// Its timers.
    pub timers: Timers,
    /// Who it is beyond its name; a child has its parent's until it is looked at.
    pub identity: Option<Arc<ProcIdentity>>,
    /// The component it belongs to, as [`Self::identity`] is learnt.
    pub component: Option<Arc<Placement>>,
    /// Whether the identity is to be read again.
    pub wants_identity: bool,
    /// When it is read again of an active process anyway, in nanoseconds since boot.
    pub identity_due_ns: u64,
    /// When the next dear look is due, in nanoseconds since boot.
    pub rollup_due_ns: u64,
}

impl Process {
    /// How old a process gets before it is looked at, unless it was asked for: most never do.
    pub const SETTLED_NS: u64 = 1_000_000_000;

    /// A process just seen, one of all.
    pub fn new(pid: u32, comm: String, now_ns: u64, space: SpaceKey) -> Self {
        Self {
            id: ProcessId { pid, start_ticks: 0 },
            ppid: 0,
            comm,
            watch: Watch::Host,
            space,
            since_ns: now_ns,
            reading: None,
            cpu_percent: None,
            load: None,
            accepted: None,
            accepted_before: None,
            idle_rounds: 0,
            timers: Timers::default(),
            identity: None,
            component: None,
            wants_identity: true,
            identity_due_ns: 0,
            due_ns: now_ns + Self::SETTLED_NS,
            rollup_due_ns: now_ns + Self::SETTLED_NS,
        }
    }

    /// The same, watched as closely as `watch`.
    #[must_use]
    pub fn watched(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self.due_ns = self.first_look_ns();
        self
    }

    /// When its /proc is looked at first.
    pub fn first_look_ns(&self) -> u64 {
        match self.watch {
            Watch::Named => self.since_ns,
            Watch::Host => self.since_ns + Self::SETTLED_NS,
        }
    }
}

/// All live processes and their address spaces.
#[derive(Debug, Default)]
pub struct ProcessTable {
    processes: FxHashMap<u32, Process>,
    spaces: FxHashMap<SpaceKey, Space>,
    /// Living children by parent.
    children: FxHashMap<u32, u32>,
}

impl ProcessTable {
    /// How many processes are known.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// A process by pid.
    pub fn get(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// A process by pid, to change.
    pub fn get_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.processes.get_mut(&pid)
    }

    /// The address space of a process.
    pub fn space_of(&self, pid: u32) -> Option<&Space> {
        self.spaces.get(&self.processes.get(&pid)?.space)
    }

    /// The address space of a process, to change.
    pub fn space_of_mut(&mut self, pid: u32) -> Option<&mut Space> {
        self.spaces.get_mut(&self.processes.get(&pid)?.space)
    }

    /// All pids, ascending: outputs go through them in this order, whatever the table's.
    pub fn pids(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self.processes.keys().copied().collect();
        pids.sort_unstable();
        pids
    }

    /// All processes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// All spaces, in no order.
    pub fn spaces(&self) -> impl Iterator<Item = &Space> {
        self.spaces.values()
    }

    /// All spaces, in no order.
    pub fn spaces_mut(&mut self) -> impl Iterator<Item = &mut Space> {
        self.spaces.values_mut()
    }

    /// Bytes of what is kept of timers.
    pub fn timer_bytes(&self) -> usize {
        self.processes.values().map(|process| process.timers.memory_bytes()).sum()
    }

    /// Adds a process that runs in `space`; an earlier one with the same pid is dropped.
    pub fn insert(&mut self, process: Process) {
        self.remove(process.id.pid);
        self.spaces
            .entry(process.space)
            .or_insert_with(|| Space::unseeded(process.since_ns))
            .users += 1;
        self.adopt(process.ppid);
        self.processes.insert(process.id.pid, process);
    }

    /// How many living children a process has.
    pub fn children_of(&self, pid: u32) -> u32 {
        self.children.get(&pid).copied().unwrap_or(0)
    }

    /// A process has another parent: the last one ended.
    pub fn set_parent(&mut self, pid: u32, ppid: u32) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let old = std::mem::replace(&mut process.ppid, ppid);
        if old != ppid {
            self.disown(old);
            self.adopt(ppid);
        }
    }

    /// The parent of a process ended: who takes it over is seen at the next look.
    pub fn hurry_children_of(&mut self, ppid: u32, now_ns: u64) {
        if self.children_of(ppid) == 0 {
            return;
        }
        for process in self.processes.values_mut().filter(|process| process.ppid == ppid) {
            process.due_ns = process.due_ns.min(now_ns);
        }
    }

    fn adopt(&mut self, ppid: u32) {
        *self.children.entry(ppid).or_insert(0) += 1;
    }

    fn disown(&mut self, ppid: u32) {
        if let Some(count) = self.children.get_mut(&ppid) {
            *count -= 1;
            if *count == 0 {
                self.children.remove(&ppid);
            }
        }
    }

    /// Removes a process, and its space when nobody else runs there.
    pub fn remove(&mut self, pid: u32) -> Option<Process> {
        let process = self.processes.remove(&pid)?;
        self.disown(process.ppid);
        self.release(process.space);
        Some(process)
    }

    /// Puts `space` in as what `key` names from now on. A space that was left there belongs to
    /// processes whose end was missed: the kernel has given its address to another.
    pub fn install_space(&mut self, key: SpaceKey, space: Space) {
        if let Some(stale) = self.spaces.insert(key, space) {
            for process in self.processes.values_mut().filter(|process| process.space == key) {
                process.space = SpaceKey::provisional(process.id.pid);
                let mut orphan = Space::unseeded(stale.last_event_ns);
                orphan.users = 1;
                self.spaces.insert(process.space, orphan);
            }
        }
    }

    /// Moves a process to another space.
    pub fn move_to(&mut self, pid: u32, key: SpaceKey, now_ns: u64) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let old = std::mem::replace(&mut process.space, key);
        if old == key {
            return;
        }
        self.spaces.entry(key).or_insert_with(|| Space::unseeded(now_ns)).users += 1;
        self.release(old);
    }

    /// Makes sure that the process runs in the space the kernel's record names. What was learnt
    /// under a provisional key moves along; another known key means that an exec was missed.
    pub fn bind(&mut self, pid: u32, mm: u64, now_ns: u64) {
        let key = SpaceKey::of_mm(mm);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if mm == 0 || process.space == key {
            return;
        }
        if !process.space.is_provisional() || self.spaces.contains_key(&key) {
            return self.move_to(pid, key, now_ns);
        }
        let old = std::mem::replace(&mut process.space, key);
        if let Some(space) = self.spaces.remove(&old) {
            self.spaces.insert(key, space);
        }
    }

    fn release(&mut self, key: SpaceKey) {
        if let Some(space) = self.spaces.get_mut(&key) {
            space.users = space.users.saturating_sub(1);
            if space.users == 0 {
                self.spaces.remove(&key);
            }
        }
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;

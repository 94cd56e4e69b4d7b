//! How full the queues of listeners are and which connections are idle: asked of each network
//! namespace, and joined with who holds the sockets.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Engine, Request};
use crate::{
    event::{DescriptorKind, Listener, SocketsReading},
    inventory::Table,
    output::AcceptQueue,
};

/// How often the queues of listeners are looked at; only in namespaces that have some.
const LISTENERS_NS: u64 = 15_000_000_000;
/// How often every connection is: that costs a microsecond for each.
const IDLE_NS: u64 = 60_000_000_000;

/// What a process's sockets show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The queue of its fullest listener. Of one that several processes hold only the lowest pid shows
    /// it: it is one queue.
    pub(super) accept_queue: Option<AcceptQueue>,
    /// Connections that are idle; `None` before they were looked at.
    pub(super) idle_connections: Option<u64>,
}

/// What was last read, and when to read again.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    due_ns: u64,
    idle_due_ns: u64,
    /// Namespaces that were asked for, and whether they had listeners at the last look.
    listening: BTreeMap<u64, bool>,
    by_pid: FxHashMap<u32, Shown>,
}

impl Sockets {
    /// What is known of a process.
    pub(super) fn of(&self, pid: u32) -> Shown {
        self.by_pid.get(&pid).copied().unwrap_or_default()
    }
}

impl Engine {
    /// Asks for the sockets of the namespaces that are due, each by one of its processes.
    pub(super) fn ask_sockets(&mut self, now_ns: u64, pids: &[u32]) {
        if now_ns < self.sockets.due_ns {
            return;
        }
        let mut by_namespace = BTreeMap::new();
        for &pid in pids {
            if let Some(namespace) = self.namespace_of(pid) {
                by_namespace.entry(namespace).or_insert(pid);
            }
        }
        if by_namespace.is_empty() {
            return;
        }
        self.sockets.due_ns = now_ns + LISTENERS_NS;
        let is_idle_due = now_ns >= self.sockets.idle_due_ns;
        if is_idle_due {
            self.sockets.idle_due_ns = now_ns + IDLE_NS;
        }
        self.sockets.by_pid.retain(|pid, _| self.table.get(*pid).is_some());
        let listening = &mut self.sockets.listening;
        listening.retain(|namespace, _| by_namespace.contains_key(namespace));
        for (namespace, pid) in by_namespace {
            let has_listeners = listening.get(&namespace).copied();
            let wants_idle = is_idle_due || has_listeners.is_none();
            if wants_idle || has_listeners == Some(true) {
                listening.entry(namespace).or_insert(false);
                self.requests.ask(Request::Sockets { pid, wants_idle });
            }
        }
    }

    fn namespace_of(&self, pid: u32) -> Option<u64> {
        self.table.get(pid)?.identity.as_deref()?.net_namespace
    }

    pub(super) fn on_sockets(&mut self, reading: &SocketsReading) {
        self.sockets.listening.insert(reading.namespace, !reading.listeners.is_empty());
        let listeners = reading.listeners.iter().map(|it| (it.inode, *it)).collect();
        let idle = reading.idle.as_ref().map(|idle| idle.iter().copied().collect());
        let mut shown = FxHashSet::default();
        for pid in self.table.pids() {
            if self.namespace_of(pid) != Some(reading.namespace) {
                continue;
            }
            let Some(table) = self.tables.of(pid).filter(|it| it.is_seeded() && !it.is_coarse())
            else {
                continue;
            };
            let found = self.found_in(table, &listeners, idle.as_ref(), &mut shown);
            let known = self.sockets.by_pid.entry(pid).or_default();
            known.accept_queue = found.accept_queue;
            known.idle_connections = found.idle_connections.or(known.idle_connections);
        }
    }

    /// What of these sockets a table has; queues that are in `shown` are left out, others join it.
    fn found_in(
        &self,
        table: &Table,
        listeners: &FxHashMap<u64, Listener>,
        idle: Option<&FxHashSet<u64>>,
        shown: &mut FxHashSet<u64>,
    ) -> Shown {
        let mut fullest: Option<Listener> = None;
        let mut counted = FxHashSet::default();
        for id in table.objects() {
            let object = self.tables.objects().get(id);
            let Some(object) = object.filter(|it| it.kind == DescriptorKind::Socket) else {
                continue;
            };
            if let Some(listener) = listeners.get(&object.inode)
                && shown.insert(object.inode)
                && fullest.is_none_or(|fullest| fullness(listener) > fullness(&fullest))
            {
                fullest = Some(*listener);
            }
            if idle.is_some_and(|idle| idle.contains(&object.inode)) {
                counted.insert(object.inode);
            }
        }
        let queue =
            |it: Listener| AcceptQueue { waiting: it.waiting.into(), limit: it.limit.into() };
        Shown {
            accept_queue: fullest.map(queue),
            idle_connections: idle.map(|_| counted.len() as u64),
        }
    }
}

/// How full a queue is. The kernel lets one more in than the limit says.
fn fullness(listener: &Listener) -> f64 {
    f64::from(listener.waiting) / (f64::from(listener.limit) + 1.0)
}

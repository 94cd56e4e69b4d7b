//! What the kernel did to descriptors, timers and shared memory, applied to the inventory, and what
//! was read of them.

use super::Engine;
use crate::{
    event::{Body, Event, EventKind, OpenSet, Privilege, TableReading},
    inventory::{Applied, Maker, SpaceKey, Table, Watch, fd_ops},
};

/// How often an unusable reading of a table that waits to be known is repeated at once.
const AT_ONCE: u8 = 8;

impl Engine {
    /// Applies a call that made, copied or gave back a descriptor, a timer or a segment. `stack` is
    /// the number of its call stack, 0 if none was taken.
    pub(super) fn on_resource(&mut self, event: &Event, stack: u32) {
        self.segments.apply(event.at_ns, &event.body);
        if self.table.get(event.pid).is_none() {
            let key = SpaceKey::of_mm(event.mm);
            if self.discover(event.pid, "", 0, event.at_ns, key).is_none() {
                return;
            }
        }
        let who = maker(event);
        for op in fd_ops(&event.body).into_iter().flatten() {
            if self.tables.apply(who, event.at_ns, op, stack) == Applied::Collided {
                self.counts.collisions += 1;
            }
        }
        if let Some(process) = self.table.get_mut(event.pid) {
            process.timers.apply(event.at_ns, &event.body);
            if let Body::Call(call) = event.body
                && matches!(call.kind, EventKind::Accept | EventKind::Accept4)
                && call.result >= 0
                && let Some(accepted) = &mut process.accepted
            {
                *accepted += 1;
            }
        }
        // What is opened and closed through the ring is told by no call.
        if let Body::Call(call) = event.body
            && call.kind == EventKind::IoUringSetup
            && call.result >= 0
        {
            self.tables.make_coarse(event.pid);
        }
    }

    /// A table was left for a copy of it: what follows is about the copy.
    pub(super) fn on_unshare(&mut self, event: &Event) {
        self.tables.unshare(event.pid, event.tid, event.files, event.at_ns);
    }

    /// Gives a forked child its table.
    pub(super) fn fork_table(&mut self, event: &Event, child: u32, is_traced: bool) {
        let Body::Fork { child_files, ref open, .. } = event.body else { return };
        let maker = Maker { is_followed: is_traced, ..maker(event) };
        self.tables.fork(maker, child, child_files, open, event.at_ns);
        self.seed_table_if_named(child, event.at_ns);
    }

    /// Leaves a program that was just started what its table still holds.
    pub(super) fn exec_table(&mut self, event: &Event, open: &OpenSet) {
        self.tables.exec(event.pid, event.files, open, event.at_ns);
        self.seed_table_if_named(event.pid, event.at_ns);
    }

    /// What the user asked for by name is read at once, so that its events count from the start.
    pub(super) fn seed_table_if_named(&mut self, pid: u32, now_ns: u64) {
        let is_named = self.table.get(pid).is_some_and(|process| process.watch == Watch::Named);
        if let Some(table) = self.tables.of_mut(pid)
            && is_named
            && !table.is_seeded()
        {
            table.asked_ns = now_ns;
            self.requests.ask_table(pid);
        }
    }

    pub(super) fn on_table(&mut self, reading: &TableReading) {
        let pid = reading.process.pid;
        // As for spaces, a first reading is no check.
        if self.tables.of(pid).is_some_and(Table::is_seeded) {
            self.requests.spend(reading.cost_ns);
        }
        let known = self.table.get(pid);
        let is_same = known.is_some_and(|known| {
            known.id.start_ticks == reading.process.start_ticks || known.id.start_ticks == 0
        });
        // A reading from before the last exec shows a table that is gone.
        let is_current = known.is_some_and(|known| reading.t0_ns >= known.since_ns);
        let corrects = self.facts.reconcile || self.facts.privilege == Privilege::ProcOnly;
        let Some(table) = self.tables.of_mut(pid) else { return };
        if !reading.found || !is_same || !is_current {
            table.asked_ns = 0;
            return;
        }
        let is_sampled = table.is_coarse();
        if let Some(process) = self.table.get_mut(pid) {
            process.timers.reconcile(reading, corrects || is_sampled);
        }
        if reading.has_ring {
            self.tables.make_coarse(pid);
        }
        if self.tables.reconcile(reading, corrects) {
            self.counts.reconciled += 1;
        } else if self.tables.of(pid).is_some_and(|table| table.refusals < AT_ONCE) {
            self.seed_table_if_named(pid, reading.t1_ns);
        }
    }
}

fn maker(event: &Event) -> Maker {
    Maker { pid: event.pid, tid: event.tid, files: event.files, is_followed: true }
}

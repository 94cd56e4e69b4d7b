//! What the kernel did, applied to the inventory.

use super::{Dead, Engine, LONGEST_READING_NS, REMEMBERED_DEAD};
use std::sync::Arc;

use crate::{
    event::{Body, Call, Comm, Event, EventKind, Family, ProcessId},
    inventory::{Applied, Process, Space, SpaceKey, Timers, Watch, mem_op},
    output::{EventLine, Output},
};

/// A fork, as far as the table needs it.
struct Birth {
    child: u32,
    ppid: u32,
    start_ns: u64,
    mm: u64,
    comm: Comm,
}

impl Engine {
    pub(super) fn on_event(&mut self, event: &Event, out: &mut dyn FnMut(Output<'_>)) {
        self.counts.events += 1;
        if self.is_second_exit(event) {
            return;
        }
        if let Body::Stack(frames) = &event.body {
            self.stack = Some((event.tid, frames.clone()));
            return;
        }
        let frames = self.stack.take().filter(|(tid, _)| *tid == event.tid);
        let frames = frames.map(|(_, frames)| frames);
        let stack = frames.as_ref().map_or(0, |frames| self.stacks.number(frames));
        let mut heap_change = None;
        let mut is_let_go = false;
        match event.body {
            Body::Mmap { .. } | Body::Munmap { .. } | Body::Mremap { .. } | Body::Brk { .. } => {
                heap_change = self.on_memory(event, stack);
            }
            Body::Fork { child, child_ppid, child_start_ns, child_mm, comm, .. } => {
                let birth =
                    Birth { child, ppid: child_ppid, start_ns: child_start_ns, mm: child_mm, comm };
                self.on_fork(event, &birth, out);
            }
            Body::Exec { start_ns, comm, ref open, .. } => {
                self.is_command_started |= self.facts.command_pid == Some(event.pid);
                is_let_go = !self.on_exec(event, start_ns, comm, out);
                if !is_let_go {
                    self.exec_table(event, open);
                }
            }
            Body::Rename { pid, comm } => self.on_rename(pid, comm),
            Body::Call(ref call) => self.on_call(event, call, stack),
            Body::Close { .. } => self.on_resource(event, stack),
            Body::TcpState(ref change) => {
                let state = change.new_state as u8;
                self.tables.set_tcp_state(change.inode, state, event.at_ns);
            }
            // The line is printed while the process is still known; a stack was taken above.
            Body::Exit { .. } | Body::Stack(_) => {}
        }
        self.print(event, heap_change, frames.as_deref(), out);
        if is_let_go {
            self.let_go(event.pid, event.at_ns, out);
        }
        if let Body::Exit { start_ns, .. } = event.body {
            self.on_exit(ProcessId::from_start_ns(event.pid, start_ns), event.at_ns, out);
        }
    }

    /// When the last threads of a process end at the same time, each may find itself the last.
    fn is_second_exit(&self, event: &Event) -> bool {
        let Body::Exit { start_ns, .. } = event.body else { return false };
        let id = ProcessId::from_start_ns(event.pid, start_ns);
        self.dead.get(&id.pid).is_some_and(|dead| dead.start_ticks == id.start_ticks)
    }

    fn print(
        &self,
        event: &Event,
        heap_change: Option<i64>,
        stack: Option<&[u64]>,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        if !self.wants_events || matches!(event.body, Body::Rename { .. }) {
            return;
        }
        // What the gate does is not the command's doing.
        if !self.is_command_started && self.facts.command_pid == Some(event.pid) {
            return;
        }
        // A TCP state is nobody's doing: it is told of whoever holds the socket.
        let pid = match event.body {
            Body::TcpState(ref change) => self.tables.owner_of(change.inode).unwrap_or(0),
            _ => event.pid,
        };
        let process = self.table.get(pid);
        // To pick processes by name the kernel side tells of all; only the picked are anybody's
        // business.
        if process.is_none() && self.is_scoped() {
            return;
        }
        let length = match event.body {
            Body::Call(call) if call.kind == EventKind::Shmat => {
                self.segments.bytes(call.args[0] as i32)
            }
            _ => None,
        };
        out(Output::Event(&EventLine {
            seq: self.counts.events,
            clock: self.clock,
            event,
            process: process.map_or(ProcessId::default(), |process| process.id),
            comm: process.map(|process| process.comm.as_str()).filter(|comm| !comm.is_empty()),
            heap_change,
            length,
            stack,
        }));
    }

    fn on_call(&mut self, event: &Event, call: &Call, stack: u32) {
        const CLOSE_RANGE_UNSHARE: u64 = 2;
        let is_range = call.kind == EventKind::CloseRange;
        if call.kind == EventKind::Unshare || (is_range && call.args[2] & CLOSE_RANGE_UNSHARE != 0)
        {
            self.on_unshare(event);
        }
        self.on_resource(event, stack);
        if call.kind.family() == Family::Memory {
            self.on_memory(event, stack);
        }
    }

    /// Applies a change of an address space; says by how much the heap grew, for brk.
    fn on_memory(&mut self, event: &Event, stack: u32) -> Option<i64> {
        if self.table.get(event.pid).is_none() {
            self.discover(event.pid, "", 0, event.at_ns, SpaceKey::of_mm(event.mm))?;
        }
        self.table.bind(event.pid, event.mm, event.at_ns);
        let op = mem_op(&event.body, &self.facts, &self.segments, stack);
        let space = self.table.space_of_mut(event.pid)?;
        let Some(op) = op else {
            // The size of a segment of another IPC namespace is not known.
            let is_attached = matches!(event.body, Body::Call(call) if call.kind == EventKind::Shmat
                && !(-4095..0).contains(&call.result));
            if is_attached {
                space.mark_inexact();
            }
            return None;
        };
        if space.apply(event.at_ns, op) == Applied::Collided {
            self.counts.collisions += 1;
        }
        let Body::Brk { result, .. } = event.body else { return None };
        let before = space.last_brk.replace(result)?;
        Some(result as i64 - before as i64)
    }

    fn on_fork(&mut self, event: &Event, birth: &Birth, out: &mut dyn FnMut(Output<'_>)) {
        self.table.bind(event.pid, event.mm, event.at_ns);
        let comm = birth.comm.to_text();
        if let Some(earlier) = self.table.get(birth.child) {
            // Its pid is used again, so it ended unseen. The kernel side has forgotten it and
            // follows the child: it is told nothing.
            let id = earlier.id;
            self.end(id, event.at_ns, out);
        }
        self.zombies.revive(birth.child);
        let Some(watch) = self.watch_of(birth.child, &comm, event.pid) else { return };
        let key = SpaceKey::of_mm(birth.mm);
        // Only followed children are traced from birth, if their parent surely was when it forked;
        // others from when the kernel side is told, so that what they inherit is read then.
        let is_traced = !self.is_scoped() || (self.facts.filters.follow && self.comm.is_none());
        if birth.mm != event.mm {
            let space = match self.table.space_of(event.pid) {
                Some(parent) if is_traced => parent.forked(event.at_ns),
                _ => Space::unseeded(event.at_ns),
            };
            self.table.install_space(key, space);
        }
        self.table.insert(Process {
            ppid: birth.ppid,
            id: ProcessId::from_start_ns(birth.child, birth.start_ns),
            timers: Timers::none(),
            identity: self.table.get(event.pid).and_then(|maker| maker.identity.clone()),
            component: self.table.get(event.pid).and_then(|maker| maker.component.clone()),
            ..Process::new(birth.child, comm, event.at_ns, key).watched(watch)
        });
        if !is_traced {
            self.requests.watch(birth.child);
        }
        self.fork_table(event, birth.child, is_traced);
        self.seed_if_named(birth.child, event.at_ns);
    }

    /// Gives a process its new program; says whether it is still watched.
    fn on_exec(
        &mut self,
        event: &Event,
        start_ns: u64,
        comm: Comm,
        out: &mut dyn FnMut(Output<'_>),
    ) -> bool {
        let comm = comm.to_text();
        let key = SpaceKey::of_mm(event.mm);
        if self.table.get(event.pid).is_none() {
            // Nobody's child as far as we know: picked by name, or its fork was lost.
            self.discover(event.pid, &comm, 0, event.at_ns, SpaceKey::provisional(event.pid));
        }
        let Some(known) = self.table.get(event.pid) else { return true };
        let (ppid, before) = (known.ppid, known.watch);
        // Another program: what the last one did says nothing about it.
        self.end_growths(event.pid, event.at_ns, out);
        self.end_rules(event.pid, event.at_ns, out);
        // Following is for life, whatever becomes of the parent.
        let is_followed = self.facts.filters.follow && before == Watch::Named;
        let watch = if is_followed { Some(before) } else { self.watch_of(event.pid, &comm, ppid) };
        let Some(watch) = watch else { return false };
        self.table.install_space(key, Space::unseeded(event.at_ns));
        self.table.move_to(event.pid, key, event.at_ns);
        if let Some(process) = self.table.get_mut(event.pid) {
            process.id = ProcessId::from_start_ns(event.pid, start_ns);
            process.comm = comm;
            process.since_ns = event.at_ns;
            process.reading = None;
            process.cpu_percent = None;
            process.load = None;
            process.idle_rounds = 0;
            process.timers.exec();
            process.wants_identity = true;
            if let Some(identity) = &mut process.identity {
                let identity = Arc::make_mut(identity);
                (identity.cmdline, identity.is_32bit) = (None, false);
            }
            process.watch = watch;
            process.due_ns = process.first_look_ns();
        }
        self.seed_if_named(event.pid, event.at_ns);
        true
    }

    /// Watches a process no longer: it had the name of a watched one until now, from its parent.
    fn let_go(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.remove(pid, at_ns, out);
        self.requests.unwatch(pid);
    }

    /// Removes a process, with its last snapshot.
    fn remove(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if let Some(snapshot) = self.snapshot_at(pid, at_ns, true) {
            out(Output::Final(&snapshot));
            self.remember_ended(pid, &snapshot);
        }
        self.end_growths(pid, at_ns, out);
        self.end_rules(pid, at_ns, out);
        self.table.remove(pid);
        self.tables.exit(pid);
    }

    fn on_rename(&mut self, pid: u32, comm: Comm) {
        let comm = comm.to_text();
        match self.table.get_mut(pid) {
            Some(process) => process.comm = comm,
            None if self.comm.is_some() => {
                self.discover(pid, &comm, 0, self.now_ns, SpaceKey::provisional(pid));
            }
            None => {}
        }
    }

    /// Takes a process up that no event announced; `None` where it is not watched.
    pub(super) fn discover(
        &mut self,
        pid: u32,
        comm: &str,
        ppid: u32,
        now_ns: u64,
        space: SpaceKey,
    ) -> Option<()> {
        // A scoped kernel side sends the memory of watched processes only: its word is enough.
        let watch = self.watch_of(pid, comm, ppid)?;
        if self.is_scoped() {
            self.requests.watch(pid);
        }
        let process = Process::new(pid, comm.to_owned(), now_ns, space).watched(watch);
        self.table.insert(Process { ppid, ..process });
        self.tables.discover(pid, now_ns);
        self.zombies.revive(pid);
        self.seed_if_named(pid, now_ns);
        self.seed_table_if_named(pid, now_ns);
        Some(())
    }

    /// What the user asked for by name is read at once, so that its events count from the start.
    pub(super) fn seed_if_named(&mut self, pid: u32, now_ns: u64) {
        let is_named = self.table.get(pid).is_some_and(|process| process.watch == Watch::Named);
        if let Some(space) = self.table.space_of_mut(pid)
            && is_named
            && !space.is_seeded()
        {
            space.asked_ns = now_ns;
            self.requests.ask_space(pid);
        }
    }

    /// Ends a process; in a scoped run the kernel side is told, in case it was told of the process
    /// after its end.
    pub(super) fn on_exit(&mut self, id: ProcessId, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if self.table.get(id.pid).is_none() {
            return;
        }
        self.end(id, at_ns, out);
        if self.is_scoped() {
            self.requests.unwatch(id.pid);
        }
    }

    /// Ends a process: its last snapshot, the end of its findings, and what it held.
    fn end(&mut self, id: ProcessId, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.remove(id.pid, at_ns, out);
        self.table.hurry_children_of(id.pid, at_ns);
        self.zombies.ended(id.pid, at_ns);
        if self.dead.len() >= REMEMBERED_DEAD {
            self.dead.retain(|_, dead| dead.at_ns + LONGEST_READING_NS > at_ns);
        }
        self.dead.insert(id.pid, Dead { start_ticks: id.start_ticks, at_ns });
    }
}

//! What was read of the host, applied to the inventory and to the series.

use super::{
    Engine,
    requests::{next_identity_ns, next_look_ns},
    snapshot::connections,
};
use crate::{
    event::{DescriptorKind, MappingClass, Privilege, ProcReading, Reconcile, TICK_NS},
    inventory::{Process, Space, SpaceKey, Work},
    output::Output,
    rule::{Sample, Signal, Values},
};

/// State letter of a reading that found no process: it is gone.
const GONE: char = 'X';
/// State letter of a process that ended and was not waited for.
const ZOMBIE: char = 'Z';
/// A reading and the events agree in time when nothing happened for this long before it.
const QUIET_NS: u64 = 200_000_000;

/// How often an unusable reading of a space that waits to be known is repeated at once; after
/// that on every tick.
const AT_ONCE: u8 = 8;

/// Signals that are the number of descriptors of one kind.
const KINDS: [(Signal, DescriptorKind); 5] = [
    (Signal::Pipes, DescriptorKind::Pipe),
    (Signal::Eventfds, DescriptorKind::Eventfd),
    (Signal::Sockets, DescriptorKind::Socket),
    (Signal::Timerfds, DescriptorKind::Timerfd),
    (Signal::Memfds, DescriptorKind::Memfd),
];

/// What a process has done so far, as a look shows it.
fn work(reading: &ProcReading, accepted: Option<u64>) -> Work {
    let &ProcReading { at_ns, cpu_ticks, read_bytes, .. } = reading;
    Work { at_ns, cpu_ticks, accepted, read_bytes }
}

impl Engine {
    pub(super) fn on_proc(&mut self, reading: &ProcReading, out: &mut dyn FnMut(Output<'_>)) {
        if self.is_stale(reading) {
            return;
        }
        let pid = reading.process.pid;
        // On its way out a process has no memory left and is not a zombie yet.
        let is_over = matches!(reading.state, GONE | ZOMBIE) || reading.virtual_bytes == 0;
        if let Some(known) = self.table.get(pid) {
            let is_other =
                known.id.start_ticks != 0 && known.id.start_ticks != reading.process.start_ticks;
            if is_other || is_over {
                // Its end was not seen: no probe, or the record was lost.
                let id = known.id;
                self.on_exit(id, reading.at_ns, out);
            }
        }
        if reading.state == ZOMBIE && reading.threads <= 1 {
            self.zombies.seen(pid, reading.ppid, reading.at_ns);
        }
        if is_over {
            return;
        }
        self.zombies.revive(pid);
        if self.table.get(pid).is_none() {
            let key = SpaceKey::provisional(pid);
            if self.discover(pid, &reading.comm, reading.ppid, reading.at_ns, key).is_none() {
                return;
            }
        }
        self.take_reading(reading);
        self.check_descriptors(reading);
        self.check_virtual_size(reading);
        self.sample(reading, out);
        self.judge_process(pid, reading.at_ns, out);
    }

    /// Whether a reading is older than what events have told since.
    fn is_stale(&self, reading: &ProcReading) -> bool {
        let id = reading.process;
        let is_dead = self.dead.get(&id.pid).is_some_and(|dead| {
            (dead.start_ticks == id.start_ticks || dead.start_ticks == 0)
                && dead.at_ns >= reading.at_ns
        });
        reading.kernel_thread
            || is_dead
            || self.table.get(id.pid).is_some_and(|known| known.since_ns > reading.at_ns)
    }

    fn take_reading(&mut self, reading: &ProcReading) {
        self.table.set_parent(reading.process.pid, reading.ppid);
        let Some(process) = self.table.get_mut(reading.process.pid) else { return };
        process.id = reading.process;
        process.comm.clone_from(&reading.comm);
        let last = process.reading.take();
        let is_idle = last.as_ref().is_some_and(|last| {
            last.rss_bytes == reading.rss_bytes
                && last.virtual_bytes == reading.virtual_bytes
                && last.cpu_ticks == reading.cpu_ticks
        });
        process.idle_rounds = if is_idle { process.idle_rounds.saturating_add(1) } else { 0 };
        process.due_ns = next_look_ns(reading.at_ns, process.idle_rounds);
        let mut kept = Box::new(reading.clone());
        let mut is_unseen = false;
        if let Some(mut identity) = kept.identity.take() {
            is_unseen = identity.is_32bit;
            process.component = identity.component.take().map(|it| self.components.intern(*it));
            process.identity = Some(identity.into());
            process.wants_identity = false;
            process.identity_due_ns = next_identity_ns(reading.at_ns);
        }
        let is_32bit = process.identity.as_ref().is_some_and(|identity| identity.is_32bit);
        let is_told = self.sees_accepts && !is_32bit;
        process.accepted = process.accepted.or(Some(0)).filter(|_| is_told);
        let before = last.as_deref().map(|last| work(last, process.accepted_before));
        process.load = before.and_then(|before| work(reading, process.accepted).since(before));
        process.accepted_before = process.accepted;
        if let Some(last) = last {
            let passed_ns = reading.at_ns.saturating_sub(last.at_ns);
            if passed_ns > 0 {
                let used_ns = reading.cpu_ticks.saturating_sub(last.cpu_ticks) * TICK_NS;
                process.cpu_percent = Some(used_ns as f64 / passed_ns as f64 * 100.0);
            }
            // What is read less often stays as last read.
            kept.detail = kept.detail.or(last.detail);
            kept.rollup = kept.rollup.or(last.rollup);
            kept.limits = kept.limits.or(last.limits);
        }
        process.reading = Some(kept);
        if is_unseen {
            self.sample_only(reading.process.pid);
        }
    }

    /// The calls of a 32-bit program are seen by no probe: /proc is all there is.
    fn sample_only(&mut self, pid: u32) {
        if let Some(space) = self.table.space_of_mut(pid) {
            space.make_coarse();
        }
        self.tables.make_coarse(pid);
    }

    /// The virtual size of /proc minus the inventory is stack and vdso, and constant. When it
    /// moves while nothing happens, an event was missed or the stack grew: worth a check.
    fn check_virtual_size(&mut self, reading: &ProcReading) {
        let Some(space) = self.table.space_of_mut(reading.process.pid) else { return };
        let Some(totals) = space.totals() else { return };
        if space.last_event_ns + QUIET_NS > reading.at_ns {
            return;
        }
        let unlisted = reading.virtual_bytes as i64 - totals.all() as i64;
        // More held than mapped: fork left ranges out (MADV_DONTFORK), or a release was missed.
        let is_impossible = unlisted < 0;
        let has_moved = space.unlisted_bytes.is_some_and(|before| before != unlisted);
        space.is_suspect |= is_impossible || has_moved;
        space.unlisted_bytes = Some(unlisted);
    }

    /// The number of descriptors is plain files and what is followed: when it moves unasked, files
    /// came or went, or a descriptor did in a way that no event shows.
    fn check_descriptors(&mut self, reading: &ProcReading) {
        let Some(total) = reading.descriptors else { return };
        if let Some(table) = self.tables.of_mut(reading.process.pid)
            && table.last_event_ns + QUIET_NS <= reading.at_ns
        {
            table.take_total(total);
        }
    }

    /// Feeds the series of a process and reports what came of it.
    fn sample(&mut self, reading: &ProcReading, out: &mut dyn FnMut(Output<'_>)) {
        let Some(process) = self.table.get(reading.process.pid) else { return };
        let load = process.cpu_percent.unwrap_or(0.0);
        let (id, values) = (process.id, self.values_of(process, reading));
        self.observe_growth(id, &Sample { at_ns: reading.at_ns, load, values }, out);
    }

    /// What a process holds, as far as it is known to be right.
    fn values_of(&self, process: &Process, reading: &ProcReading) -> Values {
        let pid = process.id.pid;
        let is_trusted = |is_exact| {
            // Without events the last reading is all there is.
            is_exact || self.facts.privilege == Privilege::ProcOnly
        };
        let space = self.table.space_of(pid).filter(|space| is_trusted(space.is_exact()));
        let totals = space.and_then(Space::totals);
        let table = self.tables.of(pid).filter(|table| is_trusted(table.is_exact()));
        let counts = table.and_then(|_| self.tables.counts(pid));
        let mut values = Values::default();
        let held = |class| totals.map(|totals| totals.get(class));
        values.set(Signal::Heap, held(MappingClass::Heap));
        values.set(Signal::Anon, held(MappingClass::Anonymous));
        values.set(Signal::Shared, held(MappingClass::Shared));
        let own = self.table.space_of(pid).map_or(0, |space| self.own_segment_bytes(space));
        values.set(Signal::Touched, Some(touched_bytes(process, reading) + own));
        values.set(Signal::Swapped, swapped_bytes(process));
        let segments = space.and_then(Space::segments);
        values.set(Signal::Segments, segments.map(|segments| segments as u64));
        if let Some(counts) = counts {
            for (signal, kind) in KINDS {
                values.set(signal, Some(counts.get(kind)));
            }
            let files = counts.knows_files.then(|| counts.get(DescriptorKind::File));
            values.set(Signal::Files, files);
            values.set(Signal::Descriptors, files.map(|_| counts.by_kind.iter().sum()));
            values.set(Signal::CloseWait, Some(connections(&counts).close_wait));
            values.set(Signal::EpollWatches, Some(counts.epoll_watches));
            values.set(Signal::InotifyWatches, Some(counts.inotify_watches));
        }
        values.set(Signal::Timers, process.timers.count(reading.at_ns));
        values.set(Signal::Threads, Some(reading.threads.into()));
        values.set(Signal::Children, Some(self.table.children_of(pid).into()));
        values.set(Signal::Zombies, Some(self.zombies.of(pid)));
        values
    }

    /// Memory of the System V segments that only this space has attached, resident or swapped out.
    /// Of other shared memory /proc does not tell how much of it nobody else has mapped, short of a
    /// walk over every page.
    pub(super) fn own_segment_bytes(&self, space: &Space) -> u64 {
        let Some(host) = self.host.as_ref() else { return 0 };
        let own: Vec<_> = host.segments.iter().filter(|it| it.attached == 1).collect();
        if own.is_empty() {
            return 0;
        }
        let ids = space.segment_ids();
        let own = own.into_iter().filter(|segment| ids.contains(&segment.id));
        own.map(|segment| segment.rss_bytes + segment.swap_bytes).sum()
    }

    pub(super) fn on_reconcile(&mut self, reading: &Reconcile) {
        // A first reading is no check: where many processes come, checks would never get a turn.
        if self.table.space_of(reading.process.pid).is_some_and(Space::is_seeded) {
            self.requests.spend(reading.cost_ns);
        }
        let known = self.table.get(reading.process.pid);
        let is_same = known.is_some_and(|known| {
            known.id.start_ticks == reading.process.start_ticks || known.id.start_ticks == 0
        });
        // A reading from before the last exec shows a space that is gone.
        let is_current = known.is_some_and(|known| reading.t0_ns >= known.since_ns);
        let corrects = self.facts.reconcile || self.facts.privilege == Privilege::ProcOnly;
        let Some(space) = self.table.space_of_mut(reading.process.pid) else { return };
        if !reading.found || !is_same || !is_current {
            space.asked_ns = 0;
            return;
        }
        if space.reconcile(reading, corrects) {
            self.counts.reconciled += 1;
        } else if space.refusals < AT_ONCE {
            self.seed_if_named(reading.process.pid, reading.t1_ns);
        }
    }
}

fn swapped_bytes(process: &Process) -> Option<u64> {
    process.reading.as_deref()?.detail.map(|detail| detail.swap_bytes)
}

/// Anonymous memory that is held: resident or swapped out. Pages that the program has freed and the
/// kernel has not taken yet are not.
fn touched_bytes(process: &Process, reading: &ProcReading) -> u64 {
    let kept = process.reading.as_deref();
    let swap = swapped_bytes(process).unwrap_or(0);
    let freed = kept.and_then(|kept| kept.rollup).map_or(0, |rollup| rollup.lazyfree_bytes);
    reading.rss_anon_bytes.saturating_sub(freed) + swap
}

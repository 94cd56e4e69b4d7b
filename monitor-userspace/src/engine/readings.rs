//! What was read of the host, applied to the inventory and to the series.

use super::{Engine, requests::next_look_ns};
use crate::{
    event::{Privilege, ProcReading, Reconcile, TICK_NS},
    inventory::{Space, SpaceKey},
    output::Output,
    rule::Sample,
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
        if let Some(identity) = kept.identity.take() {
            is_unseen = identity.is_32bit;
            process.identity = Some(identity.into());
            process.wants_identity = false;
        }
        if let Some(last) = last {
            let passed_ns = reading.at_ns.saturating_sub(last.at_ns);
            if passed_ns > 0 {
                let used_ns = reading.cpu_ticks.saturating_sub(last.cpu_ticks) * TICK_NS;
                process.cpu_percent = Some(used_ns as f64 / passed_ns as f64 * 100.0);
            }
            // What is read less often stays as last read.
            kept.detail = kept.detail.or(last.detail);
            kept.rollup = kept.rollup.or(last.rollup);
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
        let pid = reading.process.pid;
        let Some(process) = self.table.get(pid) else { return };
        let space = self.table.space_of(pid).filter(|space| {
            // Without events the last reading is all there is.
            space.is_exact() || self.facts.privilege == Privilege::ProcOnly
        });
        let totals = space.and_then(Space::totals);
        let kept = process.reading.as_deref();
        let swap_bytes = kept.and_then(|kept| kept.detail).map_or(0, |detail| detail.swap_bytes);
        // Pages the program has freed and the kernel has not taken yet are not held.
        let lazyfree_bytes =
            kept.and_then(|kept| kept.rollup).map_or(0, |rollup| rollup.lazyfree_bytes);
        let sample = Sample {
            at_ns: reading.at_ns,
            load: process.cpu_percent.unwrap_or(0.0),
            totals,
            touched_bytes: reading.rss_anon_bytes.saturating_sub(lazyfree_bytes) + swap_bytes,
        };
        self.observe_growth(process.id, &sample, out);
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

//! The state of one process, as it is printed.

use super::{Engine, looks::Found};
use crate::{
    detect::LookAtObjects,
    event::{DescriptorKind, MappingClass, Privilege, ProcReading},
    inventory::{DescriptorCounts, Process, TCP_STATES, Work},
    output::{
        AccessLine, AccuracyLine, Connections, LoadLine, ObjectsLine, Snapshot, Source, start_time,
    },
    rule::{Grower, Signal},
};

impl Engine {
    pub(super) fn snapshot(&self, pid: u32, is_final: bool) -> Option<Snapshot> {
        self.snapshot_at(pid, self.now_ns, is_final)
    }

    #[expect(clippy::too_many_lines, reason = "one line for each field of a snapshot")]
    pub(super) fn snapshot_at(&self, pid: u32, at_ns: u64, is_final: bool) -> Option<Snapshot> {
        let process = self.table.get(pid)?;
        let space = self.table.space_of(pid)?;
        let reading = process.reading.as_deref();
        let detail = reading.and_then(|reading| reading.detail);
        let rollup = reading.and_then(|reading| reading.rollup);
        let held = |class| space.totals().map(|totals| totals.get(class));
        let is_coarse = space.is_coarse()
            || self.tables.of(pid).is_some_and(crate::inventory::Table::is_coarse);
        let has_events = self.facts.privilege == Privilege::Full && !is_coarse;
        let identity = process.identity.as_deref().cloned().unwrap_or_default();
        let counts = self.tables.counts(pid);
        let kind = |kind| counts.map(|counts| counts.get(kind));
        let sockets = self.sockets.of(pid);
        let files = counts.filter(|counts| counts.knows_files);
        Some(Snapshot {
            ts: self.clock.at(at_ns),
            pid,
            start_time: start_time(self.clock, process.id),
            ppid: (process.ppid != 0).then_some(process.ppid),
            comm: process.comm.clone(),
            cmdline: identity.cmdline,
            user: identity.user,
            component: process.component.as_deref().map(|place| place.name.clone()),
            unit: identity.unit,
            container: identity.container,
            pod: identity.pod,
            source: if has_events { Source::Events } else { Source::Proc },
            rss_bytes: reading.map(|reading| reading.rss_bytes),
            rss_anon_bytes: reading.map(|reading| reading.rss_anon_bytes),
            rss_file_bytes: detail.map(|detail| detail.rss_file_bytes),
            rss_shmem_bytes: detail.map(|detail| detail.rss_shmem_bytes),
            pss_bytes: rollup.map(|rollup| rollup.pss_bytes),
            pss_shmem_bytes: rollup.map(|rollup| rollup.pss_shmem_bytes),
            swap_bytes: detail.map(|detail| detail.swap_bytes),
            lazyfree_bytes: rollup.map(|rollup| rollup.lazyfree_bytes),
            thp_bytes: rollup.map(|rollup| rollup.thp_bytes),
            virtual_bytes: reading.map(|reading| reading.virtual_bytes),
            heap_bytes: held(MappingClass::Heap),
            anon_mapped_bytes: held(MappingClass::Anonymous),
            file_mapped_bytes: held(MappingClass::File),
            shared_mapped_bytes: held(MappingClass::Shared),
            mappings: space.vmas,
            descriptors: files.map(|counts| counts.by_kind.iter().sum()),
            files: files.map(|counts| counts.get(DescriptorKind::File)),
            pipes: kind(DescriptorKind::Pipe),
            eventfds: kind(DescriptorKind::Eventfd),
            sockets: kind(DescriptorKind::Socket),
            listeners: counts.map(|counts| counts.listeners),
            timerfds: kind(DescriptorKind::Timerfd),
            epolls: kind(DescriptorKind::Epoll),
            inotifies: kind(DescriptorKind::Inotify),
            memfds: kind(DescriptorKind::Memfd),
            other_descriptors: kind(DescriptorKind::Other),
            descriptor_objects: counts.and_then(|counts| counts.objects),
            connections: counts.map(|counts| connections(&counts)),
            idle_connections: sockets.idle_connections,
            accept_queue: sockets.accept_queue,
            deleted_files: self.deleted.line(process),
            timers: process.timers.count(at_ns),
            epoll_watches: counts.map(|counts| counts.epoll_watches),
            inotify_watches: counts.map(|counts| counts.inotify_watches),
            shm_segments: space.segments().map(|segments| segments as u64),
            threads: reading.map(|reading| reading.threads),
            children: u64::from(self.table.children_of(pid)),
            zombies: self.zombies.of(pid),
            cpu_percent: process.cpu_percent,
            load: reading.map(|reading| load_line(process, reading)),
            access: self.looks.found(pid).map(|found| self.access_line(found)),
            objects: self.objects_lines(pid),
            limits: reading.and_then(|reading| reading.limits),
            accuracy: self.accuracy_of(process),
            sampled_at: reading.map(|reading| self.clock.at(reading.at_ns)),
            is_final,
        })
    }

    fn access_line(&self, found: Found) -> AccessLine {
        let Found { at_ns, opened_ns, held_bytes, touched_bytes } = found;
        let window_seconds = (at_ns.saturating_sub(opened_ns) + 500_000_000) / 1_000_000_000;
        AccessLine { at: self.clock.at(at_ns), window_seconds, held_bytes, touched_bytes }
    }

    fn objects_lines(&self, pid: u32) -> Option<Vec<ObjectsLine>> {
        let line = |(signal, at_ns, look): (Signal, u64, LookAtObjects)| ObjectsLine {
            kind: Grower::Signal(signal).name().into_owned(),
            at: self.clock.at(at_ns),
            told: look.told,
            idle: look.idle,
            watched_seconds: look.watched_ns / 1_000_000_000,
            born: look.born,
            died: look.died,
            grown: look.grown,
            lasting: look.survival.lasting,
            beyond: look.survival.beyond,
            files: look.files,
            repeated: look.repeated,
        };
        let lines: Vec<ObjectsLine> = self.object_looks.found(pid).map(line).collect();
        (!lines.is_empty()).then_some(lines)
    }

    /// The last check against /proc. A smallest mapping size, or no events at all, leaves nothing
    /// that could be compared.
    pub(super) fn accuracy_of(&self, process: &Process) -> Option<AccuracyLine> {
        let has_events = self.facts.privilege == Privilege::Full;
        let pid = process.id.pid;
        let compares = has_events && self.facts.filters.min_mapping_bytes == 0;
        let space = self.table.space_of(pid)?.accuracy.filter(|_| compares);
        let table = self.tables.of(pid).and_then(|table| table.accuracy).filter(|_| has_events);
        let checked_ns =
            space.map(|space| space.checked_ns).max(table.map(|table| table.checked_ns))?;
        Some(AccuracyLine {
            checked_at: self.clock.at(checked_ns),
            mapping_error_bytes: space.map(|space| space.error_bytes),
            descriptor_error: table.map(|table| table.errors),
        })
    }
}

fn load_line(process: &Process, reading: &ProcReading) -> LoadLine {
    let work = Work { cpu_ticks: reading.cpu_ticks, ..Work::default() };
    LoadLine { cpu_ms: work.cpu_ms(), accepted: process.accepted, read_bytes: reading.read_bytes }
}

/// TCP states by their numbers (include/net/tcp_states.h).
pub(super) fn connections(counts: &DescriptorCounts) -> Connections {
    let [_, established, syn_sent, syn_recv, fin_wait1, fin_wait2, time_wait, rest @ ..]: [u64;
        TCP_STATES] = counts.tcp;
    let [close, close_wait, last_ack, listen, closing, new_syn_recv] = rest;
    Connections {
        established,
        syn_sent,
        syn_recv: syn_recv + new_syn_recv,
        fin_wait1,
        fin_wait2,
        time_wait,
        close,
        close_wait,
        last_ack,
        listen,
        closing,
    }
}

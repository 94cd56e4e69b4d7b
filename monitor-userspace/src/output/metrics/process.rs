//! Processes: those that hold most memory, and all that a finding is about.

use std::collections::BTreeSet;

use super::{
    super::{Snapshot, View},
    page::{Kind::Counter, Labels, Measure, Page, gauge},
};

const MEASURES: &[Measure<Snapshot>] = &[
    gauge("process_memory_bytes", "Anonymous memory, resident and swapped.", memory),
    gauge("process_resident_bytes", "Resident set.", |it| bytes(it.rss_bytes)),
    gauge("process_resident_anonymous_bytes", "Resident anonymous memory.", |it| {
        bytes(it.rss_anon_bytes)
    }),
    gauge("process_swap_bytes", "Swapped out.", |it| bytes(it.swap_bytes)),
    gauge("process_heap_bytes", "The brk area.", |it| bytes(it.heap_bytes)),
    gauge("process_anonymous_mapped_bytes", "Private anonymous mappings.", |it| {
        bytes(it.anon_mapped_bytes)
    }),
    gauge("process_shared_mapped_bytes", "Shared memory mappings.", |it| {
        bytes(it.shared_mapped_bytes)
    }),
    gauge("process_mappings", "Ranges of the address space.", |it| it.mappings.map(f64::from)),
    gauge("process_descriptors", "Open descriptors.", |it| bytes(it.descriptors)),
    gauge("process_descriptors_limit", "Soft limit of open descriptors.", |it| {
        bytes(it.limits.as_ref()?.open_files)
    }),
    gauge("process_sockets", "Sockets, listeners too.", |it| bytes(it.sockets)),
    gauge("process_sockets_close_wait", "TCP sockets that the peer closed.", |it| {
        Some(it.connections?.close_wait as f64)
    }),
    gauge("process_timers", "POSIX and interval timers.", |it| bytes(it.timers)),
    gauge("process_epoll_watches", "Descriptors that its epolls watch.", |it| {
        bytes(it.epoll_watches)
    }),
    gauge("process_inotify_watches", "Files that its inotifies watch.", |it| {
        bytes(it.inotify_watches)
    }),
    gauge("process_threads", "Threads.", |it| it.threads.map(f64::from)),
    gauge("process_children", "Living children.", |it| Some(it.children as f64)),
    gauge("process_zombies", "Children that ended and were not waited for.", |it| {
        Some(it.zombies as f64)
    }),
    gauge("process_cpu_ratio", "CPU between the last two looks; 1 is one core.", |it| {
        Some(it.cpu_percent? / 100.0)
    }),
    Measure {
        name: "process_cpu_seconds",
        kind: Counter,
        help: "CPU time since the process started, user and system.",
        of: |it| Some(it.load?.cpu_ms as f64 / 1e3),
    },
    gauge("process_start_time_seconds", "When it started, since 1970.", |it| {
        Some(it.start_time?.0 as f64 / 1e9)
    }),
];

fn bytes(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

fn memory(it: &Snapshot) -> Option<f64> {
    Some((it.rss_anon_bytes? + it.swap_bytes.unwrap_or(0)) as f64)
}

/// The `top` that hold most, and all with open findings, by pid.
pub(super) fn chosen(view: &View, top: usize) -> Vec<&Snapshot> {
    let named: BTreeSet<u32> = view.open_findings().iter().filter_map(|it| it.pid).collect();
    let living = view.processes.iter().map(|it| &it.snapshot).filter(|it| !it.is_final);
    let mut all: Vec<&Snapshot> = living.collect();
    all.sort_by(|one, other| {
        let [one_holds, other_holds] = [one, other].map(|it| memory(it).unwrap_or(0.0));
        other_holds.total_cmp(&one_holds).then(one.pid.cmp(&other.pid))
    });
    let is_chosen = |&(rank, it): &(usize, &Snapshot)| rank < top || named.contains(&it.pid);
    let mut chosen: Vec<_> = all.into_iter().enumerate().filter(is_chosen).map(|it| it.1).collect();
    chosen.sort_by_key(|it| it.pid);
    chosen.dedup_by_key(|it| it.pid);
    chosen
}

/// Writes them.
pub(super) fn write(page: &mut Page, view: &View, top: usize) {
    let of = |it: &Snapshot| {
        let labels = Labels::default().with("pid", &it.pid.to_string()).with("comm", &it.comm);
        labels.with("component", it.component.as_deref().unwrap_or_default())
    };
    let subjects: Vec<_> = chosen(view, top).into_iter().map(|it| (of(it), it)).collect();
    for measure in MEASURES {
        page.measure(measure, &subjects);
    }
}

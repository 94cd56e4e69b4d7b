//! The host: what it has, where its memory is, its limits and its pressure.

use super::{
    super::{HostSnapshot, View},
    page::{
        Kind::{Counter, Gauge},
        Labels, Measure, Page, gauge,
    },
};
use crate::event::Pressures;

const MEASURES: &[Measure<HostSnapshot>] = &[
    gauge("host_memory_bytes", "MemTotal.", |it| Some(it.mem_total_bytes as f64)),
    gauge("host_memory_available_bytes", "MemAvailable.", |it| Some(it.mem_available_bytes as f64)),
    gauge("host_swap_bytes", "SwapTotal.", |it| Some(it.swap_total_bytes as f64)),
    gauge("host_swap_free_bytes", "SwapFree.", |it| Some(it.swap_free_bytes as f64)),
    gauge("host_processes", "Processes.", |it| Some(it.processes as f64)),
    gauge("host_zombies", "Children that ended and were not waited for.", |it| {
        Some(it.zombies as f64)
    }),
    gauge("host_threads", "Threads, where known.", |it| Some(it.threads as f64)),
    gauge("host_sockets", "Sockets with a descriptor, each once.", |it| Some(it.sockets as f64)),
    gauge("host_timers", "POSIX and interval timers.", |it| Some(it.timers as f64)),
    gauge("host_shm_segments", "System V segments.", |it| Some(it.shm_segments as f64)),
    gauge("host_orphan_shm_segments", "System V segments that nobody has attached.", |it| {
        Some(it.orphan_shm_segments as f64)
    }),
    gauge("host_cpu_ratio", "Share of all CPU time that was not idle.", |it| {
        Some(it.cpu_percent? / 100.0)
    }),
];

/// Writes it, once it was read.
pub(super) fn write(page: &mut Page, view: &View) {
    let Some(host) = &view.host else { return };
    let subject = [(Labels::default(), host)];
    for measure in MEASURES {
        page.measure(measure, &subject);
    }
    let help = "Where the memory is; the parts add up to memwatch_host_memory_bytes.";
    labelled(page, "host_memory_part_bytes", help, "part", &parts(host));
    let help = "Memory that no process owns, parts of the parts.";
    labelled(page, "host_unowned_bytes", help, "part", &unowned(host));
    let [used, most] = limits(host);
    labelled(page, "host_limit", "Limits that all processes share.", "limit", &most);
    labelled(page, "host_limit_used", "What is used of them.", "limit", &used);
    write_stalls(page, "host_stalled_seconds", &stalls(&Labels::default(), &host.pressure));
}

/// A family whose samples differ in one label.
pub(super) fn labelled(
    page: &mut Page,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, f64)],
) {
    let all: Vec<_> =
        values.iter().map(|(word, value)| (Labels::default().with(label, word), *value)).collect();
    page.family(name, Gauge, help, all.iter().map(|(labels, value)| (labels, *value)));
}

fn parts(host: &HostSnapshot) -> Vec<(&'static str, f64)> {
    let parts = &host.memory;
    vec![
        ("free", parts.free_bytes as f64),
        ("anonymous", parts.anon_bytes as f64),
        ("file_cache", parts.file_cache_bytes as f64),
        ("shared", parts.shmem_bytes as f64),
        ("slab_reclaimable", parts.slab_reclaimable_bytes as f64),
        ("slab_unreclaimable", parts.slab_unreclaimable_bytes as f64),
        ("kernel_stacks", parts.kernel_stack_bytes as f64),
        ("page_tables", parts.page_table_bytes as f64),
        ("per_cpu", parts.percpu_bytes as f64),
        ("vmalloc", parts.vmalloc_bytes as f64),
        ("huge_pages", parts.hugetlb_bytes as f64),
        ("other_kernel", parts.other_kernel_bytes as f64),
        ("unexplained", parts.unexplained_bytes as f64),
    ]
}

fn unowned(host: &HostSnapshot) -> Vec<(&'static str, f64)> {
    let parts = &host.unowned;
    vec![
        ("kernel", parts.kernel_bytes as f64),
        ("tmpfs", parts.tmpfs_bytes as f64),
        ("orphan_shm", parts.orphan_shm_bytes as f64),
        ("socket_buffers", parts.socket_buffer_bytes as f64),
    ]
}

/// What is used of each limit, and the limits.
fn limits(host: &HostSnapshot) -> [Vec<(&'static str, f64)>; 2] {
    let limits = &host.limits;
    let known = |pairs: [(&'static str, Option<u64>); 5]| {
        pairs.into_iter().filter_map(|(name, value)| Some((name, value? as f64))).collect()
    };
    [
        known([
            ("open_files", limits.open_files),
            ("tasks", limits.tasks),
            ("time_wait", limits.time_wait),
            ("conntrack", limits.conntrack),
            ("inotify_watches_of_a_user", host.user_inotify_watches),
        ]),
        known([
            ("open_files", limits.file_max),
            ("tasks", limits.threads_max),
            ("time_wait", limits.time_wait_max),
            ("conntrack", limits.conntrack_max),
            ("inotify_watches_of_a_user", limits.inotify_max_user_watches),
        ]),
    ]
}

/// Time lost to waiting, by what was waited for and by whether all or some waited.
pub(super) fn stalls(labels: &Labels, pressure: &Pressures) -> Vec<(Labels, f64)> {
    let all = [("memory", &pressure.memory), ("cpu", &pressure.cpu), ("io", &pressure.io)];
    let known = all.into_iter().filter_map(|(name, it)| Some((name, it.as_ref()?)));
    let both = known.flat_map(|(name, it)| {
        [(name, "some", Some(it.some.total_us)), (name, "full", it.full.map(|it| it.total_us))]
    });
    both.filter_map(|(name, share, total_us)| {
        let labels = labels.clone().with("resource", name).with("share", share);
        Some((labels, total_us? as f64 / 1e6))
    })
    .collect()
}

pub(super) fn write_stalls(page: &mut Page, name: &str, stalled: &[(Labels, f64)]) {
    let help = "Time in which some or all tasks waited for the resource (PSI).";
    page.family(name, Counter, help, stalled.iter().map(|(labels, value)| (labels, *value)));
}

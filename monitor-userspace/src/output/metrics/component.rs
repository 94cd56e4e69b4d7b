//! Components: containers, units, cgroups. The largest, so that a host of many scopes stays readable.

use super::{
    super::{ComponentSnapshot, View},
    host::{stalls, write_stalls},
    page::{Kind::Counter, Labels, Measure, Page, gauge},
};

/// Components that are told; of more, those that hold most.
pub(super) const MOST: usize = 200;

const MEASURES: &[Measure<ComponentSnapshot>] = &[
    gauge("component_processes", "Watched processes.", |it| Some(it.processes as f64)),
    gauge(
        "component_working_set_bytes",
        "What of its memory cannot be given back without swapping.",
        |it| count(it.working_set_bytes),
    ),
    gauge("component_memory_bytes", "Memory of its cgroup, page cache too.", |it| {
        Some(it.memory.as_ref()?.current_bytes as f64)
    }),
    gauge(
        "component_memory_limit_bytes",
        "The memory.max on the way to the root that leaves least room.",
        |it| Some(it.memory_max.as_ref()?.limit_bytes as f64),
    ),
    gauge(
        "component_memory_limit_used_bytes",
        "Working set of the cgroup that has that limit.",
        |it| Some(it.memory_max.as_ref()?.working_set_bytes as f64),
    ),
    gauge("component_resident_anonymous_bytes", "Resident anonymous memory.", |it| {
        count(it.rss_anon_bytes)
    }),
    gauge("component_swap_bytes", "Swapped out.", |it| count(it.swap_bytes)),
    gauge("component_heap_bytes", "The brk areas.", |it| count(it.heap_bytes)),
    gauge("component_anonymous_mapped_bytes", "Private anonymous mappings.", |it| {
        count(it.anon_mapped_bytes)
    }),
    gauge("component_descriptors", "Open descriptors.", |it| count(it.descriptors)),
    gauge("component_sockets", "Sockets, listeners too.", |it| count(it.sockets)),
    gauge("component_threads", "Threads.", |it| count(it.threads)),
    gauge("component_zombies", "Children that ended and were not waited for.", |it| {
        Some(it.zombies as f64)
    }),
    gauge("component_tasks", "Tasks of its cgroup.", |it| count(it.tasks)),
    gauge("component_tasks_limit", "The pids.max that leaves least room.", |it| {
        Some(it.pids_max.as_ref()?.limit as f64)
    }),
    gauge("component_cpu_ratio", "CPU between the last two looks; 1 is one core.", |it| {
        Some(it.cpu_percent? / 100.0)
    }),
    Measure {
        name: "component_oom_kills",
        kind: Counter,
        help: "Processes killed for want of memory since the cgroup was made.",
        of: |it| count(it.oom_kills),
    },
];

fn count(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

/// Writes them.
pub(super) fn write(page: &mut Page, view: &View) {
    let held = |it: &ComponentSnapshot| it.working_set_bytes.or(it.rss_anon_bytes).unwrap_or(0);
    let mut all: Vec<&ComponentSnapshot> = view.components.iter().collect();
    all.sort_by(|one, other| {
        held(other).cmp(&held(one)).then_with(|| one.cgroup.cmp(&other.cgroup))
    });
    all.truncate(MOST);
    all.sort_by(|one, other| one.cgroup.cmp(&other.cgroup));
    // One cgroup, one component: a page with a series twice would be refused whole.
    all.dedup_by(|one, other| one.cgroup == other.cgroup && one.component == other.component);
    let labels = |it: &ComponentSnapshot| {
        Labels::default().with("component", &it.component).with("cgroup", &it.cgroup)
    };
    let subjects: Vec<_> = all.into_iter().map(|it| (labels(it), it)).collect();
    for measure in MEASURES {
        page.measure(measure, &subjects);
    }
    let stalled = subjects.iter().flat_map(|(labels, it)| stalls(labels, &it.pressure));
    let stalled: Vec<_> = stalled.collect();
    write_stalls(page, "component_stalled_seconds", &stalled);
}

//! What is kept of a process and of a component: one list, from which the tables are made.

use crate::output::{ComponentSnapshot, HostSnapshot, Snapshot};

/// How many measures there are.
pub(super) const COUNT: usize = 11;

/// Columns of a sample, in the order in which they are kept. CPU is in hundredths of a percent of one
/// core, so that everything is a whole number.
pub(super) const MEASURES: [&str; COUNT] = [
    "rss_bytes",
    "rss_anon_bytes",
    "swap_bytes",
    "heap_bytes",
    "anon_mapped_bytes",
    "descriptors",
    "sockets",
    "timers",
    "threads",
    CPU,
    "working_set_bytes",
];

/// The measure that is divided by 100 when it is told.
pub(super) const CPU: &str = "cpu_hundredths";
/// The measures that a process has: all but the last.
pub(super) const OF_PROCESS: usize = 10;

/// The measures of one look; `None` where unknown.
pub(super) type Values = [Option<i64>; COUNT];

/// A name of a measure as it is told.
pub(super) fn told(measure: &'static str) -> &'static str {
    if measure == CPU { "cpu_percent" } else { measure }
}

pub(super) fn of_process(it: &Snapshot) -> Values {
    [
        whole(it.rss_bytes),
        whole(it.rss_anon_bytes),
        whole(it.swap_bytes),
        whole(it.heap_bytes),
        whole(it.anon_mapped_bytes),
        whole(it.descriptors),
        whole(it.sockets),
        whole(it.timers),
        it.threads.map(i64::from),
        it.cpu_percent.map(hundredths),
        None,
    ]
}

pub(super) fn of_component(it: &ComponentSnapshot) -> Values {
    [
        whole(it.rss_bytes),
        whole(it.rss_anon_bytes),
        whole(it.swap_bytes),
        whole(it.heap_bytes),
        whole(it.anon_mapped_bytes),
        whole(it.descriptors),
        whole(it.sockets),
        whole(it.timers),
        whole(it.threads),
        it.cpu_percent.map(hundredths),
        whole(it.working_set_bytes),
    ]
}

/// Memory in use, all memory, swap in use and CPU of the host.
pub(super) fn of_host(it: &HostSnapshot) -> [Option<i64>; 4] {
    [
        whole(Some(it.mem_total_bytes.saturating_sub(it.mem_available_bytes))),
        whole(Some(it.mem_total_bytes)),
        whole(Some(it.swap_total_bytes.saturating_sub(it.swap_free_bytes))),
        it.cpu_percent.map(hundredths),
    ]
}

/// SQLite's integers are signed; no measure comes near their end.
fn whole(value: Option<u64>) -> Option<i64> {
    value.map(|value| i64::try_from(value).unwrap_or(i64::MAX))
}

fn hundredths(percent: f64) -> i64 {
    (percent * 100.0).round() as i64
}

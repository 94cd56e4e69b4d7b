//! The agent itself: what it took, what it lost, what it costs.

use super::{
    super::{Stats, View},
    page::{
        Kind::{Counter, Gauge, Info},
        Labels, Measure, Page, counter, gauge,
    },
};

const MEASURES: &[Measure<Stats>] = &[
    counter("agent_events", "Kernel records taken.", |it| Some(it.events_seen as f64)),
    counter("agent_decode_errors", "Records of another version, or damaged.", |it| {
        Some(it.decode_errors as f64)
    }),
    counter("agent_unwatched_children", "Followed children without room.", |it| {
        Some(it.unwatched_children as f64)
    }),
    counter("agent_order_repairs", "Releases that were missed.", |it| {
        Some(it.order_repairs as f64)
    }),
    counter("agent_reconciled", "Address spaces read again.", |it| Some(it.reconciled as f64)),
    counter("agent_folded", "Pieces of detail given up to stay within its memory.", |it| {
        Some(it.folded as f64)
    }),
    counter("agent_custom_values", "Values that applications reported.", |it| {
        Some(it.custom_values as f64)
    }),
    counter("agent_custom_rejected", "Reported values that were not taken.", |it| {
        Some(it.custom_rejected as f64)
    }),
    gauge("agent_processes", "Processes watched.", |it| Some(it.processes as f64)),
    gauge("agent_inventory_bytes", "What the inventory takes, estimated.", |it| {
        Some(it.inventory_bytes as f64)
    }),
    gauge("agent_resident_anonymous_bytes", "The agent's own memory.", |it| {
        Some(it.agent_rss_anon_bytes? as f64)
    }),
    gauge("agent_kernel_bytes", "Memory of its maps in the kernel.", |it| {
        Some(it.agent_kernel_bytes? as f64)
    }),
    gauge("agent_cpu_ratio", "CPU of the agent; 1 is one core.", |it| {
        Some(it.agent_cpu_percent? / 100.0)
    }),
    gauge("agent_reading_cpu_ratio", "What of it reading took.", |it| {
        Some(it.reading_cpu_percent? / 100.0)
    }),
];

/// Writes them.
pub(super) fn write(page: &mut Page, view: &View, version: &str) {
    let build = Labels::default().with("version", version);
    page.family("build", Info, "Version of the agent.", [(&build, 1.0)]);
    let none = Labels::default();
    let help = "For how long it has watched.";
    page.family("agent_watched_seconds", Gauge, help, [(&none, view.seconds)]);
    let help = "When it looked last, counted from 1970.";
    page.family("agent_looked_timestamp_seconds", Gauge, help, [(&none, view.to.0 as f64 / 1e9)]);
    let help = "Looks at processes.";
    page.family("agent_looks", Counter, help, [(&none, view.samples as f64)]);
    let Some(stats) = &view.stats else { return };
    let subject = [(Labels::default(), stats)];
    for measure in MEASURES {
        page.measure(measure, &subject);
    }
    let by = |counts: &std::collections::BTreeMap<&str, u64>| -> Vec<(Labels, f64)> {
        let labels = |family: &&str| Labels::default().with("family", family);
        counts.iter().map(|(family, count)| (labels(family), *count as f64)).collect()
    };
    for (name, help, counts) in [
        ("agent_events_lost", "Kernel records that found the ring full.", &stats.lost_by_family),
        ("agent_failed_calls", "Calls that failed and changed nothing.", &stats.failed_by_family),
    ] {
        let counts = by(counts);
        page.family(name, Counter, help, counts.iter().map(|(labels, count)| (labels, *count)));
    }
}

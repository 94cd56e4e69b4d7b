//! One look at an agent, as what is shown of it. What its JSON leaves out is unknown.

use serde_json::Value;

use crate::{
    client::words,
    sink::{Paint, escape},
};

/// A look.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) head: Head,
    pub(super) rows: Vec<Row>,
    /// The worst first.
    pub(super) findings: Vec<Found>,
}

/// The host and the agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) version: String,
    pub(super) uptime_seconds: Option<f64>,
    pub(super) processes: Option<u64>,
    pub(super) memory_bytes: Option<f64>,
    pub(super) available_bytes: Option<f64>,
    pub(super) swap_used_bytes: Option<f64>,
    pub(super) cpu_percent: Option<f64>,
    pub(super) events_lost: Option<u64>,
}

/// A process. Its texts are safe to print.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) pid: u64,
    /// With the pid, who it is.
    pub(super) start_time: String,
    pub(super) comm: String,
    pub(super) user: String,
    pub(super) component: String,
    /// Anonymous memory, resident and swapped; of whom it is not known what is resident.
    pub(super) memory_bytes: Option<f64>,
    pub(super) rss_bytes: Option<f64>,
    pub(super) descriptors: Option<f64>,
    pub(super) threads: Option<f64>,
    pub(super) cpu_percent: Option<f64>,
    /// How fast its memory grew while this was watched.
    pub(super) growth_per_min: Option<f64>,
    /// Severity of the worst finding about it.
    pub(super) severity: Option<String>,
}

/// A finding.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) severity: String,
    pub(super) text: String,
}

impl Frame {
    pub(super) fn of(look: &Value) -> Self {
        let list = |name: &str| look[name].as_array().map_or(&[][..], Vec::as_slice);
        let findings = list("findings");
        let rows = list("processes").iter().filter_map(|it| row(it, findings));
        Self {
            head: head(look),
            rows: rows.collect(),
            findings: findings.iter().map(found).collect(),
        }
    }
}

fn head(look: &Value) -> Head {
    let (agent, host) = (&look["agent"], &look["host"]);
    let swap = |total: f64| Some(total - host["swap_free_bytes"].as_f64()?);
    Head {
        version: escape(agent["version"].as_str().unwrap_or("?")),
        uptime_seconds: agent["uptime"].as_f64(),
        processes: look["total"].as_u64().or(agent["processes"].as_u64()),
        memory_bytes: host["mem_total_bytes"].as_f64(),
        available_bytes: host["mem_available_bytes"].as_f64(),
        swap_used_bytes: host["swap_total_bytes"].as_f64().and_then(swap),
        cpu_percent: host["cpu_percent"].as_f64(),
        events_lost: agent["stats"]["events_lost"].as_u64(),
    }
}

fn row(it: &Value, findings: &[Value]) -> Option<Row> {
    if it["final"] == true {
        return None;
    }
    let pid = it["pid"].as_u64()?;
    let text = |name: &str| escape(it[name].as_str().unwrap_or_default());
    let number = |name: &str| it[name].as_f64();
    let anon = number("rss_anon_bytes");
    let about = findings.iter().find(|finding| finding["pid"].as_u64() == Some(pid));
    Some(Row {
        pid,
        start_time: text("start_time"),
        comm: text("comm"),
        user: text("user"),
        component: text("component"),
        memory_bytes: anon
            .map(|anon| anon + number("swap_bytes").unwrap_or(0.0))
            .or(number("rss_bytes")),
        rss_bytes: number("rss_bytes"),
        descriptors: number("descriptors"),
        threads: number("threads"),
        cpu_percent: number("cpu_percent"),
        growth_per_min: None,
        severity: about.and_then(|it| it["severity"].as_str()).map(escape),
    })
}

fn found(it: &Value) -> Found {
    Found {
        severity: escape(it["severity"].as_str().unwrap_or_default()),
        text: words::finding(it, Paint::default()),
    }
}

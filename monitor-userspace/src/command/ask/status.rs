//! `status` as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    client::words::{bytes, counted, number, span, text},
    sink::{Paint, escape},
};

/// How the agent is itself.
pub(super) fn status(answer: &Value, paint: Paint) -> String {
    let stats = &answer["stats"];
    let head = format!(
        "memwatch-ebpf {}: {}, watched for {}",
        text(&answer["version"]),
        counted(&answer["processes"], "process", "processes"),
        span(&answer["uptime"])
    );
    let mut all = format!("{}\n", paint.bold(&head));
    let open = &answer["openFindings"];
    let findings = match open.as_u64() {
        Some(0) => "no open findings".to_owned(),
        Some(1) => paint.red("1 open finding: memwatch-ebpf leaks"),
        _ => paint.red(&format!("{} open findings: memwatch-ebpf leaks", text(open))),
    };
    let lost = text(&stats["events_lost"]);
    let complete = match answer["complete"].as_bool() {
        Some(true) => "nothing was lost".to_owned(),
        Some(false) => paint.red(&format!("{lost} events were lost")),
        None => "whether it is complete is unknown".to_owned(),
    };
    // A String takes whatever is written, here and below.
    let _ = writeln!(all, "{findings}");
    let _ = writeln!(all, "{} events taken, {complete}", text(&stats["events_seen"]));
    let _ = writeln!(
        all,
        "it takes {} of memory, {} in the kernel, {} of a core",
        bytes(&stats["agent_rss_anon_bytes"]),
        bytes(&stats["agent_kernel_bytes"]),
        number(&stats["agent_cpu_percent"], 1, " %")
    );
    let history = &answer["history"];
    if let Some(problem) = history["problem"].as_str() {
        let line = format!("the history is not written: {}", escape(problem));
        let _ = writeln!(all, "{}", paint.red(&line));
    } else if history.is_object() {
        let (taken, most) = (bytes(&history["bytes"]), bytes(&history["maxBytes"]));
        let _ = writeln!(all, "its history takes {taken} of {most}");
    }
    if let Some(file) = history["setAside"].as_str() {
        let line = format!("a damaged history was set aside: {}", escape(file));
        let _ = writeln!(all, "{}", paint.red(&line));
    }
    if let Some(problem) = answer["configuration"]["problem"].as_str() {
        let line =
            format!("the configuration on disk is wrong and does not count: {}", escape(problem));
        let _ = writeln!(all, "{}", paint.red(&line));
    }
    all
}

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
    all += &history(&answer["history"], paint);
    if let Some(problem) = answer["alerts"]["problem"].as_str() {
        let line = format!("alerts are not kept over a restart: {}", escape(problem));
        let _ = writeln!(all, "{}", paint.red(&line));
    }
    if let Some(problem) = answer["configuration"]["problem"].as_str() {
        let line =
            format!("the configuration on disk is wrong and does not count: {}", escape(problem));
        let _ = writeln!(all, "{}", paint.red(&line));
    }
    all
}

/// Where the history is, and what is wrong with it; nothing of an agent that says nothing of it.
fn history(answer: &Value, paint: Paint) -> String {
    let Some(path) = answer["path"].as_str() else { return String::new() };
    let mut all = match answer["problem"].as_str() {
        Some(problem) => {
            let lost = match (answer["lostLooks"].as_u64(), answer["lostFindings"].as_u64()) {
                (None | Some(0), None | Some(0)) => String::new(),
                (looks, findings) => format!(
                    "; lost so far: {} looks, {} findings",
                    looks.unwrap_or(0),
                    findings.unwrap_or(0)
                ),
            };
            let problem = format!("the history is not written: {}", escape(problem));
            format!("{}{lost}\n", paint.red(&problem))
        }
        None => format!("history: {}, {}\n", escape(path), bytes(&answer["bytes"])),
    };
    if let Some(aside) = answer["setAside"].as_str() {
        let line = format!("a damaged history was replaced; it is now {}", escape(aside));
        // A String takes whatever is written.
        let _ = writeln!(all, "{}", paint.red(&line));
    }
    all
}

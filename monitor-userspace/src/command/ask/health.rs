//! `health` as text, and as a line of a monitoring plugin (Monitoring Plugins Development Guidelines: one line,
//! performance data behind `|`, exit status 0, 1, 2 or 3).

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use super::Said;
use crate::{
    client::{
        Client,
        words::{bytes, list, number, spaced, span, state, text},
    },
    sink::Paint,
};

/// How the host is.
pub(super) fn health(answer: &Value, paint: Paint) -> String {
    let state_of = state(&answer["status"], paint);
    let mut all = format!("{state_of}, watched for {}\n", span(&answer["uptime"]));
    let parts = answer["components"].as_object().into_iter().flatten();
    // An agent may keep no history, of which nothing is unknown then.
    let parts = parts.filter(|(name, part)| *name != "history" || !part.is_null());
    for (name, part) in parts {
        // A word, or an object that has one.
        let word = if part.is_object() { &part["status"] } else { part };
        // A String takes whatever is written.
        let _ = write!(all, "  {:<12}{}", spaced(name), state(word, paint));
        let more = if name == "memory" { memory(answer) } else { None };
        all += &more.map_or("\n".to_owned(), |more| format!(" ({more})\n"));
    }
    all + &list("what to do", &answer["recommendations"], paint)
}

/// What is used of what there is.
fn memory(answer: &Value) -> Option<String> {
    let memory = &answer["memory"];
    let (used, total) = (memory["heapUsed"].as_f64()?, memory["heapTotal"].as_f64()?);
    let percent = if total > 0.0 { used / total * 100.0 } else { 0.0 };
    let [used, total] = [&memory["heapUsed"], &memory["heapTotal"]].map(bytes);
    Some(format!("{used} of {total}, {percent:.0} %"))
}

/// The health of the host and the state of the agent.
pub(super) fn asked(client: &Client) -> Result<[Value; 2]> {
    let health = client.get_json("/api/monitoring/health")?;
    Ok([health, client.get_json("/api/monitoring/agent").unwrap_or_default()])
}

/// The line of a plugin. Whatever keeps it from an answer is UNKNOWN, never an error.
pub(super) fn plugin(asked: Result<[Value; 2]>) -> Said {
    let (word, status, rest) = match asked {
        Ok([health, agent]) => {
            let (word, status) = match health["status"].as_str() {
                Some("healthy") => ("OK", 0),
                Some("warning") => ("WARNING", 1),
                Some("critical") => ("CRITICAL", 2),
                _ => ("UNKNOWN", 3),
            };
            (word, status, format!("{}{}", plain(&summary(&health, &agent)), data(&health, &agent)))
        }
        Err(error) => ("UNKNOWN", 3, plain(&format!("{error:#}"))),
    };
    Said { text: format!("MEMWATCH {word} - {rest}\n"), status }
}

/// Text without what would end the line or begin the performance data.
fn plain(text: &str) -> String {
    crate::sink::escape(text).replace('|', "/")
}

fn summary(health: &Value, agent: &Value) -> String {
    let mut all = match agent["openFindings"].as_u64() {
        Some(1) => "1 open finding".to_owned(),
        Some(count) => format!("{count} open findings"),
        None => text(&health["status"]),
    };
    if let Some(memory) = memory(health) {
        // A String takes whatever is written.
        let _ = write!(all, ", memory {memory}");
    }
    if let Some(first) = health["recommendations"].get(0) {
        let _ = write!(all, "; {}", first.as_str().unwrap_or_default());
    }
    all
}

/// `'label'=value[unit];warn;crit;min;max`; what is unknown is left out.
fn data(health: &Value, agent: &Value) -> String {
    let memory = &health["memory"];
    let most = number(&memory["heapTotal"], 0, "");
    let one = |label: &str, value: &Value, unit: &str, range: &str| {
        let value = number(value, 0, unit);
        (value != "-").then(|| format!("{label}={value}{range}"))
    };
    let all = [
        one("memory", &memory["heapUsed"], "B", &format!(";;;0;{}", most.replace('-', ""))),
        one("open_findings", &agent["openFindings"], "", ";;;0"),
        one("processes", &agent["processes"], "", ";;;0"),
        one("uptime", &health["uptime"], "s", ";;;0"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { String::new() } else { format!(" | {}", all.join(" ")) }
}

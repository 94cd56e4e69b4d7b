//! What the agent says of a recorded series, line by line of `leak-check`.

use std::collections::BTreeMap;
use std::io::BufRead;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;

/// What the agent said of a file.
#[derive(Default)]
pub struct Heard {
    /// Rules under which a leak was called at any time.
    pub ever: Vec<String>,
    /// Whether anything was open at any time, suspicions too.
    pub is_suspected: bool,
    /// Worst probability of anything that was open.
    pub suspicion: f64,
    /// Whether one was still open at the end, or ended with its process.
    pub at_end: bool,
    /// When the first leak was called.
    pub called_at: Option<Timestamp>,
    /// How many were.
    pub findings: u64,
    /// Last rate of the finding that was the first to be called a leak: what else grows along is
    /// counted otherwise.
    pub rate: Option<f64>,
    /// 95 % interval of that rate.
    pub rate_interval: Option<[f64; 2]>,
}

/// Hears the findings to their end.
pub fn hear(findings: impl BufRead) -> Result<Heard> {
    let mut heard = Heard::default();
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    let mut first = None;
    for line in findings.lines() {
        let finding: Value = serde_json::from_str(&line?).context("a finding")?;
        heard.is_suspected = true;
        let confidence = finding["confidence"].as_f64().unwrap_or(0.0);
        heard.suspicion = heard.suspicion.max(confidence);
        let id = finding["id"].as_str().unwrap_or_default().to_owned();
        if finding["severity"] == "low" {
            // What was called and is now but a suspicion is called no longer.
            open.entry(id).and_modify(|is_open| *is_open = false);
            continue;
        }
        let rule = finding["rule"].as_str().unwrap_or_default().to_owned();
        if !heard.ever.contains(&rule) {
            heard.ever.push(rule);
        }
        heard.called_at = heard.called_at.or_else(|| finding["ts"].as_str()?.parse().ok());
        if first.get_or_insert_with(|| id.clone()) == &id {
            heard.rate = finding["rate_per_min"].as_f64();
            let edge = |at: usize| finding["rate_interval"][at].as_f64();
            heard.rate_interval = edge(0).zip(edge(1)).map(|(low, high)| [low, high]);
        }
        // What ends with its process keeps its verdict.
        let has_stopped = finding["state"] == "resolved" && finding["verdict"] == "stopped";
        open.insert(id, !has_stopped);
    }
    heard.findings = open.len() as u64;
    heard.at_end = open.values().any(|is_open| *is_open);
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(state: &str, severity: &str, verdict: &str, id: &str) -> String {
        format!(
            "{{\"ts\":\"2026-01-17T10:00:00Z\",\"id\":\"{id}\",\"rule\":\"heap_growth\",\
             \"state\":\"{state}\",\"severity\":\"{severity}\",\"verdict\":\"{verdict}\",\
             \"confidence\":0.9,\"rate_per_min\":5.0,\"rate_interval\":[4.0,6.0]}}\n"
        )
    }

    #[test]
    fn what_stopped_is_over_and_what_ended_with_its_process_is_not() {
        let open = line("open", "medium", "leak", "a");
        let other = open.replace("\"a\"", "\"b\"").replace("[4.0,6.0]", "[1.0,2.0]");
        let heard = hear((open.clone() + &other).as_bytes()).unwrap();
        assert!(heard.at_end && heard.findings == 2 && heard.rate_interval == Some([4.0, 6.0]));
        let stopped = open.clone() + &line("resolved", "medium", "stopped", "a");
        let heard = hear(stopped.as_bytes()).unwrap();
        assert!(!heard.at_end && heard.ever == ["heap_growth"]);
        let ended = open.clone() + &line("resolved", "medium", "leak", "a");
        assert!(hear(ended.as_bytes()).unwrap().at_end);
        let doubted = open + &line("updated", "low", "possible_fill", "a");
        let heard = hear(doubted.as_bytes()).unwrap();
        assert!(!heard.at_end && heard.findings == 1, "a suspicion again");
    }

    #[test]
    fn a_suspicion_is_no_call() {
        let heard = hear(line("open", "low", "suspect", "a").as_bytes()).unwrap();
        assert!(heard.is_suspected && heard.ever.is_empty() && heard.called_at.is_none());
        assert!(!hear(&b""[..]).unwrap().is_suspected);
    }
}

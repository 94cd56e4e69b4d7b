//! What the agent's lines say of the programs that were drawn, and whether it is right.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draw::NAMED_WITHIN;
use crate::real::catalogue::Resource;

/// A finding is resolved within so many seconds of its program's end.
pub(super) const RESOLVED_WITHIN: f64 = 120.0;
/// How far a rate may be from the program's own account.
const RATE_ERROR: f64 = 0.15;

/// What was said of one leaker.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) pid: u32,
    resource: Resource,
    /// When it was first called a leak of what it loses, in seconds since its start; rule and severity.
    named: Option<(f64, String)>,
    /// Its last rate a minute.
    rate: Option<f64>,
    /// The last word about the leaker, whatever that was.
    last: String,
    /// Findings about it that are open.
    open: BTreeSet<String>,
    /// Seconds from its end until none was open.
    resolved: Option<f64>,
}

/// What was said while one draw ran.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) leakers: Vec<Told>,
    /// Processes that are called leaks and are none, and rules that alarm.
    accused: BTreeSet<String>,
}

fn is_alarming(line: &Value) -> bool {
    let severity = line["severity"].as_str().unwrap_or_default();
    ["medium", "high", "critical"].contains(&severity)
}

impl Judge {
    pub(super) fn new(leakers: impl Iterator<Item = (u32, Resource)>) -> Self {
        let told = |(pid, resource)| Told {
            pid,
            resource,
            named: None,
            last: "nothing was said of it".to_owned(),
            rate: None,
            open: BTreeSet::new(),
            resolved: None,
        };
        Self { leakers: leakers.map(told).collect(), accused: BTreeSet::new() }
    }

    /// Takes a finding; `at` has the seconds since each leaker's start.
    pub(super) fn take(&mut self, line: &Value, at: impl Fn(usize) -> f64) {
        let pid = line["pid"].as_u64();
        let leaker = self.leakers.iter_mut().enumerate().find(|(_, it)| pid == Some(it.pid.into()));
        match leaker {
            Some((index, told)) => told.take(line, at(index)),
            None if line["state"] != "resolved" && is_alarming(line) => {
                let text = |name: &str| line[name].as_str().unwrap_or("-");
                let who = format!("{} {} of {}", text("severity"), text("rule"), text("comm"));
                let pid = pid.map_or_else(|| text("component").to_owned(), |pid| pid.to_string());
                self.accused.insert(format!("{who} ({pid})"));
            }
            None => {}
        }
    }

    /// Whether nothing about leakers is open; those that are just so are `at` so many seconds after
    /// their end.
    pub(super) fn settle(&mut self, at: f64) -> bool {
        for told in self.leakers.iter_mut().filter(|told| told.open.is_empty()) {
            told.resolved.get_or_insert(at);
        }
        self.leakers.iter().all(|told| told.resolved.is_some())
    }

    /// What was said though it is not so.
    pub(super) fn accused(&self) -> impl Iterator<Item = String> {
        self.accused.iter().map(|who| format!("wrong: {who}"))
    }
}

impl Told {
    fn take(&mut self, line: &Value, at: f64) {
        let id = line["id"].as_str().unwrap_or_default();
        if line["state"] == "resolved" {
            self.open.remove(id);
            return;
        }
        let confidence = line["confidence"].as_f64().unwrap_or(0.0);
        let words = ["rule", "severity", "verdict"].map(|name| line[name].as_str().unwrap_or("-"));
        self.last = format!("{}, P {confidence:.2}, after {at:.0} s", words.join(" "));
        if !is_alarming(line) {
            return;
        }
        self.open.insert(id.to_owned());
        // What is lost may bring other growth with it: threads have stacks.
        if (line["rate_unit"] == "bytes") != self.resource.is_bytes() {
            return;
        }
        // The evidence has a rate of everything that grows: mapped memory is more than what is touched.
        let rates = line["evidence"].as_array().into_iter().flatten();
        let own =
            rates.filter(|it| it["name"] == self.resource.rule()).map(|it| &it["value"]).next();
        self.rate = own.unwrap_or(&line["rate_per_min"]).as_f64();
        let words = ["rule", "severity"].map(|name| line[name].as_str().unwrap_or("-"));
        self.named.get_or_insert_with(|| (at, words.join(" ")));
    }

    /// What is to be read of it, and each way in which it is wrong; `truth` is its own rate a minute.
    pub(super) fn verdict(&self, truth: Option<f64>) -> (String, Vec<String>) {
        let mut misses = Vec::new();
        let Some((at, name)) = &self.named else {
            return (format!("not named; {}", self.last), vec!["not named".to_owned()]);
        };
        if *at > NAMED_WITHIN {
            misses.push(format!("named after {at:.0} s"));
        }
        let error = self.rate.zip(truth).map(|(rate, truth)| rate / truth - 1.0);
        let rate = error
            .map_or_else(|| "no rate".to_owned(), |error| format!("rate {:+.1} %", error * 100.0));
        if error.is_none_or(|error| error.is_nan() || error.abs() > RATE_ERROR) {
            misses.push(rate.clone());
        }
        let resolved = self.resolved.map(|after| format!("resolved after {after:.0} s"));
        let resolved = resolved.unwrap_or_else(|| "not resolved".to_owned());
        if self.resolved.is_none() {
            misses.push(resolved.clone());
        }
        (format!("named after {at:.0} s: {name}, {rate}, {resolved}"), misses)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding(pid: u32, state: &str, severity: &str, unit: &str) -> Value {
        json!({"type": "finding", "id": format!("{pid}{unit}"), "pid": pid, "state": state,
               "severity": severity, "rule": "socket_growth", "comm": "api",
               "rate_per_min": 12.0, "rate_unit": unit})
    }

    fn judged(lines: &[Value], resolved: bool) -> (Vec<String>, Vec<String>) {
        let mut judge = Judge::new(std::iter::once((7, Resource::Sockets)));
        for (at, line) in lines.iter().enumerate() {
            judge.take(line, |_| 100.0 * at as f64);
        }
        assert_eq!(judge.settle(5.0), resolved);
        (judge.leakers[0].verdict(Some(11.0)).1, judge.accused().collect())
    }

    #[test]
    fn who_is_named_in_time_and_resolved_is_no_miss() {
        let lines = [
            finding(7, "open", "low", "sockets"),
            finding(7, "updated", "medium", "sockets"),
            finding(7, "resolved", "medium", "sockets"),
        ];
        assert_eq!(judged(&lines, true), (vec![], vec![]));
    }

    #[test]
    fn what_comes_late_stays_open_or_is_about_others_is_a_miss() {
        let lines = [
            finding(8, "open", "low", "bytes"),
            // The memory of the sockets is none of what was asked for.
            finding(7, "open", "high", "bytes"),
            finding(7, "open", "high", "sockets"),
            finding(8, "updated", "medium", "bytes"),
            finding(9, "resolved", "high", "bytes"),
        ];
        let (misses, accused) = judged(&lines, false);
        assert_eq!(misses, ["named after 200 s", "not resolved"]);
        assert_eq!(accused, ["wrong: medium socket_growth of api (8)"]);
        assert_eq!(judged(&[], true).0, ["not named"]);
    }

    #[test]
    fn a_rate_is_that_of_the_program_within_fifteen_percent() {
        let mut told = Judge::new(std::iter::once((7, Resource::Sockets))).leakers.remove(0);
        told.take(&finding(7, "open", "medium", "sockets"), 9.0);
        told.resolved = Some(1.0);
        assert!(told.verdict(Some(10.5)).1.is_empty());
        assert_eq!(told.verdict(Some(10.0)).1, ["rate +20.0 %"]);
        assert_eq!(told.verdict(None).1, ["no rate"]);
        let mut more = finding(7, "updated", "medium", "sockets");
        more["evidence"] = json!([{"name": "fd_growth", "value": 20.0},
                                  {"name": "socket_growth", "value": 10.1}]);
        told.take(&more, 10.0);
        assert!(told.verdict(Some(10.0)).1.is_empty());
    }
}

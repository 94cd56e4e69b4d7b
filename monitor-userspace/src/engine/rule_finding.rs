//! The finding of a rule that holds, in words.

use super::{Engine, rules::Who};
use crate::{
    output::{
        DeletedFiles, Evidence, Finding, FindingState, FindingVerdict, Severity, byte_text,
        start_time,
    },
    rule::{Grade, Held, fnv1a},
};

impl Engine {
    pub(super) fn rule_finding(
        &self,
        who: &Who,
        held: &Held,
        at_ns: u64,
        state: FindingState,
    ) -> Option<Finding> {
        let rule = self.book.rules.get(held.rule)?;
        let process = self.process_of(who);
        let identity = process.and_then(|process| process.identity.as_deref());
        let of_process = identity.and_then(|it| it.container.clone().or_else(|| it.unit.clone()));
        let severity = match rule.grade {
            Grade::Fixed(severity) => severity,
            Grade::Computed => Severity::Low,
        };
        let started = process.map_or(0, |process| process.id.start_ticks);
        Some(Finding {
            ts: self.clock.at(at_ns),
            id: finding_id(&rule.name, who, started, held.opened_ns),
            rule: rule.name.clone(),
            state,
            severity,
            verdict: FindingVerdict::Threshold,
            pid: process.map(|process| process.id.pid),
            start_time: process.and_then(|process| start_time(self.clock, process.id)),
            comm: process.map(|process| process.comm.clone()),
            component: component_of(who).or(of_process),
            resource: rule.resource.clone(),
            rate_per_min: None,
            rate_unit: None,
            rate_interval: None,
            confidence: None,
            e_value_log10: None,
            rival: None,
            since: self.clock.at(held.since_ns),
            forecast: None,
            evidence: self.quoted(who, held),
            explanations: Vec::new(),
            limits: Vec::new(),
            runs: None,
            stacks: Vec::new(),
            recommendation: recommendation(&rule.recommendation, rule.action.as_deref(), who),
        })
    }
}

impl Engine {
    /// The figures of a condition; of deleted files also which is the largest.
    fn quoted(&self, who: &Who, held: &Held) -> Vec<Evidence> {
        let mut all: Vec<Evidence> = held.quotes.iter().map(evidence).collect();
        if held.quotes.iter().any(|quote| quote.name.starts_with("deleted_files.")) {
            let files = self.process_of(who).and_then(|process| self.deleted.line(process));
            all.extend(files.and_then(|files| largest(&files)));
        }
        all
    }
}

fn largest(files: &DeletedFiles) -> Option<Evidence> {
    let value = files.largest_bytes? as f64;
    let text = format!("the largest is {}, {}", files.largest_path.as_ref()?, byte_text(value));
    Some(Evidence { name: "largest_deleted_file".into(), value, says: "threshold", text })
}

pub(super) fn component_of(who: &Who) -> Option<String> {
    match who {
        Who::Component(name) => Some(name.clone()),
        Who::Process(_) | Who::Host => None,
    }
}

fn evidence(quote: &crate::rule::Quote) -> Evidence {
    let text = format!("{} {}", quote.name, quote.unit.show(quote.value));
    Evidence { name: quote.name.clone().into(), value: quote.value, says: "threshold", text }
}

/// `PID` in a recommendation stands for the process's. Actions are not carried out yet.
pub(super) fn recommendation(text: &str, action: Option<&str>, who: &Who) -> String {
    let text = match who {
        Who::Process(pid) => text.replace("PID", &pid.to_string()),
        Who::Component(_) | Who::Host => text.to_owned(),
    };
    match action {
        Some(action) if text.is_empty() => format!("would do: {action}"),
        Some(action) => format!("{text} (would do: {action})"),
        None => text,
    }
}

/// A hash of rule, identity and first time (FNV-1a): the same in every replay.
fn finding_id(rule: &str, who: &Who, start_ticks: u64, opened_ns: u64) -> String {
    let who = match who {
        Who::Process(pid) => format!("pid {pid} {start_ticks}"),
        Who::Component(name) => format!("component {name}"),
        Who::Host => "host".to_owned(),
    };
    let text = format!("{rule} {who} {opened_ns}");
    format!("{:016x}", fnv1a(0, text.bytes()))
}

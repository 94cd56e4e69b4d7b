//! Rules over what was read: each process, component and the host is looked at when there is
//! something new of it.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::Engine;
use crate::{
    event::{CustomReading, CustomSubject, CustomValue, TICK_NS},
    output::{
        Evidence, Finding, FindingState, FindingVerdict, Output, RuleError, Severity, start_time,
    },
    rule::{
        ComponentView, Counters, Grade, Held, HostView, Limits, Pressure, ProcessView, Rules,
        Subject, SystemTables, Verdict, View, Watched,
    },
};

/// Components that may report at the same time.
const MAX_COMPONENTS: usize = 1024;
/// A component that has reported nothing for this long is forgotten.
const FORGOTTEN_NS: u64 = 3_600_000_000_000;

/// The rules and what is remembered of whom they are about.
#[derive(Debug)]
pub(super) struct RuleBook {
    rules: Rules,
    processes: FxHashMap<u32, OfProcess>,
    components: BTreeMap<String, OfComponent>,
    host: Watched,
    /// Rules of which it was told that they fail.
    failing: BTreeSet<usize>,
    /// Reported values that were taken, and that were not.
    pub(super) values: u64,
    pub(super) rejected: u64,
}

#[derive(Debug, Default)]
struct OfProcess {
    watched: Watched,
    counters: Option<Box<Counters>>,
}

#[derive(Debug, Default)]
struct OfComponent {
    watched: Watched,
    counters: Counters,
    heard_ns: u64,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Process(u32),
    Component(String),
    Host,
}

impl RuleBook {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            processes: FxHashMap::default(),
            components: BTreeMap::new(),
            host: Watched::default(),
            failing: BTreeSet::new(),
            values: 0,
            rejected: 0,
        }
    }

    /// Whether a rule of this name is on.
    pub(super) fn names(&self, rule: &str) -> bool {
        self.rules.iter().any(|known| known.enabled && known.name == rule)
    }

    /// Bytes of what is remembered, the heap's included.
    pub(super) fn memory_bytes(&self) -> usize {
        let counters = |counters: &Counters| size_of::<Counters>() + counters.memory_bytes();
        let processes = self
            .processes
            .values()
            .map(|own| own.watched.memory_bytes() + own.counters.as_deref().map_or(0, counters));
        let components = self
            .components
            .iter()
            .map(|(name, own)| name.len() + own.watched.memory_bytes() + counters(&own.counters));
        processes.chain(components).sum()
    }
}

impl Engine {
    /// Looks at a process after a reading or a report of it.
    pub(super) fn judge_process(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if !self.book.rules.concerns(Subject::Process) {
            return;
        }
        let Some(snapshot) = self.snapshot_at(pid, at_ns, false) else { return };
        let started_ns = self.table.get(pid).map_or(0, |process| process.id.start_ticks * TICK_NS);
        let mut own = self.book.processes.remove(&pid).unwrap_or_default();
        let view = View::Process(ProcessView {
            snapshot: &snapshot,
            age_seconds: (started_ns > 0).then(|| at_ns.saturating_sub(started_ns) as f64 / 1e9),
            limits: Limits::default(),
            growth: &[],
            custom: own.counters.as_deref(),
        });
        let verdicts = self.book.rules.observe(&mut own.watched, &view, at_ns);
        self.book.processes.insert(pid, own);
        self.tell(&Who::Process(pid), at_ns, verdicts, out);
    }

    /// Looks at the host after a reading of it.
    pub(super) fn judge_host(&mut self, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if !self.book.rules.concerns(Subject::Host) {
            return;
        }
        let Some(snapshot) = self.host_snapshot() else { return };
        let view = View::Host(HostView {
            snapshot: &snapshot,
            pressure: Pressure::default(),
            tables: SystemTables::default(),
        });
        let RuleBook { rules, host, .. } = &mut self.book;
        let verdicts = rules.observe(host, &view, at_ns);
        self.tell(&Who::Host, at_ns, verdicts, out);
    }

    fn judge_component(&mut self, name: &str, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let RuleBook { rules, components, .. } = &mut self.book;
        let Some(own) = components.get_mut(name) else { return };
        let view = View::Component(ComponentView {
            name,
            custom: Some(&own.counters),
            ..ComponentView::default()
        });
        let verdicts = rules.observe(&mut own.watched, &view, at_ns);
        self.tell(&Who::Component(name.to_owned()), at_ns, verdicts, out);
    }

    /// Takes what applications report, then looks once at each of those it is about.
    pub(super) fn on_custom(&mut self, reading: &CustomReading, out: &mut dyn FnMut(Output<'_>)) {
        self.book.rejected += reading.rejected;
        let mut touched = BTreeMap::new();
        for value in &reading.values {
            match self.take_custom(value) {
                Some(who) => {
                    self.book.values += 1;
                    let last: &mut u64 = touched.entry(who).or_default();
                    *last = (*last).max(value.at_ns);
                }
                None => self.book.rejected += 1,
            }
        }
        for (who, last_ns) in touched {
            let at_ns = last_ns.max(self.now_ns);
            match &who {
                Who::Process(pid) => self.judge_process(*pid, at_ns, out),
                Who::Component(name) => self.judge_component(name, at_ns, out),
                Who::Host => {}
            }
        }
    }

    /// Keeps one reported value; `None` where nobody is watched whom it is about, or without room.
    fn take_custom(&mut self, value: &CustomValue) -> Option<Who> {
        match &value.subject {
            &CustomSubject::Pid(pid) => {
                // What was said before it started was said of another process.
                let process = self.table.get(pid)?;
                if process.id.start_ticks * TICK_NS > value.at_ns {
                    return None;
                }
                let own = self.book.processes.entry(pid).or_default();
                own.counters.get_or_insert_default().take(value).then_some(Who::Process(pid))
            }
            CustomSubject::Component(name) => {
                let components = &mut self.book.components;
                if components.len() >= MAX_COMPONENTS && !components.contains_key(name) {
                    return None;
                }
                let own = components.entry(name.clone()).or_default();
                own.heard_ns = own.heard_ns.max(value.at_ns);
                own.counters.take(value).then(|| Who::Component(name.clone()))
            }
        }
    }

    /// Forgets components that report no more.
    pub(super) fn forget_components(&mut self, now_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let is_silent = |(_, own): &(&String, &OfComponent)| own.heard_ns + FORGOTTEN_NS < now_ns;
        let silent = self.book.components.iter().filter(is_silent);
        let silent: Vec<String> = silent.map(|(name, _)| name.clone()).collect();
        for name in silent {
            if let Some(own) = self.book.components.remove(&name) {
                self.end_all(&Who::Component(name), &own.watched, now_ns, out);
            }
        }
    }

    /// Ends what is open of a process that ended. It must still be known.
    pub(super) fn end_rules(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if let Some(own) = self.book.processes.remove(&pid) {
            self.end_all(&Who::Process(pid), &own.watched, at_ns, out);
        }
    }

    fn end_all(
        &mut self,
        who: &Who,
        watched: &Watched,
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let verdicts = watched.open().cloned().map(Verdict::Resolved).collect();
        self.tell(who, at_ns, verdicts, out);
    }

    /// Findings of rules that are open: of processes by pid, of components by name, of the host.
    pub(super) fn rule_findings(&self, state: FindingState) -> Vec<Finding> {
        let mut pids: Vec<&u32> = self.book.processes.keys().collect();
        pids.sort_unstable();
        let processes = pids
            .into_iter()
            .map(|pid| (Who::Process(*pid), self.book.processes.get(pid).map(|own| &own.watched)));
        let components = self
            .book
            .components
            .iter()
            .map(|(name, own)| (Who::Component(name.clone()), Some(&own.watched)));
        processes
            .chain(components)
            .chain([(Who::Host, Some(&self.book.host))])
            .flat_map(|(who, watched)| {
                let open = watched.into_iter().flat_map(Watched::open);
                let found =
                    open.filter_map(|held| self.rule_finding(&who, held, self.now_ns, state));
                found.collect::<Vec<_>>()
            })
            .collect()
    }

    fn tell(
        &mut self,
        who: &Who,
        at_ns: u64,
        verdicts: Vec<Verdict>,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        for verdict in verdicts {
            let (held, state) = match verdict {
                Verdict::Opened(held) => (held, FindingState::Open),
                Verdict::Updated(held) => (held, FindingState::Updated),
                Verdict::Resolved(held) => (held, FindingState::Resolved),
                Verdict::Failed { rule, message } => {
                    self.tell_failure(who, rule, message, at_ns, out);
                    continue;
                }
            };
            if let Some(finding) = self.rule_finding(who, &held, at_ns, state) {
                self.publish(finding, out);
            }
        }
    }

    /// A rule that fails for one fails for many: it is told once.
    fn tell_failure(
        &mut self,
        who: &Who,
        number: usize,
        message: String,
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let Some(rule) = self.book.rules.get(number) else { return };
        let name = rule.name.clone();
        if !self.book.failing.insert(number) {
            return;
        }
        let process = self.process_of(who);
        out(Output::RuleError(&RuleError {
            ts: self.clock.at(at_ns),
            rule: name,
            pid: process.map(|process| process.id.pid),
            start_time: process.and_then(|process| start_time(self.clock, process.id)),
            comm: process.map(|process| process.comm.clone()),
            component: component_of(who),
            message,
        }));
    }

    fn process_of(&self, who: &Who) -> Option<&crate::inventory::Process> {
        match who {
            Who::Process(pid) => self.table.get(*pid),
            Who::Component(_) | Who::Host => None,
        }
    }

    fn rule_finding(
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
            evidence: held.quotes.iter().map(evidence).collect(),
            stacks: Vec::new(),
            recommendation: recommendation(&rule.recommendation, rule.action.as_deref(), who),
        })
    }
}

fn component_of(who: &Who) -> Option<String> {
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
fn recommendation(text: &str, action: Option<&str>, who: &Who) -> String {
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
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

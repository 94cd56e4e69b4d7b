//! Rules over what was read: each process, component and the host is looked at when there is
//! something new of it.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::{
    Engine,
    rule_finding::component_of,
    rule_views::{Measured, measured},
};
use crate::{
    event::{CustomReading, CustomSubject, CustomValue, TICK_NS},
    output::{Finding, FindingState, Output, RuleError, start_time},
    rule::{Counters, Grower, Held, Rules, Subject, Verdict, View, Watched},
};

/// Components that may report at the same time.
const MAX_COMPONENTS: usize = 1024;
/// A component that has reported nothing for this long is forgotten.
const FORGOTTEN_NS: u64 = 3_600_000_000_000;

/// The rules and what is remembered of whom they are about.
#[derive(Debug)]
pub(super) struct RuleBook {
    pub(super) rules: Rules,
    processes: FxHashMap<u32, OfProcess>,
    pub(super) components: BTreeMap<String, OfComponent>,
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
pub(super) struct OfComponent {
    watched: Watched,
    pub(super) counters: Counters,
    heard_ns: u64,
    /// What its cgroup says; `None` of what is known by its reports only.
    pub(super) measured: Option<Measured>,
    /// The path of its cgroup, where it has one.
    pub(super) path: Option<String>,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
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

    /// What somebody reports of itself.
    pub(super) fn counters_mut(&mut self, who: &Who) -> Option<&mut Counters> {
        match who {
            Who::Process(pid) => self.processes.get_mut(pid)?.counters.as_deref_mut(),
            Who::Component(name) => self.components.get_mut(name).map(|own| &mut own.counters),
            Who::Host => None,
        }
    }

    /// What somebody reports of itself.
    pub(super) fn counters(&self, who: &Who) -> Option<&Counters> {
        match who {
            Who::Process(pid) => self.processes.get(pid)?.counters.as_deref(),
            Who::Component(name) => self.components.get(name).map(|own| &own.counters),
            Who::Host => None,
        }
    }

    /// Those who report of themselves: processes by pid, then components by name.
    pub(super) fn reporters(&self) -> Vec<Who> {
        let reports = |it: &(&u32, &OfProcess)| it.1.counters.is_some();
        let mut pids: Vec<u32> =
            self.processes.iter().filter(reports).map(|(pid, _)| *pid).collect();
        pids.sort_unstable();
        let components = self.components.keys().cloned().map(Who::Component);
        pids.into_iter().map(Who::Process).chain(components).collect()
    }

    /// Takes other rules over; what was open under rules that are gone.
    pub(super) fn renew(&mut self, rules: Rules) -> Vec<(Who, Held)> {
        self.rules = rules.in_place_of(&self.rules);
        self.failing.clear();
        let rules = &self.rules;
        let processes = self.processes.iter_mut();
        let mut processes: Vec<(u32, &mut Watched)> =
            processes.map(|(pid, own)| (*pid, &mut own.watched)).collect();
        processes.sort_unstable_by_key(|(pid, _)| *pid);
        let processes = processes.into_iter().map(|(pid, own)| (Who::Process(pid), own));
        let components = self.components.iter_mut();
        let components =
            components.map(|(name, own)| (Who::Component(name.clone()), &mut own.watched));
        let all = processes.chain(components).chain([(Who::Host, &mut self.host)]);
        let gone = |(who, watched): (Who, &mut Watched)| {
            let ended = watched.renew(rules);
            ended.into_iter().map(move |held| (who.clone(), held))
        };
        all.flat_map(gone).collect()
    }

    /// Starts the series of gauges anew, but for those that hold a finding open.
    pub(super) fn forget_growth(&mut self) {
        let processes = self.processes.values_mut();
        processes.filter_map(|own| own.counters.as_deref_mut()).for_each(Counters::forget);
        self.components.values_mut().for_each(|own| own.counters.forget());
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
        let mut own = self.book.processes.remove(&pid).unwrap_or_default();
        let counters = own.counters.as_deref();
        let look = |view: &View<'_>| self.book.rules.observe(&mut own.watched, view, at_ns);
        let verdicts = self.with_process(pid, at_ns, counters, None, look).unwrap_or_default();
        self.book.processes.insert(pid, own);
        self.tell(&Who::Process(pid), at_ns, verdicts, out);
    }

    /// Looks at the host after a reading of it.
    pub(super) fn judge_host(&mut self, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        if !self.book.rules.concerns(Subject::Host) {
            return;
        }
        let mut host = std::mem::take(&mut self.book.host);
        let look = |view: &View<'_>| self.book.rules.observe(&mut host, view, at_ns);
        let verdicts = self.with_host(look).unwrap_or_default();
        self.book.host = host;
        self.tell(&Who::Host, at_ns, verdicts, out);
    }

    /// Looks at the components, as often as at the host. Of those of one name each goes by its path.
    pub(super) fn judge_components(&mut self, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let is_growth_told = self.growth_rule(Subject::Component, &Grower::Memory).is_some();
        if !self.book.rules.concerns(Subject::Component) && !is_growth_told {
            return;
        }
        let snapshots = self.component_snapshots();
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for snapshot in &snapshots {
            *names.entry(&snapshot.component).or_default() += 1;
        }
        let is_alone = |name: &str| names.get(name) == Some(&1);
        let by_name: BTreeMap<String, (Measured, String)> = snapshots
            .iter()
            .map(|it| {
                let name = if is_alone(&it.component) { &it.component } else { &it.cgroup };
                (name.clone(), (measured(it), it.cgroup.clone()))
            })
            .collect();
        let is_gone = |(name, own): &(&String, &OfComponent)| {
            own.measured.is_some() && !by_name.contains_key(*name)
        };
        let gone = self.book.components.iter().filter(is_gone);
        let gone: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.forget_component(name, at_ns, out);
        }
        for (name, (measured, path)) in by_name {
            let components = &mut self.book.components;
            if components.len() < MAX_COMPONENTS || components.contains_key(&name) {
                let own = components.entry(name.clone()).or_default();
                own.measured = Some(measured);
                own.path = Some(path);
                own.heard_ns = at_ns;
                self.judge_component(&name, at_ns, out);
            }
        }
    }

    fn forget_component(&mut self, name: String, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.end_gauges(&Who::Component(name.clone()), at_ns, out);
        if let Some(own) = self.book.components.remove(&name) {
            self.end_all(&Who::Component(name), &own.watched, at_ns, out);
        }
    }

    fn judge_component(&mut self, name: &str, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let Some(own) = self.book.components.get_mut(name) else { return };
        let mut watched = std::mem::take(&mut own.watched);
        let look = |view: &View<'_>| self.book.rules.observe(&mut watched, view, at_ns);
        let verdicts = self.with_component(name, None, look).unwrap_or_default();
        if let Some(own) = self.book.components.get_mut(name) {
            own.watched = watched;
        }
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
                    self.judge_gauge(&who, value, out);
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
            self.forget_component(name, now_ns, out);
        }
    }

    /// Ends what is open of a process that ended. It must still be known.
    pub(super) fn end_rules(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.end_gauges(&Who::Process(pid), at_ns, out);
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

    pub(super) fn tell(
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
    pub(super) fn tell_failure(
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

    pub(super) fn process_of(&self, who: &Who) -> Option<&crate::inventory::Process> {
        match who {
            Who::Process(pid) => self.table.get(*pid),
            Who::Component(_) | Who::Host => None,
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

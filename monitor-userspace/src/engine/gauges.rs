//! Growth of gauges that programs report of themselves, as findings.

use super::{
    Engine,
    findings::{bare_finding, finding_hash, state_of},
    growth_rules::{figures, under},
    rule_finding::component_of,
    rules::Who,
    whole_finding::NOBODY,
};
use crate::{
    detect::Growth,
    event::{CustomValue, TICK_NS},
    output::{Evidence, Finding, FindingState, Output, amount_text, start_time},
    rule::{Change, Counters, Gate, Grower, Said, SingleReport, Subject, Told, View, is_bytes},
};

impl Engine {
    /// Judges a gauge by what was just taken of it.
    pub(super) fn judge_gauge(
        &mut self,
        who: &Who,
        value: &CustomValue,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let process = self.process_of(who);
        let load = process.and_then(|process| process.cpu_percent).unwrap_or(0.0);
        let seed = match process {
            Some(process) => u64::from(process.id.pid) << 32 ^ process.id.start_ticks,
            None => 0,
        };
        let Some(counters) = self.book.counters_mut(who) else { return };
        if let Some((change, report)) = counters.judge(value, seed, load) {
            self.tell_gauge(who, &value.name, (change, report), value.at_ns, out);
        }
    }

    /// Ends what is open about the gauges of somebody who is gone.
    pub(super) fn end_gauges(&mut self, who: &Who, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        let growths = self.book.counters(who).into_iter().flat_map(Counters::growths);
        let open: Vec<_> =
            growths.filter_map(|(name, it)| Some((name.clone(), it.open()?))).collect();
        for (name, report) in open {
            self.tell_gauge(who, &name, (Change::Ended, report), at_ns, out);
        }
    }

    fn tell_gauge(
        &mut self,
        who: &Who,
        name: &str,
        (change, report): (Change, SingleReport),
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let said = self.gauge_said(who, name, &report, at_ns, out);
        let single = self.book.counters_mut(who).and_then(|counters| counters.growth_mut(name));
        let told = single.and_then(|single| single.gate.step(change, said, at_ns));
        let rest_ns = told.map_or(0, |told| self.cooldown_ns(told.rule));
        if let Some(single) = self.book.counters_mut(who).and_then(|it| it.growth_mut(name)) {
            single.gate.rest(at_ns, rest_ns);
        }
        let finding = told.and_then(|told| {
            self.gauge_finding(who, name, &report, told, at_ns, state_of(told.change))
        });
        if let Some(finding) = finding {
            self.publish_living(finding, out);
        }
    }

    fn gauge_said(
        &mut self,
        who: &Who,
        name: &str,
        report: &SingleReport,
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) -> Option<Said> {
        let subject = match who {
            Who::Process(_) => Subject::Process,
            Who::Component(_) => Subject::Component,
            Who::Host => return None,
        };
        let (rule, hold_ns) = self.growth_rule(subject, &Grower::Gauge(name.to_owned()))?;
        let judged = figures(&report.growth, &[]);
        let look = |view: &View<'_>| self.book.rules.growth_holds(rule, view);
        let holds = self.with_reporter(who, at_ns, judged, look);
        Some(Said { rule, holds: self.held(who, rule, holds, at_ns, out), hold_ns })
    }

    /// Findings about gauges that are told.
    pub(super) fn gauge_findings(&self, state: FindingState) -> Vec<Finding> {
        let mut found = Vec::new();
        for who in self.book.reporters() {
            let growths = self.book.counters(&who).into_iter().flat_map(Counters::growths);
            for (name, single) in growths {
                let (Some(report), Gate::Open { opened_ns, rule }) = (single.open(), single.gate)
                else {
                    continue;
                };
                let told = Told { change: Change::Updated, opened_ns, rule };
                found.extend(self.gauge_finding(&who, name, &report, told, self.now_ns, state));
            }
        }
        found
    }

    fn gauge_finding(
        &self,
        who: &Who,
        name: &str,
        report: &SingleReport,
        told: Told,
        at_ns: u64,
        state: FindingState,
    ) -> Option<Finding> {
        let rule = self.book.rules.get(told.rule)?;
        let growth = &report.growth;
        let process = self.process_of(who);
        let unit = if is_bytes(name) { "bytes" } else { "items" };
        let id = process.map(|process| process.id);
        let component = component_of(who);
        let cause = format!("custom {name} {}", component.as_deref().unwrap_or_default());
        let of_process = process.and_then(|process| process.component.as_ref());
        let bare = bare_finding(self.clock, at_ns, growth, (state, unit), &[]);
        let born_ns = id.map_or(0, |id| id.start_ticks * TICK_NS);
        let finding = Finding {
            id: finding_hash(&cause, id.unwrap_or(NOBODY), told.opened_ns),
            rule: rule.name.clone(),
            pid: id.map(|id| id.pid),
            start_time: id.and_then(|id| start_time(self.clock, id)),
            comm: process.map(|process| process.comm.clone()),
            component: component.or(of_process.map(|place| place.name.clone())),
            resource: name.to_owned(),
            since: self.clock.at(growth.since_ns.max(born_ns)),
            evidence: std::iter::once(rate(name, unit, growth)).chain(bare.evidence).collect(),
            recommendation: rule.recommendation.clone(),
            ..bare
        };
        Some(under(rule, who, finding))
    }
}

fn rate(name: &str, unit: &str, growth: &Growth) -> Evidence {
    let amount = amount_text(growth.rate_per_min, unit);
    let text = format!("{name} rises by {amount} a minute");
    Evidence { name: "custom_growth".into(), value: growth.rate_per_min, says: "leak", text }
}

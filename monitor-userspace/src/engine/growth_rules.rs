//! What growth rules make of what the judge finds: whether it is told, and under which rule.

use super::{
    Engine, Limit,
    findings::{minutes_to_limit, verdict},
    rule_finding::recommendation,
    rules::Who,
};
use crate::{
    detect::Growth,
    output::{Finding, Output},
    rule::{
        Change, Gate, Grade, Grower, GrowthFigures, Growths, Holds, Origin, Report, Rule, Said,
        Signal, Subject, Told, View,
    },
};

impl Engine {
    /// Says of a change in a process's growth what its rule lets through.
    pub(super) fn tell_growth(
        &mut self,
        pid: u32,
        at_ns: u64,
        (change, report): (Change, &Report),
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let said = (change != Change::Ended).then(|| self.growth_said(pid, at_ns, report, out));
        let key = (pid, report.cause);
        let mut gate = self.gates.remove(&key).unwrap_or_default();
        let told = gate.step(change, said.flatten(), at_ns);
        if let Some(told) = &told {
            gate.rest(at_ns, self.cooldown_ns(told.rule));
        }
        if gate != Gate::Shut {
            self.gates.insert(key, gate);
        }
        if let Some(finding) = told.and_then(|told| self.finding(pid, at_ns, report, told)) {
            self.publish_living(finding, out);
        }
    }

    fn growth_said(
        &mut self,
        pid: u32,
        at_ns: u64,
        report: &Report,
        out: &mut dyn FnMut(Output<'_>),
    ) -> Option<Said> {
        let place = Grower::Signal(report.place);
        let (rule, hold_ns) = self.growth_rule(Subject::Process, &place)?;
        let who = Who::Process(pid);
        let look = |view: &View<'_>| self.book.rules.growth_holds(rule, view);
        let holds = self.with_process(pid, at_ns, self.book.counters(&who), None, look);
        Some(Said { rule, holds: self.held(&who, rule, holds, at_ns, out), hold_ns })
    }

    /// The number of the rule that names such growth, and how long it must hold.
    pub(super) fn growth_rule(&self, subject: Subject, grower: &Grower) -> Option<(usize, u64)> {
        let (number, rule) = self.book.rules.growth_rule(subject, grower)?;
        Some((number, rule.hold_ns))
    }

    /// How long nothing is told under a rule after a finding of it has ended.
    pub(super) fn cooldown_ns(&self, rule: usize) -> u64 {
        self.book.rules.get(rule).and_then(|rule| rule.cooldown_ns).unwrap_or(0)
    }

    /// What a condition said, a failure told; of what is not known it says nothing.
    pub(super) fn held(
        &mut self,
        who: &Who,
        rule: usize,
        holds: Option<Result<Holds, String>>,
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) -> Holds {
        match holds {
            Some(Ok(holds)) => holds,
            Some(Err(message)) => {
                self.tell_failure(who, rule, message, at_ns, out);
                Holds::Undecided
            }
            None => Holds::Undecided,
        }
    }

    /// The findings of a process that are told, in figures.
    pub(super) fn told_growths(&self, pid: u32) -> impl Iterator<Item = (Report, Told)> {
        let open = self.growths.get(&pid).map(Growths::open).into_iter().flatten();
        open.filter_map(move |report| match self.gates.get(&(pid, report.cause)) {
            Some(&Gate::Open { opened_ns, rule }) => {
                Some((report, Told { change: Change::Updated, opened_ns, rule }))
            }
            _ => None,
        })
    }

    /// What conditions see of the growth of a process, by signal.
    pub(super) fn growth_figures(&self, pid: u32) -> Vec<Option<GrowthFigures>> {
        let mut all = Vec::new();
        for report in self.growths.get(&pid).map(Growths::open).into_iter().flatten() {
            all.resize(Signal::COUNT, None);
            for signal in report.cause.signals() {
                // What gives the finding its name has the figures of the finding.
                let growth = match report.growing[*signal as usize] {
                    _ if *signal == report.place => Some(report.leading),
                    growth => growth,
                };
                all[*signal as usize] =
                    growth.map(|growth| figures(&growth, &self.limits_of(pid, report.rated)));
            }
        }
        all
    }
}

/// What conditions see of a growth with these limits on its way.
pub(super) fn figures(growth: &Growth, limits: &[Limit]) -> GrowthFigures {
    GrowthFigures {
        confidence: Some(growth.confidence),
        rate_per_min: Some(growth.rate_per_min),
        verdict: Some(verdict(growth).name()),
        e_value_log10: Some(growth.e_value_log10),
        minutes_to_limit: minutes_to_limit(growth, limits),
    }
}

/// Gives a finding what its rule says of it.
pub(super) fn under(rule: &Rule, who: &Who, mut finding: Finding) -> Finding {
    finding.rule.clone_from(&rule.name);
    if let Grade::Fixed(severity) = rule.grade {
        finding.severity = severity;
    }
    // What is built in says less of a growth than is known here.
    if matches!(rule.origin, Origin::File(_)) {
        finding.resource.clone_from(&rule.resource);
    }
    let text = match rule.origin {
        Origin::BuiltIn => finding.recommendation.as_str(),
        _ if rule.recommendation.is_empty() => finding.recommendation.as_str(),
        Origin::Changed(_) | Origin::File(_) => rule.recommendation.as_str(),
    };
    finding.recommendation = recommendation(text, rule.action.as_deref(), who);
    finding
}

//! Growth of what processes hold, as findings.

use super::{
    Engine, Limit, OtherRuns, REMEMBERED_FINDINGS,
    growth_rules::under,
    object_evidence::object_evidence,
    rules::Who,
    runs::{run_evidence, runs},
};
use crate::{
    detect::{FirstPassage, Growth, Hypothesis, first_passage},
    event::{ProcessId, TICK_NS},
    output::{
        Believed, Evidence, Finding, FindingState, FindingVerdict, Forecast, Output, Rival,
        Severity, WallClock, amount_text, grows, start_time,
    },
    rule::{Cause, Change, Growths, Quanta, Report, Sample, Told, fnv1a},
};

/// Per-CPU batches of the kernel's RSS counters, in pages (mm/memory.c, `TASK_RSS_EVENTS_THRESH`).
const RSS_BATCH_PAGES: u64 = 64;
/// Explanations less likely than this are not told.
const NEGLIGIBLE: f64 = 0.005;
/// From this probability on, another explanation gives a suspicion its name.
const LIKELY_RIVAL: f64 = 0.2;
/// Minutes within which a limit makes a leak critical, and high.
const CRITICAL_MINUTES: f64 = 60.0;
const HIGH_MINUTES: f64 = 24.0 * 60.0;
/// Later than this nobody plans.
const HORIZON_MINUTES: f64 = 10.0 * 365.0 * 24.0 * 60.0;

impl Engine {
    /// Feeds the series of a process and says what came of it.
    pub(super) fn observe_growth(
        &mut self,
        id: ProcessId,
        sample: &Sample,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        self.past.samples += 1;
        let page = self.facts.page_bytes;
        let quanta = Quanta { mapped: page as f64, resident: self.resident_step() };
        self.growths.entry(id.pid).or_insert_with(|| Growths::new(id, quanta));
        self.know_service(id);
        let Some(growths) = self.growths.get_mut(&id.pid) else { return };
        for (change, report) in growths.observe(sample) {
            self.tell_growth(id.pid, sample.at_ns, (change, &report), out);
        }
    }

    /// The step in bytes in which the kernel counts what is resident; cgroups are charged in no larger
    /// ones.
    pub(super) fn resident_step(&self) -> f64 {
        let cpus = u64::from(self.facts.cpus.max(1));
        (RSS_BATCH_PAGES * cpus * self.facts.page_bytes) as f64
    }

    /// Ends the findings of a process that ended.
    pub(super) fn end_growths(&mut self, pid: u32, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.looks.forget(pid);
        self.object_looks.forget(pid);
        let told: Vec<_> = self.told_growths(pid).collect();
        let mut ids = [const { None }; Cause::ALL.len()];
        for (report, told) in told {
            let told = Told { change: Change::Ended, ..told };
            // What it was taken for remains: it ended with its process.
            if let Some(finding) = self.finding(pid, at_ns, &report, told) {
                ids[report.cause as usize] = Some(finding.id.clone());
                self.publish(finding, out);
            }
        }
        self.end_run(pid, at_ns, ids);
        for cause in Cause::ALL {
            self.gates.remove(&(pid, cause));
        }
    }

    /// Tells a finding about what lives on: where it is over, growth has stopped.
    pub(super) fn publish_living(&mut self, finding: Finding, out: &mut dyn FnMut(Output<'_>)) {
        let verdict = match finding.state {
            FindingState::Resolved => FindingVerdict::Stopped,
            _ => finding.verdict,
        };
        self.publish(Finding { verdict, ..finding }, out);
    }

    pub(super) fn publish(&mut self, finding: Finding, out: &mut dyn FnMut(Output<'_>)) {
        self.worst = self.worst.max(Some(finding.severity));
        out(Output::Finding(&finding));
        if finding.state == FindingState::Resolved {
            if self.resolved.len() >= REMEMBERED_FINDINGS {
                self.resolved.pop_front();
                self.resolved_before += 1;
            }
            self.resolved.push_back(finding);
        }
    }

    pub(super) fn open_findings(&self, state: FindingState) -> Vec<Finding> {
        let of_process = |pid| {
            let found = move |(report, told)| {
                let finding = self.finding(pid, self.now_ns, &report, told)?;
                Some(Finding { state, ..finding })
            };
            self.told_growths(pid).filter_map(found)
        };
        let growing = self.table.pids().into_iter().flat_map(of_process);
        let growing = growing.chain(self.gauge_findings(state)).chain(self.whole_findings(state));
        growing.chain(self.rule_findings(state)).collect()
    }

    pub(super) fn finding(
        &self,
        pid: u32,
        at_ns: u64,
        report: &Report,
        told: Told,
    ) -> Option<Finding> {
        let rule = self.book.rules.get(told.rule)?;
        let process = self.table.get(pid)?;
        let subject = Subject {
            id: process.id,
            comm: &process.comm,
            component: process.component.as_ref().map(|place| place.name.clone()),
            runs: self.other_runs(pid, report),
        };
        let limits = self.limits_of(pid, report.rated);
        // What a rule holds back is told from when it is told.
        let report = Report { opened_ns: told.opened_ns, ..*report };
        let state = state_of(told.change);
        let mut finding = growth_finding(&subject, self.clock, at_ns, &report, state, &limits);
        finding.evidence.extend(self.component_evidence(pid, &report));
        Some(under(rule, &Who::Process(pid), finding))
    }
}

/// Where a finding is after a change of its growth.
pub const fn state_of(change: Change) -> FindingState {
    match change {
        Change::Opened => FindingState::Open,
        Change::Updated => FindingState::Updated,
        Change::Ended => FindingState::Resolved,
    }
}

/// Whom a finding is about.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Which process.
    pub id: ProcessId,
    /// Its name.
    pub comm: &'a str,
    /// The group it belongs to.
    pub component: Option<String>,
    /// What is known of other runs of its service.
    pub runs: OtherRuns<'a>,
}

/// The finding about a growth, at `at_ns` of a clock; `limits` are those on its way.
pub fn growth_finding(
    subject: &Subject<'_>,
    clock: WallClock,
    at_ns: u64,
    report: &Report,
    state: FindingState,
    limits: &[Limit],
) -> Finding {
    let leading = &report.leading;
    let born_ns = subject.id.start_ticks * TICK_NS;
    let runs = runs(report, &subject.runs, clock);
    let of_runs = runs.iter().flat_map(|runs| run_evidence(report, runs));
    Finding {
        id: finding_id(report, subject.id),
        rule: report.place.rule().to_owned(),
        pid: Some(subject.id.pid),
        start_time: start_time(clock, subject.id),
        comm: Some(subject.comm.to_owned()),
        component: subject.component.clone(),
        resource: report.place.resource().to_owned(),
        // The bucket in which the growth began may be older than the process.
        since: clock.at(leading.since_ns.max(born_ns)),
        evidence: evidence(report).into_iter().chain(of_runs).collect(),
        runs,
        recommendation: recommendation(report, subject.id.pid),
        ..bare_finding(clock, at_ns, leading, (state, report.rated.unit()), limits)
    }
}

/// A finding about growth with what the judge says of it, and nothing of whose it is.
pub(super) fn bare_finding(
    clock: WallClock,
    at_ns: u64,
    growth: &Growth,
    (state, unit): (FindingState, &'static str),
    limits: &[Limit],
) -> Finding {
    let nearest = nearest(growth, limits);
    let minutes = nearest.as_ref().map_or(f64::INFINITY, |nearest| nearest.passage.middle);
    Finding {
        ts: clock.at(at_ns),
        id: String::new(),
        rule: String::new(),
        state,
        severity: severity(growth, minutes),
        verdict: verdict(growth),
        pid: None,
        start_time: None,
        comm: None,
        component: None,
        resource: String::new(),
        rate_per_min: Some(growth.rate_per_min),
        rate_unit: Some(unit),
        rate_interval: Some(growth.rate_interval),
        confidence: Some(growth.confidence),
        e_value_log10: Some(growth.e_value_log10),
        rival: Some(rival(growth)),
        since: clock.at(growth.since_ns),
        forecast: nearest.map(|nearest| nearest.forecast(clock, at_ns)),
        evidence: shape_evidence(growth).into(),
        explanations: explanations(growth),
        limits: limits.iter().map(Limit::told).collect(),
        runs: None,
        stacks: Vec::new(),
        recommendation: String::new(),
    }
}

/// The limit that is reached first.
struct Nearest<'a> {
    passage: FirstPassage,
    limit: &'a Limit,
}

/// Minutes until a growth is as likely as not to have reached the nearest limit; `None` where that
/// is not in sight.
pub(super) fn minutes_to_limit(growth: &Growth, limits: &[Limit]) -> Option<f64> {
    nearest(growth, limits).map(|nearest| nearest.passage.middle)
}

fn nearest<'a>(growth: &Growth, limits: &'a [Limit]) -> Option<Nearest<'a>> {
    let passages = limits.iter().filter_map(|limit| {
        let passage = first_passage(growth, limit.value - limit.held)?;
        Some(Nearest { passage, limit })
    });
    passages
        .min_by(|a, b| a.passage.middle.total_cmp(&b.passage.middle))
        .filter(|nearest| nearest.passage.middle < HORIZON_MINUTES)
}

impl Nearest<'_> {
    fn forecast(self, clock: WallClock, at_ns: u64) -> Forecast {
        let after = |minutes: f64| clock.at(at_ns + (minutes * 60e9) as u64);
        let FirstPassage { early, middle, late } = self.passage;
        Forecast {
            limit: self.limit.name.clone(),
            limit_value: self.limit.value,
            at: after(middle),
            interval: (after(early), (late < HORIZON_MINUTES).then(|| after(late))),
        }
    }
}

/// A suspicion, a leak, and how soon it hurts. What hurts is the limit: growth that will reach one within
/// a day is no mere suspicion once it is likely a leak.
fn severity(growth: &Growth, minutes: f64) -> Severity {
    match growth.is_leak {
        false if growth.is_likely && minutes <= HIGH_MINUTES => Severity::Medium,
        false => Severity::Low,
        true if minutes <= CRITICAL_MINUTES => Severity::Critical,
        true if minutes <= HIGH_MINUTES => Severity::High,
        true => Severity::Medium,
    }
}

pub(super) fn verdict(growth: &Growth) -> FindingVerdict {
    if growth.is_leak {
        return FindingVerdict::Leak;
    }
    match growth.beliefs.rival() {
        (_, probability) if probability < LIKELY_RIVAL => FindingVerdict::Suspect,
        (Hypothesis::Fill | Hypothesis::Steps, _) => FindingVerdict::PossibleFill,
        (Hypothesis::Settling, _) => FindingVerdict::WarmingUp,
        (Hypothesis::Load, _) => FindingVerdict::LoadDriven,
        (Hypothesis::Periodic, _) => FindingVerdict::Periodic,
        _ => FindingVerdict::Suspect,
    }
}

/// How likely an explanation is when everything is heard. The deciding level weighs the explanations;
/// coarser levels and touched pages move the odds of leaks against the others, not among them.
fn told(growth: &Growth, hypothesis: Hypothesis, probability: f64) -> f64 {
    let leak = growth.beliefs.leak();
    let (now, weighed) = if hypothesis.is_leak() {
        (growth.confidence, leak)
    } else {
        (1.0 - growth.confidence, 1.0 - leak)
    };
    (probability * now / weighed.max(f64::EPSILON)).clamp(0.0, 1.0)
}

fn rival(growth: &Growth) -> Rival {
    let (hypothesis, probability) = growth.beliefs.rival();
    Rival {
        hypothesis: hypothesis.name(),
        probability: told(growth, hypothesis, probability),
        decided_by: hypothesis.decided_by(),
    }
}

/// What was weighed, the likeliest first.
fn explanations(growth: &Growth) -> Vec<Believed> {
    let believed = |(hypothesis, probability): (Hypothesis, f32)| Believed {
        hypothesis: hypothesis.name(),
        is_leak: hypothesis.is_leak(),
        probability: told(growth, hypothesis, probability.into()),
    };
    let weighed = Hypothesis::ALL.into_iter().zip(growth.beliefs.0).map(believed);
    let mut all: Vec<Believed> = weighed.filter(|it| it.probability >= NEGLIGIBLE).collect();
    all.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    all
}

/// A hash of cause, identity and first time (FNV-1a): the same in every replay.
fn finding_id(report: &Report, id: ProcessId) -> String {
    finding_hash(report.cause.name(), id, report.opened_ns)
}

/// The same of any cause.
pub(super) fn finding_hash(cause: &str, id: ProcessId, opened_ns: u64) -> String {
    let parts = [u64::from(id.pid), id.start_ticks, opened_ns];
    let bytes = parts.iter().flat_map(|part| part.to_le_bytes());
    format!("{:016x}", fnv1a(0, cause.bytes().chain(bytes)))
}

fn evidence(report: &Report) -> Vec<Evidence> {
    let rates = report.cause.signals().iter().filter_map(|signal| {
        let rate = report.growing[*signal as usize]?.rate_per_min;
        let resource = signal.resource();
        let (verb, rate_text) = (grows(resource), amount_text(rate, signal.unit()));
        let text = format!("{resource} {verb} by {rate_text} a minute");
        Some(Evidence { name: signal.rule().into(), value: rate, says: "leak", text })
    });
    let leading = &report.leading;
    let [shape, e_value] = shape_evidence(leading);
    let touched = leading.touched_share.map(|share| Evidence {
        name: "touched_share".into(),
        value: share,
        says: if share < 0.15 { "leak" } else { "use" },
        text: format!(
            "{:.0} % of the memory was used while that was watched, for up to a minute",
            share * 100.0
        ),
    });
    let added = leading.added_share.map(|share| Evidence {
        name: "added_share".into(),
        value: share,
        says: if share < 0.1 { "leak" } else { "use" },
        text: format!("{:.0} % of what was added was used within a minute", share * 100.0),
    });
    rates
        .chain([shape, e_value])
        .chain(touched)
        .chain(added)
        .chain(object_evidence(report))
        .collect()
}

/// What the floors of any series say.
fn shape_evidence(leading: &Growth) -> [Evidence; 2] {
    let shape = Evidence {
        name: "rho".into(),
        value: leading.rho,
        says: if leading.rho >= 0.35 { "leak" } else { "settling" },
        text: format!("{:.0} % of the growth fell into the second half", leading.rho * 100.0),
    };
    let e_value = Evidence {
        name: "e_value_log10".into(),
        value: leading.e_value_log10,
        says: "growth",
        text: format!(
            "floors without a trend would look like this in at most one of 10^{:.0} series",
            leading.e_value_log10.floor()
        ),
    };
    [shape, e_value]
}

fn recommendation(report: &Report, pid: u32) -> String {
    let watch = format!("watch it alone: memwatch-ebpf --pid {pid}");
    if report.rated.is_bytes() {
        return format!("compare its working set with what it should hold, and {watch}");
    }
    format!(
        "look for where {} are made and not given back: {watch} --json --stacks all",
        report.place.resource()
    )
}

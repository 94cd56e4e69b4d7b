//! Runs of one service: which a process belongs to, what is remembered when it ends, and what its
//! findings say of those before it and beside it.

use super::Engine;
use crate::{
    detect::{Place, are_alike},
    event::{ProcessId, TICK_NS},
    inventory::Process,
    output::{EarlierRun, Evidence, RunState, Runs, WallClock, amount_text},
    rule::{Came, Cause, Earlier, Growths, Known, Report, Run, Service},
};

/// What is known of other runs of the service that a finding is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtherRuns<'a> {
    /// Those before it.
    pub earlier: Option<&'a Earlier>,
    /// How many beside it grow alike.
    pub siblings: usize,
}

impl Engine {
    /// Finds the service of a process, once it is known who it is, and tells what its earlier runs
    /// came to.
    pub(super) fn know_service(&mut self, id: ProcessId) {
        let Some(growths) = self.growths.get_mut(&id.pid) else { return };
        if growths.service().is_none() {
            let Some(process) = self.table.get(id.pid) else { return };
            let Some(service) = service_of(process) else { return };
            let began_ns = match id.start_ticks {
                0 => process.since_ns,
                ticks => ticks * TICK_NS,
            };
            growths.set_service(service, began_ns);
        }
        self.services.tell(growths);
    }

    /// Forgets the growth of a process that is over; its service remembers what it came to.
    pub(super) fn end_run(
        &mut self,
        pid: u32,
        at_ns: u64,
        ids: [Option<String>; Cause::ALL.len()],
    ) {
        if let Some(mut growths) = self.growths.remove(&pid) {
            self.services.remember(&mut growths, at_ns, ids);
        }
    }

    /// What is known of other runs of the service of a process that grows.
    pub(super) fn other_runs(&self, pid: u32, report: &Report) -> OtherRuns<'_> {
        let Some(own) = self.growths.get(&pid) else { return OtherRuns::default() };
        let others = self.growths.iter().filter(|(other, _)| **other != pid);
        let siblings = others.filter(|(_, growths)| grow_alike(own, growths, report)).count();
        OtherRuns { earlier: own.earlier(), siblings }
    }
}

/// Whether another process of the same service grows as the report says.
pub fn grow_alike(own: &Growths, other: &Growths, report: &Report) -> bool {
    let is_alike = |it: &Report| {
        let rates = (it.leading.rate_per_min, report.leading.rate_per_min);
        it.cause == report.cause && it.rated == report.rated && are_alike(rates.0, rates.1)
    };
    other.open().any(|it| is_alike(&it))
        && own.service().is_some_and(|service| other.service() == Some(service))
}

/// The service of a process; `None` until it was looked at who it is. A child has the identity of
/// its parent until then.
fn service_of(process: &Process) -> Option<Service> {
    let identity = process.identity.as_deref().filter(|_| !process.wants_identity)?;
    Some(Service::of(&Known {
        comm: &process.comm,
        cmdline: identity.cmdline.as_deref(),
        pod: identity.pod.as_deref(),
        container: identity.container.as_deref(),
        unit: identity.unit.as_deref(),
        cgroup: identity.cgroup.as_deref(),
    }))
}

/// The runs beside a finding, as its line has them.
pub(super) fn runs(report: &Report, others: &OtherRuns<'_>, clock: WallClock) -> Option<Runs> {
    if others.earlier.is_none() && others.siblings == 0 {
        return None;
    }
    let rate = |signal| report.growing[signal as usize].map(|growth| growth.rate_per_min);
    let left = others.earlier.and_then(|earlier| earlier.left(report.cause, rate));
    let earlier = others.earlier.into_iter().flat_map(Earlier::runs);
    Some(Runs {
        grew_alike: left.map_or(0, |left| left.runs),
        grew_since: left.map(|left| clock.at(left.since_ns)),
        first_finding: left.map(|left| left.first_id.to_string()),
        siblings: others.siblings,
        earlier: earlier.map(|run| earlier_run(run, report, clock)).collect(),
    })
}

fn earlier_run(run: &Run, report: &Report, clock: WallClock) -> EarlierRun {
    let mut told = EarlierRun {
        started: clock.at(run.began_ns),
        uptime_seconds: run.lasted_ns() as f64 / 1e9,
        state: RunState::Unknown,
        level: None,
        rate_per_min: None,
        settled_after_seconds: None,
    };
    match run.came[report.rated as usize] {
        Came::Unknown => {}
        Came::Settled { height, after_seconds } => {
            told.state = RunState::Settled;
            told.level = Some(height.into());
            told.settled_after_seconds = Some(after_seconds.into());
        }
        Came::Grew { level, rate_per_min, .. } => {
            told.state = RunState::Grew;
            told.level = Some(level.into());
            told.rate_per_min = Some(rate_per_min.into());
        }
    }
    told
}

/// What other runs say, in words.
pub(super) fn run_evidence(report: &Report, runs: &Runs) -> Vec<Evidence> {
    let envelope = envelope(report);
    let alike = grew_alike(report, runs);
    let siblings = (runs.siblings > 0).then(|| {
        let (processes, verb) =
            if runs.siblings == 1 { ("process", "grows") } else { ("processes", "grow") };
        Evidence {
            name: "siblings".into(),
            value: runs.siblings as f64,
            says: "growth",
            text: format!("{} more {processes} of the same service {verb} alike", runs.siblings),
        }
    });
    envelope.into_iter().chain(alike).chain(siblings).collect()
}

/// Where the growth is to the plateau of earlier runs.
fn envelope(report: &Report) -> Option<Evidence> {
    let (earlier, said) = report.earlier?;
    let plateau = earlier.plateau?;
    let height = amount_text(plateau.height, report.rated.unit());
    let which = match plateau.runs {
        1 => "an earlier run of the service".to_owned(),
        count => format!("{count} earlier runs of the service"),
    };
    let (says, text) = match said.place {
        Place::Open => return None,
        Place::Below => ("ordinary", format!("it is not above {height}, where {which} settled")),
        Place::Above => {
            let after = span_text(plateau.after_ns as f64 / 1e9);
            ("leak", format!("it is above {height}, where {which} had settled within {after}"))
        }
    };
    let value = report.leading.last_floor / plateau.height.max(1.0);
    Some(Evidence { name: "envelope".into(), value, says, text })
}

/// How many runs before it grew like this until they ended.
fn grew_alike(report: &Report, runs: &Runs) -> Option<Evidence> {
    let since = runs.grew_since?;
    let last = runs.earlier.iter().rev().find(|run| run.state == RunState::Grew)?;
    let unit = report.rated.unit();
    let amount = |value: Option<f64>| amount_text(value.unwrap_or_default(), unit);
    let (rate, level) = (amount(last.rate_per_min), amount(last.level));
    let lasted = span_text(last.uptime_seconds);
    let count = runs.grew_alike;
    let since = since.to_string();
    let second = since.split('.').next().unwrap_or_default();
    let last = format!("by {rate} a minute to {level} in {lasted}");
    let text = match count {
        1 => format!(
            "the run of the service before it, since {second}Z, grew like this until it ended: {last}"
        ),
        _ => format!(
            "{count} runs of the service before it, one after the other since {second}Z, grew like \
             this until they ended: the last {last}"
        ),
    };
    Some(Evidence { name: "runs".into(), value: count.into(), says: "leak", text })
}

/// A time as a person reads it.
fn span_text(seconds: f64) -> String {
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

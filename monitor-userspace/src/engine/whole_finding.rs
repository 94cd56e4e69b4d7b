//! The finding about the memory of a cgroup or of the host, in words.

use super::{
    Limit,
    findings::{bare_finding, finding_hash},
    whole::Tale,
};
use crate::{
    event::ProcessId,
    output::{Evidence, Finding, FindingVerdict, WallClock, amount_text, byte_text, grows},
    rule::{Change, Grew, Grower, Part, PartsReport},
};

/// Identity of what is no process.
pub(super) const NOBODY: ProcessId = ProcessId { pid: 0, start_ticks: 0 };
/// Parts that rose by less than this share of the whole are not told.
const NOTICED: f64 = 0.1;

/// Whose memory a finding is about.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Name of the component; `None` of the host.
    pub component: Option<&'a str>,
    /// What tells it from others: the path of its cgroup.
    pub path: &'a str,
}

/// The finding about such memory.
pub fn whole_finding(
    owner: Owner<'_>,
    clock: WallClock,
    at_ns: u64,
    tale: &Tale,
    limits: &[Limit],
) -> Finding {
    let (report, told) = (&tale.standing.report, &tale.told);
    let grower = if owner.component.is_some() { Grower::Memory } else { Grower::Kernel };
    let state = super::state_of(told.change);
    let bare = bare_finding(clock, at_ns, &report.growth, (state, "bytes"), limits);
    let rates = rates(report);
    let shares = shares(report);
    let grew = tale.standing.grew.iter().map(grew_text);
    let grew: Vec<Evidence> = grew.chain(nobody(owner, &tale.standing.grew)).collect();
    let theirs = tale.is_theirs.then(|| Evidence {
        name: "explained".into(),
        value: 1.0,
        says: "process",
        text: "findings about what is within say it now".to_owned(),
    });
    let mut finding = Finding {
        id: finding_hash(&format!("{} {}", grower.rule(), owner.path), NOBODY, told.opened_ns),
        rule: grower.rule().to_owned(),
        component: owner.component.map(str::to_owned),
        resource: report.rated.resource().to_owned(),
        recommendation: report.place().advice().to_owned(),
        evidence: rates.chain(shares).chain(grew).chain(bare.evidence).chain(theirs).collect(),
        ..bare
    };
    if told.change == Change::Ended {
        // What is told of its processes must not count twice.
        finding.verdict =
            if tale.is_theirs { FindingVerdict::Suspect } else { FindingVerdict::Stopped };
    }
    finding
}

/// How fast each part grows that is judged.
fn rates(report: &PartsReport) -> impl Iterator<Item = Evidence> {
    report.moved.iter().filter_map(|moved| {
        let rate = moved.growth?.rate_per_min;
        let (resource, amount) = (moved.part.resource(), amount_text(rate, "bytes"));
        let text = format!("{resource} {} by {amount} a minute", grows(resource));
        let name = format!("{}_growth", moved.part.name()).into();
        Some(Evidence { name, value: rate, says: "leak", text })
    })
}

/// What the whole of a cgroup's growth consists of.
fn shares(report: &PartsReport) -> impl Iterator<Item = Evidence> {
    let is_part = move |moved: &&crate::rule::Moved| {
        report.rated == Part::Held
            && moved.part != Part::Held
            && moved.rise >= NOTICED * report.rise
    };
    report.moved.iter().filter(is_part).map(|moved| {
        // A part may rise by more than the whole where another falls.
        let share = (moved.rise / report.rise.max(1.0)).min(1.0);
        let text = format!("{:.0} % of it is {}", share * 100.0, moved.part.resource());
        let name = format!("{}_share", moved.part.name()).into();
        Evidence { name, value: share, says: "growth", text }
    })
}

fn grew_text(grew: &Grew) -> Evidence {
    let who = match grew.pid {
        Some(pid) => format!("{} (pid {pid})", grew.comm),
        None => format!("{} ({} processes)", grew.comm, grew.processes),
    };
    let bytes = byte_text(grew.bytes);
    let verb = match (grew.is_new, grew.pid) {
        (false, _) => "grew by",
        (true, Some(_)) => "came since and holds",
        (true, None) => "came since and hold",
    };
    let text = format!("{who} {verb} {bytes}");
    Evidence { name: "grew".into(), value: grew.bytes, says: "growth", text }
}

/// Of a component it is said that nobody grew, too.
fn nobody(owner: Owner<'_>, grew: &[Grew]) -> Option<Evidence> {
    let is_nobody = owner.component.is_some() && grew.is_empty();
    is_nobody.then(|| Evidence {
        name: "grew".into(),
        value: 0.0,
        says: "growth",
        text: "no process of it grew with it".to_owned(),
    })
}

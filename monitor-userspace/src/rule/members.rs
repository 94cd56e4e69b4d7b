//! Whose a growth of memory in parts is: what of it a process's own series show, and who grew.

use std::collections::BTreeMap;

use super::{Cause, Growths, Moved, Part, Report, Signal, part::measure};

/// From this share of a growth on it is a process's, and its own findings say it.
const ONES: f64 = 0.5;
/// Processes that grew by less than this share of it have nothing to do with it.
const NOTICED: f64 = 0.05;
/// Names that are told.
const NAMES: usize = 3;

/// A process whose memory is part of it.
#[derive(Debug)]
pub struct Member<'a> {
    /// Which.
    pub pid: u32,
    /// Its name.
    pub comm: &'a str,
    /// When it started, in nanoseconds since boot.
    pub born_ns: u64,
    /// Its series.
    pub growths: &'a Growths,
    /// Its findings that are told.
    pub told: Vec<Report>,
}

/// Processes of one name that grew, or that came since.
#[derive(Clone, Debug, PartialEq)]
pub struct Grew {
    /// Their name. Not safe to print.
    pub comm: String,
    /// The pid, where there is one of them.
    pub pid: Option<u32>,
    /// How many.
    pub processes: usize,
    /// By how much they grew together, or what those hold that came since, in bytes.
    pub bytes: f64,
    /// Whether they are younger than the growth.
    pub is_new: bool,
}

/// Whose a growth is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighed {
    /// Whether most of it is that of one process, or of findings about processes.
    pub is_theirs: bool,
    /// Who grew, the most first; where nobody did, who came.
    pub grew: Vec<Grew>,
}

/// Weighs the growth of a part against the processes it may be of.
pub fn weigh(moved: &Moved, members: &[Member<'_>]) -> Weighed {
    let Some(growth) = moved.growth else { return Weighed::default() };
    let born_before_ns = growth.since_ns.saturating_add(growth.level_bucket_ns);
    let least = NOTICED * moved.rise;
    let (mut largest, mut told) = (0.0_f64, 0.0);
    let mut names: BTreeMap<(bool, &str), Grew> = BTreeMap::new();
    for member in members {
        // What is younger than the growth cannot be why it began.
        let is_new = member.born_ns > born_before_ns;
        let bytes = if is_new {
            member.holds(moved.part)
        } else {
            let rise = member.rise(moved.part, growth.since_ns);
            largest = largest.max(rise);
            rise
        };
        told += member.told_rate(moved.part);
        if bytes > 0.0 {
            let one = || Grew {
                comm: member.comm.to_owned(),
                pid: None,
                processes: 0,
                bytes: 0.0,
                is_new,
            };
            let grew = names.entry((is_new, member.comm)).or_insert_with(one);
            grew.processes += 1;
            grew.bytes += bytes;
            grew.pid = (grew.processes == 1).then_some(member.pid);
        }
    }
    let is_theirs =
        largest >= ONES * moved.rise.max(1.0) || told >= ONES * growth.rate_per_min.max(1.0);
    let noticed = |is_new: bool| -> Vec<Grew> {
        let of = names.values().filter(|grew| grew.is_new == is_new && grew.bytes >= least);
        of.cloned().collect()
    };
    let mut grew = noticed(false);
    if grew.is_empty() {
        grew = noticed(true);
    }
    grew.sort_by(|one, other| other.bytes.total_cmp(&one.bytes));
    grew.truncate(NAMES);
    Weighed { is_theirs, grew }
}

impl Member<'_> {
    /// By how many bytes of such memory it grew since then, as far as its series show it.
    fn rise(&self, part: Part, since_ns: u64) -> f64 {
        sum(part, |signal| self.growths.rise(signal, since_ns))
    }

    fn holds(&self, part: Part) -> f64 {
        sum(part, |signal| self.growths.last(signal))
    }

    /// How many bytes of such memory a minute its findings tell of.
    fn told_rate(&self, part: Part) -> f64 {
        let is_alike =
            |report: &&Report| report.rated.is_bytes() == measure(report.cause).is_bytes();
        let told = self.told.iter().filter(is_alike);
        told.map(|report| part.comes_with(report.cause) * report.leading.rate_per_min).sum()
    }
}

impl Growths {
    /// How much a signal rose since then; 0 where unknown.
    fn rise(&self, signal: Signal, since_ns: u64) -> f64 {
        self.watched().nth(signal as usize).map_or(0.0, |(_, it)| it.risen_since(since_ns))
    }

    /// A signal at the last look; 0 where unknown.
    fn last(&self, signal: Signal) -> f64 {
        self.watched().nth(signal as usize).and_then(|(_, it)| it.last()).unwrap_or(0.0)
    }
}

/// How many bytes of a part come with what a process's series show.
fn sum(part: Part, value: impl Fn(Signal) -> f64) -> f64 {
    let of = |cause: Cause| {
        let each = part.comes_with(cause);
        if each > 0.0 { each * value(measure(cause)).max(0.0) } else { 0.0 }
    };
    Cause::ALL.into_iter().map(of).sum()
}

//! The earlier runs of each service: what a process that starts is told of those before it.
//!
//! A run is remembered when it ends, if it lasted long enough to be judged. Runs beside each other (the
//! workers of a server) count as one. Room is bounded: eight runs each of so many services, and those
//! go first of which no run has ended for longest.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Cause, Growths, Signal, run::Came, run::Left, run::Run, service::Service};
use crate::detect::{EarlierRuns, Plateau, RUNS, are_alike};

/// Services that are remembered.
const MOST_SERVICES: usize = 512;
/// A shorter run is none.
const LEAST_RUN_NS: u64 = 60_000_000_000;
/// A run follows another if it begins at most so long after, or before, its end; of a long one after at most
/// that share of its life. Jobs that come and go do not follow each other.
const PAUSE_NS: u64 = 300_000_000_000;
const PAUSE_SHARE: u64 = 16;

/// All services of which a run has ended.
#[derive(Debug, Default)]
pub struct Services {
    kept: FxHashMap<Service, Kept>,
    /// Runs remembered so far.
    remembered: u64,
    /// Services that were forgotten for want of room.
    forgotten: u64,
}

#[derive(Debug)]
struct Kept {
    /// Oldest first.
    runs: VecDeque<Arc<Run>>,
    /// [`Services::remembered`] when the last of them was.
    changed: u64,
}

impl Kept {
    fn before(&self, began_ns: u64) -> Earlier {
        Earlier { began_ns, runs: self.runs.iter().cloned().collect() }
    }
}

/// The runs of a service before a process of it.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// When the process began, ns since boot.
    began_ns: u64,
    /// Oldest first.
    runs: Vec<Arc<Run>>,
}

impl Services {
    /// Tells a process of the earlier runs of its service, if there is news.
    pub fn tell(&self, growths: &mut Growths) {
        let Some(membership) = growths.membership() else { return };
        let Some(kept) = self.kept.get(&membership.service) else { return };
        if membership.heard < kept.changed {
            growths.hear(kept.before(membership.began_ns), kept.changed);
        }
    }

    /// The runs of a service before a process of it that began at `began_ns`.
    pub fn earlier(&self, service: &Service, began_ns: u64) -> Option<Earlier> {
        self.kept.get(service).map(|kept| kept.before(began_ns))
    }

    /// Remembers what a process came to that ended at `at_ns`. `ids` are those of the findings that were
    /// open about it, by [`Cause`].
    pub fn remember(
        &mut self,
        growths: &mut Growths,
        at_ns: u64,
        ids: [Option<String>; Cause::ALL.len()],
    ) {
        self.tell(growths);
        let Some(membership) = growths.membership() else { return };
        let service = membership.service.clone();
        let mut run = Run {
            began_ns: membership.began_ns,
            ended_ns: at_ns,
            came: growths.came(),
            left: Default::default(),
        };
        for (cause, id) in Cause::ALL.into_iter().zip(ids) {
            run.left[cause as usize] = id.map(|id| left(growths.earlier(), cause, id, &run));
        }
        self.add(service, run);
    }

    /// Remembers a run, if it was long enough to tell anything.
    pub fn add(&mut self, service: Service, run: Run) {
        if run.lasted_ns() < LEAST_RUN_NS || run.came.iter().all(|it| *it == Came::Unknown) {
            return;
        }
        self.remembered += 1;
        if self.kept.len() >= MOST_SERVICES && !self.kept.contains_key(&service) {
            self.forget_one();
        }
        let new = || Kept { runs: VecDeque::new(), changed: 0 };
        let kept = self.kept.entry(service).or_insert_with(new);
        kept.changed = self.remembered;
        if let Some(last) = kept.runs.back_mut().filter(|last| last.is_beside(&run)) {
            return Arc::make_mut(last).join(&run);
        }
        if kept.runs.len() == RUNS {
            kept.runs.pop_front();
        }
        kept.runs.push_back(Arc::new(run));
    }

    /// Forgets the service of which no run has ended for longest.
    fn forget_one(&mut self) {
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.changed);
        if let Some(service) = oldest.map(|(service, _)| service.clone()) {
            self.kept.remove(&service);
            self.forgotten += 1;
        }
    }

    /// How many were forgotten for want of room.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Bytes of what is remembered.
    pub fn memory_bytes(&self) -> usize {
        let of = |(service, kept): (&Service, &Kept)| {
            let runs: usize = kept.runs.iter().map(|run| run.memory_bytes()).sum();
            size_of::<Service>() + size_of::<Kept>() + service.memory_bytes() + runs
        };
        self.kept.iter().map(of).sum()
    }
}

/// What a finding about a cause leaves behind, after those of the runs it follows.
fn left(earlier: Option<&Earlier>, cause: Cause, id: String, run: &Run) -> Left {
    let rate = |signal: Signal| match run.came[signal as usize] {
        Came::Grew { rate_per_min, .. } => Some(rate_per_min.into()),
        Came::Unknown | Came::Settled { .. } => None,
    };
    match earlier.and_then(|earlier| earlier.left(cause, rate)) {
        Some(first) => Left { runs: first.runs + 1, ..first.clone() },
        None => Left { first_id: id.into(), since_ns: run.began_ns, runs: 1 },
    }
}

impl Earlier {
    /// All that are remembered, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().map(AsRef::as_ref)
    }

    /// Those that followed each other up to this process, newest first.
    fn followed(&self) -> impl Iterator<Item = &Run> {
        let mut next_ns = self.began_ns;
        // Who ended long after the next began ran beside it.
        let is_before = move |run: &&Run, next_ns: u64| run.ended_ns <= next_ns + PAUSE_NS;
        let mut rest = self.runs.iter().rev().map(AsRef::as_ref);
        std::iter::from_fn(move || {
            let run = rest.by_ref().find(|run| is_before(run, next_ns))?;
            let pause_ns = PAUSE_NS.max(run.lasted_ns() / PAUSE_SHARE);
            let follows = next_ns <= run.ended_ns + pause_ns;
            next_ns = run.began_ns;
            follows.then_some(run)
        })
    }

    /// What they say of a measure.
    pub fn of(&self, signal: Signal) -> EarlierRuns {
        let mut said = EarlierRuns { born_ns: self.began_ns, ..EarlierRuns::default() };
        for run in &self.runs {
            if let Came::Settled { height, after_seconds } = run.came[signal as usize] {
                let after_ns = (f64::from(after_seconds) * 1e9) as u64;
                let before = said.plateau.unwrap_or(Plateau {
                    height: f64::NEG_INFINITY,
                    after_ns: 0,
                    runs: 0,
                });
                said.plateau = Some(Plateau {
                    height: before.height.max(height.into()),
                    after_ns: before.after_ns.max(after_ns),
                    runs: before.runs + 1,
                });
            }
        }
        for run in self.followed() {
            match run.came[signal as usize] {
                Came::Unknown => {}
                Came::Settled { .. } => break,
                Came::Grew { rate_per_min, e_value_log10, .. } => {
                    said.rates[usize::from(said.grew)] = rate_per_min;
                    said.grew += 1;
                    said.e_value_log10 = said.e_value_log10.max(e_value_log10.into());
                }
            }
        }
        said
    }

    /// What the newest of those before it left behind that grew at the rate a minute that `rate` has for
    /// one of the signals.
    pub fn left(&self, cause: Cause, rate: impl Fn(Signal) -> Option<f64>) -> Option<&Left> {
        let came = |run: &Run, signal: &Signal| run.came[*signal as usize];
        let is_alike = |run: &Run, signal: &Signal| match (came(run, signal), rate(*signal)) {
            (Came::Grew { rate_per_min, .. }, Some(rate)) => are_alike(rate_per_min.into(), rate),
            _ => false,
        };
        let grew = |run: &Run| {
            let mut signals = cause.signals().iter();
            signals.any(|signal| matches!(came(run, signal), Came::Grew { .. }))
        };
        let has_settled = |run: &&Run| {
            let mut signals = cause.signals().iter();
            !grew(run) && signals.any(|signal| matches!(came(run, signal), Came::Settled { .. }))
        };
        let mut since = self.followed().take_while(|run| !has_settled(run));
        let run = since.find(|run| cause.signals().iter().any(|it| is_alike(run, it)))?;
        run.left[cause as usize].as_ref()
    }
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;

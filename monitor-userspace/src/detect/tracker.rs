//! A series with its alarm statistic, its verdict and the life of its finding.
//!
//! Work happens only when a bucket closes: the alarm statistic of the levels that closed one, two
//! comparisons, and the O(32²) statistics for what may be growing. Amortised O(1) per sample.

use std::f64::consts::LN_10;

use crate::series::{ClosedLevels, LEVELS, LevelView, Series, SeriesSpec};

use super::conformal::{Conformal, GATE};
use super::judge::{Decision, Missing, decide, refutes};
use super::life::{Ceiling, End, Episode, minutes};
use super::shape::{ShapeEvidence, may_be_growing};
use super::stats::log_add;
use super::{Growth, Observation, Phase, Transition, Verdict};

/// Passes in a row, at the same level, before a finding opens.
const CONFIRMATIONS: u8 = 2;
/// Levels above the judged one that must bear it out: none of their floors before the onset may
/// be as high as the growth.
const COARSER: usize = 2;

/// One series under watch. At most 8 KiB at full depth, most of it after a day or more.
#[derive(Clone, Debug)]
pub struct GrowthTracker {
    series: Series,
    evidence: Vec<Conformal>,
    /// Highest ln e-value since the last episode ended. The bound is on *ever* passing the gate,
    /// so having passed it once is enough.
    gate_log: f64,
    /// The last decision of each level; `None` until it can judge.
    standing: [Option<Decision>; LEVELS],
    streak: [u8; LEVELS],
    state: State,
    ceiling: Ceiling,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Quiet,
    Open(Episode),
    Stopped { plateau: f64 },
}

impl GrowthTracker {
    /// Nothing seen yet.
    pub const fn new(spec: SeriesSpec) -> Self {
        Self {
            series: Series::new(spec),
            evidence: Vec::new(),
            gate_log: 0.0,
            standing: [None; LEVELS],
            streak: [0; LEVELS],
            state: State::Quiet,
            ceiling: Ceiling::NONE,
        }
    }

    /// Takes a sample; arguments as for [`Series::push`].
    pub fn observe(&mut self, at_ns: u64, value: f64, load: f64) -> Observation {
        let closed = self.series.push(at_ns, value, load);
        self.after(closed)
    }

    /// A sample was due and could not be had; see [`Series::push_unknown`].
    pub fn observe_unknown(&mut self, at_ns: u64) -> Observation {
        let closed = self.series.push_unknown(at_ns);
        self.after(closed)
    }

    /// The value was this all along since the last input; see [`Series::fill`].
    pub fn observe_fill(&mut self, until_ns: u64, value: f64) -> Observation {
        let closed = self.series.fill(until_ns, value);
        self.after(closed)
    }

    /// The samples behind the verdict.
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// Where the finding stands.
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Quiet => Phase::Quiet,
            State::Open(episode) => Phase::Open(episode.growth),
            State::Stopped { plateau } => Phase::Stopped { plateau: *plateau },
        }
    }

    /// What the floors say now: the last decision of every level, taken together.
    pub fn verdict(&self) -> Verdict {
        if let State::Open(episode) = &self.state {
            return Verdict::Growing(episode.growth);
        }
        let mut verdict = Verdict::Insufficient;
        for decision in self.standing.iter().flatten() {
            let next = match decision {
                Decision::Flat => Verdict::Steady,
                Decision::Rising(missing) => Verdict::Pending(*missing),
                Decision::Pass => Verdict::Pending(Missing::Confirmation),
            };
            if closeness(&next) > closeness(&verdict) {
                verdict = next;
            }
        }
        verdict
    }

    /// log10 of the highest e-value since the last episode ended (or ever).
    pub fn e_value_log10(&self) -> f64 {
        self.gate_log / LN_10
    }

    /// The shape of the floors of `level` now, whatever was decided; `None` with fewer than 12.
    pub fn shape(&self, level: usize) -> Option<ShapeEvidence> {
        let view = self.series.level(level)?;
        let ceiling = self.ceiling.height(view.start_ns(view.closed()));
        ShapeEvidence::read(&view, self.coarser(level), ceiling, self.series.spec())
    }

    /// Bytes this tracker occupies, heap included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Series>()
            + self.series.memory_bytes()
            + self.evidence.capacity() * size_of::<Conformal>()
    }

    fn coarser(&self, level: usize) -> impl Iterator<Item = LevelView<'_>> {
        (level + 1..=level + COARSER).filter_map(|level| self.series.level(level))
    }

    fn after(&mut self, closed: ClosedLevels) -> Observation {
        if closed.is_empty() {
            return Observation::Unchanged;
        }
        self.weigh(closed);
        let mut transition = None;
        for level in closed.iter() {
            // An opening or an end outranks new figures from another level.
            let next = self.judge(level);
            if transition.is_none() || matches!(transition, Some(Transition::Updated)) {
                transition = next.or(transition);
            }
        }
        Observation::Judged { closed, verdict: self.verdict(), transition }
    }

    /// Brings the alarm statistic of the closed levels up to date.
    fn weigh(&mut self, closed: ClosedLevels) {
        for level in closed.iter() {
            let Some(view) = self.series.level(level) else { continue };
            if level == self.evidence.len() {
                self.evidence.reserve_exact(1);
                self.evidence.push(Conformal::EMPTY);
            }
            let seed = self.series.spec().seed ^ (level as u64).rotate_right(4);
            if let Some(evidence) = self.evidence.get_mut(level) {
                evidence.update(&view, seed);
            }
        }
    }

    /// Has the average of the levels' e-values ever passed the gate? Levels that do not exist
    /// yet have bet nothing and are worth 1.
    fn gate_passed(&mut self) -> bool {
        let unborn = (LEVELS - self.evidence.len()) as f64;
        let values = self.evidence.iter().map(Conformal::log_value);
        let sum = values.fold(unborn.ln(), log_add);
        self.gate_log = self.gate_log.max(sum - (LEVELS as f64).ln());
        self.gate_log >= GATE.ln()
    }

    fn judge(&mut self, level: usize) -> Option<Transition> {
        let view = self.series.level(level)?;
        if !view.can_judge() {
            self.standing[level] = None;
            self.streak[level] = 0;
            return None;
        }
        // A void bucket neither confirms nor contradicts.
        view.floor(view.closed() - 1)?;
        let shape = may_be_growing(&view, self.series.spec()).then(|| self.shape(level));
        let decision = match &shape {
            None => Decision::Flat,
            Some(None) => Decision::Rising(Missing::Time),
            Some(Some(shape)) => {
                let gate_passed = self.gate_passed();
                let decision = decide(shape, gate_passed);
                if decision == Decision::Pass && self.is_refuted(level) {
                    Decision::Rising(Missing::Shape)
                } else {
                    decision
                }
            }
        };
        self.standing[level] = Some(decision);
        let passed = shape.flatten().filter(|_| decision == Decision::Pass);
        self.streak[level] =
            if passed.is_some() { (self.streak[level] + 1).min(CONFIRMATIONS) } else { 0 };
        match passed {
            Some(shape) => self.on_pass(level, &shape),
            None => self.on_doubt(level),
        }
    }

    /// Does one of the next two levels, where it can judge, contradict a pass?
    fn is_refuted(&self, level: usize) -> bool {
        let mut coarser = level + 1..=level + COARSER;
        coarser.any(|level| {
            let can_judge = self.series.level(level).is_some_and(|view| view.can_judge());
            can_judge && self.shape(level).as_ref().is_some_and(refutes)
        })
    }

    fn on_pass(&mut self, level: usize, shape: &ShapeEvidence) -> Option<Transition> {
        let growth = self.growth(shape);
        if let State::Open(episode) = &mut self.state {
            return Some(episode.update(growth, level, shape));
        }
        if self.streak[level] < CONFIRMATIONS {
            return None;
        }
        self.state = State::Open(Episode::open(growth, level, shape));
        Some(Transition::Opened)
    }

    /// A level that judges but does not pass may show that an open episode has ended.
    fn on_doubt(&mut self, level: usize) -> Option<Transition> {
        let State::Open(episode) = &mut self.state else { return None };
        episode.doubt(level);
        let view = self.series.level(level)?;
        let end = episode.end(level, &view)?;
        self.ceiling = episode.ceiling(view.start_ns(view.closed()));
        let (state, transition) = match end {
            End::Stopped { plateau } => (State::Stopped { plateau }, Transition::Stopped),
            End::Revoked => (State::Quiet, Transition::Revoked),
        };
        self.state = state;
        // What was won belongs to the episode; another one has to win the gate anew, or a program
        // that once grew while starting would have no gate for the rest of its life.
        self.evidence.iter_mut().for_each(Conformal::forget);
        self.gate_log = 0.0;
        self.streak = [0; LEVELS];
        Some(transition)
    }

    fn growth(&self, shape: &ShapeEvidence) -> Growth {
        let per_min = |slope: f64| slope / minutes(shape.bucket_ns);
        Growth {
            rate_per_min: per_min(shape.trend.slope),
            rate_interval: shape.trend.interval.map(per_min),
            e_value_log10: self.e_value_log10(),
            growth: shape.growth,
            rho: shape.rho,
            effect_sds: shape.effect_sds,
            level_bucket_ns: shape.bucket_ns,
            since_ns: shape.since_ns,
            first_floor: shape.first,
            last_floor: shape.last,
        }
    }
}

/// How close a verdict is to a finding, to pick among levels.
const fn closeness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Insufficient => 0,
        Verdict::Steady => 1,
        Verdict::Pending(Missing::Time) => 2,
        Verdict::Pending(Missing::Shape) => 3,
        Verdict::Pending(Missing::Evidence) => 4,
        Verdict::Pending(Missing::Confirmation) => 5,
        Verdict::Growing(_) => 6,
    }
}

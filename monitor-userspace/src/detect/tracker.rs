//! A series with its alarm statistic, its verdict and the life of its finding.
//!
//! Work happens only when a bucket closes: the alarm statistic of the levels that closed one, two
//! comparisons, and the O(32²) statistics for what may be growing. Amortised O(1) per sample.

use std::f64::consts::LN_10;

use crate::series::{ClosedLevels, LEVELS, LevelView, Series, SeriesSpec, WINDOW};

use super::conformal::{Conformal, GATE};
use super::earlier::{EarlierRuns, Place, Precedent, Present};
use super::features::{Features, Sources};
use super::hypothesis::Beliefs;
use super::judge::{Decision, LEAK, LIKELY, Missing, SUSPECT, borne_out, matters, probability};
use super::life::{Ceiling, End, Episode, minutes};
use super::model::Model;
use super::objects::{LookAtObjects, UseBounds};
use super::rate::Rate;
use super::second_tier::{LookedInto, SecondTier};
use super::shape::{Floors, ShapeEvidence, is_rising, may_be_growing};
use super::stats::log_add;
use super::touched::LookAtPages;
use super::{Growth, Observation, Phase, Transition, Verdict};

/// Passes in a row, at the same level, before a finding opens.
const CONFIRMATIONS: u8 = 2;
/// Objects that must have come before a leak of them is called one, in least growths that matter.
const LEAST_COUNT: f64 = 2.0;
/// Levels above the judged one that must bear it out.
const COARSER: usize = 2;
/// Share of a growth that must lie above all that came before it, to be new.
const NEW_RECORD: f64 = 0.3;

/// One series under watch. At most 8 KiB at full depth, most of it after a day or more.
#[derive(Clone, Debug)]
pub struct GrowthTracker {
    series: Series,
    evidence: Vec<Conformal>,
    /// Highest ln e-value since the last episode ended. The bound is on *ever* passing the gate,
    /// so having passed it once is enough.
    gate_log: f64,
    /// The last decision of each level; `None` until it can judge.
    standing: Vec<Option<Decision>>,
    /// Passes in a row of each level, as a suspicion, as a likely leak and as a leak.
    streaks: [[u8; 3]; LEVELS],
    /// The longest growth that is weighed.
    weighed: Weighed,
    /// What looks found, while growth is weighed.
    looks: SecondTier,
    /// Earlier runs of the same service, and what they say of the longest growth that is weighed.
    earlier: Option<Box<EarlierRuns>>,
    precedent: Precedent,
    state: State,
    ceiling: Ceiling,
}

/// Growth as the coarsest level that weighs it sees it.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    level: u8,
    added: f32,
    last: f32,
    rate_per_min: f32,
    since_ns: u64,
    /// Whether it reaches heights that nothing reached before.
    is_new: bool,
}

impl Weighed {
    const NOTHING: Self =
        Self { level: 0, added: 0.0, last: 0.0, rate_per_min: 0.0, since_ns: 0, is_new: true };
}

#[derive(Clone, Debug)]
enum State {
    Quiet,
    /// Few series ever are.
    Open(Box<Episode>),
    Stopped {
        plateau: f64,
    },
}

impl GrowthTracker {
    /// Nothing seen yet.
    pub const fn new(spec: SeriesSpec) -> Self {
        Self {
            series: Series::new(spec),
            evidence: Vec::new(),
            gate_log: 0.0,
            standing: Vec::new(),
            streaks: [[0; 3]; LEVELS],
            weighed: Weighed::NOTHING,
            looks: SecondTier::NONE,
            earlier: None,
            precedent: Precedent { place: Place::Open, alike: 0 },
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
        for (level, decision) in self.standing.iter().enumerate() {
            let next = match decision {
                None => continue,
                Some(Decision::Flat) => Verdict::Steady,
                Some(Decision::Young) => Verdict::Pending(Missing::Time),
                Some(Decision::Weighed(_)) => Verdict::Pending(self.missing(level)),
            };
            if next.closeness() > verdict.closeness() {
                verdict = next;
            }
        }
        verdict
    }

    /// What a level whose growth was weighed lacks.
    fn missing(&self, level: usize) -> Missing {
        match self.confidence(level) {
            Some(confidence) if confidence >= SUSPECT => {
                if self.is_gate_passed() {
                    Missing::Confirmation
                } else {
                    Missing::Evidence
                }
            }
            _ => Missing::Refutation,
        }
    }

    /// The highest probability of a leak that any level has and the next two bear out, gate and
    /// confirmation aside; `None` where no growth was weighed.
    pub fn leak_probability(&self) -> Option<f64> {
        let borne_out = (0..self.standing.len()).filter_map(|level| self.confidence(level));
        self.is_weighing().then(|| borne_out.fold(0.0, f64::max))
    }

    /// Whether it has risen lately, though that may be too young to be weighed: what is looked at from
    /// the beginning is decided sooner.
    pub fn is_rising(&self) -> bool {
        self.series.level(0).is_some_and(|view| is_rising(&view, self.series.spec()))
    }

    /// Whether growth is being weighed: then it pays to look at what is touched.
    pub fn is_weighing(&self) -> bool {
        self.standing.iter().flatten().any(|decision| decision.log_odds().is_some())
    }

    /// Tells what a look at accessed pages found: whether what was added is used.
    pub fn set_touched(&mut self, look: &LookAtPages) {
        self.looks.add_pages(self.now_ns(), look);
        self.weigh_looks();
    }

    /// Tells what a look at the objects that are counted found: whether they are used, and how long
    /// they live. `bounds` is what use says of their kind.
    pub fn set_objects(&mut self, look: &LookAtObjects, bounds: UseBounds) {
        self.looks.set_objects(self.now_ns(), *look, bounds);
        self.weigh_looks();
    }

    /// What the last look at the objects found.
    pub fn objects(&self) -> Option<LookAtObjects> {
        self.looks.objects()
    }

    /// How much was added and since when, as far as growth is weighed.
    pub fn weighed(&self) -> Option<(f64, u64)> {
        let Weighed { added, since_ns, .. } = self.weighed;
        self.is_weighing().then_some((added.into(), since_ns))
    }

    /// Tells of earlier runs of the same service.
    pub fn set_earlier(&mut self, earlier: EarlierRuns) {
        self.earlier = Some(Box::new(earlier));
        self.ask_earlier();
    }

    /// What earlier runs say of the growth that is weighed; `None` where none is known.
    pub fn earlier(&self) -> Option<(EarlierRuns, Precedent)> {
        self.earlier.as_ref().map(|earlier| (**earlier, self.precedent))
    }

    /// Asks earlier runs about the growth that is weighed.
    fn ask_earlier(&mut self) {
        let Weighed { last, rate_per_min, .. } = self.weighed;
        let (last, rate_per_min) = (last.into(), rate_per_min.into());
        let now = Present { last, rate_per_min, now_ns: self.now_ns() };
        let said = self.earlier.as_ref().map(|it| it.of(&now, self.series.spec()));
        self.precedent = said.unwrap_or_default();
    }

    /// Asks the looks so far about the growth that is weighed.
    fn weigh_looks(&mut self) {
        let Weighed { added, since_ns, is_new, .. } = self.weighed;
        self.looks.weigh(&LookedInto { added: added.into(), since_ns, is_new });
    }

    /// Keeps the growth that the coarsest level weighs.
    fn note(&mut self, level: usize, shape: &ShapeEvidence) {
        let is_weighed = |level: u8| {
            let standing = self.standing.get(usize::from(level)).copied().flatten();
            standing.is_some_and(|decision| decision.log_odds().is_some())
        };
        if level >= usize::from(self.weighed.level) || !is_weighed(self.weighed.level) {
            let added = (shape.last - shape.first) as f32;
            let is_new = shape.new_record >= NEW_RECORD;
            let rate_per_min = (shape.trend.slope / minutes(shape.bucket_ns)) as f32;
            let (level, last, since_ns) = (level as u8, shape.last as f32, shape.since_ns);
            self.weighed = Weighed { level, added, last, rate_per_min, since_ns, is_new };
            self.weigh_looks();
            self.ask_earlier();
        }
    }

    /// End of the newest bucket, ns since boot.
    fn now_ns(&self) -> u64 {
        self.series.level(0).map_or(0, |view| view.start_ns(view.closed()))
    }

    /// log10 of the highest e-value since the last episode ended (or ever), or in an earlier run that
    /// grew alike.
    pub fn e_value_log10(&self) -> f64 {
        let earlier = self.earlier.as_ref().filter(|_| self.precedent.alike > 0);
        earlier.map_or(0.0, |earlier| earlier.e_value_log10).max(self.gate_log / LN_10)
    }

    /// Whether chance is excluded. What an earlier run has won counts for one that grows alike: they
    /// are one series of floors, and the bound is on passing the gate ever.
    fn is_gate_passed(&self) -> bool {
        self.e_value_log10() >= GATE.log10()
    }

    /// The shape of the floors of `level` now, whatever was decided; `None` with fewer than 12.
    pub fn shape(&self, level: usize) -> Option<ShapeEvidence> {
        let view = self.series.level(level)?;
        let ceiling = self.ceiling.height(view.start_ns(view.closed()));
        ShapeEvidence::read(&view, self.coarser(level), ceiling, self.series.spec())
    }

    /// Shape and evidence of a level now, where there is growth that matters: what the model is
    /// fitted on.
    pub fn evidence(&self, level: usize) -> Option<(ShapeEvidence, Features)> {
        let view = self.series.level(level).filter(LevelView::can_judge)?;
        view.floor(view.closed() - 1)?;
        if !may_be_growing(&view, self.series.spec()) {
            return None;
        }
        let shape = self.shape(level).filter(matters)?;
        Some((shape, self.features(&view, &shape)))
    }

    fn features(&self, view: &LevelView<'_>, shape: &ShapeEvidence) -> Features {
        let now_ns = view.start_ns(view.closed());
        Features::read(
            shape,
            &Sources {
                view: *view,
                history: self.series.history().unwrap_or(*view),
                age_ns: now_ns.saturating_sub(self.series.first_ns()),
                counts: self.series.spec().counts,
            },
        )
    }

    /// Bytes this tracker occupies, heap included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Series>()
            + self.series.memory_bytes()
            + self.evidence.capacity() * size_of::<Conformal>()
            + self.standing.capacity() * size_of::<Option<Decision>>()
            + if matches!(self.state, State::Open(_)) { size_of::<Episode>() } else { 0 }
            + self.looks.heap_bytes()
            + self.earlier.as_ref().map_or(0, |_| size_of::<EarlierRuns>())
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
        self.looks.forget_old(self.now_ns());
        self.weigh_looks();
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
        self.is_gate_passed()
    }

    fn judge(&mut self, level: usize) -> Option<Transition> {
        if level >= self.standing.len() {
            self.standing.reserve_exact(1);
            self.standing.resize(level + 1, None);
        }
        let view = self.series.level(level)?;
        if !view.can_judge() {
            self.standing[level] = None;
            self.streaks[level] = [0; 3];
            return None;
        }
        // A void bucket neither confirms nor contradicts.
        view.floor(view.closed() - 1)?;
        let shape = may_be_growing(&view, self.series.spec()).then(|| self.shape(level));
        let growing = shape.flatten().filter(matters);
        let beliefs = growing.map(|shape| Model::fitted().weigh(&self.features(&view, &shape)));
        let decision = match (&shape, &beliefs) {
            (Some(None), _) => Decision::Young,
            (_, Some(beliefs)) => Decision::Weighed(beliefs.log_odds() as f32),
            (_, None) => Decision::Flat,
        };
        self.standing[level] = Some(decision);
        if let Some(shape) = &growing {
            self.note(level, shape);
        }
        let gate_passed = self.gate_passed();
        let confidence = self.confidence(level).filter(|_| gate_passed).unwrap_or(0.0);
        // A handful of objects more is no more than a suspicion.
        let counts = self.series.spec().counts;
        let is_enough = growing.is_some_and(|shape| {
            !counts || shape.last - shape.first >= LEAST_COUNT * shape.min_effect
        });
        let as_leak = if is_enough { confidence } else { 0.0 };
        let passes = [(SUSPECT, confidence), (LIKELY, as_leak), (LEAK, as_leak)];
        for (streak, (least, confidence)) in self.streaks[level].iter_mut().zip(passes) {
            *streak = if confidence >= least { (*streak + 1).min(CONFIRMATIONS) } else { 0 };
        }
        match growing.zip(beliefs) {
            // Its window still holds the growth when that has already stopped.
            Some((shape, beliefs)) if confidence >= SUSPECT && !self.has_ended(level) => {
                self.on_pass(level, &shape, confidence, beliefs)
            }
            _ => self.on_doubt(level),
        }
    }

    /// The probability of a leak as a level sees it, borne out by the next two; `None` where it has
    /// weighed nothing or one of them sees no growth.
    fn confidence(&self, level: usize) -> Option<f64> {
        let own = self.standing.get(level).copied().flatten()?.log_odds()?;
        let coarser = (level + 1..=level + COARSER)
            .filter_map(|level| self.standing.get(level).copied().flatten());
        let earlier = self.earlier.as_ref().map_or(0.0, |it| it.log_likelihood(self.precedent));
        let beside_shape =
            self.looks.log_likelihood() + f64::from(self.series.spec().prior) + earlier;
        borne_out(own, coarser).map(|log_odds| probability(log_odds + beside_shape))
    }

    fn on_pass(
        &mut self,
        level: usize,
        shape: &ShapeEvidence,
        confidence: f64,
        beliefs: Beliefs,
    ) -> Option<Transition> {
        let [suspicions, likely, leaks] = self.streaks[level];
        let (is_likely, is_leak) = (likely >= CONFIRMATIONS, leaks >= CONFIRMATIONS);
        let growth =
            Growth { confidence, is_likely, is_leak, ..self.growth(level, shape, beliefs) };
        if let State::Open(episode) = &mut self.state {
            return Some(episode.update(growth, level, shape));
        }
        if suspicions < CONFIRMATIONS {
            return None;
        }
        self.state = State::Open(Box::new(Episode::open(growth, level, shape)));
        Some(Transition::Opened)
    }

    fn has_ended(&self, level: usize) -> bool {
        let State::Open(episode) = &self.state else { return false };
        self.series.level(level).is_some_and(|view| episode.end(level, &view).is_some())
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
        self.streaks = [[0; 3]; LEVELS];
        Some(transition)
    }

    fn growth(&self, level: usize, shape: &ShapeEvidence, beliefs: Beliefs) -> Growth {
        let per_min = |slope: f64| slope / minutes(shape.bucket_ns);
        let floors = self.series.level(level).map(|view| Floors::newest(&view, WINDOW as u32));
        let floors = floors.as_ref().map_or(&[][..], Floors::as_slice);
        let rate = Rate::of(floors, shape, beliefs.kind_of_leak());
        Growth {
            rate_per_min: per_min(rate.per_bucket),
            rate_interval: rate.interval.map(per_min),
            e_value_log10: self.e_value_log10(),
            growth: shape.growth,
            rho: shape.rho,
            effect_sds: shape.effect_sds,
            residual_sd: shape.trend.residual_sd,
            touched_share: self.looks.touched_share(),
            added_share: self.looks.added_share(self.weighed.since_ns),
            confidence: beliefs.leak(),
            is_likely: false,
            is_leak: false,
            beliefs,
            level_bucket_ns: shape.bucket_ns,
            since_ns: shape.since_ns,
            first_floor: shape.first,
            last_floor: shape.last,
        }
    }
}

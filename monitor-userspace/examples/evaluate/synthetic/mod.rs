//! Synthetic series: the classes of the detection document, made of a seed.

mod healthy;
mod leaks;
mod load;

use monitor_userspace::detect::Hypothesis;

use super::random::Random;

/// How long a series lasts and how often it is sampled.
#[derive(Clone, Copy, PartialEq)]
pub enum Span {
    /// 2 to 48 hours, every 10 s: what the figures are about.
    Long,
    /// 4 minutes to 2 hours, every 5 s, as the agent looks: its first verdicts.
    Short,
}

impl Span {
    /// Seconds between samples.
    pub const fn step_s(self) -> u64 {
        match self {
            Self::Long => 10,
            Self::Short => 5,
        }
    }

    const fn hours(self) -> (f64, f64) {
        match self {
            Self::Long => (2.0, 48.0),
            Self::Short => (4.0 / 60.0, 2.0),
        }
    }
}

pub const MIB: f64 = 1_048_576.0;

/// A class of series.
#[derive(Clone, Copy)]
pub struct Class {
    pub name: &'static str,
    /// Whether the model may learn from it; the others show what it makes of what it never saw.
    pub is_fitted: bool,
    pub is_leak: bool,
    make: Maker,
}

/// Makes a series of a draft.
pub type Maker = fn(&mut Draft);

/// All classes.
pub fn classes() -> Vec<Class> {
    let class = |is_leak| {
        move |&(name, is_fitted, make): &(&'static str, bool, Maker)| Class {
            name,
            is_fitted,
            is_leak,
            make,
        }
    };
    leaks::ALL.iter().map(class(true)).chain(healthy::ALL.iter().map(class(false))).collect()
}

/// A series with its truth.
#[derive(Default)]
pub struct Made {
    /// Seconds between samples.
    pub step_s: u64,
    /// Bytes, or objects.
    pub values: Vec<f64>,
    /// The same without noise and what lies above the floor for a while: what a limit is about.
    pub held: Vec<f64>,
    /// Load of each step, CPU ms.
    pub loads: Vec<f64>,
    /// What explains the growth from this step on, until the next entry.
    pub truth: Vec<(usize, Hypothesis)>,
    /// Share of the memory that is touched within a minute, of each sixth step.
    pub touched: Vec<f64>,
    /// How much of that is touched within a quarter of a minute, and within seconds.
    pub touched_sooner: [f64; 2],
    /// First step of the leak.
    pub onset: Option<usize>,
    /// Rate of the leak at its end, a minute; where it has one.
    pub rate_per_min: Option<f64>,
    /// Whether it counts objects.
    pub counts: bool,
    /// Steps at which the process starts anew.
    pub restarts: Vec<usize>,
}

const TOUCHED_EVERY: usize = 6;

impl Made {
    /// What explains growth at a step.
    pub fn truth_at(&self, step: usize) -> Hypothesis {
        let started = self.truth.iter().rev().find(|(from, _)| *from <= step);
        started.map_or(Hypothesis::Noise, |(_, hypothesis)| *hypothesis)
    }

    /// What looks at accessed pages would show: the shares touched within 3, 15 and 60 seconds.
    pub fn touched_at(&self, step: usize) -> Option<[f64; 3]> {
        let share = self.touched.get(step / TOUCHED_EVERY).copied().filter(|_| !self.counts)?;
        let [middling, short] = self.touched_sooner;
        Some([short * share, middling * share, share])
    }
}

/// A series while it is made. Everything is in units of the level: 1 is what it begins with.
pub struct Draft {
    pub random: Random,
    /// Seconds between samples.
    pub step_s: u64,
    /// Steps.
    pub len: usize,
    /// What it begins with, bytes or objects.
    pub level: f64,
    /// Growth over the whole series, in levels.
    pub growth: f64,
    /// Standard deviation of the noise, in levels.
    pub noise: f64,
    /// What is held, in levels.
    pub values: Vec<f64>,
    /// What lies above the floor for a while: garbage, bursts.
    pub above: Vec<f64>,
    pub loads: Vec<f64>,
    pub truth: Vec<(usize, Hypothesis)>,
    pub onset: Option<usize>,
    /// Rate at the end, in levels a step.
    pub rate: Option<f64>,
    pub counts: bool,
    pub restarts: Vec<usize>,
}

impl Draft {
    /// Sets what is held by a function of the position.
    pub fn held(&mut self, value: impl Fn(f64) -> f64) {
        self.values =
            (0..self.len).map(|step| 1.0 + value(step as f64 / self.len as f64)).collect();
    }

    /// The same explanation from the first to the last step.
    pub fn explained_by(&mut self, hypothesis: Hypothesis) {
        self.truth = vec![(0, hypothesis)];
    }

    /// A leak from a step on, with a rate at its end.
    pub fn leaks(&mut self, from: usize, rate: Option<f64>, hypothesis: Hypothesis) {
        self.onset = Some(from);
        self.rate = rate;
        self.truth.push((from, hypothesis));
    }

    /// Minutes in steps.
    pub fn minutes(&mut self, low: f64, high: f64) -> f64 {
        self.random.log_uniform(low, high) * 60.0 / self.step_s as f64
    }
}

/// Makes series number `seed` of a class.
pub fn make(class: Class, seed: u64, span: Span) -> Made {
    let mixed = class.name.bytes().fold(seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
    });
    let mut random = Random::new(mixed);
    let (shortest, longest) = span.hours();
    let hours = random.log_uniform(shortest, longest);
    let len = (hours * 3600.0 / span.step_s() as f64) as usize;
    let mut draft = Draft {
        step_s: span.step_s(),
        len,
        level: random.log_uniform(20.0, 2000.0) * MIB,
        growth: random.log_uniform(0.1, 3.0),
        noise: random.log_uniform(0.002, 0.05),
        values: vec![1.0; len],
        above: vec![0.0; len],
        loads: Vec::new(),
        truth: Vec::new(),
        onset: None,
        rate: None,
        counts: false,
        restarts: Vec::new(),
        random,
    };
    (class.make)(&mut draft);
    finish(class, draft)
}

fn finish(class: Class, mut draft: Draft) -> Made {
    if draft.loads.is_empty() {
        draft.loads = load::any(&mut draft.random, draft.len, draft.step_s);
    }
    let (touched, touched_sooner) = touched(class.is_leak, &mut draft);
    let phi = if draft.random.happens(0.5) { draft.random.uniform(0.5, 0.95) } else { 0.0 };
    let mut state = 0.0;
    let mut values = Vec::with_capacity(draft.len);
    for step in 0..draft.len {
        state = phi * state + (1.0_f64 - phi * phi).sqrt() * draft.random.normal();
        let value = draft.values[step] + draft.above[step] + draft.noise * state;
        let value = (value * draft.level).max(0.0);
        values.push(if draft.counts { value.round() } else { (value / 4096.0).floor() * 4096.0 });
    }
    let per_min = 60.0 / draft.step_s as f64;
    let held = draft.values.iter().map(|value| value * draft.level).collect();
    Made {
        step_s: draft.step_s,
        values,
        held,
        loads: draft.loads,
        truth: draft.truth,
        touched,
        touched_sooner,
        onset: draft.onset,
        rate_per_min: draft.rate.map(|rate| rate * per_min * draft.level),
        counts: draft.counts,
        restarts: draft.restarts,
    }
}

/// Share of healthy programs that add memory which nobody reads.
const UNREAD: f64 = 0.06;
/// Share of leaks whose memory a collector walks in every minute.
const WALKED: f64 = 0.1;

/// What is read of a program's memory within a minute: a share of what it began with, and of what was
/// added about as much again, unless that was leaked or nobody reads it. Measured on real programs
/// within a minute: leaks 0.00 of what was added, or what their collectors walk; caches and warm-ups
/// 0.13 to 0.30, busy ones all.
fn touched(is_leak: bool, draft: &mut Draft) -> (Vec<f64>, [f64; 2]) {
    let base = draft.random.log_uniform(0.1, 0.9);
    let is_unread = draft.random.happens(if is_leak { 1.0 - WALKED } else { UNREAD });
    let added = if is_unread {
        draft.random.uniform(0.0, 0.05)
    } else {
        (base * draft.random.log_uniform(0.5, 2.0)).clamp(0.1, 1.0)
    };
    // Who works does so with the same pages again and again, or asks for others all the time.
    let sooner = if is_unread && draft.random.happens(0.7) {
        [draft.random.uniform(0.8, 1.0), draft.random.uniform(0.5, 0.9)]
    } else {
        [draft.random.uniform(0.3, 1.0), draft.random.uniform(0.05, 0.9)]
    };
    let onset = draft.onset.unwrap_or(0);
    // What is in use wanders within hours too.
    let keep = (-(TOUCHED_EVERY as f64) / draft.minutes(10.0, 240.0)).exp();
    let mut wander = draft.random.normal();
    let shares = (0..draft.len.div_ceil(TOUCHED_EVERY)).map(|at| {
        let value = draft.values[at * TOUCHED_EVERY].max(0.01);
        let start = draft.values[onset.min(at * TOUCHED_EVERY)];
        // What a warm-up added before a leak began is in use.
        let live = if is_leak { start.min(value) } else { 1.0_f64.min(value) };
        wander = keep * wander + (1.0 - keep * keep).sqrt() * draft.random.normal();
        let used = base * live * (0.05 * wander).exp();
        let share = (used + added * (value - live)) / value;
        (share * (0.03 * draft.random.normal()).exp()).clamp(0.0, 1.0)
    });
    (shares.collect(), sooner)
}

//! What leaks.

use monitor_userspace::detect::Hypothesis::{
    self, AcceleratingLeak, JumpLeak, LoadLeak, Settling, SteadyLeak, Steps,
};

use super::{Draft, Maker, load, load::course};

/// Name, whether it is fitted, how it is made.
pub const ALL: [(&str, bool, Maker); 17] = [
    ("linear", true, linear),
    ("noisy", true, noisy),
    ("gc_sawtooth", true, gc_sawtooth),
    ("staircase", true, staircase),
    ("load_proportional", true, load_proportional),
    ("gc_and_load", false, gc_and_load),
    ("rare_bursts", true, rare_bursts),
    ("slow_in_noise", true, slow_in_noise),
    ("late_onset", true, late_onset),
    ("super_linear", true, super_linear),
    ("partial_reclaim", true, partial_reclaim),
    ("warm_up_then_leak", true, warm_up_then_leak),
    ("step_then_leak", false, step_then_leak),
    ("small_counts", true, small_counts),
    ("two_rates", false, two_rates),
    ("nightly_restarts", true, nightly_restarts),
    ("swapped_out", true, swapped_out),
];

/// Grows by `growth` from a step to the end.
fn ramp(draft: &mut Draft, from: usize, hypothesis: Hypothesis) {
    let rate = draft.growth / (draft.len - from) as f64;
    for step in from..draft.len {
        draft.values[step] += rate * (step - from) as f64;
    }
    draft.leaks(from, Some(rate), hypothesis);
}

fn linear(draft: &mut Draft) {
    draft.noise *= 0.2;
    ramp(draft, 0, SteadyLeak);
}

fn noisy(draft: &mut Draft) {
    draft.noise = draft.random.uniform(0.01, 0.05);
    ramp(draft, 0, SteadyLeak);
}

/// Garbage that gathers above what is held and is collected.
pub fn garbage(draft: &mut Draft, height: impl Fn(usize) -> f64) {
    let mean = draft.minutes(0.5, 20.0);
    let (mut age, mut period) = (0.0, mean);
    for step in 0..draft.len {
        age += 1.0;
        if age >= period {
            age = 0.0;
            period = mean * draft.random.uniform(0.7, 1.3);
        }
        draft.above[step] += height(step) * age / mean;
    }
}

fn gc_sawtooth(draft: &mut Draft) {
    let height = draft.random.uniform(0.2, 1.0);
    garbage(draft, |_| height);
    draft.noise *= 0.3;
    ramp(draft, 0, SteadyLeak);
}

/// `count` jumps at random times that make up the growth.
fn jumps(draft: &mut Draft, count: usize) {
    let size = draft.growth / count as f64;
    for _ in 0..count {
        let from = draft.random.below(draft.len);
        let jump = size * draft.random.uniform(0.5, 1.5);
        draft.values[from..].iter_mut().for_each(|value| *value += jump);
    }
    let rate = draft.growth / draft.len as f64;
    draft.leaks(0, Some(rate), JumpLeak);
}

fn staircase(draft: &mut Draft) {
    let count = draft.random.whole(10, 100);
    jumps(draft, count);
}

fn rare_bursts(draft: &mut Draft) {
    let count = draft.random.whole(5, 12);
    jumps(draft, count);
}

/// Grows with what the program has to do.
fn with_load(draft: &mut Draft, path: &[f64]) {
    let total: f64 = path.iter().sum();
    let mut held = 0.0;
    for (step, at) in path.iter().enumerate() {
        held += draft.growth * at / total;
        draft.values[step] += held;
    }
    draft.loads = course(&mut draft.random, path);
    draft.leaks(0, Some(draft.growth / draft.len as f64), LoadLeak);
}

fn any_path(draft: &mut Draft) -> Vec<f64> {
    if draft.random.happens(0.5) {
        return load::wandering(&mut draft.random, draft.len, draft.step_s).1;
    }
    let period = draft.len as f64 / draft.random.uniform(1.0, 4.0);
    let phase = draft.random.uniform(0.0, std::f64::consts::TAU);
    (0..draft.len).map(|step| load::wave(step as f64, period, phase)).collect()
}

fn load_proportional(draft: &mut Draft) {
    let path = any_path(draft);
    with_load(draft, &path);
}

fn gc_and_load(draft: &mut Draft) {
    let path = any_path(draft);
    let height = draft.random.uniform(0.2, 1.0);
    garbage(draft, |step| height * (0.2 + path[step]));
    with_load(draft, &path);
}

fn slow_in_noise(draft: &mut Draft) {
    draft.growth = draft.random.uniform(0.05, 0.08);
    draft.noise = draft.random.log_uniform(0.003, 0.02);
    ramp(draft, 0, SteadyLeak);
}

fn late_onset(draft: &mut Draft) {
    let from = draft.len as f64 * draft.random.uniform(0.3, 0.7);
    draft.noise *= 0.5;
    ramp(draft, from as usize, SteadyLeak);
}

fn super_linear(draft: &mut Draft) {
    let power = draft.random.uniform(1.6, 3.0);
    let growth = draft.growth;
    draft.held(|at| growth * at.powf(power));
    draft.noise *= 0.5;
    draft.leaks(0, Some(growth * power / draft.len as f64), AcceleratingLeak);
}

/// Every so often a part of what was added is given back.
fn partial_reclaim(draft: &mut Draft) {
    let period = draft.len as f64 / draft.random.uniform(12.0, 60.0);
    let given_back = draft.random.uniform(0.3, 0.7);
    let rate = draft.growth / draft.len as f64;
    let gross = rate / (1.0 - given_back);
    for step in 0..draft.len {
        let rounds = (step as f64 / period).floor();
        let since = step as f64 - rounds * period;
        draft.values[step] += rate * rounds * period + gross * since;
    }
    draft.noise *= 0.3;
    draft.leaks(0, Some(rate), SteadyLeak);
}

fn warm_up_then_leak(draft: &mut Draft) {
    let warm = draft.random.uniform(0.1, 0.3);
    let height = draft.random.uniform(0.3, 2.0);
    draft.held(|at| height * (1.0 - (-at / warm * 5.0).exp()));
    draft.truth.push((0, Settling));
    draft.noise *= 0.3;
    let from = (draft.len as f64 * warm) as usize;
    ramp(draft, from, SteadyLeak);
}

fn step_then_leak(draft: &mut Draft) {
    let from = (draft.len as f64 * draft.random.uniform(0.1, 0.4)) as usize;
    let step = draft.random.uniform(0.3, 1.0);
    draft.values[from..].iter_mut().for_each(|value| *value += step);
    draft.truth.push((0, Steps));
    draft.noise *= 0.3;
    ramp(draft, from, SteadyLeak);
}

fn small_counts(draft: &mut Draft) {
    draft.counts = true;
    draft.level = draft.random.log_uniform(10.0, 500.0).round();
    draft.growth = (draft.random.log_uniform(16.0, 3000.0) / draft.level).max(0.1);
    draft.noise = draft.random.uniform(0.0, 3.0) / draft.level;
    ramp(draft, 0, SteadyLeak);
}

fn two_rates(draft: &mut Draft) {
    let turn = (draft.len as f64 * draft.random.uniform(0.3, 0.7)) as usize;
    let faster = draft.random.uniform(3.0, 10.0);
    let rest = (draft.len - turn) as f64;
    let first = draft.growth / (turn as f64 + faster * rest);
    for step in 0..draft.len {
        let (slow, fast) = (step.min(turn) as f64, step.saturating_sub(turn) as f64);
        draft.values[step] += first * (slow + faster * fast);
    }
    draft.noise *= 0.3;
    draft.leaks(0, Some(first * faster), SteadyLeak);
}

/// The same leak again and again: the process starts anew a few times.
fn nightly_restarts(draft: &mut Draft) {
    let lives = draft.random.whole(2, 4);
    let life = draft.len / lives;
    let rate = draft.growth / life as f64;
    for step in 0..draft.len {
        draft.values[step] += rate * (step % life) as f64;
    }
    draft.restarts = (1..lives).map(|number| number * life).collect();
    draft.noise *= 0.3;
    draft.leaks(0, Some(rate), SteadyLeak);
}

/// What was leaked is swapped out in pieces; for a moment it counts twice or not at all.
fn swapped_out(draft: &mut Draft) {
    ramp(draft, 0, SteadyLeak);
    let count = draft.random.whole(3, 30);
    for _ in 0..count {
        let from = draft.random.below(draft.len);
        let until = (from + draft.random.whole(1, 12)).min(draft.len);
        let share = draft.random.uniform(-0.1, 0.1);
        draft.above[from..until].iter_mut().for_each(|above| *above += share.abs());
    }
    draft.noise *= 0.5;
}

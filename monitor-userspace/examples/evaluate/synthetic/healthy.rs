//! What does not leak.

use monitor_userspace::detect::Hypothesis::{Fill, Load, Noise, Periodic, Settling, Steps};

use super::{Draft, Maker, leaks::garbage, load, load::course};

/// Name, whether it is fitted, how it is made.
pub const ALL: [(&str, bool, Maker); 25] = [
    ("constant", true, constant),
    ("white", true, white),
    ("ar1", true, ar1),
    ("slow_ou", true, slow_ou),
    ("exponential_warm_up", true, exponential_warm_up),
    ("logarithmic_warm_up", true, logarithmic_warm_up),
    ("square_root_fragmentation", true, square_root),
    ("lru_fill", true, lru_fill),
    ("gc_flat", true, gc_flat),
    ("gc_warm_up", true, gc_warm_up),
    ("gc_heap_to_bound", true, gc_heap_to_bound),
    ("diurnal", true, diurnal),
    ("half_a_day", true, half_a_day),
    ("batches", true, batches),
    ("step_up", true, step_up),
    ("arena_staircase", true, arena_staircase),
    ("build_up_and_release", false, build_up_and_release),
    ("random_load", true, random_load),
    ("khugepaged_jumps", false, khugepaged_jumps),
    ("log_rotation", false, log_rotation),
    ("pool_to_size", true, pool_to_size),
    ("connections", true, connections),
    ("two_caches", false, two_caches),
    ("restarted_warm_up", false, restarted_warm_up),
    ("restarted_fill", false, restarted_fill),
];

fn constant(draft: &mut Draft) {
    draft.noise = if draft.random.happens(0.5) { 0.0 } else { draft.noise * 0.1 };
    draft.explained_by(Noise);
}

fn white(draft: &mut Draft) {
    draft.explained_by(Noise);
}

/// A value that forgets within `memory` steps.
fn wander(draft: &mut Draft, memory: f64, height: f64) {
    let keep = (-1.0 / memory).exp();
    let mut state = draft.random.normal();
    for step in 0..draft.len {
        state = keep * state + (1.0 - keep * keep).sqrt() * draft.random.normal();
        draft.values[step] = (draft.values[step] + height * state).max(0.05);
    }
    draft.explained_by(Noise);
}

fn ar1(draft: &mut Draft) {
    let memory = draft.random.log_uniform(5.0, 60.0);
    let height = draft.random.log_uniform(0.01, 0.1);
    wander(draft, memory, height);
}

fn slow_ou(draft: &mut Draft) {
    let memory = draft.minutes(20.0, 240.0);
    let height = draft.random.log_uniform(0.02, 0.15);
    wander(draft, memory, height);
}

fn exponential_warm_up(draft: &mut Draft) {
    let (growth, time) = (draft.growth, draft.random.log_uniform(0.02, 0.3));
    draft.held(|at| growth * (1.0 - (-at / time).exp()));
    draft.noise *= 0.5;
    draft.explained_by(Settling);
}

fn logarithmic_warm_up(draft: &mut Draft) {
    let (growth, time) = (draft.growth, draft.random.log_uniform(0.005, 0.1));
    draft.held(|at| growth * (1.0 + at / time).ln() / (1.0 + 1.0 / time).ln());
    draft.noise *= 0.5;
    draft.explained_by(Settling);
}

fn square_root(draft: &mut Draft) {
    let growth = draft.growth;
    draft.held(|at| growth * at.sqrt());
    draft.noise *= 0.5;
    draft.explained_by(Settling);
}

/// Grows evenly until it is full.
fn fill(draft: &mut Draft) -> usize {
    let (growth, full) = (draft.growth, draft.random.log_uniform(0.05, 0.8));
    draft.held(|at| growth * (at / full).min(1.0));
    draft.explained_by(Fill);
    (full * draft.len as f64) as usize
}

fn lru_fill(draft: &mut Draft) {
    draft.noise *= 0.3;
    fill(draft);
}

fn gc_flat(draft: &mut Draft) {
    let height = draft.random.uniform(0.2, 2.0);
    garbage(draft, |_| height);
    draft.noise *= 0.3;
    draft.explained_by(Noise);
}

fn gc_warm_up(draft: &mut Draft) {
    exponential_warm_up(draft);
    let height = draft.random.uniform(0.2, 1.0);
    garbage(draft, |_| height);
}

/// A collector that lets old garbage be until the heap is as large as it may get.
fn gc_heap_to_bound(draft: &mut Draft) {
    let full = fill(draft);
    let height = draft.random.uniform(0.1, 0.5);
    garbage(draft, |_| height);
    if draft.random.happens(0.5) {
        // The full collection at the bound gives most of it back, and it begins again.
        let (growth, left) = (draft.growth, draft.random.uniform(0.1, 0.5));
        for step in full..draft.len {
            let since = (step - full) as f64 / full.max(1) as f64;
            draft.values[step] = 1.0 + growth * (left + (1.0 - left) * since.fract());
        }
    }
    draft.noise *= 0.3;
}

/// Follows the hours, and the load does.
fn hours(draft: &mut Draft, period: f64, phase: f64) {
    let growth = draft.growth;
    let path: Vec<f64> =
        (0..draft.len).map(|step| load::wave(step as f64, period, phase)).collect();
    for (step, at) in load::lagged(draft, &path).iter().enumerate() {
        draft.values[step] += growth * at;
    }
    draft.loads = course(&mut draft.random, &path);
}

fn diurnal(draft: &mut Draft) {
    let period = draft.len as f64 / draft.random.uniform(1.5, 6.0);
    let phase = draft.random.uniform(0.0, std::f64::consts::TAU);
    hours(draft, period, phase);
    draft.explained_by(Periodic);
}

fn half_a_day(draft: &mut Draft) {
    let period = draft.len as f64 * draft.random.uniform(1.5, 2.5);
    let phase = draft.random.uniform(-0.3, 0.3);
    hours(draft, period, phase);
    draft.explained_by(Load);
}

fn batches(draft: &mut Draft) {
    let period = draft.minutes(20.0, 240.0);
    let busy = draft.random.uniform(0.2, 0.8);
    let growth = draft.growth;
    let mut path = Vec::with_capacity(draft.len);
    let start = draft.random.uniform(0.0, 1.0);
    for step in 0..draft.len {
        let at = (step as f64 / period + start).fract();
        let on = at < busy;
        draft.values[step] += if on { growth * at / busy } else { 0.0 };
        path.push(f64::from(u8::from(on)));
    }
    draft.loads = course(&mut draft.random, &path);
    draft.noise *= 0.5;
    draft.explained_by(Periodic);
}

fn step_up(draft: &mut Draft) {
    let count = draft.random.whole(1, 4);
    for _ in 0..count {
        let from = draft.random.below(draft.len);
        let size = draft.growth / count as f64 * draft.random.uniform(0.5, 1.5);
        draft.values[from..].iter_mut().for_each(|value| *value += size);
    }
    draft.explained_by(Steps);
}

/// Equal steps, further and further apart, and then none.
fn arena_staircase(draft: &mut Draft) {
    let count = draft.random.whole(3, 16);
    let (mut at, mut gap) = (0.0, draft.random.uniform(0.01, 0.05));
    let size = draft.growth / count as f64;
    for _ in 0..count {
        at += gap * draft.random.uniform(0.5, 1.5);
        gap *= draft.random.uniform(1.1, 1.6);
        let from = ((at * draft.len as f64) as usize).min(draft.len);
        draft.values[from..].iter_mut().for_each(|value| *value += size);
    }
    draft.noise *= 0.3;
    draft.explained_by(Steps);
}

fn build_up_and_release(draft: &mut Draft) {
    let (growth, top) = (draft.growth, draft.random.uniform(0.1, 0.6));
    let down = top + draft.random.uniform(0.01, 0.2);
    draft.held(|at| {
        growth * if at < top { at / top } else { ((down - at) / (down - top)).max(0.0) }
    });
    draft.noise *= 0.5;
    draft.explained_by(Fill);
}

fn random_load(draft: &mut Draft) {
    let (loads, path) = load::wandering(&mut draft.random, draft.len, draft.step_s);
    let growth = draft.growth;
    for (step, at) in load::lagged(draft, &path).iter().enumerate() {
        draft.values[step] += growth * at;
    }
    draft.loads = loads;
    draft.explained_by(Load);
}

/// Huge pages come in, fewer and fewer.
fn khugepaged_jumps(draft: &mut Draft) {
    let time = draft.random.uniform(0.05, 0.4);
    let count = draft.random.whole(5, 60);
    let size = draft.growth * 0.3 / count as f64;
    for _ in 0..count {
        let at = -time * (1.0 - draft.random.uniform(0.0, 1.0)).ln();
        let from = ((at * draft.len as f64) as usize).min(draft.len);
        draft.values[from..].iter_mut().for_each(|value| *value += size);
    }
    draft.noise *= 0.3;
    draft.explained_by(Steps);
}

/// A buffer that grows until it is rotated away.
fn log_rotation(draft: &mut Draft) {
    let period = draft.len as f64 / draft.random.uniform(1.2, 12.0);
    let growth = draft.growth;
    let start = draft.random.uniform(0.0, 1.0);
    for step in 0..draft.len {
        draft.values[step] += growth * (step as f64 / period + start).fract();
    }
    draft.noise *= 0.3;
    draft.explained_by(Periodic);
}

/// A count that rises to what a pool may hold, within seconds or minutes.
fn pool_to_size(draft: &mut Draft) {
    draft.counts = true;
    draft.level = draft.random.log_uniform(10.0, 200.0).round();
    let size = draft.random.log_uniform(8.0, 500.0) / draft.level;
    let time = draft.minutes(0.02, 5.0) / draft.len as f64;
    let is_even = draft.random.happens(0.1);
    draft.held(|at| size * if is_even { (at / time).min(1.0) } else { 1.0 - (-at / time).exp() });
    draft.noise = draft.random.uniform(0.0, 2.0) / draft.level;
    draft.explained_by(if is_even { Fill } else { Settling });
}

/// A count that follows the load.
fn connections(draft: &mut Draft) {
    draft.counts = true;
    draft.level = draft.random.log_uniform(10.0, 500.0).round();
    draft.growth = draft.random.uniform(0.3, 3.0);
    if draft.random.happens(0.5) {
        random_load(draft);
    } else {
        let period = 86_400.0 / draft.step_s as f64;
        let phase = draft.random.uniform(0.0, std::f64::consts::TAU);
        hours(draft, period, phase);
        draft.explained_by(Load);
    }
    draft.noise = draft.random.uniform(0.0, 3.0) / draft.level;
}

/// A second cache fills after the first is full.
fn two_caches(draft: &mut Draft) {
    let (growth, first) = (draft.growth, draft.random.uniform(0.05, 0.3));
    let start = first + draft.random.uniform(0.05, 0.3);
    let end = start + draft.random.uniform(0.05, 0.3);
    let share = draft.random.uniform(0.3, 0.7);
    draft.held(|at| {
        let second = ((at - start) / (end - start)).clamp(0.0, 1.0);
        growth * (share * (at / first).min(1.0) + (1.0 - share) * second)
    });
    draft.noise *= 0.3;
    draft.explained_by(Fill);
}

/// Runs of the same service that follow each other; `held` is what one holds at a share of its life.
fn restarted(draft: &mut Draft, held: impl Fn(f64) -> f64) {
    let lives = draft.random.whole(2, 5);
    let life = draft.len / lives;
    for run in 0..lives {
        // No two are quite alike.
        let scale = 1.0 + 0.02 * draft.random.normal();
        let from = run * life;
        let until = if run + 1 == lives { draft.len } else { from + life };
        for step in from..until {
            draft.values[step] += scale * held((step - from) as f64 / life as f64);
        }
    }
    draft.restarts = (1..lives).map(|run| run * life).collect();
    draft.noise *= 0.5;
}

fn restarted_warm_up(draft: &mut Draft) {
    let (growth, time) = (draft.growth, draft.random.log_uniform(0.02, 0.3));
    restarted(draft, |at| growth * (1.0 - (-at / time).exp()));
    draft.explained_by(Settling);
}

/// Grows evenly until it is full; some runs end before they are.
fn restarted_fill(draft: &mut Draft) {
    let (growth, full) = (draft.growth, draft.random.log_uniform(0.2, 1.5));
    restarted(draft, |at| growth * (at / full).min(1.0));
    draft.explained_by(Fill);
}

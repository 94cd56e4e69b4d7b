//! Loads: what a program has to do in each step, in CPU ms.

use super::Draft;
use crate::random::Random;

/// A load that has nothing to do with the memory.
pub fn any(random: &mut Random, len: usize, step_s: u64) -> Vec<f64> {
    match random.below(3) {
        0 => steady(random, len),
        1 => wandering(random, len, step_s).0,
        _ => daily(random, len, 86_400.0 / step_s as f64),
    }
}

fn steady(random: &mut Random, len: usize) -> Vec<f64> {
    let mean = random.log_uniform(20.0, 5000.0);
    (0..len).map(|_| (mean * (1.0 + 0.1 * random.normal())).max(0.0)).collect()
}

/// Up and down with the hours: the load, and its course between 0 and 1.
fn daily(random: &mut Random, len: usize, period: f64) -> Vec<f64> {
    let phase = random.uniform(0.0, std::f64::consts::TAU);
    course(random, &(0..len).map(|step| wave(step as f64, period, phase)).collect::<Vec<_>>())
}

/// Half a cosine, between 0 and 1.
pub fn wave(step: f64, period: f64, phase: f64) -> f64 {
    0.5 - 0.5 * (std::f64::consts::TAU * step / period + phase).cos()
}

/// A load that wanders, and its course between 0 and 1.
pub fn wandering(random: &mut Random, len: usize, step_s: u64) -> (Vec<f64>, Vec<f64>) {
    let memory = random.log_uniform(600.0, 4.0 * 3600.0) / step_s as f64;
    let keep = (-1.0 / memory).exp();
    let mut state = random.normal();
    let path: Vec<f64> = (0..len)
        .map(|_| {
            state = keep * state + (1.0 - keep * keep).sqrt() * random.normal();
            (0.5 + 0.25 * state).clamp(0.0, 1.0)
        })
        .collect();
    (course(random, &path), path)
}

/// CPU time of a course between 0 and 1.
pub fn course(random: &mut Random, path: &[f64]) -> Vec<f64> {
    let peak = random.log_uniform(50.0, 8000.0);
    let idle = random.uniform(0.02, 0.3);
    path.iter().map(|at| (peak * (idle + at) * (1.0 + 0.1 * random.normal())).max(0.0)).collect()
}

/// A path that follows another with a lag, as pools and sessions follow requests.
pub fn lagged(draft: &mut Draft, path: &[f64]) -> Vec<f64> {
    let keep = (-1.0 / draft.minutes(0.5, 10.0)).exp();
    let mut state = path.first().copied().unwrap_or_default();
    path.iter()
        .map(|at| {
            state = keep * state + (1.0 - keep) * at;
            state
        })
        .collect()
}

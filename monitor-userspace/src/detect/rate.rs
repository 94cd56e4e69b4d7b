//! How fast a growth goes now, and how well that is known.
//!
//! The interval of a straight line (`slope`) supposes that floors scatter around it. Growth that comes in
//! jumps, or with the load, wanders instead: each floor starts from the one before. The differences
//! of floors far apart then spread more than those of neighbours, and by how much is the variance of
//! the walk: `var(d_k) = k·τ² + 2σ²` of a line with a walk (τ) and noise (σ), which `n` floors turn
//! into an error of the rate of `τ/√n`.
//!
//! What is lost ever faster has, at its end, another rate than the mean: that of its last half, and as
//! much more as that is above the half before.

use super::floor::Floor;
use super::hypothesis::Hypothesis;
use super::shape::ShapeEvidence;
use super::slope::{Trend, theil_sen};

/// 97.5 % quantile of Student's distribution for the few stretches that a window has.
const T_95: f64 = 2.4;
/// Stretches of a window whose ends are compared.
const STRETCHES: usize = 4;
/// Floors that each half of what accelerates must have.
const LEAST_HALF: usize = 6;

/// A rate, in units of the samples per bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) per_bucket: f64,
    /// 95 % interval.
    pub(super) interval: [f64; 2],
}

impl Rate {
    /// The rate of a growth among these floors; of what accelerates that of now.
    pub(super) fn of(floors: &[Floor], shape: &ShapeEvidence, kind: Hypothesis) -> Self {
        let since = &floors[floors.len().saturating_sub(shape.floors)..];
        let faster = (kind == Hypothesis::AcceleratingLeak).then(|| Self::at_the_end(since));
        faster.flatten().unwrap_or_else(|| Self::even(since, &shape.trend))
    }

    /// The rate of floors along their line.
    fn even(floors: &[Floor], trend: &Trend) -> Self {
        let walk = T_95 * walk(floors, trend.slope) / (floors.len().max(1) as f64).sqrt();
        let [low, high] = trend.interval.map(|edge| (edge - trend.slope).hypot(walk));
        let per_bucket = trend.slope;
        Self { per_bucket, interval: [per_bucket - low, per_bucket + high] }
    }

    /// The rate at the end of what grows ever faster; `None` where there are too few floors, or it does not.
    fn at_the_end(floors: &[Floor]) -> Option<Self> {
        let half = floors.len() / 2;
        let (before, last) = floors.split_at(floors.len() - half);
        let before = &before[before.len().checked_sub(half)?..];
        if half < LEAST_HALF {
            return None;
        }
        let [before, last] = [theil_sen(before)?, theil_sen(last)?];
        let faster = last.slope - before.slope;
        if faster <= 0.0 {
            return None;
        }
        // Slopes are those of the middles of the halves, the end is half a half away.
        let per_bucket = last.slope + faster / 2.0;
        let error = |side: usize| {
            let [of_last, of_before] = [last, before].map(|it| it.interval[side] - it.slope);
            (1.5 * of_last).hypot(0.5 * of_before)
        };
        Some(Self { per_bucket, interval: [per_bucket - error(0), per_bucket + error(1)] })
    }
}

/// Standard deviation, after one bucket, of what wanders around a line.
fn walk(floors: &[Floor], slope: f64) -> f64 {
    let far = floors.len() / STRETCHES;
    if far < 2 {
        return 0.0;
    }
    let spread = |apart: usize| {
        let ends = floors.iter().zip(&floors[apart..]);
        let rests =
            ends.map(|(from, to)| to.value - from.value - slope * (to.bucket - from.bucket));
        rests.map(|rest| rest * rest).sum::<f64>() / (floors.len() - apart) as f64
    };
    // The line takes a share of the spread with it.
    let taken = 1.0 - 1.0 / STRETCHES as f64;
    ((spread(far) / taken - spread(1)).max(0.0) / (far - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    fn floors(values: impl IntoIterator<Item = f64>) -> Vec<Floor> {
        let at = |(value, at): (f64, i32)| Floor { bucket: f64::from(at), value };
        values.into_iter().zip(0..).map(at).collect()
    }

    fn even(floors: &[Floor]) -> Rate {
        Rate::even(floors, &theil_sen(floors).unwrap())
    }

    /// How often the interval holds the truth, and its median width.
    fn coverage(mut next: impl FnMut(&mut Random, f64) -> f64) -> (f64, f64) {
        let mut widths = Vec::new();
        let covered = (0..1000).filter(|&seed| {
            let (mut random, mut state) = (Random::new(seed), 0.0);
            let made = floors((0..32).map(|at| {
                state = next(&mut random, state);
                f64::from(at) * 0.7 + state
            }));
            let [low, high] = even(&made).interval;
            widths.push(high - low);
            (low..=high).contains(&0.7)
        });
        let covered = covered.count() as f64 / 1000.0;
        widths.sort_by(f64::total_cmp);
        (covered, widths[500])
    }

    #[test]
    fn what_wanders_is_known_less_well_than_what_scatters() {
        let (scattered, narrow) = coverage(|random, _| random.normal());
        let (wandering, wide) = coverage(|random, state| state + random.normal());
        println!("scattered {scattered} {narrow}, wandering {wandering} {wide}");
        assert!((0.93..=1.0).contains(&scattered) && narrow < 0.3);
        assert!((0.85..=0.99).contains(&wandering) && wide > 2.0 * narrow);
    }

    #[test]
    fn a_straight_line_stays_without_doubt() {
        let rate = even(&floors((0..32).map(|at| 2.0 * f64::from(at))));
        let [low, high] = rate.interval;
        assert!((rate.per_bucket - 2.0).abs() < 1e-9 && high - low < 1e-6);
    }

    #[test]
    fn what_is_lost_ever_faster_has_the_rate_of_its_end() {
        let made = floors((0..32).map(|at| f64::from(at * at)));
        let rate = Rate::at_the_end(&made).unwrap();
        assert!((rate.per_bucket - 62.0).abs() < 4.0, "{rate:?}");
        assert!(rate.interval[0] <= 62.0 && rate.interval[1] >= 62.0, "{rate:?}");
        assert!(Rate::at_the_end(&floors((0..32).map(|at| f64::from(at).sqrt()))).is_none());
        assert!(Rate::at_the_end(&made[..8]).is_none());
    }
}

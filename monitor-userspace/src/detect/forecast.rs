//! When a limit is reached, if growth goes on like this.

use super::Growth;

/// 90 % quantile of the standard normal distribution.
const Z_90: f64 = 1.281_552;
/// 97.5 % quantile.
const Z_95: f64 = 1.959_964;

/// Minutes until a limit is reached: early (10 %), as likely as not, and late (90 %); a late end
/// that is not in sight is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstPassage {
    /// 10 %.
    pub early: f64,
    /// 50 %.
    pub middle: f64,
    /// 90 %.
    pub late: f64,
}

/// The first passage of a limit `room` above the newest floor (unit of the samples).
///
/// The time to drift over a distance is uncertain for two reasons, which add: the rate is known to
/// within its interval, and growth that comes in steps wanders around its mean. A random walk with
/// drift μ and variance σ² a minute passes `room` after `room/μ` minutes, with variance
/// `room·σ²/μ³` (inverse Gaussian). `None` where nothing grows.
pub fn first_passage(growth: &Growth, room: f64) -> Option<FirstPassage> {
    let rate = growth.rate_per_min;
    if rate <= 0.0 || !room.is_finite() {
        return None;
    }
    let middle = room.max(0.0) / rate;
    let minutes_a_bucket = growth.level_bucket_ns as f64 / 60e9;
    let wander = growth.residual_sd.powi(2) / minutes_a_bucket;
    let sd_of_walk = (room.max(0.0) * wander / rate.powi(3)).sqrt();
    let [slow, fast] = growth.rate_interval.map(|edge| {
        // From a 95 % to an 80 % interval.
        rate + (edge - rate) * Z_90 / Z_95
    });
    let early =
        (middle - (middle - middle * rate / fast.max(rate)).hypot(Z_90 * sd_of_walk)).max(0.0);
    let late = if slow > 0.0 {
        middle + (middle * rate / slow.min(rate) - middle).hypot(Z_90 * sd_of_walk)
    } else {
        f64::INFINITY
    };
    Some(FirstPassage { early, middle, late })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Beliefs, Hypothesis};

    fn growth(rate: f64, interval: [f64; 2], residual_sd: f64) -> Growth {
        Growth {
            rate_per_min: rate,
            rate_interval: interval,
            e_value_log10: 6.0,
            growth: 1.0,
            rho: 0.5,
            effect_sds: 9.0,
            residual_sd,
            touched_share: None,
            added_share: None,
            confidence: 1.0,
            is_likely: true,
            is_leak: true,
            beliefs: Beliefs([0.1; Hypothesis::ALL.len()]),
            level_bucket_ns: 60_000_000_000,
            since_ns: 0,
            first_floor: 0.0,
            last_floor: 1.0,
        }
    }

    #[test]
    fn an_even_rate_reaches_the_limit_when_it_should() {
        let passage = first_passage(&growth(2.0, [2.0, 2.0], 0.0), 100.0).unwrap();
        let all = [passage.early, passage.middle, passage.late];
        assert!(all.iter().all(|minutes| (minutes - 50.0).abs() < 1e-9), "{passage:?}");
    }

    #[test]
    fn doubt_about_the_rate_and_wandering_widen_it() {
        let doubtful = first_passage(&growth(2.0, [1.5, 2.5], 0.0), 100.0).unwrap();
        let wandering = first_passage(&growth(2.0, [1.5, 2.5], 5.0), 100.0).unwrap();
        assert!(doubtful.early < 45.0 && doubtful.late > 58.0, "{doubtful:?}");
        assert!(wandering.early < doubtful.early && wandering.late > doubtful.late);
    }

    #[test]
    fn a_rate_that_may_be_none_has_no_late_end() {
        let passage = first_passage(&growth(2.0, [-2.0, 2.5], 0.0), 100.0).unwrap();
        assert!(passage.late.is_infinite());
        assert!(first_passage(&growth(0.0, [0.0, 0.0], 0.0), 1.0).is_none());
    }
}

//! Theil–Sen slope with an interval that admits ties and memory between floors.
//!
//! The slope is the median of the slopes of all pairs; its 95 % interval is read off the order
//! statistics of those slopes, at ranks from the variance of Kendall's S (Sen 1968), with the
//! usual correction for ties and widened for lag-one autocorrelation of the residuals.

use crate::series::WINDOW;

use super::floor::Floor;
use super::stats::{median, robust_sd};

const PAIRS: usize = WINDOW * (WINDOW - 1) / 2;
/// 97.5 % quantile of the standard normal distribution.
const Z_95: f64 = 1.959_964;
/// Residuals of a fitted line always look somewhat correlated; beyond this the interval would
/// say nothing at all.
const MAX_PHI: f64 = 0.9;

/// A line through floors, in units of the samples per bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Median slope per bucket.
    pub slope: f64,
    /// 95 % interval of the slope.
    pub interval: [f64; 2],
    /// Mann–Kendall z: how many standard deviations S is from no trend. Description only.
    pub z: f64,
    /// 1.4826 × MAD of the residuals.
    pub residual_sd: f64,
}

/// Fits `floors` (at most 32 are read; oldest first, no two in one bucket). `None` for fewer than
/// three.
pub fn theil_sen(floors: &[Floor]) -> Option<Trend> {
    let floors = &floors[..floors.len().min(WINDOW)];
    if floors.len() < 3 {
        return None;
    }
    let mut buffer = [0.0; PAIRS];
    let mut count = 0;
    let mut score = 0.0;
    for (at, later) in floors.iter().enumerate() {
        for earlier in &floors[..at] {
            let rise = later.value - earlier.value;
            score += f64::from(i8::from(rise > 0.0) - i8::from(rise < 0.0));
            buffer[count] = rise / (later.bucket - earlier.bucket);
            count += 1;
        }
    }
    let slopes = &mut buffer[..count];
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = f64::midpoint(slopes[(count - 1) / 2], slopes[count / 2]);

    let mut residuals = [0.0; WINDOW];
    let residuals = &mut residuals[..floors.len()];
    for (residual, floor) in residuals.iter_mut().zip(floors) {
        *residual = floor.value - slope * floor.bucket;
    }
    let phi = lag_one(residuals).clamp(0.0, MAX_PHI);
    let residual_sd = robust_sd(residuals);

    let deviation = (kendall_variance(floors) * (1.0 + phi) / (1.0 - phi)).sqrt();
    let half = Z_95 * deviation;
    let rank = |offset: f64| (offset.round().max(0.0) as usize).min(count - 1);
    let low = rank((count as f64 - half) / 2.0 - 1.0);
    let high = rank(f64::midpoint(count as f64, half));
    let z = if deviation > 0.0 { (score - score.signum()) / deviation } else { 0.0 };
    Some(Trend { slope, interval: [slopes[low], slopes[high]], z, residual_sd })
}

/// Variance of Kendall's S for these values, ties taken into account.
fn kendall_variance(floors: &[Floor]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut values = [0.0; WINDOW];
    let values = &mut values[..floors.len()];
    for (value, floor) in values.iter_mut().zip(floors) {
        *value = floor.value;
    }
    values.sort_unstable_by(f64::total_cmp);
    let ties: f64 =
        values.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|g| term(g.len() as f64)).sum();
    (term(floors.len() as f64) - ties) / 18.0
}

/// Autocorrelation at lag one around the median.
fn lag_one(residuals: &[f64]) -> f64 {
    let mut copy = [0.0; WINDOW];
    let copy = &mut copy[..residuals.len()];
    copy.copy_from_slice(residuals);
    let centre = median(copy);
    let total: f64 = residuals.iter().map(|r| (r - centre).powi(2)).sum();
    let lagged: f64 = residuals.windows(2).map(|w| (w[0] - centre) * (w[1] - centre)).sum();
    if total > 0.0 { lagged / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    fn floors(values: impl IntoIterator<Item = f64>) -> Vec<Floor> {
        values
            .into_iter()
            .zip(0..)
            .map(|(value, at)| Floor { bucket: f64::from(at), value })
            .collect()
    }

    #[test]
    fn a_straight_line_has_its_slope_and_no_doubt() {
        let trend = theil_sen(&floors((0..20).map(|at| f64::from(at) * 2.5))).unwrap();
        assert!((trend.slope - 2.5).abs() < 1e-12 && trend.residual_sd < 1e-12);
        assert!((trend.interval[1] - trend.interval[0]).abs() < 1e-12 && trend.z > 5.0);
    }

    #[test]
    fn one_outlier_in_five_changes_little() {
        let values = (0..30).map(|at| f64::from(at) + if at % 5 == 0 { 1000.0 } else { 0.0 });
        assert!((theil_sen(&floors(values)).unwrap().slope - 1.0).abs() < 0.3);
    }

    #[test]
    fn constant_and_short_series_are_no_trouble() {
        let trend = theil_sen(&floors([4.0; 12])).unwrap();
        assert!(trend.slope.abs() < 1e-12 && trend.z.abs() < 1e-12);
        assert!(theil_sen(&floors([1.0, 2.0])).is_none());
    }

    fn coverage(phi: f64) -> f64 {
        let covered = (0..2000).filter(|&seed| {
            let (mut random, mut state) = (Random::new(seed), 0.0);
            let values = (0..32).map(|at| {
                state = phi * state + random.normal();
                f64::from(at) * 0.7 + state
            });
            let [low, high] = theil_sen(&floors(values)).unwrap().interval;
            (low..=high).contains(&0.7)
        });
        covered.count() as f64 / 2000.0
    }

    #[test]
    fn intervals_cover_what_they_claim() {
        let [white, some, much] = [0.0, 0.3, 0.6].map(coverage);
        println!("coverage of 95 % intervals: white {white}, phi 0.3 {some}, phi 0.6 {much}");
        assert!((0.90..=0.98).contains(&white) && some > 0.88 && much > 0.75);
    }
}

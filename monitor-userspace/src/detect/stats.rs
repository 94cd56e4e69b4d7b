//! Small numerics shared by the detector: medians, sums of logarithms, a hash as generator.

/// 1.4826 × the median absolute deviation estimates the standard deviation of a normal sample.
pub(super) const MAD_TO_SD: f64 = 1.4826;

/// Median of `values`, which are reordered; 0 for none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let count = values.len();
    if count == 0 {
        return 0.0;
    }
    let (lower, &mut upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return upper;
    }
    let below = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(below, upper)
}

/// Robust standard deviation of `residuals` around their median; they are consumed.
pub(super) fn robust_sd(residuals: &mut [f64]) -> f64 {
    let centre = median(residuals);
    for residual in residuals.iter_mut() {
        *residual = (*residual - centre).abs();
    }
    MAD_TO_SD * median(residuals)
}

/// ln(e^a + e^b) without overflow.
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// Density of the normal distribution at `distance` from its mean.
pub(super) fn normal_density(distance: f64, deviation: f64) -> f64 {
    (-0.5 * (distance / deviation).powi(2)).exp() / (deviation * std::f64::consts::TAU.sqrt())
}

/// Steele, Lea and Flood's mixing step: a good 64-bit hash of a counter.
pub(super) const fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&mut []).abs() < 1e-12);
    }

    #[test]
    fn the_robust_sd_ignores_an_outlier() {
        let mut values = [1.0, 2.0, 3.0, 4.0, 1e9];
        assert!((robust_sd(&mut values) - MAD_TO_SD).abs() < 1e-9);
    }

    #[test]
    fn log_add_survives_any_size() {
        assert!((log_add(0.0, 0.0) - 2f64.ln()).abs() < 1e-12);
        assert!((log_add(1e6, f64::NEG_INFINITY) - 1e6).abs() < 1e-12);
        assert!(log_add(f64::NEG_INFINITY, f64::NEG_INFINITY) == f64::NEG_INFINITY);
    }
}

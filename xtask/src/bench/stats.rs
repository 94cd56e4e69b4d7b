//! The few figures that a noisy machine does not spoil, and how sure they are.

/// The middle value, or the mean of the middle two; 0 of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The arithmetic mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// How steeply y rises with x: least squares; 0 where all x are one.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let middle_x = mean(&points.iter().map(|point| point.0).collect::<Vec<_>>());
    let middle_y = mean(&points.iter().map(|point| point.1).collect::<Vec<_>>());
    let rise: f64 = points.iter().map(|(x, y)| (x - middle_x) * (y - middle_y)).sum();
    let run: f64 = points.iter().map(|(x, _)| (x - middle_x).powi(2)).sum();
    if run > 0.0 { rise / run } else { 0.0 }
}

/// The mean between the ends of its 95 % interval (Student's t).
pub(super) fn interval_of_mean(values: &[f64]) -> (f64, f64, f64) {
    /// 97.5 % quantiles from one degree of freedom on.
    const T: [f64; 19] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
    ];
    let middle = mean(values);
    let count = values.len() as f64;
    if values.len() < 2 {
        return (f64::NEG_INFINITY, middle, f64::INFINITY);
    }
    let variance = values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (count - 1.0);
    let t = T[(values.len() - 2).min(T.len() - 1)];
    let half = t * (variance / count).sqrt();
    (middle - half, middle, middle + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert!(median(&[4.0, 1.0, 3.0, 2.0]).total_cmp(&2.5).is_eq());
        assert!(median(&[]).total_cmp(&0.0).is_eq());
    }

    #[test]
    fn slopes_and_intervals_of_small_examples() {
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-12);
        assert!(slope(&[(1.0, 1.0)]).total_cmp(&0.0).is_eq());
        let (low, middle, high) = interval_of_mean(&[1.0, 2.0, 3.0]);
        assert!((middle - 2.0).abs() < 1e-12);
        // 4.303 / sqrt(3)
        assert!((high - 4.484).abs() < 1e-3 && (low + 0.484).abs() < 1e-3, "{low} {high}");
    }
}

//! The one figure that a noisy machine does not spoil.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert!(median(&[4.0, 1.0, 3.0, 2.0]).total_cmp(&2.5).is_eq());
        assert!(median(&[]).total_cmp(&0.0).is_eq());
    }
}

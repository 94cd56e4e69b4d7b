//! Bounds of a share (Wilson 1927).

/// 95 % interval of a share of which `part` of `whole` were seen.
pub fn wilson(part: u64, whole: u64) -> [f64; 2] {
    if whole == 0 {
        return [0.0, 1.0];
    }
    let (z, n) = (1.959_964_f64, whole as f64);
    let share = part as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_a_small_example_and_of_none() {
        // Newcombe 1998: 15 of 148.
        let [low, high] = wilson(15, 148);
        assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
        assert!(wilson(0, 0)[1] > 0.999);
    }
}

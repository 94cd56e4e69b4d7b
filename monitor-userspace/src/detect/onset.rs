//! Where within a window growth began: flat first, rising after.

use super::floor::Floor;

/// Floors that must follow an onset: with fewer, a hinge fits the last wiggle.
const MIN_AFTER: usize = 4;
/// A hinge explains the window better than a line when what the line leaves unexplained beyond
/// the hinge is this many times the hinge's own mean square (an F ratio with one extra parameter;
/// large, because the best of up to 28 hinges is compared and floors are not independent).
const MIN_F: f64 = 20.0;

/// Index of the floor at which the rise begins: 0 unless "flat, then rising" fits `floors` much
/// better than one line through all of them. `grain` is the quantum of the values.
pub(super) fn find_onset(floors: &[Floor], grain: f64) -> usize {
    let count = floors.len();
    if count < 2 * MIN_AFTER {
        return 0;
    }
    let straight = hinge_error(floors, 0);
    let mut best = (straight, 0);
    for onset in 1..=count - MIN_AFTER {
        let error = hinge_error(floors, onset);
        if error < best.0 {
            best = (error, onset);
        }
    }
    // Rounding to the quantum alone leaves an error of q²/12 per floor; below it nothing is told.
    let rounding = count as f64 * grain * grain / 12.0;
    let per_floor = (best.0 + rounding + f64::MIN_POSITIVE) / (count - 3) as f64;
    if straight - best.0 > MIN_F * per_floor { best.1 } else { 0 }
}

/// Squared error of the best "constant up to floor `onset`, a line from there that does not fall".
fn hinge_error(floors: &[Floor], onset: usize) -> f64 {
    let Some(hinge) = floors.get(onset).map(|floor| floor.bucket) else { return f64::INFINITY };
    let count = floors.len() as f64;
    let ramp = |floor: &Floor| (floor.bucket - hinge).max(0.0);
    let mean_x = floors.iter().map(ramp).sum::<f64>() / count;
    let mean_y = floors.iter().map(|floor| floor.value).sum::<f64>() / count;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for floor in floors {
        let (x, y) = (ramp(floor) - mean_x, floor.value - mean_y);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    if xy > 0.0 && xx > 0.0 { (yy - xy * xy / xx).max(0.0) } else { yy }
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    fn onset(count: u32, noise: f64, value: impl Fn(f64) -> f64) -> usize {
        let mut random = Random::new(u64::from(count));
        let floors: Vec<Floor> = (0..count)
            .map(f64::from)
            .map(|bucket| Floor { bucket, value: value(bucket) + noise * random.normal() })
            .collect();
        find_onset(&floors, 0.0)
    }

    #[test]
    fn a_flat_start_is_cut_off() {
        for begin in 3..28_u32 {
            let at = onset(32, 0.0, |t| (t - f64::from(begin)).max(0.0));
            assert_eq!(at, begin as usize);
            let at = onset(32, 0.3, |t| (t - f64::from(begin)).max(0.0) * 2.0);
            assert!(at.abs_diff(begin as usize) <= 1, "{at} for {begin}");
        }
    }

    #[test]
    fn a_line_and_a_settling_curve_have_no_onset() {
        assert_eq!(onset(32, 0.0, |t| t * 3.0), 0);
        assert_eq!(onset(32, 2.0, |t| t * 3.0), 0);
        assert_eq!(onset(32, 0.01, |t| 100.0 * (1.0 - (-t / 5.0).exp())), 0);
        assert_eq!(onset(32, 1.0, |_| 7.0), 0);
    }
}

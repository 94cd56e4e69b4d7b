//! Precision and recall, and how well a probability says how often it is right.

use serde::Serialize;

use super::tally::Share;

/// How well leaks are told from what is healthy.
#[derive(Serialize)]
pub struct Quality {
    /// Of what was called a leak, what is one.
    pub precision: Share,
    /// Of the leaks, what was called one.
    pub recall: Share,
    /// Their harmonic mean.
    pub f1: f64,
    /// Of what is healthy, what was called a leak.
    pub healthy_flagged: Share,
}

impl Quality {
    /// Of `[called, all]` leaks and `[called, all]` healthy series.
    fn new(leaks: [u64; 2], healthy: [u64; 2]) -> Self {
        let precision = Share::new(leaks[0], leaks[0] + healthy[0]);
        let recall = Share::new(leaks[0], leaks[1]);
        let (right, found) = (precision.or_zero(), recall.or_zero());
        let f1 = if right + found > 0.0 { 2.0 * right * found / (right + found) } else { 0.0 };
        Self { precision, recall, f1, healthy_flagged: Share::new(healthy[0], healthy[1]) }
    }

    /// Of series: whether each leaks, and whether it was called a leak.
    pub fn of(series: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut counts = [[0; 2]; 2];
        for (is_leak, is_called) in series {
            let [called, all] = &mut counts[usize::from(is_leak)];
            *called += u64::from(is_called);
            *all += 1;
        }
        Self::new(counts[1], counts[0])
    }

    /// Whether both precision and recall are above another's.
    pub fn is_better_in_both(&self, other: &Self) -> bool {
        self.precision.or_zero() > other.precision.or_zero()
            && self.recall.or_zero() > other.recall.or_zero()
    }
}

/// Probabilities of about the same size.
#[derive(Serialize)]
pub struct Bin {
    /// Bounds of the probabilities in it.
    pub between: [f64; 2],
    /// Moments at which one of them was said.
    pub looks: u64,
    /// Mean of what was said.
    pub said: Option<f64>,
    /// Share of the moments at which it was a leak.
    pub leaks: Option<f64>,
}

/// How often it was a leak, for what was said of it.
#[derive(Serialize)]
pub struct Reliability {
    pub bins: Vec<Bin>,
    /// Mean distance of what was said from what was, weighted by looks.
    pub calibration_error: f64,
}

const BINS: usize = 10;

impl Reliability {
    /// Of probabilities and whether it was a leak.
    pub fn of(looks: &[(f64, bool)]) -> Self {
        let mut error = 0.0;
        let bins = (0..BINS).map(|bin| {
            let between = [bin, bin + 1].map(|edge| edge as f64 / BINS as f64);
            let is_here = |(p, _): &&(f64, bool)| ((p * BINS as f64) as usize).min(BINS - 1) == bin;
            let here: Vec<_> = looks.iter().filter(is_here).collect();
            let count = here.len() as f64;
            let mean = |sum: f64| (count > 0.0).then(|| sum / count);
            let said = mean(here.iter().map(|(p, _)| p).sum());
            let leaks = mean(here.iter().filter(|(_, leak)| *leak).count() as f64);
            if let (Some(said), Some(leaks)) = (said, leaks) {
                error += (said - leaks).abs() * count / looks.len() as f64;
            }
            Bin { between, looks: here.len() as u64, said, leaks }
        });
        Self { bins: bins.collect(), calibration_error: error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(value: f64, wanted: f64) -> bool {
        (value - wanted).abs() < 1e-12
    }

    #[test]
    fn precision_and_recall_of_a_small_example() {
        let ours = Quality::new([8, 10], [2, 90]);
        assert!(is(ours.precision.or_zero(), 0.8) && is(ours.recall.or_zero(), 0.8));
        assert!(is(ours.f1, 0.8) && is(ours.healthy_flagged.or_zero(), 2.0 / 90.0));
        let louder = Quality::new([9, 10], [3, 90]);
        let better = Quality::new([9, 10], [2, 90]);
        assert!(!louder.is_better_in_both(&ours) && better.is_better_in_both(&ours));
        assert!(Quality::new([0, 0], [0, 5]).precision.fraction.is_none());
    }

    #[test]
    fn what_is_said_too_often_is_an_error() {
        let looks: Vec<_> = (0..100).map(|at| (0.95, at < 70)).chain([(0.0, false)]).collect();
        let reliability = Reliability::of(&looks);
        assert!(is(reliability.bins[9].leaks.unwrap(), 0.7) && reliability.bins[5].said.is_none());
        assert!((reliability.calibration_error - 0.25 * 100.0 / 101.0).abs() < 1e-9);
    }
}

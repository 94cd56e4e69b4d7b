//! What is to be reached, beside what is.

use serde::Serialize;

use super::report::{Compared, Mode};

/// Healthy series below which a precision says nothing.
const LEAST_HEALTHY: f64 = 1000.0;

/// A goal and where it stands.
#[derive(Serialize)]
pub struct Goal {
    pub name: &'static str,
    /// Bounds of what is wanted, both included.
    pub wanted: [f64; 2],
    /// `None` where nothing was measured.
    pub value: Option<f64>,
    pub is_met: bool,
}

impl Goal {
    fn new(name: &'static str, wanted: [f64; 2], value: Option<f64>) -> Self {
        let is_met = value.is_some_and(|value| (wanted[0]..=wanted[1]).contains(&value));
        Self { name, wanted, value, is_met }
    }
}

/// The goals of a mode, from its figures.
pub fn goals(mode: &Mode, baselines: &[Compared]) -> Vec<Goal> {
    const NO_MORE: f64 = f64::INFINITY;
    let (least_recall, most_flagged) = if mode.sees_pages { (0.97, 0.01) } else { (0.93, 0.15) };
    let better = baselines
        .iter()
        .filter(|it| it.end.is_better_in_both(&mode.end) || it.ever.is_better_in_both(&mode.ever));
    let leaks = &mode.leaks;
    vec![
        Goal::new("precision at the end", [0.99, 1.0], mode.end.precision.fraction),
        Goal::new("recall at the end", [least_recall, 1.0], mode.end.recall.fraction),
        Goal::new("healthy ever medium", [0.0, most_flagged], mode.ever.healthy_flagged.fraction),
        Goal::new("median error of the rate", [0.0, 0.1], leaks.rate_error),
        Goal::new("rate within its interval", [0.9, 0.98], leaks.rate_covered.fraction),
        Goal::new(
            "calibration error (gate 0.05)",
            [0.0, 0.03],
            Some(mode.reliability.calibration_error),
        ),
        Goal::new(
            "strong leaks medium in 3 minutes",
            [1.0, 1.0],
            mode.first_minutes.called_soon.fraction,
        ),
        Goal::new("healthy series", [LEAST_HEALTHY, NO_MORE], Some(mode.healthy.series as f64)),
        Goal::new("baselines better in both", [0.0, 0.0], Some(better.count() as f64)),
    ]
}

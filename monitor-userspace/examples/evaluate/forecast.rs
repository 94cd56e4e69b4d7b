//! How good a forecast is. At two thirds of the leak's time a limit is put where it will be at the end,
//! half as long again: what the series then does, in steps, faster or slower, is the truth.

use monitor_userspace::detect::{Growth, first_passage};

use super::synthetic::Made;

/// When and of what a forecast is asked.
#[derive(Clone, Copy)]
pub struct Question {
    /// At which step.
    pub step: usize,
    /// What is left until the limit, in the unit of the samples.
    room: f64,
    /// Minutes until it is reached.
    truth: f64,
}

/// What was said.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Share by which the median missed the truth; above 0 is too late.
    pub error: f64,
    /// Whether the truth lay between the 10 % and 90 % quantiles.
    pub is_held: bool,
}

impl Question {
    /// `None` of what does not leak, is restarted meanwhile, or does not grow in the last third.
    pub fn of(made: &Made) -> Option<Self> {
        let onset = made.onset?;
        let step = onset + (made.held.len() - onset) * 2 / 3;
        let (now, limit) = (*made.held.get(step)?, *made.held.last()?);
        if limit <= now || made.restarts.iter().any(|&at| at > onset) {
            return None;
        }
        let ahead = made.held[step..].iter().position(|&held| held >= limit)?;
        let truth = (ahead as u64 * made.step_s) as f64 / 60.0;
        Some(Self { step, room: limit - now, truth })
    }

    pub fn answer(&self, growth: &Growth) -> Option<Answer> {
        let passage = first_passage(growth, self.room)?;
        Some(Answer {
            error: passage.middle / self.truth - 1.0,
            is_held: (passage.early..=passage.late).contains(&self.truth),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(held: impl Iterator<Item = f64>) -> Made {
        let held: Vec<f64> = held.collect();
        Made { step_s: 10, values: held.clone(), held, onset: Some(0), ..Made::default() }
    }

    #[test]
    fn the_truth_is_what_the_series_does() {
        let question = Question::of(&made((0..=900).map(f64::from))).unwrap();
        assert_eq!(question.step, 600);
        // 300 steps of 10 s.
        assert!((question.truth - 50.0).abs() < 1e-9 && (question.room - 300.0).abs() < 1e-9);
        // The last jump reaches the limit, long before the end.
        let jumps = |at: u32| f64::from(if at < 660 { at / 100 } else { 7 });
        assert!((Question::of(&made((0..900).map(jumps))).unwrap().truth - 10.0).abs() < 0.5);
    }

    #[test]
    fn what_rests_or_begins_anew_is_not_asked() {
        assert!(Question::of(&made((0..900).map(|at| f64::from(at.min(300))))).is_none());
        let restarted = Made { restarts: vec![450], ..made((0..900).map(f64::from)) };
        assert!(Question::of(&restarted).is_none());
        let healthy = Made { onset: None, ..made((0..900).map(f64::from)) };
        assert!(Question::of(&healthy).is_none());
    }
}

//! When to try again.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_mins(1);
/// A message that a receiver refuses for good is offered so often.
const REFUSALS: u32 = 5;

/// Failures in a row, and what follows of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    refusals: u32,
}

impl Backoff {
    /// It failed: how long to wait, with `chance` from 0 to 1 spreading those who failed together. A
    /// receiver that says when to come again is believed within reason.
    pub fn failed(&mut self, is_refused: bool, asked: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.refusals += u32::from(is_refused);
        let jittered = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        jittered.max(asked.unwrap_or_default().min(10 * LONGEST))
    }

    /// Whether the message is given up: its receiver does not want it.
    pub fn is_hopeless(&self) -> bool {
        self.refusals >= REFUSALS
    }

    /// It arrived, or is given up.
    pub fn done(&mut self) {
        *self = Self::default();
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_refusals_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed(false, None, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.failed(false, None, 0.0), Duration::from_secs(30));
        let asked = Some(Duration::from_mins(2));
        assert_eq!(backoff.failed(false, asked, 0.0), Duration::from_mins(2));
        assert!(!backoff.is_hopeless());
        for _ in 0..REFUSALS {
            backoff.failed(true, None, 0.5);
        }
        assert!(backoff.is_hopeless());
        backoff.done();
        assert_eq!(backoff, Backoff::default());
    }
}

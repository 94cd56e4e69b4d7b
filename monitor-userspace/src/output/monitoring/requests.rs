//! How long requests took, in little room: a histogram a minute whose buckets are 5 % wide.

use std::collections::{BTreeMap, VecDeque};

use super::Percentiles;

/// Minutes that are kept.
const MINUTES: usize = 120;
/// The last bucket: of a day and what is longer.
const MAX_BUCKET: f64 = 520.0;
/// Each bucket is so much wider than the one before: a figure is off by half of it at most.
const STEP: f64 = 1.05;
/// The shortest duration that is told from none, in milliseconds.
const LEAST_MS: f64 = 0.001;

/// Durations of the last two hours.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    minutes: VecDeque<(i64, BTreeMap<u16, u32>)>,
}

fn bucket(millis: f64) -> u16 {
    let steps = (millis.max(LEAST_MS) / LEAST_MS).ln() / STEP.ln();
    steps.round().clamp(0.0, MAX_BUCKET) as u16
}

fn middle(bucket: u16) -> f64 {
    LEAST_MS * STEP.powi(i32::from(bucket))
}

impl Durations {
    /// Takes one that ended in this minute since 1970.
    pub fn take(&mut self, minute: i64, millis: f64) {
        if self.minutes.back().is_none_or(|(last, _)| *last < minute) {
            if self.minutes.len() == MINUTES {
                self.minutes.pop_front();
            }
            self.minutes.push_back((minute, BTreeMap::new()));
        }
        if let Some((_, buckets)) = self.minutes.back_mut() {
            let count = buckets.entry(bucket(millis)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Whether nothing came for longer than is kept.
    pub fn is_old(&self, minute: i64) -> bool {
        self.minutes.back().is_none_or(|(last, _)| last + (MINUTES as i64) < minute)
    }

    /// Percentiles of the last minutes; `None` each where there was nothing.
    pub fn percentiles(&self, minute: i64, minutes: u32) -> Percentiles {
        let mut all: BTreeMap<u16, u64> = BTreeMap::new();
        let recent = self.minutes.iter().filter(|(of, _)| *of > minute - i64::from(minutes));
        for (bucket, count) in recent.flat_map(|(_, buckets)| buckets) {
            *all.entry(*bucket).or_default() += u64::from(*count);
        }
        let total: u64 = all.values().sum();
        let at = |share: f64| {
            let wanted = (share * total as f64).ceil().max(1.0) as u64;
            let mut seen = 0;
            let found = all.iter().find(|(_, count)| {
                seen += **count;
                seen >= wanted
            });
            found.map(|(bucket, _)| middle(*bucket))
        };
        Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_the_width_of_a_bucket() {
        let mut durations = Durations::default();
        for millis in 1..=1000 {
            durations.take(10, f64::from(millis));
        }
        let found = durations.percentiles(10, 1);
        for (found, true_one) in [(found.p50, 500.0), (found.p95, 950.0), (found.p99, 990.0)] {
            let found: f64 = found.unwrap();
            assert!((found / true_one - 1.0).abs() < 0.03, "{found} for {true_one}");
        }
    }

    #[test]
    fn what_is_older_than_the_period_does_not_count_and_room_is_bounded() {
        let mut durations = Durations::default();
        durations.take(0, 9000.0);
        durations.take(50, 10.0);
        let p99 = |minutes| durations.percentiles(50, minutes).p99.unwrap();
        assert!(p99(10) < 11.0 && p99(60) > 8000.0);
        assert_eq!(durations.percentiles(120, 60).p50, None);
        assert!(durations.is_old(171) && !durations.is_old(170));
        (0..1000).for_each(|minute| durations.take(minute, 1.0));
        assert_eq!(durations.minutes.len(), MINUTES);
        durations.take(2000, 0.0);
        durations.take(2000, f64::MAX);
        assert!(durations.percentiles(2000, 1).p99.unwrap().is_finite());
    }
}

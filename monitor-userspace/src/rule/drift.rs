//! How a measure moved over the time watched, whether or not that means anything: the slope of what
//! its series keeps.

use super::{Growths, Signal};
use crate::{
    detect::{Floor, theil_sen},
    series::{Bucket, Series},
};

/// How a measure moved, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Where it was in the first bucket.
    pub first: f64,
    /// Where it was in the last.
    pub last: f64,
    /// Theil–Sen slope, a minute.
    pub rate_per_min: f64,
    /// Its 95 % interval.
    pub rate_interval: [f64; 2],
    /// From the start of the first bucket to the start of the last, in nanoseconds.
    pub over_ns: u64,
}

impl Drift {
    /// Of the coarsest time scale that is known well, of a young series of the finest; `None` before
    /// it has three buckets. `of` is what is taken of each.
    pub fn of(series: &Series, of: fn(&Bucket) -> f64) -> Option<Self> {
        let view = series.history().or_else(|| series.level(0))?;
        let buckets: Vec<Bucket> = view.buckets().collect();
        let (first, last) = (buckets.first()?, buckets.last()?);
        let length = view.bucket_ns() as f64;
        let floor = |bucket: &Bucket| Floor {
            bucket: (bucket.start_ns - first.start_ns) as f64 / length,
            value: of(bucket),
        };
        let floors: Vec<Floor> = buckets.iter().map(floor).collect();
        let trend = theil_sen(&floors)?;
        let per_min = |slope: f64| slope * 60e9 / length;
        Some(Self {
            first: of(first),
            last: of(last),
            rate_per_min: per_min(trend.slope),
            rate_interval: trend.interval.map(per_min),
            over_ns: last.start_ns - first.start_ns,
        })
    }

    /// 1 if it rose, -1 if it fell, 0 where the interval leaves that open or it moved by less than
    /// `least`.
    pub fn sign(&self, least: f64) -> i8 {
        let [low, high] = self.rate_interval;
        if (self.last - self.first).abs() < least {
            return 0;
        }
        i8::from(low > 0.0) - i8::from(high < 0.0)
    }
}

/// How all measures of a process moved.
#[derive(Clone, Debug, Default)]
pub struct Drifts {
    /// Those that moved, and the step in which each moves.
    pub moved: Vec<(Signal, Drift, f64)>,
    /// How many are known and never changed.
    pub constant: usize,
}

impl Growths {
    /// How what the process holds moved.
    pub fn drifts(&self) -> Drifts {
        let mut drifts = Drifts::default();
        for (signal, watched) in self.watched() {
            drifts.constant += usize::from(watched.is_constant());
            let series = watched.tracker().map(crate::detect::GrowthTracker::series);
            let drift = series.and_then(|series| Drift::of(series, |bucket| bucket.floor));
            if let (Some(series), Some(drift)) = (series, drift) {
                drifts.moved.push((signal, drift, series.spec().quantum.max(1.0)));
            }
        }
        drifts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::SeriesSpec;

    const SPEC: SeriesSpec =
        SeriesSpec { quantum: 0.0, min_effect: 1.0, seed: 1, counts: true, prior: 0.0 };

    fn drift(seconds: u64, value: impl Fn(u64) -> f64) -> Option<Drift> {
        let mut series = Series::new(SPEC);
        for at in (0..seconds).step_by(5) {
            series.push(at * 1_000_000_000, value(at), 0.0);
        }
        Drift::of(&series, |bucket| bucket.floor)
    }

    #[test]
    fn a_slope_is_told_a_minute_at_whatever_time_scale() {
        for seconds in [30, 100, 400, 4000] {
            let found = drift(seconds, |at| 100.0 + at as f64 / 10.0).unwrap();
            assert!((found.rate_per_min - 6.0).abs() < 0.1, "{seconds} s: {found:?}");
            assert_eq!(found.sign(1.0), 1, "{seconds} s: {found:?}");
            assert!(found.over_ns as f64 > 0.6e9 * seconds as f64, "{seconds} s: {found:?}");
        }
        let falling = drift(200, |at| 1000.0 - at as f64).unwrap();
        assert_eq!((falling.sign(1.0), falling.sign(1e9)), (-1, 0));
    }

    #[test]
    fn what_goes_to_and_fro_has_no_direction_and_what_is_young_none_yet() {
        let found = drift(400, |at| if at % 10 == 0 { 50.0 } else { 60.0 }).unwrap();
        assert_eq!(found.sign(0.0), 0, "{found:?}");
        assert_eq!(drift(10, |at| at as f64), None);
    }
}

//! A run of a service that is over: what each measure came to.

use super::{Cause, Signal, watched::Watched};
use crate::{
    detect::{Growth, GrowthTracker, Phase, min_effect},
    series::Series,
};

/// A value that never changed for so long had settled: as long as a series needs to be judged.
const LEAST_NS: u64 = 60_000_000_000;
/// What has settled has at most this share of its growth in a quarter of its life: a straight line has a
/// quarter of it.
const STILL: f64 = 0.1;
/// Growth goes on that has at least so much of what its rate promises in the last part of its time.
const LAST_PART: u64 = 6;
const GOES_ON: f64 = 0.5;

/// What a measure of a run came to, in its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Came {
    /// Nobody can tell: too short, or still in question.
    #[default]
    Unknown,
    /// To a plateau.
    Settled {
        /// The highest floor.
        height: f32,
        /// When it was reached, seconds after the start.
        after_seconds: f32,
    },
    /// It grew until the end: a finding was open.
    Grew {
        /// Where it was then.
        level: f32,
        /// A minute.
        rate_per_min: f32,
        /// Of the growth.
        e_value_log10: f32,
    },
}

/// A finding that was open when its run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The id of the first finding about this cause in the runs that followed each other until this one.
    pub first_id: Box<str>,
    /// When the run of that one began, ns since boot.
    pub since_ns: u64,
    /// How many of those runs grew, this one included.
    pub runs: u32,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Run {
    /// When it began, ns since boot.
    pub began_ns: u64,
    /// When it ended, ns since boot.
    pub ended_ns: u64,
    /// What its measures came to, by [`Signal`].
    pub came: [Came; Signal::COUNT],
    /// What was open of it, by [`Cause`].
    pub left: [Option<Left>; Cause::ALL.len()],
}

impl Run {
    /// Bytes it takes, the heap's included.
    pub(super) fn memory_bytes(&self) -> usize {
        let ids = self.left.iter().flatten().map(|left| left.first_id.len());
        size_of::<Self>() + ids.sum::<usize>()
    }

    /// How long it lasted, ns.
    pub const fn lasted_ns(&self) -> u64 {
        self.ended_ns.saturating_sub(self.began_ns)
    }

    /// Whether the two ran beside each other for most of the life of one of them.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        let (from, to) = (self.began_ns.max(other.began_ns), self.ended_ns.min(other.ended_ns));
        to.saturating_sub(from) > self.lasted_ns().min(other.lasted_ns()) / 2
    }

    /// Takes in a run of the same service beside this one: the higher figures of the two. When it was stays,
    /// or workers that are replaced in turn would make one run without end.
    pub(super) fn join(&mut self, other: &Self) {
        for (own, theirs) in self.came.iter_mut().zip(&other.came) {
            *own = own.joined(*theirs);
        }
        for (own, theirs) in self.left.iter_mut().zip(&other.left) {
            if own.is_none() {
                own.clone_from(theirs);
            }
        }
    }
}

impl Came {
    /// Growth is not hidden by somebody who settled.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (grew @ Self::Grew { .. }, Self::Settled { .. })
            | (Self::Settled { .. }, grew @ Self::Grew { .. }) => grew,
            (Self::Grew { level: one, .. }, Self::Grew { level: two, .. }) => {
                if two > one {
                    other
                } else {
                    self
                }
            }
            (
                Self::Settled { height: one, after_seconds: soon },
                Self::Settled { height: two, after_seconds: late },
            ) => Self::Settled { height: one.max(two), after_seconds: soon.max(late) },
        }
    }

    /// What a measure of a process that began at `began_ns` came to.
    pub(super) fn of(watched: &Watched, began_ns: u64) -> Self {
        if let Some((first_ns, last_ns, value)) = watched.constant() {
            let is_known = last_ns >= first_ns + LEAST_NS;
            let after_seconds = seconds(first_ns.saturating_sub(began_ns));
            return if is_known {
                Self::Settled { height: value as f32, after_seconds }
            } else {
                Self::Unknown
            };
        }
        let came = watched.tracker().map(|tracker| Self::of_series(tracker, began_ns));
        match came {
            Some(Self::Grew { level, rate_per_min, e_value_log10 }) => {
                let level = watched.last().map_or(level, |last| last as f32);
                Self::Grew { level, rate_per_min, e_value_log10 }
            }
            came => came.unwrap_or_default(),
        }
    }

    /// What a series came to that began at `began_ns`.
    pub fn of_series(tracker: &GrowthTracker, began_ns: u64) -> Self {
        match tracker.phase() {
            // A finding stays open for a while after growth has stopped.
            Phase::Open(growth) if !is_growing(tracker.series(), &growth) => Self::Unknown,
            Phase::Open(growth) => Self::Grew {
                level: growth.last_floor as f32,
                rate_per_min: growth.rate_per_min as f32,
                e_value_log10: growth.e_value_log10 as f32,
            },
            Phase::Quiet | Phase::Stopped { .. } => settled(tracker.series(), began_ns),
        }
    }
}

fn seconds(ns: u64) -> f32 {
    (ns as f64 / 1e9) as f32
}

/// Whether growth still went on in the last part of its time.
fn is_growing(series: &Series, growth: &Growth) -> bool {
    let Some(view) = series.history() else { return false };
    let Some(last) = view.buckets().last() else { return false };
    let part_ns = last.start_ns.saturating_sub(growth.since_ns) / LAST_PART;
    let before = view.buckets().filter(|it| it.start_ns + part_ns <= last.start_ns).last();
    before.is_some_and(|before| {
        let promised = growth.rate_per_min * minutes(last.start_ns - before.start_ns);
        last.floor - before.floor >= GOES_ON * promised
    })
}

fn minutes(ns: u64) -> f64 {
    ns as f64 / 60e9
}

/// The plateau of what does not hold a finding open, if there is one.
fn settled(series: &Series, began_ns: u64) -> Came {
    let Some((height, at_ns)) = plateau(series) else { return Came::Unknown };
    let after_seconds = seconds(at_ns.saturating_sub(began_ns));
    Came::Settled { height: height as f32, after_seconds }
}

/// The highest floor of a series and when that was about reached, where the last quarter of all that is
/// remembered lies about as high as the one before it.
fn plateau(series: &Series) -> Option<(f64, u64)> {
    let floors: Vec<(u64, f64)> =
        series.history()?.buckets().map(|bucket| (bucket.start_ns, bucket.floor)).collect();
    let (_, first) = floors.first()?;
    let height = floors.iter().map(|(_, floor)| *floor).fold(f64::NEG_INFINITY, f64::max);
    let (growth, effect) = (height - first, min_effect(series.spec(), height));
    let quarter = floors.len() / 4;
    let newest = middle(&floors[floors.len() - quarter..]);
    let before = middle(&floors[floors.len() - 2 * quarter..floors.len() - quarter]);
    let is_still = newest - before < effect.min(STILL * growth);
    if growth >= effect && !is_still {
        return None;
    }
    let reached = floors.iter().find(|(_, floor)| *floor >= height - effect)?;
    Some((height, reached.0))
}

/// The median of some floors.
fn middle(floors: &[(u64, f64)]) -> f64 {
    let mut values: Vec<f64> = floors.iter().map(|(_, floor)| *floor).collect();
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    values.get(half).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rule::Quanta, series::SeriesSpec};

    const MIB: f64 = 1_048_576.0;

    /// A series of `minutes`, a sample every 5 s.
    fn came(minutes: u64, value: impl Fn(f64) -> f64) -> Came {
        let spec = |signal: Signal| -> SeriesSpec {
            signal.spec(7, Quanta { mapped: 4096.0, resident: 4096.0 })
        };
        let mut watched = Watched::default();
        for look in 0..minutes * 12 {
            let at_ns = (1000 + look * 5) * 1_000_000_000;
            let value = Some(value(look as f64 / 12.0));
            watched.observe(|| spec(Signal::Heap), at_ns, value, 1.0);
        }
        Came::of(&watched, 1000 * 1_000_000_000)
    }

    #[test]
    fn what_warms_up_settles_and_what_grows_until_the_end_does_not() {
        let Came::Settled { height, after_seconds } =
            came(120, |minute| 50.0 * MIB + 200.0 * MIB * (1.0 - (-minute / 5.0).exp()))
        else {
            panic!("not settled")
        };
        assert!((height / MIB as f32 - 250.0).abs() < 1.0, "{height}");
        assert!((600.0..2400.0).contains(&after_seconds), "after {after_seconds} s");
        let leaking = came(120, |minute| 50.0 * MIB + minute * MIB);
        let Came::Grew { level, rate_per_min, e_value_log10 } = leaking else {
            panic!("{leaking:?}")
        };
        assert!((level / MIB as f32 - 170.0).abs() < 5.0, "{level}");
        assert!((rate_per_min / MIB as f32 - 1.0).abs() < 0.1, "{rate_per_min}");
        assert!(e_value_log10 >= 6.0, "{e_value_log10}");
    }

    #[test]
    fn growth_that_nobody_has_called_yet_teaches_no_plateau() {
        // Ten floors are too few to be judged, eighteen to be called.
        assert_eq!(came(1, |minute| minute * 10.0 * MIB), Came::Unknown);
        let young = came(2, |minute| 50.0 * MIB + minute * 10.0 * MIB);
        assert!(!matches!(young, Came::Settled { .. }), "{young:?}");
    }

    #[test]
    fn what_never_changed_has_settled_if_that_was_seen_for_long_enough() {
        assert_eq!(
            came(2, |_| 5.0 * MIB),
            Came::Settled { height: 5.0 * MIB as f32, after_seconds: 0.0 }
        );
        assert_eq!(came(1, |_| 5.0 * MIB), Came::Unknown);
    }

    #[test]
    fn of_runs_beside_each_other_growth_and_the_higher_plateau_are_kept() {
        let settled = |height| Came::Settled { height, after_seconds: height };
        let grew = |level| Came::Grew { level, rate_per_min: 1.0, e_value_log10: 7.0 };
        assert_eq!(settled(2.0).joined(settled(5.0)), settled(5.0));
        assert_eq!(settled(9.0).joined(grew(2.0)), grew(2.0));
        assert_eq!(grew(3.0).joined(grew(2.0)), grew(3.0));
        assert_eq!(Came::Unknown.joined(settled(1.0)), settled(1.0));
    }
}

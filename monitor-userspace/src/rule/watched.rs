//! One value over time. Most values of most processes never change: those take no series.

use crate::{
    detect::{Growth, GrowthTracker, Observation, Phase},
    series::{Bucket, LEVELS, LevelView, SeriesSpec},
};

/// A value missing for longer than this was not looked at: idle processes are read less often.
const GAP_NS: u64 = 7_500_000_000;

#[derive(Clone, Debug, Default)]
pub(super) enum Watched {
    /// Never known.
    #[default]
    Unseen,
    /// Every look has found the same.
    Constant(Constant),
    /// It moved.
    Moving(Box<Track>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Constant {
    first_ns: u64,
    last_ns: u64,
    value: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Track {
    tracker: GrowthTracker,
    last: Option<(u64, f64)>,
}

impl Track {
    /// A series in which the value was constant until now.
    fn new(spec: SeriesSpec, constant: Constant) -> Self {
        let mut tracker = GrowthTracker::new(spec);
        let Constant { first_ns, last_ns, value } = constant;
        tracker.observe(first_ns, value, 0.0);
        if last_ns > first_ns {
            tracker.observe_fill(last_ns, value);
        }
        Self { tracker, last: Some((last_ns, value)) }
    }

    fn observe(&mut self, at_ns: u64, value: Option<f64>, load: f64) -> Observation {
        let Some(value) = value else {
            return self.tracker.observe_unknown(at_ns);
        };
        let skipped = |(last_ns, last): (u64, f64)| {
            last.to_bits() == value.to_bits() && at_ns > last_ns + GAP_NS
        };
        let was_skipped = self.last.is_some_and(skipped);
        self.last = Some((at_ns, value));
        if was_skipped {
            return self.tracker.observe_fill(at_ns, value);
        }
        self.tracker.observe(at_ns, value, load)
    }
}

impl Watched {
    /// Takes a look at the value; `spec` is what its series would be made with.
    pub(super) fn observe(
        &mut self,
        spec: impl FnOnce() -> SeriesSpec,
        at_ns: u64,
        value: Option<f64>,
        load: f64,
    ) -> Observation {
        match (&mut *self, value) {
            (Self::Unseen, None) => Observation::Unchanged,
            (Self::Unseen, Some(value)) => {
                *self = Self::Constant(Constant { first_ns: at_ns, last_ns: at_ns, value });
                Observation::Unchanged
            }
            (Self::Constant(constant), Some(value))
                if value.to_bits() == constant.value.to_bits() =>
            {
                constant.last_ns = at_ns;
                Observation::Unchanged
            }
            (Self::Constant(constant), _) => {
                let mut track = Box::new(Track::new(spec(), *constant));
                let observed = track.observe(at_ns, value, load);
                *self = Self::Moving(track);
                observed
            }
            (Self::Moving(track), _) => track.observe(at_ns, value, load),
        }
    }

    /// Whether it was the same at every look, of which there were several.
    pub(super) const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(Constant { first_ns, last_ns, .. }) if *first_ns < *last_ns)
    }

    /// From when to when it was seen to be what; `None` where it moved.
    pub(super) const fn constant(&self) -> Option<(u64, u64, f64)> {
        match self {
            Self::Constant(Constant { first_ns, last_ns, value }) => {
                Some((*first_ns, *last_ns, *value))
            }
            Self::Unseen | Self::Moving(_) => None,
        }
    }

    /// The last value, if it was known.
    pub(super) fn last(&self) -> Option<f64> {
        match self {
            Self::Unseen => None,
            Self::Constant(constant) => Some(constant.value),
            Self::Moving(track) => track.last.map(|(_, value)| value),
        }
    }

    pub(super) fn tracker(&self) -> Option<&GrowthTracker> {
        match self {
            Self::Moving(track) => Some(&track.tracker),
            Self::Unseen | Self::Constant(_) => None,
        }
    }

    pub(super) fn tracker_mut(&mut self) -> Option<&mut GrowthTracker> {
        match self {
            Self::Moving(track) => Some(&mut track.tracker),
            Self::Unseen | Self::Constant(_) => None,
        }
    }

    pub(super) fn growth(&self) -> Option<Growth> {
        match self.tracker()?.phase() {
            Phase::Open(growth) => Some(growth),
            Phase::Quiet | Phase::Stopped { .. } => None,
        }
    }

    /// How much the value rose from its floor at `since_ns` to its last one; 0 where unknown.
    pub(super) fn rise_since(&self, bucket_ns: u64, since_ns: u64) -> f64 {
        let Self::Moving(track) = self else { return 0.0 };
        let levels = (0..LEVELS).filter_map(|at| track.tracker.series().level(at));
        let Some(view) = levels.into_iter().find(|view| view.bucket_ns() == bucket_ns) else {
            return 0.0;
        };
        let first = view.buckets().find(|bucket| bucket.start_ns >= since_ns);
        first.zip(track.last).map_or(0.0, |(first, (_, last))| last - first.floor)
    }

    /// How much the value rose from its floor at `since_ns`, or where it is younger from its first one, to
    /// its last one, seen as finely as is remembered; 0 where unknown.
    pub(super) fn risen_since(&self, since_ns: u64) -> f64 {
        let Self::Moving(track) = self else { return 0.0 };
        let Some((_, last)) = track.last else { return 0.0 };
        let levels = || (0..LEVELS).filter_map(|at| track.tracker.series().level(at));
        let reaches = |view: &LevelView<'_>| {
            view.buckets().next().is_some_and(|bucket| bucket.start_ns <= since_ns)
        };
        let Some(view) = levels().find(reaches).or_else(|| levels().next_back()) else {
            return 0.0;
        };
        let is_later = |bucket: &Bucket| bucket.start_ns + view.bucket_ns() > since_ns;
        view.buckets().find(is_later).map_or(0.0, |first| last - first.floor)
    }

    /// Whether the last value was reached before `since_ns`, as long ago as `reach_ns` before it at most.
    pub(super) fn was_as_high(&self, since_ns: u64, reach_ns: u64) -> bool {
        let Self::Moving(track) = self else { return false };
        let Some((_, last)) = track.last else { return false };
        let levels = (0..LEVELS).filter_map(|at| track.tracker.series().level(at));
        levels.into_iter().any(|view| {
            view.buckets().any(|bucket| {
                let ended_ns = bucket.start_ns + view.bucket_ns();
                ended_ns <= since_ns && ended_ns + reach_ns >= since_ns && bucket.floor >= last
            })
        })
    }

    /// Bytes of the series, if there is one.
    pub(super) fn series_bytes(&self) -> usize {
        self.tracker().map_or(0, |tracker| tracker.memory_bytes() + size_of::<Option<(u64, f64)>>())
    }

    /// Forgets the series but for its last value.
    pub(super) fn forget(&mut self) {
        if let Self::Moving(track) = self {
            *self = track.last.map_or(Self::Unseen, |(at_ns, value)| {
                Self::Constant(Constant { first_ns: at_ns, last_ns: at_ns, value })
            });
        }
    }
}

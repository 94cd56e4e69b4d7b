//! The leak detector: is this series growing for good, how fast, and since when?
//!
//! One [`GrowthTracker`] per series takes its samples and answers with an [`Observation`]. Three
//! things must agree before growth is called: the alarm statistic (`conformal`), which bounds
//! false alarms whatever the series looks like; the size and shape of the floors (`shape`), read
//! by one replaceable function (`judge::decide`); and two consecutive passes (`tracker`). What
//! happens to an open finding (it stops, it is taken back) is `life`.
//!
//! Pure: no I/O, no clock, no global state; the same inputs give the same bits. Called by the
//! engine. Growth is not yet a leak: a cache that has been filling steadily for five minutes is
//! [`Verdict::Growing`] too. Telling those apart is the business of the rival hypotheses
//! to come, which read the same [`ShapeEvidence`].

mod conformal;
mod floor;
mod judge;
mod life;
mod onset;
mod shape;
#[cfg(test)]
mod simulate;
mod slope;
mod stats;
mod tracker;
#[cfg(test)]
mod tracker_tests;

pub use conformal::{Conformal, GATE};
pub use floor::Floor;
pub use judge::{Decision, Missing, decide};
pub use shape::ShapeEvidence;
pub use slope::{Trend, theil_sen};
pub use tracker::GrowthTracker;

use crate::series::ClosedLevels;

/// Growth that passed every condition, in the unit of the samples (bytes, objects).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Theil–Sen slope of the floors since the onset, per minute.
    pub rate_per_min: f64,
    /// 95 % interval of the rate, corrected for ties and for memory from floor to floor.
    pub rate_interval: [f64; 2],
    /// log10 of the highest e-value so far. By chance alone it ever exceeds x in at most one of
    /// 10^x series whose floors have no trend and no memory.
    pub e_value_log10: f64,
    /// Median of the last quarter of the floors minus median of the first quarter.
    pub growth: f64,
    /// Share of the growth that happened in the second half: 0.5 is steady, 0 a plateau.
    pub rho: f64,
    /// Growth in robust standard deviations of the floors around the slope.
    pub effect_sds: f64,
    /// Length of a bucket of the deciding level, ns.
    pub level_bucket_ns: u64,
    /// Start of the first bucket of the growth, ns since boot: the onset where one was found,
    /// otherwise the earliest window that showed the growth.
    pub since_ns: u64,
    /// Floor at `since_ns`.
    pub first_floor: f64,
    /// Newest floor.
    pub last_floor: f64,
}

/// What the floors say at this moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// No time scale has 12 known buckets yet.
    Insufficient,
    /// No time scale shows growth that matters.
    Steady,
    /// Growing, but something a verdict needs is missing.
    Pending(Missing),
    /// Growing for good, as far as this series alone can tell.
    Growing(Growth),
}

/// Where the finding about a series stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// No finding.
    Quiet,
    /// The series is growing.
    Open(Growth),
    /// The series was growing and has stopped at `plateau` (unit of the samples).
    Stopped {
        /// Median of the newest floors when it stopped.
        plateau: f64,
    },
}

/// A change of [`Phase`], or new figures for an open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Two consecutive passes: a finding begins.
    Opened,
    /// The open finding has new figures.
    Updated,
    /// The floor stopped rising; the finding keeps its plateau.
    Stopped,
    /// The floor fell back to where the growth began: the finding was wrong or is over.
    Revoked,
}

/// The answer to one input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation {
    /// No bucket closed, so nothing was judged.
    Unchanged,
    /// At least one bucket closed.
    Judged {
        /// The levels at which one did.
        closed: ClosedLevels,
        /// What the floors say now.
        verdict: Verdict,
        /// What changed in the phase, if anything did.
        transition: Option<Transition>,
    },
}

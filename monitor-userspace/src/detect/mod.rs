//! The leak detector: is this series growing for good, why, how fast, and since when?
//!
//! One [`GrowthTracker`] per series takes its samples and answers with an [`Observation`]. Four
//! things must agree before a leak is called: the alarm statistic (`conformal`), which bounds false
//! alarms whatever the series looks like; the size of the growth (`judge`); the model (`model`),
//! which weighs the evidence (`shape`, `curves`, `load`, gathered by `features`) for ten explanations
//! ([`Hypothesis`]); and two consecutive passes that the coarser levels bear out (`tracker`). What
//! happens to an open finding (it stops, it is taken back) is `life`.
//!
//! Pure: no I/O, no clock, no global state; the same inputs give the same bits. Called by the
//! engine.

mod conformal;
mod curves;
mod earlier;
mod features;
mod floor;
mod forecast;
mod hypothesis;
mod judge;
mod kept;
mod life;
mod lifetimes;
mod load;
mod model;
mod objects;
mod onset;
mod rate;
mod second_tier;
mod shape;
#[cfg(test)]
mod simulate;
mod slope;
mod stats;
mod touched;
mod tracker;
#[cfg(test)]
mod tracker_tests;
mod use_slope;

pub use conformal::{Conformal, GATE};
pub use earlier::{EarlierRuns, Place, Plateau, Precedent, Present, RUNS, are_alike};
pub use features::{COUNT as FEATURES, Features, NAMES as FEATURE_NAMES};
pub use floor::Floor;
pub use forecast::{FirstPassage, first_passage};
pub use hypothesis::{Beliefs, Hypothesis};
pub use judge::{Decision, LEAK, LIKELY, Missing, SUSPECT, matters};
pub use lifetimes::{Lifetimes, Survival};
pub use model::Model;
pub use objects::{LookAtObjects, UseBounds};
pub use shape::{ShapeEvidence, min_effect};
pub use slope::{Trend, theil_sen};
pub use touched::LookAtPages;
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
    /// Robust standard deviation of the floors around the slope.
    pub residual_sd: f64,
    /// Share of the memory that was touched in the quietest of the longest looks, where there were any.
    pub touched_share: Option<f64>,
    /// The same of what was added since the growth began, where enough was looked at.
    pub added_share: Option<f64>,
    /// Length of a bucket of the deciding level, ns.
    pub level_bucket_ns: u64,
    /// Start of the first bucket of the growth, ns since boot: the onset where one was found,
    /// otherwise the earliest window that showed the growth.
    pub since_ns: u64,
    /// Probability of a leak, after the coarser levels were heard.
    pub confidence: f64,
    /// Whether it was ever confirmed to be a likely one; a leak is.
    pub is_likely: bool,
    /// Whether it was ever confirmed to be one.
    pub is_leak: bool,
    /// How likely each explanation is at the deciding level.
    pub beliefs: Beliefs,
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
    /// Growing, and a leak is the likeliest explanation.
    Growing(Growth),
}

impl Verdict {
    /// How close it is to a finding, to pick among levels.
    const fn closeness(&self) -> u8 {
        match self {
            Self::Insufficient => 0,
            Self::Steady => 1,
            Self::Pending(Missing::Time) => 2,
            Self::Pending(Missing::Refutation) => 3,
            Self::Pending(Missing::Evidence) => 4,
            Self::Pending(Missing::Confirmation) => 5,
            Self::Growing(_) => 6,
        }
    }
}

/// Where the finding about a series stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// No finding.
    Quiet,
    /// A leak is suspected or, where `is_leak` says so, found.
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

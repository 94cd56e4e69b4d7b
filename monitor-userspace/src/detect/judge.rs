//! The one place that turns evidence into a decision.
//!
//! Growth has to matter before it is weighed at all: its size, and whether its slope is told from
//! none. What it is then the model says (`model`), the alarm statistic bounds how often that is by
//! chance (`conformal`), and the coarser levels have to bear it out.

use super::shape::ShapeEvidence;

/// Growth must exceed this many robust standard deviations of the floors.
const MIN_SDS: f64 = 4.0;
/// Probability of a leak from which there is a suspicion.
pub const SUSPECT: f64 = 0.5;
/// Probability of a leak from which growth towards a near limit deserves more than a suspicion.
pub const LIKELY: f64 = told(0.9);
/// Probability of a leak from which it is called one.
pub const LEAK: f64 = told(0.95);
/// Growth that is none of what the model knows: it is a leak although the model excludes one, or none
/// although the model is sure. Chosen on series that neither the fit nor the test uses, where anything from
/// 0.02 to 0.06 does: what is said at the ends of the scale is else too sure by as much.
const UNHEARD_OF: f64 = 0.04;
/// How much less sure than the judged level a coarser one may be, in ln of the odds.
const ALLOWANCE: f64 = 1.0;

/// What growing floors still lack for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Too few floors since the growth began.
    Time,
    /// The alarm statistic has not passed its gate: chance is not excluded.
    Evidence,
    /// Other explanations than a leak are likelier.
    Refutation,
    /// Everything agreed once; it has to agree twice in a row.
    Confirmation,
}

/// The decision about one level at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Nothing that matters is growing.
    Flat,
    /// Growing, but too young to be weighed.
    Young,
    /// Growing and weighed: ln of the odds of a leak.
    Weighed(f32),
}

impl Decision {
    /// ln of the odds of a leak; `None` where nothing was weighed.
    pub fn log_odds(&self) -> Option<f64> {
        match self {
            Self::Weighed(log_odds) => Some(f64::from(*log_odds)),
            Self::Flat | Self::Young => None,
        }
    }
}

/// Whether the growth is large enough, and its slope is told from none.
pub fn matters(shape: &ShapeEvidence) -> bool {
    shape.growth >= shape.min_effect
        && shape.trend.interval[0] > 0.0
        && shape.last > shape.first
        && shape.effect_sds >= MIN_SDS
}

/// ln of the odds of a leak after two coarser levels were heard; `None` where one of them, old enough
/// to judge, sees no growth that could be a leak.
pub(super) fn borne_out(own: f64, coarser: impl Iterator<Item = Decision>) -> Option<f64> {
    coarser.into_iter().try_fold(own, |odds, decision| match decision {
        Decision::Young => Some(odds),
        Decision::Flat => None,
        Decision::Weighed(theirs) => Some(odds.min(f64::from(theirs) + ALLOWANCE)),
    })
}

/// The probability of these ln odds.
pub(super) fn probability(log_odds: f64) -> f64 {
    told(1.0 / (1.0 + (-log_odds).exp()))
}

/// The probability that the model is right with what it says, or wrong with the opposite.
const fn told(model: f64) -> f64 {
    UNHEARD_OF + (1.0 - 2.0 * UNHEARD_OF) * model
}

//! The one place that turns evidence into a decision.
//!
//! This is the seam for what comes: the model of rival hypotheses replaces the body of
//! [`decide`] (or is asked after it) and reads the same [`ShapeEvidence`]; nothing else in this
//! folder knows a threshold of the shape. As it stands, it refutes what settles, what stands
//! still, what was there before and what drowns in noise. It does not refute a fill that is still
//! steady: a cache filling linearly for five minutes passes, until it stops.

use super::shape::ShapeEvidence;

/// Growth must exceed this many robust standard deviations of the floors.
const MIN_SDS: f64 = 4.0;
/// Share of the growth in the second half: 0.5 for a leak, below 0.35 for logarithmic settling.
const MIN_RHO: f64 = 0.35;
/// The same for floors without noise, where even the young bend of an exponential can be seen …
const CLEAN_RHO: f64 = 0.42;
/// … and how fast noise takes that away: rho has a standard deviation near 0.5 / `effect_sds`.
const RHO_NOISE: f64 = 0.28;
/// The last quarter must have risen above the third by this share of the growth (a third for a
/// straight line) …
const MIN_RECENT: f64 = 0.15;
/// … and within itself by this share of what a straight line has.
const MIN_NEWEST: f64 = 0.3;
/// The rise above everything before must be this share of the growth: a second batch has none.
const MIN_RECORD: f64 = 0.5;

/// What growing floors still lack for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Too few floors since the growth began.
    Time,
    /// The alarm statistic has not passed its gate: chance is not excluded.
    Evidence,
    /// The growth is too small, too noisy, settling, standing still, or was there before.
    Shape,
    /// Everything agreed once; it has to agree twice in a row.
    Confirmation,
}

/// The decision about one level at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing that matters is growing.
    Flat,
    /// Growing, but undecided.
    Rising(Missing),
    /// Every condition holds.
    Pass,
}

/// Decides from the shape and whether the alarm statistic ever passed its gate.
pub fn decide(shape: &ShapeEvidence, gate_passed: bool) -> Decision {
    if shape.growth < shape.min_effect || shape.trend.interval[0] <= 0.0 {
        return Decision::Flat;
    }
    if !keeps_growing(shape) || shape.effect_sds < MIN_SDS || shape.new_record < MIN_RECORD {
        return Decision::Rising(Missing::Shape);
    }
    if gate_passed { Decision::Pass } else { Decision::Rising(Missing::Evidence) }
}

/// Does a coarser level, looking further back, show the growth settling? Then a finer one sees
/// only a piece of it that looks straight.
pub(super) fn refutes(coarser: &ShapeEvidence) -> bool {
    coarser.growth >= coarser.min_effect && coarser.rho < MIN_RHO
}

fn keeps_growing(shape: &ShapeEvidence) -> bool {
    shape.last > shape.first
        && shape.last > shape.middle
        && shape.last > shape.highest_earlier - shape.quantum
        && shape.rho >= (CLEAN_RHO - RHO_NOISE / shape.effect_sds).max(MIN_RHO)
        && shape.recent >= MIN_RECENT
        && shape.newest >= MIN_NEWEST
}

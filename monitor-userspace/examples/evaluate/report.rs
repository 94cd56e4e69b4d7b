//! All figures of a run: what is printed, and what `--json` writes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::baseline::Baseline;
use super::early::Early;
use super::goal::{Goal, goals};
use super::quality::{Quality, Reliability};
use super::run::Outcome;
use super::score::Scored;
use super::tally::{Row, Tally};

/// Everything that was measured. Shares are 0 to 1, with their 95 % intervals; what was not measured
/// is null.
#[derive(Serialize)]
pub struct Report {
    /// Series of each class.
    pub per_class: u64,
    /// Seed of the first of them.
    pub first_seed: u64,
    /// Without and with what is touched.
    pub modes: [Mode; 2],
    /// What others make of the same series.
    pub baselines: Vec<Compared>,
}

/// What the detector made of the series.
#[derive(Serialize)]
pub struct Mode {
    /// Whether it was told what of the memory is touched.
    pub sees_pages: bool,
    /// By class, leaks first.
    pub classes: Vec<Row>,
    /// All leaks together.
    pub leaks: Row,
    /// All that is healthy.
    pub healthy: Row,
    /// What stands at the end of the series, medium or above.
    pub end: Quality,
    /// What was medium or above at any time.
    pub ever: Quality,
    /// The same of the classes that the model was never fitted on.
    pub unfitted_end: Quality,
    pub unfitted_ever: Quality,
    /// How often it was a leak, for what was said of it at eight moments of a series.
    pub reliability: Reliability,
    /// Of other, short series.
    pub first_minutes: Early,
    /// What is to be reached.
    pub goals: Vec<Goal>,
}

/// What another rule made of them.
#[derive(Serialize)]
pub struct Compared {
    /// Which rule.
    pub name: Baseline,
    /// What it says at the end of the series.
    pub end: Quality,
    /// What it said at any time.
    pub ever: Quality,
}

impl Report {
    pub fn of(per_class: u64, first_seed: u64, scored: &[Scored], early: [Early; 2]) -> Self {
        let baselines = compare(scored);
        let [bare, with_pages] = early;
        let mode = |(sees_pages, early)| {
            let mut mode = Mode::of(scored, sees_pages, early);
            mode.goals = goals(&mode, &baselines);
            mode
        };
        let modes = [(false, bare), (true, with_pages)].map(mode);
        Self { per_class, first_seed, modes, baselines }
    }
}

impl Mode {
    fn of(scored: &[Scored], sees_pages: bool, first_minutes: Early) -> Self {
        let mut tallies: BTreeMap<(bool, &str), Tally> = BTreeMap::new();
        let mut looks = Vec::new();
        for it in scored {
            let key = (!it.class.is_leak, it.class.name);
            tallies.entry(key).or_default().count(it.truth, outcome(it, sees_pages));
            looks.extend(&outcome(it, sees_pages).looks);
        }
        let total = |is_leak: bool| {
            let mut sum = Tally::default();
            tallies.iter().filter(|((it, _), _)| *it != is_leak).for_each(|(_, it)| sum.add(it));
            sum
        };
        let row =
            |((is_healthy, name), tally): (&(bool, &str), &Tally)| tally.row(name, !is_healthy);
        let at_end =
            |it: &Scored| outcome(it, sees_pages).last.is_some_and(|growth| growth.is_leak);
        let ever = |it: &Scored| outcome(it, sees_pages).called.is_some();
        let is_unfitted = |it: &&Scored| !it.class.is_fitted;
        Self {
            sees_pages,
            classes: tallies.iter().map(row).collect(),
            leaks: total(true).row("all leaks", true),
            healthy: total(false).row("all healthy", false),
            end: quality(scored.iter(), at_end),
            ever: quality(scored.iter(), ever),
            unfitted_end: quality(scored.iter().filter(is_unfitted), at_end),
            unfitted_ever: quality(scored.iter().filter(is_unfitted), ever),
            reliability: Reliability::of(&looks),
            first_minutes,
            goals: Vec::new(),
        }
    }
}

const fn outcome(scored: &Scored, sees_pages: bool) -> &Outcome {
    let [bare, with_pages] = &scored.outcomes;
    if sees_pages { with_pages } else { bare }
}

fn compare(scored: &[Scored]) -> Vec<Compared> {
    let one = |(at, name): (usize, Baseline)| Compared {
        name,
        end: quality(scored.iter(), |it| it.baselines[at].at_end),
        ever: quality(scored.iter(), |it| it.baselines[at].ever),
    };
    Baseline::ALL.into_iter().enumerate().map(one).collect()
}

fn quality<'a>(
    scored: impl Iterator<Item = &'a Scored>,
    is_called: impl Fn(&Scored) -> bool,
) -> Quality {
    Quality::of(scored.map(|it| (it.class.is_leak, is_called(it))))
}

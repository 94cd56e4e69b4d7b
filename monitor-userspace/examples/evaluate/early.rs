//! The first minutes: series as the agent samples them, four minutes to two hours long. Are leaks that
//! are strong called within three minutes, and is what is healthy left alone?

use serde::Serialize;

use super::run::{Outcome, in_parallel, run, tracker};
use super::synthetic::{Class, Made, Span, classes, make};
use super::tally::{Share, median};

/// A strong leak is to be called within this time.
const SOON_S: u64 = 180;
/// It adds this many times the size that matters in that time.
const STRONG: f64 = 3.0;
/// The size that matters, in levels and in standard deviations of what lies around the floor.
const LEAST_SHARE: f64 = 0.02;
const LEAST_SDS: f64 = 4.0;

/// What was made of the first minutes.
#[derive(Serialize)]
pub struct Early {
    /// Strong leaks with a finding of severity low or above within three minutes.
    pub suspected_soon: Share,
    /// The same of medium or above.
    pub called_soon: Share,
    /// Median of the seconds after which they were called, of those that were.
    pub seconds_to_verdict: Option<f64>,
    /// Healthy series with a finding of severity low or above at any time.
    pub healthy_low: Share,
    /// The same of medium or above.
    pub healthy_medium: Share,
}

/// Judges `per_class` short series of each class, without and with what is touched.
pub fn judge(per_class: u64, first_seed: u64) -> [Early; 2] {
    let all: Vec<(Class, u64)> = classes()
        .into_iter()
        .flat_map(|class| (first_seed..first_seed + per_class).map(move |seed| (class, seed)))
        .collect();
    let judged = in_parallel(all.len(), |at| {
        let (class, seed) = all[at];
        let made = make(class, seed, Span::Short);
        let is_wanted = !class.is_leak || is_strong(&made, seed);
        let seen = |sees_pages| Seen::new(&made, &run(&made, seed, sees_pages));
        is_wanted.then(|| (class.is_leak, [false, true].map(seen)))
    });
    [0, 1].map(|mode| {
        let of = |is_leak: bool| {
            let wanted = judged.iter().flatten().filter(move |it| it.0 == is_leak);
            wanted.map(move |it| it.1[mode])
        };
        let share = |is_leak: bool, is: &dyn Fn(Seen) -> bool| {
            let part = of(is_leak).filter(|&seen| is(seen)).count();
            Share::new(part as u64, of(is_leak).count() as u64)
        };
        let is_soon = |seconds: Option<u64>| seconds.is_some_and(|it| it <= SOON_S);
        Early {
            suspected_soon: share(true, &|seen| is_soon(seen.suspected_s)),
            called_soon: share(true, &|seen| is_soon(seen.called_s)),
            seconds_to_verdict: median(of(true).filter_map(|it| it.called_s).map(|it| it as f64)),
            healthy_low: share(false, &|seen| seen.suspected_s.is_some()),
            healthy_medium: share(false, &|seen| seen.called_s.is_some()),
        }
    })
}

/// Seconds after the onset, or the start of what is healthy, until there was a finding.
#[derive(Clone, Copy)]
struct Seen {
    suspected_s: Option<u64>,
    called_s: Option<u64>,
}

impl Seen {
    fn new(made: &Made, outcome: &Outcome) -> Self {
        let onset = made.onset.unwrap_or(0);
        let after = |step: usize| Some(step.checked_sub(onset)? as u64 * made.step_s);
        let [suspected_s, called_s] =
            [outcome.suspected, outcome.called].map(|step| step.and_then(after));
        Self { suspected_s, called_s }
    }
}

/// Whether a leak adds a multiple of what matters within three minutes.
fn is_strong(made: &Made, seed: u64) -> bool {
    let steps = (SOON_S / made.step_s) as usize;
    let Some(onset) = made.onset.filter(|onset| onset + steps < made.held.len()) else {
        return false;
    };
    let (level, added) = (made.held[onset], made.held[onset + steps] - made.held[onset]);
    let around = (onset..=onset + steps).map(|step| made.values[step] - made.held[step]);
    let count = steps as f64 + 1.0;
    let mean = around.clone().sum::<f64>() / count;
    let sd = (around.map(|it| (it - mean).powi(2)).sum::<f64>() / count).sqrt();
    let least = tracker(made, seed).series().spec().min_effect;
    added >= STRONG * least.max(LEAST_SHARE * level).max(LEAST_SDS * sd)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mebibyte a second for five minutes on top of a level, with what lies around it.
    fn made(level: f64, around: f64) -> Made {
        let mib = super::super::synthetic::MIB;
        let held: Vec<f64> = (0..60).map(|at| (level + 5.0 * f64::from(at)) * mib).collect();
        let sign = |at: usize| if at.is_multiple_of(2) { 1.0 } else { -1.0 };
        let values = held.iter().enumerate().map(|(at, it)| it + around * mib * sign(at)).collect();
        Made { step_s: 5, values, held, onset: Some(0), ..Made::default() }
    }

    #[test]
    fn a_leak_is_strong_beside_its_level_and_its_noise() {
        assert!(is_strong(&made(1000.0, 5.0), 0));
        // 180 MiB are 1.8 % of 10,000, and 4 times 45.
        assert!(!is_strong(&made(10_000.0, 5.0), 0));
        assert!(!is_strong(&made(1000.0, 45.0), 0));
        assert!(!is_strong(&Made { onset: Some(50), ..made(1000.0, 5.0) }, 0));
    }
}

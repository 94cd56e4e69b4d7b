//! What earlier runs of the same service say of growth: whether it is still below where they settled, or
//! has left that behind, and how many of them grew like this until they ended.
//!
//! How much likelier or less likely that makes a leak is by judgement, and bounded. Below a plateau that
//! two runs kept, growth is ordinary. Above it, at an age at which they had long settled, it is not. A run that
//! grew alike until it ended says little against what fills, since a cache that never has the time to fill
//! looks the same each time; so it counts for less, and only where the service went on without a pause:
//! jobs that grow until they are done come and go.

use crate::series::SeriesSpec;

use super::shape::min_effect;

/// Runs that have a say.
pub const RUNS: usize = 8;
/// How much likelier growth below the plateau is no leak.
const ORDINARY: f64 = 20.0;
/// How much likelier growth above it is one, when earlier runs had settled at that age.
const BEYOND: f64 = 4.0;
/// Settled runs that have all of that say; one has half of it.
const ENOUGH: u8 = 2;
/// Share of the plateau that growth must lie above it.
const ABOVE: f64 = 0.1;
/// How much likelier each run that grew alike makes a leak, and how many count. More would be better for
/// leaks, but call more of what fills and never has the time to.
const ALIKE: f64 = 1.25;
const MOST_ALIKE: u8 = 3;
/// Rates within this factor are alike.
const ALIKE_RATES: f64 = 2.0;

/// Where earlier runs settled, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// The highest.
    pub height: f64,
    /// After how long all of them had, ns.
    pub after_ns: u64,
    /// How many they were.
    pub runs: u8,
}

/// What is known of one measure in earlier runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EarlierRuns {
    /// When the present run began, ns since boot.
    pub born_ns: u64,
    /// Where those settled that did.
    pub plateau: Option<Plateau>,
    /// How fast those grew that grew until they ended and followed each other up to the present one,
    /// the newest first, a minute.
    pub rates: [f32; RUNS],
    /// How many those are.
    pub grew: u8,
    /// log10 of the highest e-value that one of those had.
    pub e_value_log10: f64,
}

/// Growth, as far as earlier runs can have a say.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// Newest floor.
    pub last: f64,
    /// A minute.
    pub rate_per_min: f64,
    /// Now, ns since boot.
    pub now_ns: u64,
}

/// Where growth is to the plateau of earlier runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// There is none, or nothing follows from it yet.
    #[default]
    Open,
    /// Below it.
    Below,
    /// Above it, at an age at which they had settled.
    Above,
}

/// What earlier runs say of a growth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precedent {
    /// Where it is to their plateau.
    pub place: Place,
    /// How many of them grew like this.
    pub alike: u8,
}

impl EarlierRuns {
    /// What they say of a growth in a series made with `spec`.
    pub fn of(&self, now: &Present, spec: &SeriesSpec) -> Precedent {
        let grown = self.rates.iter().take(usize::from(self.grew));
        let alike = grown.filter(|rate| are_alike(f64::from(**rate), now.rate_per_min)).count();
        Precedent { place: self.place(now, spec), alike: alike as u8 }
    }

    fn place(&self, now: &Present, spec: &SeriesSpec) -> Place {
        let Some(plateau) = self.plateau else { return Place::Open };
        let effect = min_effect(spec, plateau.height);
        if now.last <= plateau.height + effect {
            return Place::Below;
        }
        let is_above = now.last > plateau.height * (1.0 + ABOVE) + effect;
        let is_old = now.now_ns >= self.born_ns.saturating_add(plateau.after_ns);
        if is_above && is_old { Place::Above } else { Place::Open }
    }

    /// ln of how much likelier a leak is by what they say.
    pub fn log_likelihood(&self, said: Precedent) -> f64 {
        let runs = self.plateau.map_or(0, |plateau| plateau.runs);
        let trusted = f64::from(runs.min(ENOUGH)) / f64::from(ENOUGH);
        let settled = match said.place {
            Place::Open => 0.0,
            Place::Below => -trusted * ORDINARY.ln(),
            Place::Above => trusted * BEYOND.ln(),
        };
        settled + f64::from(said.alike.min(MOST_ALIKE)) * ALIKE.ln()
    }
}

/// Whether two rates of growth are about the same.
pub fn are_alike(one: f64, other: f64) -> bool {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    low > 0.0 && high <= ALIKE_RATES * low
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;
    const SPEC: SeriesSpec =
        SeriesSpec { quantum: 0.0, min_effect: MIB, seed: 1, counts: false, prior: 0.0 };
    const MINUTE: u64 = 60_000_000_000;

    fn settled(runs: u8) -> EarlierRuns {
        let plateau = Plateau { height: 100.0 * MIB, after_ns: 10 * MINUTE, runs };
        EarlierRuns { born_ns: MINUTE, plateau: Some(plateau), ..EarlierRuns::default() }
    }

    fn at(last: f64, minute: u64) -> Present {
        Present { last: last * MIB, rate_per_min: MIB, now_ns: minute * MINUTE }
    }

    #[test]
    fn growth_below_the_plateau_is_ordinary_and_above_it_only_once_that_was_reached() {
        let runs = settled(2);
        let place = |last, minute| runs.of(&at(last, minute), &SPEC).place;
        assert_eq!((place(50.0, 5), place(101.0, 500)), (Place::Below, Place::Below));
        assert_eq!((place(120.0, 500), place(120.0, 10)), (Place::Above, Place::Open));
        assert_eq!(place(105.0, 500), Place::Open, "a little above is neither");
        let odds =
            |runs: EarlierRuns, last| runs.log_likelihood(runs.of(&at(last, 500), &SPEC)).exp();
        assert!((odds(settled(2), 50.0) - 1.0 / 20.0).abs() < 1e-9);
        assert!((odds(settled(7), 150.0) - 4.0).abs() < 1e-9);
        assert!((odds(settled(1), 150.0) - 2.0).abs() < 1e-9, "one run has half a say");
        assert!((odds(EarlierRuns::default(), 50.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn runs_that_grew_at_the_same_rate_raise_the_odds_up_to_a_bound() {
        // How many, and 64 times the factor.
        let grew = |rates: &[f64]| {
            let mut runs = EarlierRuns { grew: rates.len() as u8, ..EarlierRuns::default() };
            for (kept, rate) in runs.rates.iter_mut().zip(rates) {
                *kept = (rate * MIB) as f32;
            }
            let said = runs.of(&at(50.0, 5), &SPEC);
            (said.alike, (runs.log_likelihood(said).exp() * 64.0).round())
        };
        assert_eq!(grew(&[1.0]), (1, 80.0));
        assert_eq!(grew(&[1.2, 5.0, 0.6]), (2, 100.0));
        assert_eq!(grew(&[1.0, 0.9, 1.1, 1.0, 1.3]), (5, 125.0));
        assert_eq!(grew(&[-1.0, 0.0, 0.2]), (0, 64.0));
    }
}

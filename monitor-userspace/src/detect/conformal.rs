//! The alarm statistic: conformal records, a test martingale valid at any time.
//!
//! If the floors of a level have neither trend nor memory they are exchangeable, and the rank of
//! a new floor among the earlier ones is uniform. Betting against that with ε·p^(ε−1), mixed over
//! five ε, gives an e-value; by Ville's inequality the chance that it *ever* reaches A is at most
//! 1/A. Autocorrelated floors are not exchangeable, so this is necessary, never sufficient.
//! One [`Conformal`] per level; `tracker` averages the levels.

use crate::series::{FLOORS, LevelView};

use super::stats::{log_add, splitmix64};

/// E-value at which the gate opens: at most one false alarm ever per this many series.
pub const GATE: f64 = 1e6;

const EPSILONS: [f64; 5] = [0.1, 0.2, 0.35, 0.5, 0.7];
/// Earlier floors below which a bet with that ε loses even on a record: the rank cannot be low
/// enough. Such bets are left out, which is safe because the choice does not depend on the floors.
const LEAST_RANKED: [u32; 5] = [4, 2, 1, 1, 1];
/// A run bets on this many buckets and is then frozen: a stopped martingale remains one.
const RUN: u32 = FLOORS as u32;
/// A new run starts every this many buckets. A leak therefore always finds a run with at most
/// this many quiet floors before it and at least as many left to bet on.
const RESTART: u32 = RUN / 2;

/// The e-value of one level: a weighted sum of runs over the last 64 buckets each.
///
/// Run j has weight 1/(j(j+1)). The weights of all runs sum to 1 and runs not begun are worth
/// their weight, so the sum is itself a martingale that starts at 1.
#[derive(Clone, Copy, Debug)]
pub struct Conformal {
    /// ln of Π ε·p^(ε−1) per ε, for the newest run and the one before it.
    bets: [[f32; 5]; 2],
    /// ln of the weighted value of all frozen runs.
    frozen: f32,
    /// Position of the next bucket to take.
    seen: u32,
    /// Position at which the newest run began.
    newest: u32,
    /// Runs begun so far; the top bit says that the run before the newest is still betting.
    begun: u32,
}

const OLDER: u32 = 1 << 31;

impl Conformal {
    /// Nothing seen, e-value 1.
    pub const EMPTY: Self =
        Self { bets: [[0.0; 5]; 2], frozen: f32::NEG_INFINITY, seen: 0, newest: 0, begun: 0 };

    /// Takes the buckets that `view` closed since the last call. `seed` is the identity of the
    /// series and level. Void buckets bet nothing; buckets that fell out of the ring unseen (a
    /// gap) bet nothing either, which is safe because the choice does not depend on their floors.
    pub fn update(&mut self, view: &LevelView<'_>, seed: u64) {
        self.seen = self.seen.max(view.first_held());
        while self.seen < view.closed() {
            let position = self.seen;
            self.seen += 1;
            self.start_runs(position);
            if let Some(floor) = view.floor(position) {
                self.bet(view, position, floor, seed);
            }
        }
    }

    /// ln of the e-value now; 0 before the first floor.
    pub fn log_value(&self) -> f64 {
        let begun = self.runs();
        // Weights of the runs not begun: the sum of 1/(j(j+1)) over j > J is 1/(J+1).
        let mut value = log_add(f64::from(self.frozen), -f64::from(begun + 1).ln());
        if begun > 0 {
            value = log_add(value, self.run_value(0, begun));
        }
        if self.begun & OLDER != 0 {
            value = log_add(value, self.run_value(1, begun - 1));
        }
        value
    }

    /// Throws away what was won, so that the gate has to be passed again by later floors alone.
    /// Keeps the bound: the runs that remain still weigh at most 1 together.
    pub fn forget(&mut self) {
        self.frozen = f32::NEG_INFINITY;
        self.begun = self.runs();
        if self.begun > 0 {
            self.begin(self.seen);
        }
    }

    const fn runs(&self) -> u32 {
        self.begun & !OLDER
    }

    fn begin(&mut self, position: u32) {
        self.bets[0] = [0.0; 5];
        self.newest = position;
        self.begun += 1;
    }

    fn start_runs(&mut self, position: u32) {
        if self.runs() > 0 && position - self.newest < RESTART {
            return;
        }
        let begun = self.runs();
        if self.begun & OLDER != 0 {
            // It has had its 64 buckets: it began 32 before the newest.
            let value = self.run_value(1, begun - 1);
            self.frozen = log_add(f64::from(self.frozen), value) as f32;
        }
        self.begun = begun;
        if begun > 0 {
            self.bets[1] = self.bets[0];
        }
        self.begin(position);
        if begun > 0 {
            self.begun |= OLDER;
        }
    }

    /// ln of the weighted mixture of run number `number`, which bets in `slot`.
    fn run_value(&self, slot: usize, number: u32) -> f64 {
        let mixture = self.bets[slot]
            .iter()
            .fold(f64::NEG_INFINITY, |sum, &bet| log_add(sum, f64::from(bet)));
        let number = f64::from(number.max(1));
        mixture - (EPSILONS.len() as f64).ln() - (number * (number + 1.0)).ln()
    }

    fn bet(&mut self, view: &LevelView<'_>, position: u32, floor: f64, seed: u64) {
        let mut ranks = Ranks::default();
        for earlier in (self.newest..position).rev() {
            ranks.add(view.floor(earlier), floor);
        }
        // One U for both runs: each remains a martingale, and sums need no independence.
        let unit = uniform(seed, position);
        wager(&mut self.bets[0], ranks, unit);
        if self.begun & OLDER != 0 {
            for earlier in (self.newest.saturating_sub(RESTART)..self.newest).rev() {
                ranks.add(view.floor(earlier), floor);
            }
            wager(&mut self.bets[1], ranks, unit);
        }
    }
}

/// How a floor stands among the earlier ones of a run.
#[derive(Clone, Copy, Default)]
struct Ranks {
    above: u32,
    equal: u32,
    all: u32,
}

impl Ranks {
    fn add(&mut self, earlier: Option<f64>, floor: f64) {
        let Some(earlier) = earlier else { return };
        self.all += 1;
        self.above += u32::from(earlier > floor);
        self.equal += u32::from(earlier.total_cmp(&floor).is_eq());
    }
}

fn wager(bets: &mut [f32; 5], ranks: Ranks, unit: f64) {
    let above = f64::from(ranks.above);
    let p = (above + unit * f64::from(ranks.equal + 1)) / f64::from(ranks.all + 1);
    let log_p = p.ln();
    for ((bet, epsilon), least) in bets.iter_mut().zip(EPSILONS).zip(LEAST_RANKED) {
        if ranks.all >= least {
            *bet += (epsilon.ln() + (epsilon - 1.0) * log_p) as f32;
        }
    }
}

/// A number in (0, 1) that depends on nothing but its arguments.
fn uniform(seed: u64, position: u32) -> f64 {
    let bits = splitmix64(seed ^ splitmix64(u64::from(position)));
    ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
#[path = "conformal_tests.rs"]
mod tests;

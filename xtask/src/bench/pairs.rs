//! Bare and watched runs of the same loads, in turns: how much the agent takes of their speed.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::agent::{Agent, Events};
use super::stats::{interval_of_mean, median};
use super::table::met;

/// What a load may cost, and the upper end of its interval, in percent.
const BUDGET_PERCENT: f64 = 1.0;
const BUDGET_UPPER_PERCENT: f64 = 2.0;
/// After it is attached the agent reads what there is: that is the cost of starting it.
const SETTLED: Duration = Duration::from_secs(1);
/// Between two runs, whether or not an agent starts or ends meanwhile: a machine that rested is
/// faster.
const REST: Duration = Duration::from_secs(3);

/// What a figure of a load means.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Less is better.
    Seconds,
    /// More is better.
    PerSecond,
}

/// The figures of one load, pair by pair.
#[derive(Default)]
pub(super) struct Pairs {
    bare: Vec<f64>,
    watched: Vec<f64>,
}

/// Measures all loads bare and with the agent, the other way round in every second pair, so that
/// what only rises or falls in the course of it cancels out. `measure` gives a figure for each load.
pub(super) fn in_turns<const LOADS: usize>(
    program: &Path,
    dir: &Path,
    pairs: u32,
    mut measure: impl FnMut() -> Result<[f64; LOADS]>,
) -> Result<[Pairs; LOADS]> {
    let mut all: [Pairs; LOADS] = std::array::from_fn(|_| Pairs::default());
    let mut ended = Instant::now();
    for pair in 1..=pairs {
        println!("bench: pair {pair} of {pairs}");
        for is_watched in [pair % 2 == 0, pair % 2 == 1] {
            let agent = if is_watched {
                let agent = Agent::start(program, dir, Events::Counted, &[])?;
                sleep(SETTLED);
                Some(agent)
            } else {
                None
            };
            sleep(REST.saturating_sub(ended.elapsed()));
            let figures = measure()?;
            ended = Instant::now();
            agent.map(Agent::stop).transpose()?;
            for (load, figure) in all.iter_mut().zip(figures) {
                if is_watched { &mut load.watched } else { &mut load.bare }.push(figure);
            }
        }
    }
    Ok(all)
}

impl Pairs {
    /// Bare, watched, what it costs, its interval, the budget, and whether that is met.
    pub(super) fn cells(&self, unit: Unit) -> Vec<String> {
        let (low, middle, high) = self.cost_percent(unit);
        let is_met = middle <= BUDGET_PERCENT && high <= BUDGET_UPPER_PERCENT;
        let figure = |values: &[f64]| match unit {
            Unit::Seconds => format!("{:.2}", median(values)),
            Unit::PerSecond => format!("{:.0}", median(values)),
        };
        vec![
            figure(&self.bare),
            figure(&self.watched),
            format!("{middle:.2} %"),
            format!("{low:.2} to {high:.2} %"),
            format!("≤ {BUDGET_PERCENT} %, upper ≤ {BUDGET_UPPER_PERCENT} %"),
            met(is_met),
        ]
    }

    /// How much slower it is with the agent, in percent: the geometric mean of the pairs' ratios
    /// between the ends of its 95 % interval.
    fn cost_percent(&self, unit: Unit) -> (f64, f64, f64) {
        let slowdown = |(bare, watched): (&f64, &f64)| match unit {
            Unit::Seconds => (watched / bare).ln(),
            Unit::PerSecond => (bare / watched).ln(),
        };
        let logs: Vec<f64> = self.bare.iter().zip(&self.watched).map(slowdown).collect();
        let percent = |log: f64| log.exp_m1() * 100.0;
        let (low, middle, high) = interval_of_mean(&logs);
        (percent(low), percent(middle), percent(high))
    }
}

/// Headings of [`Pairs::cells`].
pub(super) const HEADING: [&str; 6] =
    ["bare", "with the agent", "slower by", "95 %", "budget", "met"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_is_positive_whatever_is_measured() {
        let pairs = Pairs { bare: vec![100.0, 200.0], watched: vec![100.5, 201.0] };
        let (low, middle, high) = pairs.cost_percent(Unit::Seconds);
        assert!((middle - 0.5).abs() < 1e-9 && low <= middle && middle <= high);
        let (_, middle, _) = pairs.cost_percent(Unit::PerSecond);
        assert!((middle - (100.0 / 100.5 - 1.0) * 100.0).abs() < 1e-9);
        let cells = pairs.cells(Unit::Seconds);
        assert_eq!(cells.len(), HEADING.len());
        assert_eq!(cells[5], "yes");
        let pairs = Pairs { bare: vec![100.0, 100.0], watched: vec![101.5, 101.5] };
        assert_eq!(pairs.cells(Unit::Seconds)[5], "**no**");
    }
}

//! What others do, on the same series: rules of one line that a monitoring system of today has.

use serde::Serialize;

use super::synthetic::MIB;

/// Moments at which the whole series so far is looked at.
const PREFIXES: usize = 64;
/// Means that the Mann–Kendall test is made of: whole series have up to 17,000 samples.
const MEANS: usize = 256;
/// Samples, or means, below which nothing is said: the normal distribution of the test needs as many.
const LEAST: usize = 10;
/// Seconds between looks at a window.
const WINDOW_EVERY_S: u64 = 300;
/// Least share of variance that a line must explain to be a trend.
const LEAST_R2: f64 = 0.8;
/// Two-sided quantile of p < 0.01.
const Z_99: f64 = 2.576;
const LEAST_GROWTH: f64 = 0.05;
const QUARTER_HOUR_S: u64 = 900;
const LEAST_RISE: f64 = 50.0 * MIB;
const HOUR_S: u64 = 3600;
const LEAST_PER_HOUR: f64 = 0.1;

/// A rule.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    WholeRegression,
    MannKendall,
    QuarterHour,
    Hour,
}

impl Baseline {
    pub const ALL: [Self; 4] =
        [Self::WholeRegression, Self::MannKendall, Self::QuarterHour, Self::Hour];

    pub const fn about(self) -> &'static str {
        match self {
            Self::WholeRegression => "whole-series regression, r2 > 0.8",
            Self::MannKendall => "Mann-Kendall p < .01 and 5 % growth",
            Self::QuarterHour => "15 min regression, r2 > 0.8, > 50 MB",
            Self::Hour => "1 h regression, > 10 %/h",
        }
    }
}

/// What a rule said of a series.
#[derive(Clone, Copy, Default)]
pub struct Said {
    pub ever: bool,
    pub at_end: bool,
}

/// Evenly spaced samples.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    pub values: &'a [f64],
    /// Seconds between them.
    pub step_s: u64,
    /// Whether they count objects, which no rule about bytes is for.
    pub counts: bool,
}

/// What each of [`Baseline::ALL`] says of a series.
pub fn judge(samples: Samples<'_>) -> [Said; Baseline::ALL.len()] {
    let sums = Sums::of(samples.values);
    let trend = Trend::of(samples.values);
    let len = samples.values.len();
    let prefixes = || (1..=PREFIXES).map(|part| len * part / PREFIXES);
    let windows = |seconds: u64| {
        let (window, every) = (samples.steps(seconds), samples.steps(WINDOW_EVERY_S));
        let ends = (window..len).step_by(every).chain([len]);
        ends.filter_map(move |end| Some((end.checked_sub(window)?, end)))
    };
    Baseline::ALL.map(|baseline| match baseline {
        Baseline::WholeRegression => said(prefixes().map(|end| {
            sums.line(0, end).is_some_and(|line| line.slope > 0.0 && line.r2 > LEAST_R2)
        })),
        Baseline::MannKendall => said((1..=PREFIXES).map(|part| trend.is_growing(part))),
        Baseline::QuarterHour => said(windows(QUARTER_HOUR_S).map(|(from, end)| {
            let is_much = |line: &Line| line.slope * (end - from) as f64 > LEAST_RISE;
            !samples.counts
                && sums.line(from, end).is_some_and(|line| line.r2 > LEAST_R2 && is_much(&line))
        })),
        Baseline::Hour => said(windows(HOUR_S).map(|(from, end)| {
            let is_fast =
                |line: &Line| line.slope * (end - from) as f64 > LEAST_PER_HOUR * line.mean;
            sums.line(from, end).is_some_and(|line| is_fast(&line))
        })),
    })
}

/// Sums up what was said in the course of time.
fn said(answers: impl Iterator<Item = bool>) -> Said {
    answers.fold(Said::default(), |said, now| Said { ever: said.ever || now, at_end: now })
}

impl Samples<'_> {
    fn steps(&self, seconds: u64) -> usize {
        ((seconds / self.step_s) as usize).max(1)
    }
}

/// A line through samples, in their unit and steps.
struct Line {
    slope: f64,
    r2: f64,
    mean: f64,
}

/// Sums of everything before each sample, so that any stretch has its line at once.
struct Sums {
    first: f64,
    before: Vec<[f64; 3]>,
}

impl Sums {
    fn of(values: &[f64]) -> Self {
        // Levels far above their changes would leave no digits to the squares.
        let first = values.first().copied().unwrap_or(0.0);
        let mut sum = [0.0; 3];
        let mut before = vec![sum];
        for (step, value) in values.iter().enumerate() {
            let value = value - first;
            sum[0] += value;
            sum[1] += value * step as f64;
            sum[2] += value * value;
            before.push(sum);
        }
        Self { first, before }
    }

    /// Least squares of the samples `from..end`.
    fn line(&self, from: usize, end: usize) -> Option<Line> {
        let count = end.checked_sub(from).filter(|&count| count >= LEAST)? as f64;
        let sum = |at: usize| self.before[end][at] - self.before[from][at];
        let [value, product, square] = [0, 1, 2].map(sum);
        let middle = (from + end - 1) as f64 / 2.0;
        let time = count * (count * count - 1.0) / 12.0;
        let both = product - middle * value;
        let spread = square - value * value / count;
        let r2 = if spread > 0.0 { both * both / (time * spread) } else { 0.0 };
        Some(Line { slope: both / time, r2, mean: self.first + value / count })
    }
}

/// The Mann–Kendall test of all prefixes.
struct Trend {
    means: Vec<f64>,
    /// Kendall's S of the means up to each.
    scores: Vec<f64>,
    /// Sum of `t(t-1)(2t+5)` over the ties up to each.
    ties: Vec<f64>,
}

impl Trend {
    fn of(values: &[f64]) -> Self {
        let count = values.len().min(MEANS);
        let part = |at: usize| values.len() * at / count;
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let means: Vec<f64> = (0..count).map(|at| mean(&values[part(at)..part(at + 1)])).collect();
        let term = |ties: f64| ties * (ties - 1.0) * (2.0 * ties + 5.0);
        let (mut score, mut tie) = (0.0, 0.0);
        let (mut scores, mut ties) = (vec![0.0], vec![0.0]);
        for (at, value) in means.iter().enumerate() {
            let mut same = 0.0;
            for earlier in &means[..at] {
                match value.total_cmp(earlier) {
                    std::cmp::Ordering::Greater => score += 1.0,
                    std::cmp::Ordering::Less => score -= 1.0,
                    std::cmp::Ordering::Equal => same += 1.0,
                }
            }
            tie += term(same + 1.0) - term(same);
            scores.push(score);
            ties.push(tie);
        }
        Self { means, scores, ties }
    }

    /// Whether the first `part` of [`PREFIXES`] grow.
    fn is_growing(&self, part: usize) -> bool {
        let end = self.means.len() * part / PREFIXES;
        if end < LEAST {
            return false;
        }
        let count = end as f64;
        let variance = (count * (count - 1.0) * (2.0 * count + 5.0) - self.ties[end]) / 18.0;
        let tenth = end / 10;
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let (first, last) = (mean(&self.means[..tenth]), mean(&self.means[end - tenth..end]));
        variance > 0.0
            && (self.scores[end] - 1.0) / variance.sqrt() > Z_99
            && last > first * (1.0 + LEAST_GROWTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(values: &[f64]) -> [Said; 4] {
        judge(Samples { values, step_s: 10, counts: false })
    }

    /// Which of the rules hold at the end.
    fn at_end(values: impl Iterator<Item = f64>) -> [bool; 4] {
        judged(&values.collect::<Vec<_>>()).map(|said| said.at_end)
    }

    /// Noise that is the same on every machine, between -0.5 and 0.5.
    fn noise(step: u32) -> f64 {
        f64::from(step.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) - 0.5
    }

    #[test]
    fn each_rule_holds_for_what_it_is_about() {
        let level = |step: u32| 1000.0 * MIB + noise(step) * MIB;
        assert_eq!(at_end((0..3000).map(level)), [false; 4]);
        // 500 MiB in 8 hours: 6 % an hour.
        let slow = |step: u32| level(step) + f64::from(step) * MIB / 6.0;
        assert_eq!(at_end((0..3000).map(slow)), [true, true, false, false]);
        // As much in an hour at the end: the whole is no line.
        let late = |step: u32| slow(step.max(2640)) + f64::from(step.max(2640) - 2640) * MIB * 1.4;
        assert_eq!(at_end((0..3000).map(late)), [false, true, true, true]);
    }

    #[test]
    fn what_ended_was_said_at_some_time() {
        let step = |at: u32| if at < 1000 { f64::from(at) } else { 1000.0 } * MIB + noise(at);
        let said = judged(&(0..20_000).map(step).collect::<Vec<_>>());
        assert!(said.iter().all(|said| said.ever));
        assert_eq!(said.map(|said| said.at_end), [false, true, false, false]);
    }

    #[test]
    fn a_line_has_its_slope_wherever_it_starts() {
        let sums = Sums::of(&(0..100).map(|at| 1e12 + 3.0 * f64::from(at)).collect::<Vec<_>>());
        let line = sums.line(40, 90).unwrap();
        assert!((line.slope - 3.0).abs() < 1e-6 && line.r2 > 0.999_999);
        assert!((line.mean - (1e12 + 3.0 * 64.5)).abs() < 1e-3);
        assert!(sums.line(5, 5 + LEAST - 1).is_none());
    }

    #[test]
    fn ties_are_no_trend() {
        let trend = Trend::of(&[5.0; 1000]);
        assert!((1..=PREFIXES).all(|part| !trend.is_growing(part)));
    }
}

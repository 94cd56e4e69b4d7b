//! What became of the series of a class, counted and summed up.

use serde::Serialize;

use super::forecast::Answer;
use super::run::Outcome;
use super::wilson::wilson;

/// A share with its 95 % bounds (Wilson).
#[derive(Clone, Copy, Serialize)]
pub struct Share {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
    /// `None` of none.
    pub fraction: Option<f64>,
    /// 95 % interval of the share.
    pub interval: [f64; 2],
}

impl Share {
    pub fn new(part: u64, whole: u64) -> Self {
        let fraction = (whole > 0).then(|| part as f64 / whole as f64);
        Self { part, whole, fraction, interval: wilson(part, whole) }
    }

    pub fn or_zero(&self) -> f64 {
        self.fraction.unwrap_or(0.0)
    }
}

/// A series as far as its outcome is compared with it.
#[derive(Clone, Copy)]
pub struct Truth {
    pub steps: usize,
    pub step_s: u64,
    pub onset: Option<usize>,
    pub rate_per_min: Option<f64>,
}

/// Series of a class, or of several.
#[derive(Clone, Default)]
pub struct Tally {
    series: u64,
    suspected: u64,
    called: u64,
    openings: u64,
    at_end: u64,
    days: f64,
    minutes: Vec<f64>,
    shares: Vec<f64>,
    rate_errors: Vec<f64>,
    covered: u64,
    forecasts: Vec<Answer>,
}

impl Tally {
    pub fn count(&mut self, truth: Truth, outcome: &Outcome) {
        self.series += 1;
        self.days += (truth.steps as u64 * truth.step_s) as f64 / 86_400.0;
        self.suspected += u64::from(outcome.suspected.is_some());
        self.called += u64::from(outcome.called.is_some());
        self.openings += outcome.calls as u64;
        self.forecasts.extend(outcome.forecast);
        // What was called before it leaked was not called for leaking.
        if let (Some(called), Some(onset)) = (outcome.called, truth.onset)
            && let Some(waited) = called.checked_sub(onset)
        {
            self.minutes.push((waited as u64 * truth.step_s) as f64 / 60.0);
            self.shares.push(waited as f64 / (truth.steps - onset) as f64);
        }
        let Some(growth) = outcome.last.filter(|growth| growth.is_leak) else { return };
        self.at_end += 1;
        if let Some(rate) = truth.rate_per_min {
            self.rate_errors.push((growth.rate_per_min / rate - 1.0).abs());
            let [low, high] = growth.rate_interval;
            self.covered += u64::from((low..=high).contains(&rate));
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.series += other.series;
        self.suspected += other.suspected;
        self.called += other.called;
        self.openings += other.openings;
        self.at_end += other.at_end;
        self.days += other.days;
        self.minutes.extend(&other.minutes);
        self.shares.extend(&other.shares);
        self.rate_errors.extend(&other.rate_errors);
        self.covered += other.covered;
        self.forecasts.extend(&other.forecasts);
    }

    pub fn row(&self, class: &str, is_leak: bool) -> Row {
        let held = self.forecasts.iter().filter(|answer| answer.is_held).count();
        Row {
            class: class.to_owned(),
            is_leak,
            series: self.series,
            days: self.days,
            ever_low: Share::new(self.suspected, self.series),
            ever_medium: Share::new(self.called, self.series),
            at_end: Share::new(self.at_end, self.series),
            openings: self.openings,
            openings_per_day: (self.days > 0.0).then(|| self.openings as f64 / self.days),
            minutes_to_verdict: median(self.minutes.iter().copied()),
            share_to_verdict: median(self.shares.iter().copied()),
            rate_error: median(self.rate_errors.iter().copied()),
            rate_covered: Share::new(self.covered, self.rate_errors.len() as u64),
            forecast_error: median(self.forecasts.iter().map(|answer| answer.error.abs())),
            forecast_bias: median(self.forecasts.iter().map(|answer| answer.error)),
            forecast_covered: Share::new(held as u64, self.forecasts.len() as u64),
        }
    }
}

/// The figures of a class, or of several.
#[derive(Serialize)]
pub struct Row {
    pub class: String,
    /// Whether it leaks.
    pub is_leak: bool,
    pub series: u64,
    /// Summed length of its series, in days of one process.
    pub days: f64,
    /// Series with a finding of severity low or above at any time.
    pub ever_low: Share,
    /// Series with a finding of severity medium or above at any time.
    pub ever_medium: Share,
    /// Series with such a finding at their end: the recall of leaks.
    pub at_end: Share,
    /// Times at which such a finding opened; of what is healthy these are false.
    pub openings: u64,
    /// The same a day of one process.
    pub openings_per_day: Option<f64>,
    /// Median of the minutes between onset and medium, of leaks that were called after it.
    pub minutes_to_verdict: Option<f64>,
    /// The same as a share of the leak's duration.
    pub share_to_verdict: Option<f64>,
    /// Median relative error of the rate at the end.
    pub rate_error: Option<f64>,
    /// How often the 95 % interval of the rate held the truth.
    pub rate_covered: Share,
    /// Median relative error of the time to the limit.
    pub forecast_error: Option<f64>,
    /// The same with its sign: above 0 is too late.
    pub forecast_bias: Option<f64>,
    /// How often the truth lay within the 10 % and 90 % quantiles of the forecast.
    pub forecast_covered: Share,
}

/// The middle value; `None` of none.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

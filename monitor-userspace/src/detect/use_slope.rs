//! How what is touched grows with what is held.
//!
//! Of memory in use a share is touched within a minute, of leaked memory next to nothing: the slope of one
//! over the other, with its error, says which of the two is likelier.

use super::stats::{median, normal_density};

/// Looks that a slope needs.
const LEAST: usize = 4;
/// Share of what was leaked that is touched all the same, mean and standard deviation: of most leaks
/// nothing is, of a few a little.
const LEAKED: [(f64, f64, f64); 2] = [(0.7, 0.0, 0.005), (0.3, 0.03, 0.03)];
/// Leaks that something walks all the time (a collector that is always at work), and the share of them
/// that is then touched at most.
const WALKED: (f64, f64) = (0.1, 0.6);
/// Growth without a leak that nobody reads.
const UNREAD: f64 = 0.03;
/// Slopes never decide by more against a leak. What is used changes for other reasons too, and a collector
/// walks leaked memory: against one they say less than for one.
const MOST_AGAINST: f64 = 3.0;
/// A slope is not known better than this.
const LEAST_ERROR: f64 = 0.01;

/// What is usual of memory in use, in looks of a length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// Least share that is touched of what is added.
    least: f64,
    /// Slopes never decide by more than this factor for a leak.
    most: f64,
    /// The same where more is touched the longer one looks.
    pub(super) most_unsaturated: f64,
}

/// Within a minute; programs that filled, cached or warmed up had 0.12 and more.
pub(super) const LONG_USE: Use = Use { least: 0.08, most: 32.0, most_unsaturated: 1.0 };
/// Within a quarter of one; the same programs had 0.05 to 0.3.
pub(super) const MIDDLING_USE: Use = Use { least: 0.03, most: 16.0, most_unsaturated: 4.0 };

/// One look, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Look {
    /// When it was over.
    pub(super) at_ns: u64,
    pub(super) held: f32,
    pub(super) touched: f32,
    /// Whether no more was touched than in a shorter one before it.
    pub(super) is_saturated: bool,
}

/// Median slope of what is touched over what is held (Theil and Sen), with its standard error from the
/// residuals, widened for their memory from look to look.
pub(super) fn slope(looks: &[Look]) -> Option<(f64, f64)> {
    if looks.len() < LEAST {
        return None;
    }
    let count = looks.len() as f64;
    let points = || looks.iter().map(|look| (f64::from(look.held), f64::from(look.touched)));
    let mean = points().map(|(held, _)| held).sum::<f64>() / count;
    let spread = points().map(|(held, _)| (held - mean).powi(2)).sum::<f64>();
    let mut slopes: Vec<f64> = points()
        .enumerate()
        .flat_map(|(at, later)| points().take(at).map(move |earlier| (earlier, later)))
        .filter(|(earlier, later)| (later.0 - earlier.0).abs() > 0.0)
        .map(|(earlier, later)| (later.1 - earlier.1) / (later.0 - earlier.0))
        .collect();
    if slopes.is_empty() || spread <= 0.0 {
        return None;
    }
    let slope = median(&mut slopes);
    let mut rests: Vec<f64> = points().map(|(held, touched)| touched - slope * held).collect();
    let level = rests.iter().sum::<f64>() / count;
    for rest in &mut rests {
        *rest -= level;
    }
    let total: f64 = rests.iter().map(|rest| rest * rest).sum();
    let lagged: f64 = rests.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let memory = if total > 0.0 { (lagged / total).clamp(0.0, 0.8) } else { 0.0 };
    let variance = total / (count - 2.0) / spread * (1.0 + memory) / (1.0 - memory);
    Some((slope, variance.sqrt().max(LEAST_ERROR)))
}

impl Use {
    /// How much likelier a leak is than growth that is in use, where of what was added a `share` is
    /// touched, known to a standard `error`.
    pub(super) fn likelihood(self, share: f64, error: f64) -> f64 {
        let (_, mean, deviation) = LEAKED[1];
        // What is touched shrinks while more is held: the use itself changes, and nothing can be said.
        if share < mean - 2.0 * deviation - 2.0 * error {
            return 1.0;
        }
        let density = |(weight, mean, deviation): (f64, f64, f64)| {
            weight * normal_density(share - mean, f64::hypot(deviation, error))
        };
        let untouched: f64 = LEAKED.into_iter().map(density).sum();
        let (walked, most) = WALKED;
        let leak = (1.0 - walked) * untouched + walked * average(share, error, |at| at * most);
        let used = average(share, error, |at| self.least.powf(1.0 - at));
        let other = UNREAD * untouched + (1.0 - UNREAD) * used;
        (leak / other.max(f64::MIN_POSITIVE)).clamp(1.0 / MOST_AGAINST, self.most)
    }
}

/// Mean density of a measured share where the true one is `of` something even between 0 and 1.
fn average(share: f64, error: f64, of: impl Fn(f64) -> f64) -> f64 {
    const POINTS: u32 = 64;
    let error = error.max(LEAST_ERROR);
    let at = |point| of((f64::from(point) + 0.5) / f64::from(POINTS));
    (0..POINTS).map(|point| normal_density(share - at(point), error)).sum::<f64>()
        / f64::from(POINTS)
}

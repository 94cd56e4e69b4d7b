//! Shape evidence: what the floors of one level look like, apart from how surprising they are.
//!
//! Computed only after two O(1) comparisons ([`may_be_growing`]); read by `judge` and `features`.

use crate::series::{LevelView, MIN_KNOWN, SeriesSpec, WINDOW};

use super::floor::Floor;
use super::onset::find_onset;
use super::slope::{Trend, theil_sen};
use super::stats::median;

/// Growth below this share of the level never matters.
const MIN_SHARE: f64 = 0.02;

/// The known floors of a window, oldest first, without allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floors {
    list: [Floor; WINDOW],
    count: usize,
    start_ns: u64,
}

impl Floors {
    /// The known floors among the last `last` buckets of the window.
    pub(super) fn newest(view: &LevelView<'_>, last: u32) -> Self {
        let first = view.closed().saturating_sub(last).max(view.first_in_window());
        let mut floors = Self {
            list: [Floor { bucket: 0.0, value: 0.0 }; WINDOW],
            count: 0,
            start_ns: view.start_ns(first),
        };
        for position in first..view.closed() {
            if let Some(value) = view.floor(position) {
                floors.list[floors.count] = Floor { bucket: f64::from(position - first), value };
                floors.count += 1;
            }
        }
        floors
    }

    pub(super) fn as_slice(&self) -> &[Floor] {
        &self.list[..self.count]
    }
}

/// What the floors since the onset look like, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeEvidence {
    /// Known floors since the onset.
    pub floors: usize,
    /// Were there floors before the onset in this window?
    pub late_onset: bool,
    /// Start of the bucket in which the growth begins, ns since boot.
    pub since_ns: u64,
    /// Length of a bucket, ns.
    pub bucket_ns: u64,
    /// First floor since the onset.
    pub first: f64,
    /// Floor in the middle since the onset.
    pub middle: f64,
    /// Newest floor.
    pub last: f64,
    /// Highest of the floors since the onset except the newest.
    pub highest_earlier: f64,
    /// Median of the last quarter minus median of the first quarter.
    pub growth: f64,
    /// Share of the growth in the second half (medians of quarters).
    pub rho: f64,
    /// (Median of the last quarter − median of the third) / growth; a third for a straight line.
    pub recent: f64,
    /// Growth within the last quarter (medians of its halves) over what a straight line has.
    pub newest: f64,
    /// (Newest floor − highest floor before the onset, at this level and the next two) / (newest
    /// − first): 1 for what never was so high, 0 or less for a second batch. 1 where nothing came
    /// before.
    pub new_record: f64,
    /// Largest fall below an earlier floor since the onset / growth.
    pub drawdown: f64,
    /// Longest time for which no floor rose above all before it, ns: 0 for growth in every bucket,
    /// the distance of the steps for a staircase.
    pub longest_rest_ns: u64,
    /// The same of rests that a new record has ended.
    pub ended_rest_ns: u64,
    /// Growth in robust standard deviations of the floors around the slope.
    pub effect_sds: f64,
    /// Growth below this does not matter: the largest of the configured one, 2 % of the level
    /// and the quantum.
    pub min_effect: f64,
    /// Step to which floors are rounded.
    pub quantum: f64,
    /// Slope, interval, z and residuals.
    pub trend: Trend,
}

/// Smallest growth that matters at this level of the value.
pub fn min_effect(spec: &SeriesSpec, level: f64) -> f64 {
    spec.min_effect.max(MIN_SHARE * level.abs()).max(spec.quantum)
}

/// Buckets back whose floors must lie one above the other for a series to be rising.
const RISING: [u32; 3] = [0, 2, 5];

/// The O(1) question before the O(32²) ones: has the newest floor risen by what matters above the
/// first, and above the middle one of the window? Void ends of the window count as "maybe".
pub(super) fn may_be_growing(view: &LevelView<'_>, spec: &SeriesSpec) -> bool {
    let newest = view.closed().saturating_sub(1);
    let first = view.first_in_window();
    let Some(last) = view.floor(newest) else { return false };
    let rise_from = |position| view.floor(position).map_or(f64::INFINITY, |floor| last - floor);
    rise_from(first) >= min_effect(spec, last) && rise_from(u32::midpoint(first, newest)) > 0.0
}

/// The same of the newest floors only, where the window may hold no more yet: has it risen by what
/// matters, and again and again?
pub(super) fn is_rising(view: &LevelView<'_>, spec: &SeriesSpec) -> bool {
    let newest = view.closed().saturating_sub(1);
    let back = |buckets| newest.checked_sub(buckets).and_then(|position| view.floor(position));
    let floors = RISING.map(back);
    let [Some(last), .., Some(first)] = floors else { return false };
    let is_up = |pair: &[Option<f64>]| pair[0].zip(pair[1]).is_some_and(|(now, then)| now > then);
    floors.windows(2).all(is_up) && last - first >= min_effect(spec, last)
}

impl ShapeEvidence {
    /// Reads the window of `view`; `coarser` are the next levels up, as far as they can judge, and
    /// `ceiling` a height that must be exceeded whatever the window holds (−∞ for none). `None`
    /// with fewer than 12 floors since the onset: too early to say anything.
    pub fn read<'a>(
        view: &LevelView<'_>,
        coarser: impl Iterator<Item = LevelView<'a>>,
        ceiling: f64,
        spec: &SeriesSpec,
    ) -> Option<Self> {
        let window = Floors::newest(view, WINDOW as u32);
        let onset = find_onset(window.as_slice(), spec.quantum);
        let since = &window.as_slice()[onset..];
        if since.len() < MIN_KNOWN {
            return None;
        }
        let trend = theil_sen(since)?;
        let [first, middle, last] = [0, since.len() / 2, since.len() - 1].map(|at| since[at].value);
        let since_ns = window.start_ns + since[0].bucket as u64 * view.bucket_ns();
        let before = coarser.filter(LevelView::can_judge).map(|level| highest(&level, since_ns));
        let before = before.fold(highest(view, since_ns).max(ceiling), f64::max);
        let quarters = Quarters::of(since);
        let growth = quarters.growth();
        Some(Self {
            floors: since.len(),
            late_onset: onset > 0,
            since_ns,
            bucket_ns: view.bucket_ns(),
            first,
            middle,
            last,
            highest_earlier: highest_of(&since[..since.len() - 1]),
            growth,
            rho: ratio(quarters.second_half(), growth),
            recent: ratio(quarters.last_step(), growth),
            newest: newest_growth(since, growth),
            new_record: if before.is_finite() { ratio(last - before, last - first) } else { 1.0 },
            drawdown: ratio(drawdown(since), growth),
            longest_rest_ns: longest_rest(since, true) * view.bucket_ns(),
            ended_rest_ns: longest_rest(since, false) * view.bucket_ns(),
            effect_sds: growth / trend.residual_sd.max(f64::MIN_POSITIVE),
            min_effect: min_effect(spec, last),
            quantum: spec.quantum,
            trend,
        })
    }
}

/// Highest floor of a level in the buckets that ended by `until_ns`; −∞ for none.
fn highest(view: &LevelView<'_>, until_ns: u64) -> f64 {
    (view.first_held()..view.closed())
        .filter(|&position| view.start_ns(position) + view.bucket_ns() <= until_ns)
        .filter_map(|position| view.floor(position))
        .fold(f64::NEG_INFINITY, f64::max)
}

/// The highest of some floors; −∞ for none.
pub(super) fn highest_of(floors: &[Floor]) -> f64 {
    floors.iter().map(|floor| floor.value).fold(f64::NEG_INFINITY, f64::max)
}

/// `part / whole`, 0 where there is no growth to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn drawdown(floors: &[Floor]) -> f64 {
    let (mut high, mut fall) = (f64::NEG_INFINITY, 0.0_f64);
    for floor in floors {
        high = high.max(floor.value);
        fall = fall.max(high - floor.value);
    }
    fall
}

/// Most buckets in a row without a new record; with or without the last ones, of which it is not
/// known yet how many they will be.
fn longest_rest(floors: &[Floor], with_last: bool) -> u64 {
    let (mut high, mut since, mut longest) = (f64::NEG_INFINITY, None, 0.0_f64);
    for floor in floors {
        let is_record = floor.value > high;
        let rest = floor.bucket - since.unwrap_or(floor.bucket);
        if is_record {
            // The record itself comes one bucket after a rest of none.
            longest = longest.max((rest - 1.0).max(0.0));
            high = floor.value;
            since = Some(floor.bucket);
        } else if with_last {
            longest = longest.max(rest);
        }
    }
    longest as u64
}

/// Median of some floors, at most a window of them.
pub(super) fn median_floor(floors: &[Floor]) -> f64 {
    let mut values = [0.0; WINDOW];
    let values = &mut values[..floors.len().min(WINDOW)];
    for (value, floor) in values.iter_mut().zip(floors) {
        *value = floor.value;
    }
    median(values)
}

/// Growth within the last quarter over what a straight line of the same growth would have.
fn newest_growth(floors: &[Floor], growth: f64) -> f64 {
    let quarter = &floors[floors.len() * 3 / 4..];
    let half = quarter.len() / 2;
    let (older, newer) = (&quarter[..half], &quarter[quarter.len() - half..]);
    // Medians of first and last quarter lie three quarters of the floors apart.
    let expected = growth * (quarter.len() - half) as f64 / (floors.len() as f64 * 0.75);
    ratio(median_floor(newer) - median_floor(older), expected)
}

/// Medians of the four quarters of the floors.
struct Quarters([f64; 4]);

impl Quarters {
    fn of(floors: &[Floor]) -> Self {
        let edge = |quarter: usize| floors.len() * quarter / 4;
        Self([0, 1, 2, 3].map(|quarter| median_floor(&floors[edge(quarter)..edge(quarter + 1)])))
    }

    fn growth(&self) -> f64 {
        self.0[3] - self.0[0]
    }

    fn second_half(&self) -> f64 {
        self.0[3] - f64::midpoint(self.0[1], self.0[2])
    }

    fn last_step(&self) -> f64 {
        self.0[3] - self.0[2]
    }
}

//! The evidence of one level of one series, as the numbers that the judge weighs.
//!
//! Each is without unit and bounded. Names and order are part of the weights' file.

use crate::series::{Bucket, LevelView};

use super::curves::{Curve, curves};
use super::floor::Floor;
use super::load::GivenLoad;
use super::shape::{Floors, ShapeEvidence, highest_of, median_floor};

/// How many there are.
pub const COUNT: usize = NAMES.len();

/// What each of them is.
pub const NAMES: [&str; 38] = [
    "rho",
    "recent",
    "newest",
    "beta",
    "new_record",
    "drawdown",
    "falls",
    "records",
    "z",
    "snr",
    "window",
    "age",
    "second_half_of_history",
    "first_half_of_history",
    "late_onset",
    "relative_growth",
    "largest_step",
    "longest_rest",
    "root",
    "logarithm",
    "saturation",
    "square",
    "history_logarithm",
    "history_saturation",
    "history_square",
    "garbage",
    "growth_of_means",
    "growth_of_peaks",
    "load_known",
    "slope_given_load",
    "t_of_time",
    "t_of_load",
    "load_trend",
    "sum_of_load",
    "counts",
    "share_of_rises",
    "memory_of_residuals",
    "history_length",
];

/// The evidence, in the order of [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features(pub [f32; COUNT]);

/// What there is to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    /// The judged level.
    pub(super) view: LevelView<'a>,
    /// The finest level that reaches back to the beginning.
    pub(super) history: LevelView<'a>,
    /// How long the series is watched, ns.
    pub(super) age_ns: u64,
    /// Whether objects are counted, not bytes.
    pub(super) counts: bool,
}

impl Features {
    pub(super) fn read(shape: &ShapeEvidence, sources: &Sources<'_>) -> Self {
        let view = &sources.view;
        let window = Floors::newest(view, crate::series::WINDOW as u32);
        let since = since(window.as_slice(), shape.floors);
        let history = Floors::newest(&sources.history, crate::series::WINDOW as u32);
        let past = history.as_slice();
        let curve = curves(since);
        let old = curves(past);
        let buckets: Vec<Bucket> =
            view.buckets().filter(|b| b.start_ns >= shape.since_ns).collect();
        let above = Above::of(&buckets, shape.growth);
        let load = GivenLoad::of(&buckets);
        let halves = Halves::of(past);
        let length_ns = shape.floors as f64 * view.bucket_ns() as f64;
        let values = [
            shape.rho.clamp(-1.0, 2.0),
            (3.0 * shape.recent).clamp(-1.0, 3.0),
            shape.newest.clamp(-1.0, 3.0),
            beta(since),
            shape.new_record.clamp(-1.0, 1.0),
            shape.drawdown.clamp(0.0, 2.0),
            falls(past),
            records(since),
            shape.trend.z / 10.0,
            (shape.effect_sds.max(0.01).ln() / 4.0).clamp(-1.0, 3.0),
            (length_ns / 120e9).log2() / 5.0,
            (sources.age_ns as f64 / length_ns).max(1.0).log2().min(12.0) / 4.0,
            halves.second,
            halves.first,
            f64::from(u8::from(shape.late_onset)),
            ((shape.growth / shape.last.abs().max(1.0)).max(1e-3)).ln() / 4.0,
            largest_step(since, shape.growth),
            (shape.longest_rest_ns as f64 / length_ns).clamp(0.0, 1.0),
            curve.against(Curve::Root),
            curve.against(Curve::Logarithm),
            curve.against(Curve::Saturation),
            curve.against(Curve::Square),
            old.against(Curve::Logarithm),
            old.against(Curve::Saturation),
            old.against(Curve::Square),
            above.garbage,
            above.means,
            above.peaks,
            f64::from(u8::from(load.is_some())),
            load.map_or(1.0, |load| load.slope_share),
            load.map_or(0.0, |load| load.t_of_time),
            load.map_or(0.0, |load| load.t_of_load),
            load.map_or(0.0, |load| load.trend),
            load.map_or(0.0, |load| load.sum_fits),
            f64::from(u8::from(sources.counts)),
            share_of_rises(since, shape),
            curve.memory,
            (past.len() as f64 / 32.0).min(1.0),
        ];
        Self(values.map(|value| if value.is_finite() { value as f32 } else { 0.0 }))
    }
}

/// The last `count` floors.
fn since(floors: &[Floor], count: usize) -> &[Floor] {
    &floors[floors.len().saturating_sub(count)..]
}

/// log2 of the growth of the second half over that of the second quarter: 1 for a straight line,
/// 0 for a logarithm, less for what settles.
fn beta(floors: &[Floor]) -> f64 {
    let around = |share: f64| {
        let reach = (floors.len() / 8).max(1);
        let centre = ((floors.len() - 1) as f64 * share) as usize;
        median_floor(&floors[centre.saturating_sub(reach / 2)..(centre + reach).min(floors.len())])
    };
    let (quarter, half, end) = (around(0.25), around(0.5), around(1.0));
    let least = (end - around(0.0)).abs() / 64.0;
    if least <= 0.0 {
        return 0.0;
    }
    ((end - half).max(least) / (half - quarter).max(least)).log2().clamp(-3.0, 4.0)
}

/// The distance of the highest and the lowest.
fn range(floors: &[Floor]) -> f64 {
    highest_of(floors) - floors.iter().map(|floor| floor.value).fold(f64::INFINITY, f64::min)
}

/// How much was given back in all, in units of the range: near 0 for what only rises.
fn falls(floors: &[Floor]) -> f64 {
    let fallen: f64 = floors.windows(2).map(|pair| (pair[0].value - pair[1].value).max(0.0)).sum();
    let range = range(floors);
    if range > 0.0 { (fallen / range).ln_1p().min(3.0) } else { 0.0 }
}

/// Share of the floors of the second half that lie above all of the first.
fn records(floors: &[Floor]) -> f64 {
    let (first, second) = floors.split_at(floors.len() / 2);
    let highest = highest_of(first);
    second.iter().filter(|floor| floor.value > highest).count() as f64 / second.len().max(1) as f64
}

fn largest_step(floors: &[Floor], growth: f64) -> f64 {
    let steps = floors.windows(2).map(|pair| pair[1].value - pair[0].value);
    let largest = steps.fold(0.0, f64::max);
    if growth > 0.0 { (largest / growth).clamp(0.0, 2.0) } else { 0.0 }
}

/// Share of the floors that rose by a fair part of what an even growth would give each.
fn share_of_rises(floors: &[Floor], shape: &ShapeEvidence) -> f64 {
    let each = shape.growth / floors.len() as f64;
    let rises = floors.windows(2).filter(|pair| pair[1].value - pair[0].value > 0.25 * each);
    rises.count() as f64 / floors.len() as f64
}

/// Growth of the halves of the history, in units of its range.
struct Halves {
    first: f64,
    second: f64,
}

impl Halves {
    fn of(floors: &[Floor]) -> Self {
        if floors.len() < 6 {
            return Self { first: 0.0, second: 0.0 };
        }
        let part = (floors.len() / 6).max(1);
        let middle = floors.len() / 2;
        let start = median_floor(&floors[..part]);
        let half =
            median_floor(&floors[middle - part / 2..(middle + part.div_ceil(2)).min(floors.len())]);
        let end = median_floor(&floors[floors.len() - part..]);
        let range = range(floors);
        if range <= 0.0 {
            return Self { first: 0.0, second: 0.0 };
        }
        Self { first: (half - start) / range, second: (end - half) / range }
    }
}

/// What lies above the floors: garbage that is collected, and whether it grows.
struct Above {
    garbage: f64,
    means: f64,
    peaks: f64,
}

impl Above {
    fn of(buckets: &[Bucket], growth: f64) -> Self {
        if growth <= 0.0 || buckets.len() < 4 {
            return Self { garbage: 0.0, means: 1.0, peaks: 1.0 };
        }
        let quarter = buckets.len() / 4;
        let mean = |part: &[Bucket], of: fn(&Bucket) -> f64| {
            part.iter().map(of).sum::<f64>() / part.len() as f64
        };
        let rise = |of| {
            let (first, last) = (&buckets[..quarter], &buckets[buckets.len() - quarter..]);
            ((mean(last, of) - mean(first, of)) / growth).clamp(-1.0, 3.0)
        };
        let height = mean(buckets, |bucket| bucket.max - bucket.floor);
        Self {
            garbage: ((height / growth).max(1e-3).ln() / 2.0).clamp(-3.0, 3.0),
            means: rise(|bucket| bucket.mean),
            peaks: rise(|bucket| bucket.max),
        }
    }
}

//! The life of an open finding: new figures, a standstill, or a fall back to where it began.
//! For one series; merging findings is the business of `rule`.

use crate::series::{BASE_NS, LevelView};

use super::floor::Floor;
use super::shape::{Floors, ShapeEvidence, median_floor};
use super::stats::robust_sd;
use super::{Growth, Transition};

/// Newest buckets that must show no growth.
const STALL_BUCKETS: u32 = 12;
/// A pause of up to this share of the episode's age is part of the leak: what leaked for a day
/// may rest for an hour and a half, what leaked for a quarter of an hour only for a minute.
const PAUSE_SHARE: u64 = 16;
/// A standstill must last this many times the longest one seen while growth was growth: between
/// the steps of a staircase nothing has stopped.
const RESTS: u64 = 2;
/// Rise below this share of what the rate promises counts as none.
const STALL_RISE: f64 = 0.2;
/// The promised rise must exceed this many robust standard deviations, or nothing is decided.
const DECISIVE_SDS: f64 = 6.0;
/// A floor within this share of the growth above the level at onset has fallen back.
const FALLEN_BACK: f64 = 0.1;

/// The height of an ended episode counts for this many times its age: what rises and falls
/// every hour is named once or twice a day, and a batch of an hour hides a small leak for a day
/// at most.
const CEILING_AGES: u64 = 16;

/// A height reached by an episode that has ended. What does not rise well above it is more of
/// the same (a cache refilled, a second batch), not new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    height: f64,
    until_ns: u64,
}

impl Ceiling {
    pub(super) const NONE: Self = Self { height: f64::NEG_INFINITY, until_ns: 0 };

    /// The height that counts at `now_ns`; −∞ for none.
    pub(super) const fn height(&self, now_ns: u64) -> f64 {
        if now_ns < self.until_ns { self.height } else { f64::NEG_INFINITY }
    }
}

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Stopped { plateau: f64 },
    Revoked,
}

/// An open finding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Episode {
    pub(super) growth: Growth,
    /// Level that decides the rate, and the floors it had since the onset; 0 floors once it no
    /// longer passes, so that any other level may take over.
    level: u8,
    floors: u8,
    /// Finest level that ever passed; below it nothing is decided.
    finest: u8,
    /// Longest standstill within any window that passed, ns.
    rest_ns: u64,
    /// Highest floor seen since it opened.
    peak: f64,
}

impl Episode {
    pub(super) fn open(growth: Growth, level: usize, shape: &ShapeEvidence) -> Self {
        let (level, floors) = (level as u8, shape.floors as u8);
        let rest_ns = shape.ended_rest_ns;
        Self { growth, level, floors, finest: level, rest_ns, peak: growth.last_floor }
    }

    /// Takes the figures of a pass at `level` if it sees more of the growth than the level that
    /// decides, or the same part of it from further away.
    pub(super) fn update(
        &mut self,
        mut next: Growth,
        level: usize,
        shape: &ShapeEvidence,
    ) -> Transition {
        let floors = shape.floors;
        self.rest_ns = self.rest_ns.max(shape.ended_rest_ns);
        self.peak = self.peak.max(next.last_floor);
        // What was confirmed stays so until it is taken back.
        next.is_leak |= self.growth.is_leak;
        next.is_likely |= self.growth.is_likely;
        (self.growth.is_leak, self.growth.is_likely) = (next.is_leak, next.is_likely);
        self.finest = self.finest.min(level as u8);
        let same = level == usize::from(self.level);
        if same || (floors as u8, level as u8) >= (self.floors, self.level) {
            // The window of a long leak slides; the onset stays. A coarser level may move it back,
            // but by more than its own bucket, or it only shows how coarse it is.
            if next.since_ns + next.level_bucket_ns >= self.growth.since_ns {
                next.since_ns = self.growth.since_ns;
                next.first_floor = self.growth.first_floor;
            }
            self.growth = next;
            self.level = level as u8;
            self.floors = floors as u8;
        }
        Transition::Updated
    }

    /// The level no longer passes; its figures give way to those of any other.
    pub(super) fn doubt(&mut self, level: usize) {
        if level == usize::from(self.level) {
            self.floors = 0;
        }
    }

    /// Has it ended, as far as the level that just closed a bucket can tell?
    pub(super) fn end(&self, level: usize, view: &LevelView<'_>) -> Option<End> {
        let now_ns = view.start_ns(view.closed());
        let age_ns = now_ns.saturating_sub(self.growth.since_ns);
        let looked_at_ns = u64::from(STALL_BUCKETS) * view.bucket_ns();
        let needed_ns = (age_ns / PAUSE_SHARE).max(RESTS * self.rest_ns);
        // Further back than the episode itself there was no growth to miss.
        if level < usize::from(self.finest) || !(needed_ns..=age_ns).contains(&looked_at_ns) {
            return None;
        }
        if self.has_fallen_back(view) {
            return Some(End::Revoked);
        }
        let newest = Floors::newest(view, STALL_BUCKETS);
        let per_bucket = self.growth.rate_per_min * minutes(view.bucket_ns());
        stalled(newest.as_slice(), per_bucket).map(|plateau| End::Stopped { plateau })
    }

    /// The height the next episode has to exceed, and until when.
    pub(super) fn ceiling(&self, now_ns: u64) -> Ceiling {
        let age_ns = now_ns.saturating_sub(self.growth.since_ns);
        Ceiling { height: self.peak, until_ns: now_ns + CEILING_AGES * age_ns }
    }

    /// Two floors in a row at most a tenth of the growth above the onset.
    fn has_fallen_back(&self, view: &LevelView<'_>) -> bool {
        let onset = self.growth.first_floor;
        let limit = onset + FALLEN_BACK * (self.peak - onset);
        let newest = view.closed();
        let low = |back| {
            let floor = newest.checked_sub(back).and_then(|position| view.floor(position));
            floor.is_some_and(|floor| floor <= limit)
        };
        low(1) && low(2)
    }
}

/// Length of a bucket in minutes.
pub(super) fn minutes(bucket_ns: u64) -> f64 {
    bucket_ns as f64 / (12.0 * BASE_NS as f64)
}

/// The plateau, if these floors rose by less than a fifth of what `per_bucket` promises and the
/// promise stands far enough above their noise to tell.
fn stalled(floors: &[Floor], per_bucket: f64) -> Option<f64> {
    if floors.len() < STALL_BUCKETS as usize {
        return None;
    }
    let third = floors.len() / 3;
    let (older, newer) = (&floors[..third], &floors[floors.len() - third..]);
    let plateau = median_floor(newer);
    let rise = plateau - median_floor(older);
    let apart = mean_bucket(newer) - mean_bucket(older);
    let promised = per_bucket * apart;
    let mut residuals = [0.0; STALL_BUCKETS as usize];
    for (residual, floor) in residuals.iter_mut().zip(floors) {
        *residual = floor.value - rise / apart * floor.bucket;
    }
    let decisive = promised > DECISIVE_SDS * robust_sd(&mut residuals);
    (decisive && rise < STALL_RISE * promised).then_some(plateau)
}

fn mean_bucket(floors: &[Floor]) -> f64 {
    floors.iter().map(|floor| floor.bucket).sum::<f64>() / floors.len() as f64
}

//! One measured quantity over time, kept as floors at fourteen time scales in fixed memory.
//!
//! A [`Series`] takes samples and keeps, for bucket lengths of 5 s · 2^k, the minimum, mean and
//! maximum of the last 32 buckets (and 64 minima, which the alarm statistic ranks). Everything
//! that judges growth reads the minima: collections, batches and bursts live above the floor.
//! Pure: it reads no clock, does no I/O and allocates only when a new scale comes into being.
//! Called by the engine through `detect::GrowthTracker`, or directly where no verdict is wanted.

mod bucket;
mod level;
#[cfg(test)]
mod tests;

pub use bucket::Bucket;
use bucket::Open;
use level::Level;
pub use level::LevelView;

/// Number of time scales: buckets of 5 s up to 5 s · 2^13 (11 h 22 min).
pub const LEVELS: usize = 14;
/// Buckets with full detail that a level holds, and the window it judges.
pub const WINDOW: usize = 32;
/// Minima a level holds; twice the window, because the alarm statistic ranks that many.
pub const FLOORS: usize = 64;
/// Buckets with a known floor that a level needs within its window before it judges.
pub const MIN_KNOWN: usize = 12;
/// Length of a bucket of the finest level, ns.
pub const BASE_NS: u64 = 5_000_000_000;

/// Length of one bucket of `level` in ns.
pub const fn bucket_ns(level: usize) -> u64 {
    BASE_NS << level
}

/// What has to be known about a quantity before its first sample. Values are in the unit of the
/// samples: bytes, or a number of objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesSpec {
    /// Floors are rounded down to a multiple of this, so that readings which differ only by the
    /// batching of the kernel's counters (64 pages × CPUs) tie. 0 leaves them as they are.
    pub quantum: f64,
    /// Growth below this never matters: 1 MiB in bytes, or 8 objects.
    pub min_effect: f64,
    /// Identity of the series. It seeds the generator that breaks ties in the alarm statistic, so
    /// that a replay of the same inputs gives the same bits.
    pub seed: u64,
    /// Whether it counts objects, not bytes.
    pub counts: bool,
    /// What to add to ln of the odds of a leak because of what it measures, whatever it looks like.
    pub prior: f32,
}

/// The levels at which an input closed at least one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedLevels(u16);

impl ClosedLevels {
    /// No level closed a bucket, which is the usual answer.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Did `level` close a bucket?
    pub const fn contains(self, level: usize) -> bool {
        level < LEVELS && self.0 & (1 << level) != 0
    }

    /// The levels from the finest to the coarsest.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..LEVELS).filter(move |&level| self.contains(level))
    }

    fn insert(&mut self, level: usize) {
        self.0 |= 1 << level;
    }
}

/// One quantity of one subject, at all time scales. At most 8 KiB, together with the state of
/// `detect::GrowthTracker`.
#[derive(Clone, Debug)]
pub struct Series {
    spec: SeriesSpec,
    /// When the first input came, ns since boot.
    first_ns: u64,
    /// The last one only gathers its first bucket; its ring comes when that closes.
    levels: Vec<Level>,
}

impl Series {
    /// An empty series; nothing is allocated before the first sample.
    pub const fn new(spec: SeriesSpec) -> Self {
        Self { spec, first_ns: 0, levels: Vec::new() }
    }

    /// What the series was created with.
    pub const fn spec(&self) -> &SeriesSpec {
        &self.spec
    }

    /// Takes a sample read at `at_ns` (ns since boot, never decreasing; an earlier time counts as
    /// the latest one seen). `load` is whatever covariate the caller has for the time since the
    /// last sample, such as CPU ms. A value that is not finite counts as unknown.
    pub fn push(&mut self, at_ns: u64, value: f64, load: f64) -> ClosedLevels {
        if !value.is_finite() {
            return self.push_unknown(at_ns);
        }
        let floor = self.floor_of(value);
        let closed = self.advance(at_ns, None);
        if let Some(finest) = self.levels.first_mut() {
            finest.open.add(floor, value, load, 1);
        }
        closed
    }

    /// A sample was due at `at_ns` and could not be had. The 5 s bucket it falls in becomes void;
    /// a longer bucket does when it misses at least as many samples as it has.
    pub fn push_unknown(&mut self, at_ns: u64) -> ClosedLevels {
        let closed = self.advance(at_ns, None);
        if let Some(finest) = self.levels.first_mut() {
            finest.open.miss();
        }
        closed
    }

    /// The value was `value` all along, from the last input until `until_ns`, with no load: what
    /// a caller says who skipped reading an idle subject. Costs at most what the rings hold,
    /// however long the gap.
    pub fn fill(&mut self, until_ns: u64, value: f64) -> ClosedLevels {
        if !value.is_finite() {
            return self.push_unknown(until_ns);
        }
        let floor = self.floor_of(value);
        let closed = self.advance(until_ns, Some((floor, value)));
        if let Some(finest) = self.levels.first_mut() {
            finest.open.add(floor, value, 0.0, 1);
        }
        closed
    }

    /// When its first input came, ns since boot.
    pub const fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// The coarsest level that can be judged: its window reaches back to the first input, or as far
    /// as is remembered.
    pub fn history(&self) -> Option<LevelView<'_>> {
        (0..self.levels.len()).rev().filter_map(|at| self.level(at)).find(LevelView::can_judge)
    }

    /// A level that has closed at least one bucket; level 0 is the finest.
    pub fn level(&self, level: usize) -> Option<LevelView<'_>> {
        self.levels.get(level)?.view(level)
    }

    /// Bytes this series occupies, heap included.
    pub fn memory_bytes(&self) -> usize {
        let rings: usize = self.levels.iter().map(Level::ring_bytes).sum();
        size_of::<Self>() + self.levels.capacity() * size_of::<Level>() + rings
    }

    fn floor_of(&self, value: f64) -> f64 {
        let quantum = self.spec.quantum;
        if quantum > 0.0 { (value / quantum).floor() * quantum } else { value }
    }

    /// Moves every level to the bucket of `at_ns`, handing each closed bucket to the level above.
    /// `held` is the (floor, value) the quantity had during the whole gap, if that is known.
    fn advance(&mut self, at_ns: u64, held: Option<(f64, f64)>) -> ClosedLevels {
        let mut closed = ClosedLevels::default();
        if self.levels.is_empty() {
            self.first_ns = at_ns;
            self.levels.push(Level::new(at_ns / BASE_NS));
        }
        for depth in 0..LEVELS {
            let Some(level) = self.levels.get_mut(depth) else { break };
            let from = level.index();
            let gap = (at_ns / bucket_ns(depth)).saturating_sub(from);
            if gap == 0 {
                break;
            }
            let carry = level.close(gap, held, depth == 0);
            closed.insert(depth);
            self.merge_into(depth + 1, from / 2, &carry);
        }
        closed
    }

    fn merge_into(&mut self, depth: usize, index: u64, carry: &Open) {
        if depth >= LEVELS {
            return;
        }
        if depth == self.levels.len() {
            // Exact, because doubling would double the cost of the deepest series.
            self.levels.reserve_exact(1);
            self.levels.push(Level::new(index));
        }
        if let Some(parent) = self.levels.get_mut(depth) {
            parent.open.merge(carry);
        }
    }
}

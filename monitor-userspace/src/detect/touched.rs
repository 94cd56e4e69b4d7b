//! What of the memory is used, as looks at accessed pages tell.
//!
//! Leaked memory is never touched again. A look says how much was touched within a few seconds; the
//! quietest of several counts, since whatever walks the heap touches everything once. Two questions are
//! asked of the looks. Is less touched in all than was added? Then the rest of it is not used, wherever
//! the touched pages lie. And where a program also uses much: does what is touched grow along with what
//! is held? Memory in use is touched in proportion; of leaked memory nothing is added to it.

use crate::series::WINDOW;

use super::stats::{median, normal_density};

/// Looks that are kept, thinned when there are more.
const KEPT: usize = 16;
/// Looks that first make one that is kept.
const FIRST_BLOCK: u32 = 3;
/// Looks that a slope needs.
const LEAST: usize = 5;
/// How much likelier a leak is than growth that is in use where at most such a share of what was added
/// is touched in the quietest of several windows of 3 s. Measured on real programs: of leaks of C++,
/// Python, node and Java 0.00, 0.03, 0.05 and 0.08; of stores and caches that fill or are full (redis,
/// LRU maps of Java and C++, a ring that is only written) 0.13 to 0.98. What is added and never read
/// though it is no leak is rare (three in a hundred, by judgement), which bounds the first.
const LIKELIHOODS: [(f64, f64); 3] = [(0.05, 32.0), (0.08, 8.0), (0.12, 2.0)];
/// Share of what was leaked that is touched all the same: mean and standard deviation.
const LEAKED: (f64, f64) = (0.03, 0.03);
/// Leaks that something walks all the time (a collector that is always at work), and the share of them
/// that is then touched at most.
const WALKED: (f64, f64) = (0.1, 0.6);
/// Growth without a leak that nobody reads.
const UNREAD: f64 = 0.03;
/// Least share that is touched of what is added and in use.
const LEAST_USE: f64 = 0.08;
/// Looks never decide by more than this factor either way.
const MOST: f64 = 32.0;
/// A slope is not known better than this.
const LEAST_ERROR: f64 = 0.01;

/// One look, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Look {
    at_ns: u64,
    held: f32,
    touched: f32,
}

/// The looks at the memory of a process, in fixed room.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    latest: Look,
    /// The quietest look of each block, oldest first.
    blocks: Vec<Look>,
    /// The quietest of the block that is not full yet, and how many looks are in it.
    pending: (Look, u32),
    block: u32,
}

impl Touched {
    /// Nothing looked at yet.
    pub(super) const fn new() -> Self {
        let none = Look { at_ns: 0, held: 0.0, touched: 0.0 };
        Self { latest: none, blocks: Vec::new(), pending: (none, 0), block: FIRST_BLOCK }
    }

    /// Takes a look that found so much held and so much of it touched, both in bytes.
    pub(super) fn add(&mut self, at_ns: u64, held: f64, touched: f64) {
        let look = Look { at_ns, held: held as f32, touched: touched as f32 };
        self.latest = look;
        let (quietest, count) = self.pending;
        let quietest = if count == 0 { look } else { quieter(quietest, look) };
        self.pending = (quietest, count + 1);
        if count + 1 < self.block {
            return;
        }
        self.pending.1 = 0;
        if self.blocks.len() == KEPT {
            let pairs = self.blocks.chunks(2).map(|pair| quieter(pair[0], pair[pair.len() - 1]));
            self.blocks = pairs.collect();
            self.block *= 2;
        }
        self.blocks.push(quietest);
    }

    /// When the last look was.
    pub(super) const fn at_ns(&self) -> u64 {
        self.latest.at_ns
    }

    /// Share of all memory that was touched.
    pub(super) fn share(&self) -> f64 {
        share(self.latest).clamp(0.0, 1.0)
    }

    /// Share touched of what was added since `since_ns`, and its standard error; `None` where too
    /// little was looked at or added.
    pub(super) fn share_of_added(&self, since_ns: u64) -> Option<(f64, f64)> {
        let since = self.blocks.iter().filter(|look| look.at_ns >= since_ns);
        slope(&since.copied().collect::<Vec<_>>())
    }

    /// What to add to ln of the odds of a leak, of `added` bytes since `since_ns`.
    pub(super) fn log_likelihood(&self, added: f64, since_ns: u64) -> f64 {
        // Where the touched memory lies is not known: at worst all of it is in what was added. Much
        // that is touched says nothing, then.
        let at_most = f64::from(self.latest.touched) / added.max(1.0);
        let bound = LIKELIHOODS.iter().find(|(share, _)| at_most <= *share);
        if let Some((_, likelihood)) = bound {
            return likelihood.ln();
        }
        self.share_of_added(since_ns).map_or(0.0, |(share, error)| likelihood(share, error).ln())
    }

    /// Bytes on the heap.
    pub(super) const fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.blocks.capacity() * size_of::<Look>()
    }
}

fn share(look: Look) -> f64 {
    f64::from(look.touched) / f64::from(look.held).max(1.0)
}

fn quieter(a: Look, b: Look) -> Look {
    if share(a) <= share(b) { a } else { b }
}

/// Median slope of what is touched over what is held (Theil and Sen), with its standard error from the
/// residuals, widened for their memory from look to look.
fn slope(looks: &[Look]) -> Option<(f64, f64)> {
    const { assert!(KEPT <= WINDOW, "the residuals have room") };
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
    rests.iter_mut().for_each(|rest| *rest -= level);
    let total: f64 = rests.iter().map(|rest| rest * rest).sum();
    let lagged: f64 = rests.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let memory = if total > 0.0 { (lagged / total).clamp(0.0, 0.8) } else { 0.0 };
    let variance = total / (count - 2.0) / spread * (1.0 + memory) / (1.0 - memory);
    Some((slope, variance.sqrt().max(LEAST_ERROR)))
}

/// How much likelier a leak is than growth that is in use, where of what was added a `share` is
/// touched, known to a standard `error`.
fn likelihood(share: f64, error: f64) -> f64 {
    let (mean, deviation) = LEAKED;
    // What is touched shrinks while more is held: the use itself changes, and nothing can be said.
    if share < mean - 2.0 * deviation - 2.0 * error {
        return 1.0;
    }
    let untouched = normal_density(share - mean, deviation.hypot(error));
    let (walked, most) = WALKED;
    let leak = (1.0 - walked) * untouched + walked * average(share, error, |at| at * most);
    let used = average(share, error, |at| LEAST_USE.powf(1.0 - at));
    let other = UNREAD * untouched + (1.0 - UNREAD) * used;
    (leak / other.max(f64::MIN_POSITIVE)).clamp(1.0 / MOST, MOST)
}

/// Mean density of a measured share where the true one is `of` something even between 0 and 1.
fn average(share: f64, error: f64, of: impl Fn(f64) -> f64) -> f64 {
    const POINTS: u32 = 64;
    let error = error.max(LEAST_ERROR);
    let at = |point| of((f64::from(point) + 0.5) / f64::from(POINTS));
    (0..POINTS).map(|point| normal_density(share - at(point), error)).sum::<f64>()
        / f64::from(POINTS)
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    fn once(held: f64, touched: f64) -> Touched {
        let mut looks = Touched::new();
        looks.add(0, held, touched);
        looks
    }

    /// Looks at a process that uses `base` bytes, more or less, and of what it adds a share.
    fn growing(base: f64, used: f64, noise: f64) -> Touched {
        let (mut random, mut looks) = (Random::new(3), Touched::new());
        for minute in 0..120_u32 {
            let added = f64::from(minute) * 1e6;
            let touched = (base + used * added) * (1.0 + noise * random.around());
            looks.add(u64::from(minute), 2.0 * base + added, touched);
        }
        looks
    }

    #[test]
    fn what_is_added_and_never_read_speaks_for_a_leak_and_use_says_nothing() {
        let quiet = once(150e6, 2e6);
        assert!(quiet.log_likelihood(100e6, 0) > 2.0 && quiet.share() < 0.02);
        assert!(quiet.log_likelihood(10e6, 0).abs() < 1e-9, "it may be the added part that is used");
        assert!(once(150e6, 60e6).log_likelihood(100e6, 0).abs() < 1e-9);
    }

    #[test]
    fn growth_beside_much_that_is_used_is_told_by_what_is_touched_with_it() {
        let leak = growing(500e6, 0.0, 0.02).log_likelihood(120e6, 0);
        let fill = growing(500e6, 0.4, 0.02).log_likelihood(120e6, 0);
        assert!(leak > 1.5 && fill < -1.0, "{leak} {fill}");
        let lost_in_noise = growing(500e6, 0.0, 0.5).log_likelihood(120e6, 0);
        assert!(lost_in_noise.abs() < 1.0, "{lost_in_noise}");
    }

    #[test]
    fn use_that_shrinks_says_nothing() {
        assert!(growing(500e6, -0.6, 0.01).log_likelihood(120e6, 0).abs() < 1e-9);
    }

    #[test]
    fn looks_before_the_growth_do_not_count_and_many_take_no_more_room() {
        let looks = growing(500e6, 0.4, 0.02);
        assert!(looks.blocks.len() <= KEPT && looks.log_likelihood(120e6, 110).abs() < 1e-9);
        assert!(looks.memory_bytes() < 1024);
    }
}

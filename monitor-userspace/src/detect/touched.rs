//! What of the memory is used, as looks at accessed pages tell.
//!
//! Leaked memory is never touched again. A look says how much was touched within a time; the quietest of
//! several of the same length counts, since whatever walks the heap touches everything once. Of a cache
//! that is asked now and then little is touched within seconds, but more and more within a minute, so a
//! long look says more than a short one. Two questions are asked. Is less touched in all than was added?
//! Then the rest of it is not used, wherever the touched pages lie. And where a program also uses much,
//! the same pages again and again: does what is touched grow along with what is held?

use super::kept::Kept;
use super::use_slope::{LONG_USE, Look, MIDDLING_USE, Use, slope};

/// A look at accessed pages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookAtPages {
    /// For how long accesses were counted, ns.
    pub window_ns: u64,
    /// Resident anonymous memory when that began, bytes.
    pub held: f64,
    /// What of it was touched since, bytes.
    pub touched: f64,
}

/// Looks of one length that are remembered.
const REMEMBERED: usize = 4;
/// Lengths from which a look is a long one, half as long, and a middling one, ns.
const LONG_NS: u64 = 45_000_000_000;
const HALF_NS: u64 = 25_000_000_000;
const MIDDLING_NS: u64 = 10_000_000_000;

/// How much likelier a leak is than growth that is in use, by the share of what was added that is touched
/// at most. By judgement, from few programs: within a minute, leaks of C, C++, Rust and Python had
/// 0.00, a cache and a warm-up 0.13 to 0.30; but what is added and not read in that time, though it is
/// no leak, exists (a table between its doublings, sessions that wait): taken as one in thirty,
/// which bounds them. Within three seconds a cache that is asked little looks as unused as a leak.
const LONG: &[(f64, f64)] = &[(0.02, 32.0), (0.05, 20.0), (0.08, 8.0), (0.12, 2.0)];
const HALF: &[(f64, f64)] = &[(0.02, 12.0), (0.05, 6.0)];
const MIDDLING: &[(f64, f64)] = &[(0.05, 3.0)];
const SHORT: &[(f64, f64)] = &[(0.03, 1.5)];
/// Where even so much of what was added is touched within seconds, a leak is so much less likely.
const IN_USE: (f64, f64) = (0.3, 4.0);

/// What every program touches again and again (its stack, its allocator, its runtime), of a growth from
/// `OWN_FROM` on, bytes.
const OWN: f64 = 1_048_576.0;
const OWN_FROM: f64 = 4_194_304.0;

/// Looks of which the quietest is kept for the slope, at first: a long one costs a minute, so two of them;
/// of middling ones four come in the first minute, and all count.
const LONG_BLOCK: u32 = 2;
const MIDDLING_BLOCK: u32 = 1;
/// Touched in a look, over what was in the shorter one before it: up to that, the same pages are
/// touched again and again, and there would be more of them if what was added were used.
const SATURATED: f64 = 1.5;
/// A larger error of a slope says nothing for a leak.
const MOST_ERROR: f64 = 0.06;

/// The quietest of the last looks of one length.
#[derive(Clone, Copy, Debug)]
struct Recent {
    shares: [f32; REMEMBERED],
    count: u32,
}

impl Recent {
    const NONE: Self = Self { shares: [1.0; REMEMBERED], count: 0 };

    fn add(&mut self, share: f32) {
        self.shares[self.count as usize % REMEMBERED] = share;
        self.count += 1;
    }

    /// The quietest share; `None` without a look.
    fn quietest(&self) -> Option<f64> {
        let quietest = self.shares.iter().copied().fold(1.0, f32::min);
        (self.count > 0).then_some(f64::from(quietest))
    }
}

/// The looks at the memory of a process, in fixed room.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    at_ns: u64,
    held: f64,
    short: Recent,
    middling: Recent,
    half: Recent,
    long: Recent,
    /// What the last short and the last middling look found.
    last_short: f64,
    last_middling: f64,
    /// Whether the last long look found the same pages as the middling one before it.
    is_saturated: bool,
    kept_middling: Kept,
    kept_long: Kept,
}

impl Touched {
    /// Nothing looked at yet.
    pub(super) const fn new() -> Self {
        Self {
            at_ns: 0,
            held: 0.0,
            short: Recent::NONE,
            middling: Recent::NONE,
            half: Recent::NONE,
            long: Recent::NONE,
            last_short: 0.0,
            last_middling: 0.0,
            is_saturated: false,
            kept_middling: Kept::new(MIDDLING_BLOCK),
            kept_long: Kept::new(LONG_BLOCK),
        }
    }

    /// Takes a look that was over at `at_ns`.
    pub(super) fn add(&mut self, at_ns: u64, look: &LookAtPages) {
        (self.at_ns, self.held) = (at_ns, look.held);
        let share = (look.touched / look.held.max(1.0)).clamp(0.0, 1.0) as f32;
        let (held, touched) = (look.held as f32, look.touched as f32);
        let after = |shorter: f64| Look {
            at_ns,
            held,
            touched,
            is_saturated: look.touched <= SATURATED * shorter,
        };
        match look.window_ns {
            LONG_NS.. => {
                let kept = after(self.last_middling);
                self.is_saturated = kept.is_saturated;
                self.long.add(share);
                self.kept_long.add(kept);
            }
            HALF_NS.. => self.half.add(share),
            MIDDLING_NS.. => {
                self.middling.add(share);
                self.kept_middling.add(after(self.last_short));
                self.last_middling = look.touched;
            }
            _ => {
                self.short.add(share);
                self.last_short = look.touched;
            }
        }
    }

    /// When the last look was over.
    pub(super) const fn at_ns(&self) -> u64 {
        self.at_ns
    }

    /// Share of all memory that was touched in the quietest of the longest looks there are.
    pub(super) fn share(&self) -> f64 {
        [&self.long, &self.half, &self.middling, &self.short]
            .into_iter()
            .find_map(Recent::quietest)
            .unwrap_or(1.0)
    }

    /// Share touched within a minute of what was added since `since_ns`, and its standard error; `None`
    /// where too little was looked at or added.
    pub(super) fn share_of_added(&self, since_ns: u64) -> Option<(f64, f64)> {
        slope(&self.kept_long.since(since_ns))
    }

    /// What to add to ln of the odds of a leak, of `added` bytes since `since_ns`.
    pub(super) fn log_likelihood(&self, added: f64, since_ns: u64) -> f64 {
        // Of what is mapped and was never resident nothing can be touched.
        let added = added.clamp(1.0, self.held.max(1.0));
        let bounds = [
            (&self.long, LONG),
            (&self.half, HALF),
            (&self.middling, MIDDLING),
            (&self.short, SHORT),
        ];
        let own = if self.is_saturated && added >= OWN_FROM { OWN } else { 0.0 };
        let known = bounds.into_iter().find_map(|(recent, table)| {
            let at_most = (recent.quietest()? * self.held - own) / added;
            Some(table.iter().find(|(share, _)| at_most <= *share).map_or(1.0, |it| it.1))
        });
        // The same pages stand behind all of them: the clearest speaks, and looks of a quarter of a minute
        // only until there are enough of a minute.
        let by_long = by_slope(&self.kept_long.since(since_ns), LONG_USE);
        let early = || by_slope(&self.kept_middling.since(since_ns), MIDDLING_USE).unwrap_or(0.0);
        let by_use = by_long.unwrap_or_else(early);
        let speaks_for = known.unwrap_or(1.0).ln().max(by_use);
        if speaks_for > 0.0 {
            return speaks_for;
        }
        let (least, against) = IN_USE;
        let least_touched = self
            .short
            .quietest()
            .map_or(0.0, |share| (share * self.held - (self.held - added)) / added);
        if least_touched >= least { -against.ln() } else { by_use }
    }

    /// Bytes it occupies.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.kept_middling.heap_bytes() + self.kept_long.heap_bytes()
    }
}

/// ln of how much likelier a leak is by how what is touched grows along with what is held; `None` with too
/// few looks.
fn by_slope(looks: &[Look], usual: Use) -> Option<f64> {
    let (share, error) = slope(looks)?;
    let said = usual.likelihood(share, error).ln();
    let saturated = looks.iter().filter(|look| look.is_saturated).count();
    let most = match error {
        _ if error > MOST_ERROR => 0.0,
        _ if 4 * saturated >= 3 * looks.len() => f64::INFINITY,
        // It may be others each time, of what is seldom used.
        _ => usual.most_unsaturated.ln(),
    };
    Some(said.min(most))
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn once(seconds: u64, held: f64, touched: f64) -> Touched {
        let mut looks = Touched::new();
        looks.add(0, &LookAtPages { window_ns: seconds * SECOND_NS, held, touched });
        looks
    }

    /// Windows of a process that uses `base` bytes, more or less, and of what it adds a share; of what is
    /// touched in a minute it touches some in a quarter of one.
    fn growing(base: f64, used: f64, noise: f64, at_once: f64) -> Touched {
        let (mut random, mut looks) = (Random::new(3), Touched::new());
        for minute in 0..120_u32 {
            let added = f64::from(minute) * 1e6;
            let touched = (base + used * added) * (1.0 + noise * random.around());
            for (seconds, touched) in [(15, at_once * touched), (60, touched)] {
                let window_ns = seconds * SECOND_NS;
                let look = LookAtPages { window_ns, held: 2.0 * base + added, touched };
                looks.add(u64::from(minute), &look);
            }
        }
        looks
    }

    #[test]
    fn what_is_added_and_not_touched_in_a_minute_speaks_for_a_leak_and_in_seconds_hardly() {
        let quiet = |seconds| once(seconds, 150e6, 2e6).log_likelihood(100e6, 0);
        assert!(quiet(60) > 2.0 && quiet(60) > quiet(15) && quiet(15) > quiet(3) && quiet(3) > 0.0);
        let small = once(60, 150e6, 2e6).log_likelihood(10e6, 0);
        assert!(small.abs() < 1e-9, "it may be the added part that is used");
        assert!(once(60, 150e6, 60e6).log_likelihood(100e6, 0).abs() < 1e-9);
    }

    #[test]
    fn what_is_touched_more_and_more_in_a_minute_is_no_leak_though_quiet_in_seconds() {
        let mut cache = once(3, 50e6, 1e6);
        let before = cache.log_likelihood(48e6, 0);
        cache.add(1, &LookAtPages { window_ns: 60 * SECOND_NS, held: 50e6, touched: 9e6 });
        assert!(before > 0.0 && cache.log_likelihood(48e6, 0).abs() < 1e-9);
    }

    #[test]
    fn what_a_program_touches_of_itself_is_no_use_of_what_it_adds() {
        let look =
            |seconds, touched| LookAtPages { window_ns: seconds * SECOND_NS, held: 8e6, touched };
        let said = |middling, long| {
            let mut looks = Touched::new();
            looks.add(15, &look(15, middling));
            looks.add(60, &look(60, long));
            looks.log_likelihood(7e6, 0)
        };
        assert!(said(0.8e6, 0.8e6) > 2.0, "the same pages again and again");
        assert!(said(0.3e6, 0.8e6) < 1.0, "more and more of them");
    }

    #[test]
    fn what_is_touched_must_be_what_was_added_where_the_rest_is_smaller() {
        let said = once(3, 100e6, 95e6).log_likelihood(90e6, 0);
        assert!(said < -1.0, "{said}");
    }

    #[test]
    fn what_is_mapped_and_not_resident_cannot_be_touched() {
        assert!(once(60, 1e6, 0.6e6).log_likelihood(100e6, 0).abs() < 1e-9);
    }

    #[test]
    fn growth_beside_much_that_is_used_is_told_by_what_is_touched_with_it() {
        let leak = growing(500e6, 0.0, 0.02, 0.9).log_likelihood(120e6, 0);
        let fill = growing(500e6, 0.4, 0.02, 0.9).log_likelihood(120e6, 0);
        assert!(leak > 1.5 && fill < -0.9, "{leak} {fill}");
        let seldom_read = growing(500e6, 0.0, 0.02, 0.3).log_likelihood(120e6, 0);
        assert!(seldom_read.abs() < 1e-9, "more is touched the longer one looks: {seldom_read}");
        let lost_in_noise = growing(500e6, 0.0, 0.5, 0.9).log_likelihood(120e6, 0);
        assert!(lost_in_noise.abs() < 1.0, "{lost_in_noise}");
    }

    #[test]
    fn use_that_shrinks_says_nothing() {
        assert!(growing(500e6, -0.6, 0.01, 0.9).log_likelihood(120e6, 0).abs() < 1e-9);
    }

    #[test]
    fn looks_before_the_growth_do_not_count_and_many_take_no_more_room() {
        let looks = growing(500e6, 0.4, 0.02, 0.9);
        assert!(looks.log_likelihood(120e6, 119).abs() < 1e-9);
        assert!(looks.memory_bytes() < 1024);
    }
}

//! What of the memory is used, as looks at accessed pages tell.
//!
//! Leaked memory is never touched again. A look says how much was touched within a few seconds; the
//! quietest of several counts, since whatever walks the heap touches everything once.

/// The quietest look so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Touched {
    held: f32,
    touched: f32,
}

/// How much likelier a leak is than growth that is in use where at most such a share of what was added
/// is touched in the quietest of several windows of 3 s. Measured on real programs: of leaks of C++,
/// Python, node and Java 0.00, 0.03, 0.05 and 0.08; of stores and caches that fill or are full (redis,
/// LRU maps of Java and C++, a ring that is only written) 0.13 to 0.98. What is added and never read
/// though it is no leak is rare (three in a hundred, by judgement), which bounds the first.
const LIKELIHOODS: [(f64, f64); 3] = [(0.05, 32.0), (0.08, 8.0), (0.12, 2.0)];

impl Touched {
    /// After a look that found so much held, and so much of it touched, both in bytes.
    pub(super) fn new(held: f64, touched: f64) -> Self {
        Self { held: held as f32, touched: touched as f32 }
    }

    /// Share of all memory that was touched.
    pub(super) fn share(self) -> f64 {
        (f64::from(self.touched) / f64::from(self.held).max(1.0)).clamp(0.0, 1.0)
    }

    /// What to add to ln of the odds of a leak, of `added` bytes. Where the touched memory lies is not
    /// known: at worst all of it is in what was added. Much that is touched says nothing, then.
    pub(super) fn log_likelihood(self, added: f64) -> f64 {
        let at_most = f64::from(self.touched) / added.max(1.0);
        let found = LIKELIHOODS.iter().find(|(share, _)| at_most <= *share);
        found.map_or(0.0, |(_, likelihood)| likelihood.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_and_never_read_speaks_for_a_leak_and_use_says_nothing() {
        let quiet = Touched::new(150e6, 2e6);
        assert!(quiet.log_likelihood(100e6) > 2.0 && quiet.share() < 0.02);
        assert!(quiet.log_likelihood(10e6).abs() < 1e-9, "it may be the added part that is used");
        assert!(Touched::new(150e6, 60e6).log_likelihood(100e6).abs() < 1e-9);
    }
}

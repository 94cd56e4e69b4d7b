//! What of the memory is used, as looks at accessed pages tell.
//!
//! Leaked memory is never touched again. A look says how much was touched within a few seconds; the
//! quietest of several counts, since whatever walks the heap touches everything once.

/// Looks at one episode of growth: the first of it and the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Touched {
    first: Look,
    last: Look,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    held: f32,
    touched: f32,
}

impl Touched {
    /// After a look that found so much held, and so much of it touched.
    pub(super) fn after(before: Option<Self>, held: f64, touched: f64) -> Self {
        let last = Look { held: held as f32, touched: touched as f32 };
        Self { first: before.map_or(last, |before| before.first), last }
    }

    /// Share of all memory that was touched.
    pub(super) fn share(&self) -> f64 {
        (f64::from(self.last.touched) / f64::from(self.last.held).max(1.0)).clamp(0.0, 1.0)
    }

    /// What was added since the first look, in units of what is touched: how much the next figure
    /// can say.
    pub(super) fn weight(&self) -> f64 {
        self.added() / f64::from(self.last.touched).max(1.0)
    }

    /// Share of what was added since the first look by which more is touched now: 0 for a leak.
    pub(super) fn of_added(&self) -> f64 {
        let added = self.added();
        if added <= 0.0 {
            return 0.5;
        }
        (f64::from(self.last.touched - self.first.touched) / added).clamp(-0.5, 1.5)
    }

    fn added(&self) -> f64 {
        f64::from(self.last.held - self.first.held).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_and_never_read_is_told_from_what_is() {
        let first = Touched::after(None, 100.0, 40.0);
        let leaked = Touched::after(Some(first), 150.0, 40.0);
        let used = Touched::after(Some(first), 150.0, 60.0);
        assert!(leaked.of_added().abs() < 1e-6 && (used.of_added() - 0.4).abs() < 1e-6);
        assert!((leaked.share() - 40.0 / 150.0).abs() < 1e-6 && leaked.weight() > 1.0);
    }
}

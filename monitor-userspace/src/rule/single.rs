//! Growth of one series that stands for itself: a gauge.

use super::{
    Change, Gate,
    growth::has_moved,
    news::{Figures, News},
    watched::Watched,
};
use crate::{detect::Growth, series::SeriesSpec};

/// An open finding about a single series, in figures.
#[derive(Clone, Copy, Debug)]
pub struct SingleReport {
    /// When the judge opened it, in nanoseconds since boot.
    pub opened_ns: u64,
    /// Its growth.
    pub growth: Growth,
}

impl Figures for SingleReport {
    fn have_moved(&self, last: &Self) -> bool {
        has_moved(&last.growth, &self.growth)
    }
}

/// A series, what it holds open, and where the finding about it stands.
#[derive(Clone, Debug, Default)]
pub struct Single {
    watched: Watched,
    news: News<SingleReport>,
    /// What its rule makes of it.
    pub gate: Gate,
}

impl Single {
    /// Takes a value; `spec` is what its series is made with once it moves. Says what changed.
    pub fn observe(
        &mut self,
        spec: impl FnOnce() -> SeriesSpec,
        at_ns: u64,
        value: Option<f64>,
        load: f64,
    ) -> Option<(Change, SingleReport)> {
        let _judged = self.watched.observe(spec, at_ns, value, load);
        let opened_ns = self.open().map_or(at_ns, |open| open.opened_ns);
        let report = self.watched.growth().map(|growth| SingleReport { opened_ns, growth });
        self.news.hear(report, at_ns)
    }

    /// It is watched no more; what is open ends.
    pub fn stop(&mut self) -> Option<(Change, SingleReport)> {
        self.watched = Watched::default();
        self.news.hear(None, 0)
    }

    /// What is open, in figures.
    pub fn open(&self) -> Option<SingleReport> {
        self.news.open().copied()
    }

    /// Starts anew from the last value, unless it holds a finding open.
    pub fn forget(&mut self) {
        if self.open().is_none() {
            self.watched.forget();
        }
    }

    /// Bytes of memory beside its own, on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.watched.series_bytes() + self.news.heap_bytes()
    }
}

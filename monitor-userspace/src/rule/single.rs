//! Growth of one series that stands for itself: a gauge, the memory of a component or of the kernel.

use super::{
    Change, Gate,
    growth::{UPDATE_NS, has_moved},
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

#[derive(Clone, Copy, Debug)]
struct Open {
    report: SingleReport,
    reported_ns: u64,
}

/// A series, what it holds open, and where the finding about it stands.
#[derive(Clone, Debug, Default)]
pub struct Single {
    watched: Watched,
    open: Option<Box<Open>>,
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
        let Some(growth) = self.watched.growth() else { return self.end() };
        let Some(open) = &mut self.open else {
            let report = SingleReport { opened_ns: at_ns, growth };
            self.open = Some(Box::new(Open { report, reported_ns: at_ns }));
            return Some((Change::Opened, report));
        };
        let is_news = has_moved(&open.report.growth, &growth)
            || at_ns >= open.reported_ns.saturating_add(UPDATE_NS);
        if !is_news {
            return None;
        }
        open.report.growth = growth;
        open.reported_ns = at_ns;
        Some((Change::Updated, open.report))
    }

    /// It is watched no more; what is open ends.
    pub fn stop(&mut self) -> Option<(Change, SingleReport)> {
        self.watched = Watched::default();
        self.end()
    }

    fn end(&mut self) -> Option<(Change, SingleReport)> {
        self.open.take().map(|open| (Change::Ended, open.report))
    }

    /// What is open, in figures.
    pub fn open(&self) -> Option<SingleReport> {
        self.open.as_ref().map(|open| open.report)
    }

    /// Starts anew from the last value, unless it holds a finding open.
    pub fn forget(&mut self) {
        if self.open.is_none() {
            self.watched.forget();
        }
    }

    /// Bytes of memory beside its own, on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.watched.series_bytes() + self.open.as_ref().map_or(0, |_| size_of::<Open>())
    }
}

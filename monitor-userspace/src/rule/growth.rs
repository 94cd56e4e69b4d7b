//! Growth of what a process holds: many series, one finding for each cause.
//!
//! The inventory says what is held (heap, anonymous mappings), /proc says what is touched. Either
//! may open the finding about memory; its rate is that of touched memory where it grows, else of
//! mapped. Descriptors grow with whatever kind of them grows: the finding is named after the kind.

use super::news::{Figures, News};
use super::run::Came;
use super::runs::Earlier;
use super::service::Service;
use super::signal::{Cause, Quanta, Signal, Values};
use super::watched::Watched;
use crate::{
    detect::{
        EarlierRuns, Growth, GrowthTracker, LookAtObjects, LookAtPages, Observation, Precedent,
    },
    event::ProcessId,
};

/// A rate that moved by this share is reported before its time.
const RATE_MOVED: f64 = 0.1;
/// Share of the growth of the whole that a special signal must show to give the finding its name.
const PLACE_SHARE: f64 = 0.5;

/// Resident memory that was held before and given back, within so many times the age of the growth, makes
/// a leak of the same size a suspicion of at most this probability.
const REMEMBERED_AGES: u64 = 16;
const AS_BEFORE: f64 = 0.9;

/// One look at a process.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// CPU it used since the last look, percent of one core: the load.
    pub load: f64,
    /// What it holds.
    pub values: Values,
}

/// A change in the life of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It begins.
    Opened,
    /// It has new figures.
    Updated,
    /// Growth stopped, or fell back.
    Ended,
}

/// An open finding, in figures.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// When it was opened, in nanoseconds since boot.
    pub opened_ns: u64,
    /// Why it is one finding.
    pub cause: Cause,
    /// What it is named after.
    pub place: Signal,
    /// What the rate is of.
    pub rated: Signal,
    /// The growth that gives the rate.
    pub leading: Growth,
    /// What looks at the objects it is named after found, where there were any.
    pub objects: Option<LookAtObjects>,
    /// Every signal of the cause that grows.
    pub growing: [Option<Growth>; Signal::COUNT],
    /// What earlier runs of the service say of what gives the rate.
    pub earlier: Option<(EarlierRuns, Precedent)>,
}

/// The series of one process and the findings they hold open.
#[derive(Clone, Debug)]
pub struct Growths {
    seed: u64,
    quanta: Quanta,
    watched: [Watched; Signal::COUNT],
    open: Vec<News<Report>>,
    membership: Option<Box<Membership>>,
}

/// Which service a process is a run of.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) service: Service,
    /// When the process began, ns since boot.
    pub(super) began_ns: u64,
    /// How much of the past it was told of.
    pub(super) heard: u64,
    earlier: Option<Earlier>,
}

impl Growths {
    /// Starts the series of a process.
    pub fn new(id: ProcessId, quanta: Quanta) -> Self {
        Self {
            seed: u64::from(id.pid) << 32 ^ id.start_ticks,
            quanta,
            watched: std::array::from_fn(|_| Watched::default()),
            open: Vec::new(),
            membership: None,
        }
    }

    /// Says which service the process is a run of, and when it began.
    pub fn set_service(&mut self, service: Service, began_ns: u64) {
        let (heard, earlier) = (0, None);
        self.membership = Some(Box::new(Membership { service, began_ns, heard, earlier }));
    }

    /// The service it is a run of, once that is known.
    pub fn service(&self) -> Option<&Service> {
        self.membership.as_ref().map(|it| &it.service)
    }

    pub(super) fn membership(&self) -> Option<&Membership> {
        self.membership.as_deref()
    }

    /// The runs of the service before this one, if there were any.
    pub fn earlier(&self) -> Option<&Earlier> {
        self.membership.as_ref()?.earlier.as_ref()
    }

    /// Takes what is known of earlier runs.
    pub(super) fn hear(&mut self, earlier: Earlier, heard: u64) {
        for (signal, watched) in Signal::ALL.into_iter().zip(&mut self.watched) {
            if let Some(tracker) = watched.tracker_mut() {
                tracker.set_earlier(earlier.of(signal));
            }
        }
        if let Some(membership) = &mut self.membership {
            membership.heard = heard;
            membership.earlier = Some(earlier);
        }
    }

    /// What each measure came to, if the process ended now.
    pub(super) fn came(&self) -> [Came; Signal::COUNT] {
        let began_ns = self.membership.as_ref().map_or(0, |it| it.began_ns);
        Signal::ALL.map(|signal| Came::of(&self.watched[signal as usize], began_ns))
    }

    /// Takes a sample; says what changed, with the figures of the findings it concerns.
    pub fn observe(&mut self, sample: &Sample) -> Vec<(Change, Report)> {
        let mut is_judged = false;
        for signal in Signal::ALL {
            let (seed, quanta) = (self.seed, self.quanta);
            let watched = &mut self.watched[signal as usize];
            let was_moving = watched.tracker().is_some();
            let observed = watched.observe(
                || signal.spec(seed, quanta),
                sample.at_ns,
                sample.values.0[signal as usize],
                sample.load,
            );
            if !was_moving
                && let Some(earlier) = self.membership.as_ref().and_then(|it| it.earlier.as_ref())
                && let Some(tracker) = watched.tracker_mut()
            {
                tracker.set_earlier(earlier.of(signal));
            }
            is_judged |= !matches!(observed, Observation::Unchanged);
        }
        if !is_judged {
            return Vec::new();
        }
        Cause::ALL.into_iter().filter_map(|cause| self.review(cause, sample.at_ns)).collect()
    }

    /// Compares what a cause shows with what was last said of it.
    fn review(&mut self, cause: Cause, at_ns: u64) -> Option<(Change, Report)> {
        let is_of = |news: &News<Report>| news.open().is_some_and(|it| it.cause == cause);
        let known = self.open.iter().position(is_of);
        let report = self.report(cause, at_ns);
        let Some(at) = known else {
            let mut news = News::default();
            let change = news.hear(report, at_ns)?;
            self.open.push(news);
            return Some(change);
        };
        let change = self.open[at].hear(report, at_ns);
        if self.open[at].open().is_none() {
            self.open.swap_remove(at);
        }
        change
    }

    /// Tells how much of the memory is used; see [`GrowthTracker::set_touched`].
    ///
    /// [`GrowthTracker::set_touched`]: crate::detect::GrowthTracker::set_touched
    pub fn set_touched(&mut self, look: &LookAtPages) {
        for signal in Cause::Memory.signals().iter().filter(|it| it.is_growth()) {
            if let Some(tracker) = self.watched[*signal as usize].tracker_mut() {
                tracker.set_touched(look);
            }
        }
    }

    /// Tells whether the objects that a signal counts are used, and how long they live. All descriptors
    /// are judged by those that make up most of their growth.
    pub fn set_objects(&mut self, signal: Signal, look: &LookAtObjects) {
        let Some(bounds) = signal.use_bounds() else { return };
        let added = |it: &Self, signal| it.weighed(signal).map_or(0.0, |(added, _)| added);
        if signal.is_descriptor()
            && added(self, signal) >= PLACE_SHARE * added(self, Signal::Descriptors)
            && let Some(all) = self.watched[Signal::Descriptors as usize].tracker_mut()
        {
            all.set_objects(look, bounds);
        }
        if let Some(tracker) = self.watched[signal as usize].tracker_mut() {
            tracker.set_objects(look, bounds);
        }
    }

    /// How much of it was added and since when, where growth is weighed.
    pub fn weighed(&self, signal: Signal) -> Option<(f64, u64)> {
        self.watched[signal as usize].tracker()?.weighed()
    }

    /// Whether memory grows and it would help to know what of it is used.
    pub fn is_weighing_memory(&self) -> bool {
        self.any_of_memory(GrowthTracker::is_weighing)
    }

    /// Whether memory has risen lately; see [`GrowthTracker::is_rising`].
    ///
    /// [`GrowthTracker::is_rising`]: crate::detect::GrowthTracker::is_rising
    pub fn is_memory_rising(&self) -> bool {
        self.any_of_memory(GrowthTracker::is_rising)
    }

    fn any_of_memory(&self, is: impl Fn(&GrowthTracker) -> bool) -> bool {
        let trackers = Cause::Memory.signals().iter().filter(|it| it.is_growth());
        trackers.filter_map(|signal| self.watched[*signal as usize].tracker()).any(is)
    }

    /// What is watched, signal by signal.
    pub(super) fn watched(&self) -> impl Iterator<Item = (Signal, &Watched)> {
        Signal::ALL.into_iter().zip(&self.watched)
    }

    /// Bytes of memory, the heap's included.
    pub fn memory_bytes(&self) -> usize {
        let membership = self.membership.as_ref().map_or(0, |_| size_of::<Membership>());
        let series = self.watched.iter().map(Watched::series_bytes);
        size_of::<Self>() + membership + series.sum::<usize>()
    }

    /// Starts anew from the last values; what holds a finding open keeps its series.
    pub fn forget(&mut self) {
        for (signal, watched) in Signal::ALL.into_iter().zip(&mut self.watched) {
            let mut reports = self.open.iter().filter_map(News::open);
            if !reports.any(|report| report.cause.signals().contains(&signal)) {
                watched.forget();
            }
        }
    }

    /// The findings that are open, in figures.
    pub fn open(&self) -> impl Iterator<Item = Report> {
        self.open.iter().filter_map(News::open).copied()
    }

    /// The finding about a cause as its series stand, if any of them is growing.
    fn report(&self, cause: Cause, at_ns: u64) -> Option<Report> {
        let mut growing = [None; Signal::COUNT];
        for signal in cause.signals().iter().filter(|it| it.is_growth()) {
            growing[*signal as usize] = self.watched[*signal as usize].growth();
        }
        let of = |signal: Signal| growing[signal as usize].map(|growth: Growth| (signal, growth));
        // Touched memory gives the rate where it grows; else what grows fastest, of what is counted
        // like the most special that grows.
        let fastest = || {
            let all = || cause.signals().iter().filter_map(|signal| of(*signal));
            let is_bytes = all().next()?.0.is_bytes();
            let alike = all().filter(|(signal, _)| signal.is_bytes() == is_bytes);
            alike.max_by(|a, b| a.1.rate_per_min.total_cmp(&b.1.rate_per_min))
        };
        let (rated, mut leading) = of(Signal::Touched).or_else(fastest)?;
        // One of them being a leak is enough.
        leading.is_leak = growing.iter().flatten().any(|growth| growth.is_leak);
        leading.is_likely = growing.iter().flatten().any(|growth| growth.is_likely);
        let sure = growing.iter().flatten().map(|growth| growth.confidence);
        leading.confidence = sure.fold(0.0, f64::max);
        let known = self.open().find(|open| open.cause == cause);
        if cause == Cause::Memory && leading.is_likely {
            let age_ns = at_ns.saturating_sub(leading.since_ns);
            let resident = &self.watched[Signal::Touched as usize];
            // What the process needed before and gave back it may need again, elsewhere.
            if resident.was_as_high(leading.since_ns, REMEMBERED_AGES * age_ns) {
                (leading.is_likely, leading.is_leak) = (false, false);
                leading.confidence = leading.confidence.min(AS_BEFORE);
            }
        }
        let opened_ns = known.map_or(at_ns, |open| open.opened_ns);
        let place = self.place(cause, rated, &leading);
        let earlier = self.watched[rated as usize].tracker().and_then(GrowthTracker::earlier);
        let looked = |signal: Signal| self.watched[signal as usize].tracker()?.objects();
        let objects = looked(place).or_else(|| looked(rated));
        Some(Report { opened_ns, cause, place, rated, leading, objects, growing, earlier })
    }

    /// The first signal, the most special ones first, that rose about as much as what is rated.
    fn place(&self, cause: Cause, rated: Signal, leading: &Growth) -> Signal {
        let rise = |signal: Signal| {
            let watched = &self.watched[signal as usize];
            watched.rise_since(leading.level_bucket_ns, leading.since_ns)
        };
        let least = PLACE_SHARE * rise(rated);
        if cause == Cause::Memory {
            let (heap, anon) = (rise(Signal::Heap), rise(Signal::Anon));
            if heap.max(anon) < least.max(1.0) {
                let is_swapped = rise(Signal::Swapped) >= least.max(1.0);
                return if is_swapped { Signal::Swapped } else { Signal::Touched };
            }
            return if heap >= anon { Signal::Heap } else { Signal::Anon };
        }
        let comparable = |signal: &&Signal| signal.is_bytes() == rated.is_bytes();
        let named = cause.signals().iter().filter(comparable);
        named.copied().find(|&signal| rise(signal) >= least.max(1.0)).unwrap_or(rated)
    }
}

impl Figures for Report {
    fn have_moved(&self, last: &Self) -> bool {
        has_moved(&last.leading, &self.leading) || self.place != last.place
    }
}

/// Whether a growth differs enough from what was told of it.
pub(super) fn has_moved(last: &Growth, now: &Growth) -> bool {
    let (before, after) = (last.rate_per_min, now.rate_per_min);
    (after - before).abs() > RATE_MOVED * before.abs()
        || (now.is_likely, now.is_leak) != (last.is_likely, last.is_leak)
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;

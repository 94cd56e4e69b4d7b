//! Growth of a process's memory: three series of one process, one finding.
//!
//! The inventory says what is held (heap, anonymous mappings), /proc says what is touched. Either
//! may open the finding; the rate is that of touched memory where it grows, else of mapped.

use crate::{
    detect::{Growth, GrowthTracker, Observation, Phase},
    event::{MappingClass, ProcessId},
    inventory::Totals,
    series::SeriesSpec,
};

/// The least growth that is worth a word.
const MIN_EFFECT_BYTES: f64 = 1_048_576.0;
/// An open finding is reported again this often at most, unless its rate moved.
const UPDATE_NS: u64 = 60_000_000_000;
/// A rate that moved by this share is reported before its time.
const RATE_MOVED: f64 = 0.1;
/// A value missing for longer than this was not looked at: idle processes are read less often.
const GAP_NS: u64 = 7_500_000_000;
/// Share of the touched growth that a mapped class must show to be named as its place.
const PLACE_SHARE: f64 = 0.5;

/// One look at a process's memory.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// CPU it used since the last look, percent of one core: the load.
    pub load: f64,
    /// What the inventory holds; `None` while it is not known to be complete.
    pub totals: Option<Totals>,
    /// Resident and swapped anonymous memory, in bytes.
    pub touched_bytes: u64,
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
    /// The rule that holds.
    pub rule: &'static str,
    /// What grows.
    pub resource: &'static str,
    /// The growth that gives the rate.
    pub leading: Growth,
    /// Growth of touched memory, where it grows.
    pub touched: Option<Growth>,
    /// Growth of the heap, where it grows.
    pub heap: Option<Growth>,
    /// Growth of anonymous mappings, where they grow.
    pub anon: Option<Growth>,
}

/// One value over time. Most values of most processes never change: those take no series.
#[derive(Clone, Debug)]
struct Watched {
    spec: SeriesSpec,
    /// While there is no series: the value that every look has found.
    constant: Option<Constant>,
    series: Option<Box<Track>>,
}

#[derive(Clone, Copy, Debug)]
struct Constant {
    first_ns: u64,
    last_ns: u64,
    value: f64,
}

#[derive(Clone, Debug)]
struct Track {
    tracker: GrowthTracker,
    last: Option<(u64, f64)>,
}

impl Track {
    /// A series in which the value was constant until now.
    fn new(spec: SeriesSpec, constant: Option<Constant>) -> Self {
        let mut tracker = GrowthTracker::new(spec);
        if let Some(Constant { first_ns, last_ns, value }) = constant {
            tracker.observe(first_ns, value, 0.0);
            if last_ns > first_ns {
                tracker.observe_fill(last_ns, value);
            }
        }
        Self { tracker, last: constant.map(|constant| (constant.last_ns, constant.value)) }
    }

    fn observe(&mut self, at_ns: u64, value: Option<f64>, load: f64) -> Observation {
        let Some(value) = value else {
            return self.tracker.observe_unknown(at_ns);
        };
        let skipped = |(last_ns, last): (u64, f64)| {
            last.to_bits() == value.to_bits() && at_ns > last_ns + GAP_NS
        };
        let was_skipped = self.last.is_some_and(skipped);
        self.last = Some((at_ns, value));
        if was_skipped {
            return self.tracker.observe_fill(at_ns, value);
        }
        self.tracker.observe(at_ns, value, load)
    }
}

impl Watched {
    fn new(quantum: f64, seed: u64) -> Self {
        let spec = SeriesSpec { quantum, min_effect: MIN_EFFECT_BYTES, seed };
        Self { spec, constant: None, series: None }
    }

    fn observe(&mut self, at_ns: u64, value: Option<u64>, load: f64) -> Observation {
        let value = value.map(|bytes| bytes as f64);
        if self.series.is_none() {
            match (&mut self.constant, value) {
                (None, None) => return Observation::Unchanged,
                (None, Some(value)) => {
                    self.constant = Some(Constant { first_ns: at_ns, last_ns: at_ns, value });
                    return Observation::Unchanged;
                }
                (Some(constant), Some(value)) if value.to_bits() == constant.value.to_bits() => {
                    constant.last_ns = at_ns;
                    return Observation::Unchanged;
                }
                (Some(_), _) => {}
            }
        }
        let (spec, constant) = (self.spec, self.constant.take());
        let series = self.series.get_or_insert_with(|| Box::new(Track::new(spec, constant)));
        series.observe(at_ns, value, load)
    }

    fn growth(&self) -> Option<Growth> {
        match self.series.as_ref()?.tracker.phase() {
            Phase::Open(growth) => Some(growth),
            Phase::Quiet | Phase::Stopped { .. } => None,
        }
    }

    /// How much the value rose from its floor at `since_ns` to its last one; 0 where unknown.
    fn rise_since(&self, bucket_ns: u64, since_ns: u64) -> f64 {
        let Some(Track { tracker, last }) = self.series.as_deref() else { return 0.0 };
        let levels = (0..crate::series::LEVELS).filter_map(|at| tracker.series().level(at));
        let Some(view) = levels.into_iter().find(|view| view.bucket_ns() == bucket_ns) else {
            return 0.0;
        };
        let first = view.buckets().find(|bucket| bucket.start_ns >= since_ns);
        first.zip(*last).map_or(0.0, |(first, (_, last))| last - first.floor)
    }

    /// Bytes of the series, if there is one.
    fn series_bytes(&self) -> usize {
        self.series.as_ref().map_or(0, |series| series.tracker.memory_bytes())
    }

    /// Forgets the series but for its last value.
    fn forget(&mut self) {
        if let Some((at_ns, value)) = self.series.take().and_then(|series| series.last) {
            self.constant = Some(Constant { first_ns: at_ns, last_ns: at_ns, value });
        }
    }
}

/// The memory series of one process and the finding they may hold open.
#[derive(Clone, Debug)]
pub struct Growths {
    heap: Watched,
    anon: Watched,
    touched: Watched,
    open: Option<Report>,
    reported_ns: u64,
}

impl Growths {
    /// Starts the series of a process. Kernel RSS counters move in steps of up to 64 pages a CPU,
    /// hence `rss_step_bytes`; the inventory moves in pages.
    pub fn new(id: ProcessId, page_bytes: u64, rss_step_bytes: u64) -> Self {
        let seed = u64::from(id.pid) << 40 ^ id.start_ticks;
        Self {
            heap: Watched::new(page_bytes as f64, seed ^ 1 << 61),
            anon: Watched::new(page_bytes as f64, seed ^ 2 << 61),
            touched: Watched::new(rss_step_bytes as f64, seed ^ 3 << 61),
            open: None,
            reported_ns: 0,
        }
    }

    /// Takes a sample; says what changed, with the figures of the finding it concerns.
    pub fn observe(&mut self, sample: &Sample) -> Option<(Change, Report)> {
        let of = |class| sample.totals.map(|totals| totals.get(class));
        let (at_ns, load) = (sample.at_ns, sample.load);
        let judged = [
            self.heap.observe(at_ns, of(MappingClass::Heap), load),
            self.anon.observe(at_ns, of(MappingClass::Anonymous), load),
            self.touched.observe(at_ns, Some(sample.touched_bytes), load),
        ];
        if judged.iter().all(|observed| matches!(observed, Observation::Unchanged)) {
            return None;
        }
        match (self.open, self.report(at_ns)) {
            (None, None) => None,
            (None, Some(report)) => Some((Change::Opened, self.say(at_ns, &report))),
            (Some(last), None) => {
                self.open = None;
                Some((Change::Ended, last))
            }
            (Some(last), Some(report)) => {
                let moved = (report.leading.rate_per_min - last.leading.rate_per_min).abs()
                    > RATE_MOVED * last.leading.rate_per_min.abs();
                let is_due = at_ns >= self.reported_ns + UPDATE_NS || report.rule != last.rule;
                (moved || is_due).then(|| (Change::Updated, self.say(at_ns, &report)))
            }
        }
    }

    /// Bytes of memory, the heap's included.
    pub fn memory_bytes(&self) -> usize {
        let series = [&self.heap, &self.anon, &self.touched].map(Watched::series_bytes);
        size_of::<Self>() + series.iter().sum::<usize>()
    }

    /// Starts anew from the last values; an open finding keeps its series.
    pub fn forget(&mut self) {
        if self.open.is_none() {
            for watched in [&mut self.heap, &mut self.anon, &mut self.touched] {
                watched.forget();
            }
        }
    }

    /// The finding that is open, in figures.
    pub fn open(&self) -> Option<Report> {
        self.open
    }

    fn say(&mut self, at_ns: u64, report: &Report) -> Report {
        self.reported_ns = at_ns;
        self.open = Some(*report);
        *report
    }

    /// The finding as the series stand, if any of them is growing.
    fn report(&self, at_ns: u64) -> Option<Report> {
        let (heap, anon) = (self.heap.growth(), self.anon.growth());
        let touched = self.touched.growth();
        let leading = touched.or_else(|| faster(heap, anon))?;
        let (rule, resource) = self.place(&leading);
        let opened_ns = self.open.map_or(at_ns, |open| open.opened_ns);
        Some(Report { opened_ns, rule, resource, leading, touched, heap, anon })
    }

    /// Where the growth is: in the class that rose most since it began, if it rose about as much.
    fn place(&self, leading: &Growth) -> (&'static str, &'static str) {
        let rise =
            |watched: &Watched| watched.rise_since(leading.level_bucket_ns, leading.since_ns);
        let (heap, anon) = (rise(&self.heap), rise(&self.anon));
        if heap.max(anon) < PLACE_SHARE * rise(&self.touched).max(MIN_EFFECT_BYTES) {
            return ("rss_growth", "resident memory");
        }
        if heap >= anon {
            ("heap_growth", "heap")
        } else {
            ("anon_mapping_growth", "anonymous mappings")
        }
    }
}

fn faster(a: Option<Growth>, b: Option<Growth>) -> Option<Growth> {
    match (a, b) {
        (Some(a), Some(b)) if b.rate_per_min > a.rate_per_min => Some(b),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Mappings;

    const SECOND: u64 = 1_000_000_000;
    const MIB: u64 = 1 << 20;

    fn held(heap: u64, anon: u64) -> Totals {
        let mut mappings = Mappings::default();
        mappings.insert(MIB, MIB + heap, MappingClass::Heap, 0);
        mappings.insert(1 << 46, (1 << 46) + anon, MappingClass::Anonymous, 0);
        mappings.totals()
    }

    /// Feeds a sample every 5 s for `minutes`; `shape` gives heap, anonymous and touched MiB.
    fn run(minutes: u64, shape: impl Fn(u64) -> (u64, u64, u64)) -> Vec<(u64, Change, Report)> {
        let id = ProcessId { pid: 7, start_ticks: 11 };
        let mut growths = Growths::new(id, 4096, 512 << 10);
        let times = (0..minutes * 12).map(|round| round * 5);
        times
            .filter_map(|second| {
                let (heap, anon, touched) = shape(second);
                let sample = Sample {
                    at_ns: (1000 + second) * SECOND,
                    load: 1.0,
                    totals: Some(held(heap * MIB, anon * MIB)),
                    touched_bytes: touched * MIB,
                };
                growths.observe(&sample).map(|(change, report)| (second, change, report))
            })
            .collect()
    }

    #[test]
    fn a_growing_heap_is_one_finding_named_heap() {
        let changes = run(6, |second| (4 + second, 100, 50 + second));
        assert_eq!(changes[0].1, Change::Opened);
        assert_eq!(changes[0].2.rule, "heap_growth");
        assert!(changes[0].0 <= 180, "opened after {} s", changes[0].0);
        assert!(changes[1..].iter().all(|(_, change, _)| *change == Change::Updated));
        let rate = changes[0].2.leading.rate_per_min / MIB as f64;
        assert!((57.0..63.0).contains(&rate), "{rate} MiB a minute");
    }

    #[test]
    fn growing_mappings_are_named_so_and_touching_old_ones_is_not() {
        let mapped = run(6, |second| (4, 100 + second, 50 + second));
        assert_eq!(mapped[0].2.rule, "anon_mapping_growth");
        let touched = run(6, |second| (4, 4000, 50 + second));
        assert_eq!(touched[0].2.rule, "rss_growth");
    }

    #[test]
    fn growth_that_stops_ends_the_finding() {
        let changes = run(12, |second| (4 + second.min(240), 100, 50 + second.min(240)));
        assert_eq!(changes.last().map(|(_, change, _)| *change), Some(Change::Ended));
    }
}

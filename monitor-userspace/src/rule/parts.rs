//! Growth of memory that consists of parts: a cgroup's, and the host's that no process holds. One
//! series for each part, one finding for all that grow together, named after the part that grows most.

use std::cmp::Ordering;

use super::{
    Change, Gate, Part, fnv1a,
    growth::has_moved,
    news::{Figures, News},
    signal::MIN_EFFECT_BYTES,
    watched::Watched,
};
use crate::{
    detect::{Growth, Observation},
    series::SeriesSpec,
};

/// The host's memory counts everything that runs: of what comes and goes with programs, less than this
/// share of it is no growth.
const LEAST_OF_HOST: f64 = 1.0 / 2048.0;
/// How a part moved while the whole grew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Which part.
    pub part: Part,
    /// By how many bytes it rose since its growth began, or that of the whole.
    pub rise: f64,
    /// Its growth, where it is judged by itself and grows.
    pub growth: Option<Growth>,
}

/// An open finding about memory in parts, in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct PartsReport {
    /// When the judge opened it, in nanoseconds since boot.
    pub opened_ns: u64,
    /// The part whose growth gives the rate: the whole of a cgroup's memory, the fastest of the host's.
    pub rated: Part,
    /// Its growth.
    pub growth: Growth,
    /// By how much it rose since then, in bytes.
    pub rise: f64,
    /// The parts that rose, the most first; the whole is one of them.
    pub moved: Vec<Moved>,
}

impl Figures for PartsReport {
    fn have_moved(&self, last: &Self) -> bool {
        has_moved(&last.growth, &self.growth) || self.rated != last.rated
    }
}

/// The series of all parts, and where the finding about them stands.
#[derive(Clone, Debug)]
pub struct Parts {
    watched: Vec<(Part, Watched)>,
    seed: u64,
    quantum: f64,
    min_effect: f64,
    news: News<PartsReport>,
    /// What its rule makes of it.
    pub gate: Gate,
}

impl Parts {
    /// Of a cgroup; `quantum` is the step in bytes in which its memory is charged.
    pub fn of_component(path: &str, quantum: f64) -> Self {
        Self::new(&Part::COMPONENT, fnv1a(0, path.bytes()), quantum, MIN_EFFECT_BYTES)
    }

    /// Of a host with so much memory.
    pub fn of_host(total_bytes: u64) -> Self {
        let least = total_bytes as f64 * LEAST_OF_HOST;
        Self::new(&Part::HOST, 0, 4096.0, least.max(MIN_EFFECT_BYTES))
    }

    fn new(parts: &[Part], seed: u64, quantum: f64, min_effect: f64) -> Self {
        let watched = parts.iter().map(|part| (*part, Watched::default())).collect();
        let (news, gate) = (News::default(), Gate::default());
        Self { watched, seed, quantum, min_effect, news, gate }
    }

    /// Takes the values of all parts, in their order; `load` is the CPU that was used meanwhile,
    /// percent of one core. Says what changed.
    pub fn observe(
        &mut self,
        at_ns: u64,
        values: &[Option<f64>],
        load: f64,
    ) -> Option<(Change, PartsReport)> {
        let (quantum, min_effect, seed) = (self.quantum, self.min_effect, self.seed);
        let mut is_judged = false;
        for ((part, watched), value) in self.watched.iter_mut().zip(values) {
            let spec = || SeriesSpec {
                quantum,
                min_effect,
                seed: fnv1a(seed, part.name().bytes()),
                counts: false,
                prior: part.prior().ln(),
            };
            let observed = watched.observe(spec, at_ns, *value, load);
            is_judged |= !matches!(observed, Observation::Unchanged);
        }
        if !is_judged {
            return None;
        }
        let report = self.report(at_ns);
        self.news.hear(report, at_ns)
    }

    /// What is open, in figures.
    pub fn open(&self) -> Option<&PartsReport> {
        self.news.open()
    }

    /// By how many bytes a part rose since then.
    pub fn rise(&self, part: Part, since_ns: u64) -> f64 {
        let watched = self.watched.iter().find(|(it, _)| *it == part);
        watched.map_or(0.0, |(_, watched)| watched.risen_since(since_ns))
    }

    /// Starts all series anew from their last values, unless a finding is open.
    pub fn forget(&mut self) {
        if self.open().is_none() {
            self.watched.iter_mut().for_each(|(_, watched)| watched.forget());
        }
    }

    /// Bytes of memory, the heap's included.
    pub fn memory_bytes(&self) -> usize {
        let series =
            self.watched.iter().map(|(_, it)| size_of::<(Part, Watched)>() + it.series_bytes());
        size_of::<Self>() + self.news.heap_bytes() + series.sum::<usize>()
    }

    fn report(&self, at_ns: u64) -> Option<PartsReport> {
        let growths: Vec<(Part, Option<Growth>)> = self
            .watched
            .iter()
            .map(|(part, watched)| (*part, part.opens().then(|| watched.growth()).flatten()))
            .collect();
        let first = growths.iter().filter_map(|(part, growth)| Some((*part, (*growth)?)));
        let (rated, growth) = first.max_by(|(_, one), (_, other)| by_weight(one, other))?;
        let moved = |(part, own): (Part, Option<Growth>)| {
            let rise = self.rise(part, own.unwrap_or(growth).since_ns);
            (rise > 0.0 || own.is_some()).then_some(Moved { part, rise, growth: own })
        };
        let mut moved: Vec<Moved> = growths.into_iter().filter_map(moved).collect();
        moved.sort_by(|one, other| other.rise.total_cmp(&one.rise));
        let opened_ns = self.open().map_or(at_ns, |open| open.opened_ns);
        let rise = self.rise(rated, growth.since_ns);
        Some(PartsReport { opened_ns, rated, growth, rise, moved })
    }
}

impl PartsReport {
    /// The same, led by the part that leads of those that are wanted; `None` where none grows.
    pub fn led_by(&self, is_wanted: impl Fn(&Moved) -> bool) -> Option<Self> {
        let growing = self.moved.iter().filter(|moved| is_wanted(moved));
        let growing = growing.filter_map(|moved| Some((moved, moved.growth?)));
        let (moved, growth) = growing.max_by(|(_, one), (_, other)| by_weight(one, other))?;
        Some(Self { rated: moved.part, growth, rise: moved.rise, ..self.clone() })
    }

    /// The part that it is about: of the whole of a cgroup's memory the one that rose most.
    pub fn place(&self) -> Part {
        let parts = || self.moved.iter().map(|moved| moved.part);
        if self.rated != Part::Held {
            return self.rated;
        }
        parts().find(|part| *part != Part::Held).unwrap_or(self.rated)
    }
}

/// What is known to leak comes before what grows faster.
fn by_weight(one: &Growth, other: &Growth) -> Ordering {
    one.is_leak.cmp(&other.is_leak).then(one.rate_per_min.total_cmp(&other.rate_per_min))
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;

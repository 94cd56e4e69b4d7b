//! Runs series through the detector.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use monitor_userspace::detect::{Growth, GrowthTracker, LookAtPages, Observation, Phase};
use monitor_userspace::rule::{Came, Known, Run, Service, Services, Signal};
use monitor_userspace::series::SeriesSpec;

use super::forecast::{Answer, Question};
use super::synthetic::Made;

const SECOND_NS: u64 = 1_000_000_000;
/// Boot time of the first sample.
pub const START_NS: u64 = 1_000 * SECOND_NS;
/// Kernel counters of two CPUs move in steps of this.
const RSS_STEP: f64 = 524_288.0;
/// Steps between looks at accessed pages: a window of a minute, and a pause.
const LOOK_EVERY: usize = 12;
/// Times at which the probability is noted.
const LOOKS: usize = 8;

/// A fresh tracker for a series.
pub fn tracker(made: &Made, seed: u64) -> GrowthTracker {
    GrowthTracker::new(SeriesSpec {
        quantum: if made.counts { 1.0 } else { RSS_STEP },
        min_effect: if made.counts { 8.0 } else { 1_048_576.0 },
        seed,
        counts: made.counts,
        prior: 0.0,
    })
}

/// Boot time of a step.
pub fn at_ns(made: &Made, step: usize) -> u64 {
    START_NS + step as u64 * made.step_s * SECOND_NS
}

/// What became of a series.
pub struct Outcome {
    /// First step at which a leak was called, if ever.
    pub called: Option<usize>,
    /// First step at which one was suspected.
    pub suspected: Option<usize>,
    /// How often a leak was called anew.
    pub calls: usize,
    /// The finding that is open at the end.
    pub last: Option<Growth>,
    /// Probability and truth at some moments at which growth was weighed.
    pub looks: Vec<(f64, bool)>,
    /// When its limit was said to be reached, if it was open when that was asked.
    pub forecast: Option<Answer>,
}

/// Runs one series to its end. `sees_pages` adds what is touched, for what grows.
pub fn run(made: &Made, seed: u64, sees_pages: bool) -> Outcome {
    let mut tracker = tracker(made, seed);
    let mut outcome = Outcome {
        called: None,
        suspected: None,
        calls: 0,
        last: None,
        looks: Vec::new(),
        forecast: None,
    };
    let question = Question::of(made);
    let mut was_leak = false;
    let mut service = Restarted::new(made);
    let look_every = (made.values.len() / LOOKS).max(1);
    for (step, (&value, &load)) in made.values.iter().zip(&made.loads).enumerate() {
        if made.restarts.contains(&step) {
            tracker = service.restart(&tracker, made, (step, seed));
        }
        if let Some(question) = question.filter(|question| question.step == step) {
            outcome.forecast = open(&tracker).and_then(|growth| question.answer(&growth));
        }
        if sees_pages && step % LOOK_EVERY == 0 && tracker.is_weighing() {
            look(&mut tracker, made, step);
        }
        let observed = tracker.observe(at_ns(made, step), value, load);
        if step % look_every == look_every - 1
            && let Some(probability) = tracker.leak_probability()
        {
            outcome.looks.push((probability, made.truth_at(step).is_leak()));
        }
        if !matches!(observed, Observation::Judged { transition: Some(_), .. }) {
            continue;
        }
        let open = open(&tracker);
        if open.is_some() {
            outcome.suspected.get_or_insert(step);
        }
        let is_leak = open.is_some_and(|growth| growth.is_leak);
        if is_leak {
            outcome.called.get_or_insert(step);
            outcome.calls += usize::from(!was_leak);
        }
        was_leak = is_leak;
    }
    outcome.last = open(&tracker);
    outcome
}

/// A service whose runs follow each other.
struct Restarted {
    services: Services,
    name: Service,
    began_ns: u64,
}

impl Restarted {
    fn new(made: &Made) -> Self {
        let name = Service::of(&Known::default());
        Self { services: Services::default(), name, began_ns: at_ns(made, 0) }
    }

    /// Ends a run; a tracker that was told of it, for the next.
    fn restart(
        &mut self,
        over: &GrowthTracker,
        made: &Made,
        (step, seed): (usize, u64),
    ) -> GrowthTracker {
        let now_ns = at_ns(made, step);
        let mut came = [Came::Unknown; Signal::COUNT];
        came[Signal::Touched as usize] = Came::of_series(over, self.began_ns);
        let (began_ns, ended_ns) = (self.began_ns, now_ns);
        self.services
            .add(self.name.clone(), Run { began_ns, ended_ns, came, left: <_>::default() });
        self.began_ns = now_ns;
        let mut next = tracker(made, seed);
        if let Some(earlier) = self.services.earlier(&self.name, now_ns) {
            next.set_earlier(earlier.of(Signal::Touched));
        }
        next
    }
}

/// The finding that is open.
const fn open(tracker: &GrowthTracker) -> Option<Growth> {
    match tracker.phase() {
        Phase::Open(growth) => Some(growth),
        Phase::Quiet | Phase::Stopped { .. } => None,
    }
}

/// Looks at what is touched, as the agent does of suspects.
fn look(tracker: &mut GrowthTracker, made: &Made, step: usize) {
    let (held, shares) = (made.values[step], made.touched_at(step));
    for (seconds, share) in [3, 15, 60].into_iter().zip(shares.into_iter().flatten()) {
        let window_ns = seconds * SECOND_NS;
        tracker.set_touched(&LookAtPages { window_ns, held, touched: share * held });
    }
}

/// Does a piece of work for each of `0..count`, on all CPUs; the results are in order.
pub fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let result = work(at);
                    if let Ok(mut done) = done.lock() {
                        done.push((at, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

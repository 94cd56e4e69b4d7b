use super::simulate::{MIB, Random};
use super::*;
use crate::series::SeriesSpec;

const MEMORY: SeriesSpec =
    SeriesSpec { quantum: 512.0 * 1024.0, min_effect: MIB, seed: 0, counts: false, prior: 0.0 };
const COUNT: SeriesSpec =
    SeriesSpec { quantum: 0.0, min_effect: 8.0, seed: 0, counts: true, prior: 0.0 };
/// 100 KiB every 100 ms, in bytes a second.
const FAST: f64 = 1000.0 * 1024.0;
const SEEDS: u64 = 100;

/// Every transition of a run but `Updated`, with the seconds at which it came, and the tracker.
struct Run {
    tracker: GrowthTracker,
    events: Vec<(f64, Transition)>,
    opened: Option<Growth>,
    /// When a leak was first called, seconds.
    called: Option<f64>,
}

impl Run {
    fn at(&self, wanted: Transition) -> Option<f64> {
        self.events.iter().find(|event| event.1 == wanted).map(|event| event.0)
    }
}

/// Samples `value(seconds)` every 5 s with up to 0.3 s of jitter, at a phase drawn per seed. Of memory
/// next to nothing is touched.
fn run(
    spec: SeriesSpec,
    seed: u64,
    seconds: u64,
    value: impl FnMut(f64, &mut Random) -> f64,
) -> Run {
    run_used(spec, seed, seconds, 0.01, value)
}

/// The same with a share of the memory that is touched.
fn run_used(
    spec: SeriesSpec,
    seed: u64,
    seconds: u64,
    touched: f64,
    mut value: impl FnMut(f64, &mut Random) -> f64,
) -> Run {
    let mut random = Random::new(seed);
    let mut tracker = GrowthTracker::new(SeriesSpec { seed, ..spec });
    let (mut events, mut opened, mut called) = (Vec::new(), None, None);
    let origin = 1000.0 + 5.0 * random.unit();
    for step in 0..seconds / 5 {
        let at = step as f64 * 5.0 + 0.3 * random.unit();
        let sample = value(at, &mut random);
        if tracker.is_weighing() && !spec.counts {
            let touched = touched * sample;
            let look = LookAtPages { window_ns: 60_000_000_000, held: sample, touched };
            tracker.set_touched(&look);
        }
        let answer = tracker.observe(((origin + at) * 1e9) as u64, sample, 1.0);
        let Observation::Judged { verdict, transition: Some(transition), .. } = answer else {
            continue;
        };
        if transition == Transition::Opened
            && let Verdict::Growing(growth) = verdict
        {
            opened = opened.or(Some(growth));
        }
        if matches!(verdict, Verdict::Growing(growth) if growth.is_leak) {
            called = called.or(Some(at));
        }
        if transition != Transition::Updated {
            events.push((at, transition));
        }
    }
    Run { tracker, events, opened, called }
}

/// Median and maximum.
fn summary(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[values.len() - 1])
}

#[test]
fn a_fast_leak_from_the_start_is_named_in_150_seconds() {
    let (mut times, mut errors, mut covered) = (Vec::new(), Vec::new(), 0);
    for seed in 0..SEEDS {
        let run = run(MEMORY, seed, 300, |at, _| 4.0 * MIB + FAST * at);
        times.push(run.at(Transition::Opened).unwrap_or(f64::INFINITY));
        let growth = run.opened.unwrap();
        errors.push((growth.rate_per_min / (60.0 * FAST) - 1.0).abs());
        let [low, high] = growth.rate_interval;
        covered += u32::from((low..=high).contains(&(60.0 * FAST)));
    }
    let (times, errors) = (summary(times), summary(errors));
    println!(
        "fast leak: opened after {times:?} s, rate error {errors:?}, covered {covered} of {SEEDS}"
    );
    assert!(times.1 <= 150.0 && errors.0 <= 0.05 && errors.1 <= 0.15);
}

#[test]
fn a_slow_leak_in_noise_is_found_within_6_hours() {
    let rate = MIB / 60.0;
    let (mut times, mut errors, mut covered) = (Vec::new(), Vec::new(), 0);
    for seed in 0..40 {
        let run = run(MEMORY, seed, 6 * 3600, |at, random| {
            500.0 * MIB + rate * at + 3.0 * MIB * random.around()
        });
        times.push(run.at(Transition::Opened).unwrap_or(f64::INFINITY));
        let Phase::Open(growth) = run.tracker.phase() else {
            panic!("seed {seed}: {:?}", run.events)
        };
        errors.push((growth.rate_per_min / MIB - 1.0).abs());
        let [low, high] = growth.rate_interval;
        covered += u32::from((low..=high).contains(&MIB));
    }
    let (times, errors) = (summary(times), summary(errors));
    println!("slow leak: opened after {times:?} s, rate error {errors:?}, covered {covered} of 40");
    assert!(times.1 <= 6.0 * 3600.0 && errors.0 <= 0.05 && errors.1 <= 0.15);
}

#[test]
fn a_late_leak_is_named_in_4_minutes_with_its_own_rate() {
    let (mut times, mut errors, mut onsets) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let run = run(MEMORY, seed, 3600 + 300, |at, _| 40.0 * MIB + FAST * (at - 3600.0).max(0.0));
        times.push(run.at(Transition::Opened).unwrap_or(f64::INFINITY) - 3600.0);
        let growth = run.opened.unwrap();
        errors.push((growth.rate_per_min / (60.0 * FAST) - 1.0).abs());
        onsets.push((growth.since_ns as f64 / 1e9 - 4600.0).abs());
    }
    let (times, errors, onsets) = (summary(times), summary(errors), summary(onsets));
    println!(
        "late leak: opened {times:?} s after, rate error {errors:?}, onset off by {onsets:?} s"
    );
    assert!(times.1 <= 240.0 && errors.1 <= 0.10 && onsets.1 <= 30.0);
}

#[test]
fn a_leak_with_a_fifth_of_its_samples_missing_is_still_found() {
    let mut times = Vec::new();
    for seed in 0..SEEDS {
        let run = run(MEMORY, seed, 400, |at, random| {
            if random.unit() < 0.2 { f64::NAN } else { 4.0 * MIB + FAST * at }
        });
        times.push(run.at(Transition::Opened).unwrap_or(f64::INFINITY));
    }
    let times = summary(times);
    println!("fast leak with gaps: opened after {times:?} s");
    assert!(times.0 <= 150.0 && times.1 <= 270.0);
}

#[test]
fn growing_counts_are_named_with_their_rate() {
    let (mut times, mut errors) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let run = run(COUNT, seed, 300, |at, _| 20.0 + (at / 2.0).floor());
        times.push(run.at(Transition::Opened).unwrap_or(f64::INFINITY));
        errors.push((run.opened.unwrap().rate_per_min / 30.0 - 1.0).abs());
    }
    let (times, errors) = (summary(times), summary(errors));
    println!("descriptors: opened after {times:?} s, rate error {errors:?}");
    assert!(times.1 <= 180.0 && errors.1 <= 0.05);
}

#[test]
fn a_leak_that_stops_is_said_to_have_stopped() {
    for (stop, limit) in [(200.0, 180.0), (600.0, 180.0), (1800.0, 180.0)] {
        let mut times = Vec::new();
        for seed in 0..SEEDS {
            let run = run(MEMORY, seed, stop as u64 + 600, |at, _| 4.0 * MIB + FAST * at.min(stop));
            assert_eq!(run.events.len(), 2, "{:?}", run.events);
            times.push(run.at(Transition::Stopped).unwrap_or(f64::INFINITY) - stop);
            let Phase::Stopped { plateau } = run.tracker.phase() else { panic!() };
            assert!((plateau - 4.0 * MIB - FAST * stop).abs() <= MIB);
        }
        let times = summary(times);
        println!("stopped after {stop} s of leak: said {times:?} s later");
        assert!(times.1 <= limit);
    }
}

#[test]
fn growth_that_falls_back_is_revoked() {
    for seed in 0..SEEDS {
        let run =
            run(MEMORY, seed, 1200, |at, _| 40.0 * MIB + if at < 400.0 { FAST * at } else { 0.0 });
        let events: Vec<_> = run.events.iter().map(|event| event.1).collect();
        assert_eq!(events, [Transition::Opened, Transition::Revoked], "seed {seed}");
        assert_eq!(run.tracker.phase(), Phase::Quiet);
    }
}

#[test]
fn rests_between_the_steps_of_a_staircase_are_no_end() {
    let runs = (0..20).map(|seed| {
        let run = run(MEMORY, seed, 12 * 3600, |at, random| {
            300.0 * MIB + 10.0 * MIB * (at / 600.0).floor() + 0.5 * MIB * random.normal()
        });
        assert!(matches!(run.tracker.phase(), Phase::Open(_)), "seed {seed}: {:?}", run.events);
        run.events.iter().filter(|event| event.1 == Transition::Stopped).count()
    });
    let stops: Vec<usize> = runs.collect();
    println!("staircase: false stops in 12 h {stops:?}");
    assert!(stops.iter().all(|&stops| stops <= 1));
}

#[test]
fn what_rises_and_falls_is_not_opened_every_time() {
    // 23 more periods follow the first.
    let run = run(MEMORY, 1, 86_400, |at, _| 200.0 * MIB * (1.0 + at % 3600.0 / 3600.0));
    let opened = run.events.iter().filter(|event| event.1 == Transition::Opened).count();
    assert!((1..=3).contains(&opened), "{:?}", run.events);
}

fn never_a_leak(name: &str, seconds: u64, value: impl Fn(f64, &mut Random) -> f64) {
    never_a_leak_as(MEMORY, name, seconds, value);
}

fn never_a_leak_as(
    spec: SeriesSpec,
    name: &str,
    seconds: u64,
    value: impl Fn(f64, &mut Random) -> f64,
) {
    let opened = (0..SEEDS).filter(|&seed| {
        let run = run_used(spec, seed, seconds, 0.4, &value);
        if run.called.is_some() {
            println!("{name}, seed {seed}: {:?} {:?}", run.events, run.opened);
        }
        run.called.is_some()
    });
    assert_eq!(opened.count(), 0, "{name}");
}

#[test]
fn healthy_series_are_never_called_leaks() {
    let level = 200.0 * MIB;
    never_a_leak("constant", 7200, |_, _| level);
    never_a_leak("white noise", 7200, |_, random| level + 20.0 * MIB * random.normal());
    never_a_leak("fill of a minute", 7200, |at, _| level * (at / 60.0).min(1.0));
    never_a_leak("warm-up", 7200, |at, _| 10.0 * level * (1.0 - (-at / 15.0).exp()));
    never_a_leak("noisy warm-up", 7200, |at, random| {
        level * (1.0 - (-at / 15.0).exp()) + 0.4 * MIB * random.normal()
    });
    for period in [7.0, 20.0, 60.0] {
        never_a_leak("sawtooth", 7200, |at, random| {
            level * (1.0 + at % period / period) + MIB * random.unit()
        });
    }
    never_a_leak("step", 7200, |at, _| if at < 1800.0 { level } else { 2.0 * level });
    never_a_leak("noisy step", 7200, |at, random| {
        MIB * random.normal() + if at < 1800.0 { level } else { 2.0 * level }
    });
    never_a_leak_as(COUNT, "descriptors in use", 7200, |_, random| (30.0 * random.unit()).floor());
    never_a_leak("three steps", 7200, |at, _| level * (1.0 + (at / 20.0).floor().min(3.0)));
}

#[test]
fn a_fill_of_five_minutes_is_no_more_than_suspected_until_it_stops() {
    // Nothing in the series alone tells it from a leak while it lasts.
    let run = run_used(MEMORY, 1, 1800, 0.4, |at, _| 200.0 * MIB * (at / 300.0).min(1.0));
    assert!(!matches!(run.tracker.phase(), Phase::Open(_)), "{:?}", run.events);
    assert_eq!(run.called, None);
}

#[test]
fn few_or_missing_data_are_insufficient() {
    let mut tracker = GrowthTracker::new(MEMORY);
    assert_eq!(tracker.verdict(), Verdict::Insufficient);
    for step in 0..200 {
        tracker.observe_unknown(step * 5_000_000_000);
    }
    assert_eq!(tracker.verdict(), Verdict::Insufficient);
    for step in 200..230 {
        tracker.observe(step * 5_000_000_000, 1e8, 0.0);
    }
    assert_eq!(tracker.verdict(), Verdict::Steady);
    tracker.observe_fill(1_000_000_000_000_000, 1e8);
    assert_eq!((tracker.verdict(), tracker.phase()), (Verdict::Steady, Phase::Quiet));
}

#[test]
fn a_replay_gives_the_same_bits_and_memory_is_bounded() {
    let noisy = |at: f64, random: &mut Random| 500.0 * MIB + at * 9e3 + 2.0 * MIB * random.normal();
    let (one, two) = (run(MEMORY, 3, 86_400, noisy), run(MEMORY, 3, 86_400, noisy));
    assert_eq!((&one.events, one.tracker.phase()), (&two.events, two.tracker.phase()));
    let mut tracker = one.tracker;
    for step in 0..4000 {
        tracker.observe((90_000 + step * 1000) * 1_000_000_000, 1e9, 0.0);
    }
    println!("tracker at full depth: {} bytes", tracker.memory_bytes());
    assert!(tracker.memory_bytes() <= 8192, "{}", tracker.memory_bytes());
}

#[test]
fn the_cost_of_a_sample_is_printed() {
    type Shape = fn(f64, &mut Random) -> f64;
    let shapes: [(&str, Shape); 3] = [
        ("constant", |_, _| 1e8),
        ("noise", |_, random| 1e8 + 1e6 * random.unit()),
        ("leak", |at, _| 1e8 + 1e5 * at),
    ];
    for (name, shape) in shapes {
        let mut random = Random::new(1);
        let mut tracker = GrowthTracker::new(MEMORY);
        let values: Vec<f64> = (0..200_000).map(|at| shape(f64::from(at), &mut random)).collect();
        for every in [1, 5] {
            let start = std::time::Instant::now();
            for (at, value) in (0..).zip(&values) {
                std::hint::black_box(tracker.observe(at * every * 1_000_000_000, *value, 0.0));
            }
            let each = start.elapsed().as_nanos() as f64 / values.len() as f64;
            println!("{name}, a sample every {every} s: {each:.0} ns per sample");
        }
    }
}

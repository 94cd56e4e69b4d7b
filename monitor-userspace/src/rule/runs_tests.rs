use super::*;
use crate::{
    detect::Place,
    event::ProcessId,
    rule::{Change, Known, Quanta, Report, Sample, Values},
};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const MIB: f64 = 1_048_576.0;
const QUANTA: Quanta = Quanta { mapped: 4096.0, resident: 524_288.0 };

/// A host with one service, whose runs follow each other.
struct Host {
    services: Services,
    now_ns: u64,
    pid: u32,
}

/// What became of a run: the first suspicion and the first leak, in minutes after its start, and the
/// last that was said.
#[derive(Debug)]
struct Told {
    suspected: Option<u64>,
    called: Option<u64>,
    last: Option<Report>,
    left: Option<Left>,
}

impl Host {
    fn new() -> Self {
        Self { services: Services::default(), now_ns: 1000 * SECOND, pid: 100 }
    }

    fn start(&mut self) -> Growths {
        self.pid += 1;
        let id = ProcessId { pid: self.pid, start_ticks: self.now_ns / 10_000_000 };
        let mut growths = Growths::new(id, QUANTA);
        growths.set_service(service("api"), self.now_ns);
        growths
    }

    /// A run of `minutes`, of which the heap has so many MiB after so many minutes, and what was told.
    fn run(&mut self, minutes: u64, heap: impl Fn(f64) -> f64) -> Told {
        let mut growths = self.start();
        let mut told = Told { suspected: None, called: None, last: None, left: None };
        for look in 0..minutes * 12 {
            let mut values = Values::default();
            values.set(Signal::Heap, Some((heap(look as f64 / 12.0) * MIB) as u64));
            let sample = Sample { at_ns: self.now_ns + look * 5 * SECOND, load: 1.0, values };
            self.services.tell(&mut growths);
            for (change, report) in growths.observe(&sample) {
                if change == Change::Ended {
                    told.last = None;
                    continue;
                }
                told.suspected.get_or_insert(look / 12);
                if report.leading.is_leak {
                    told.called.get_or_insert(look / 12);
                }
                told.last = Some(report);
            }
        }
        self.now_ns += minutes * MINUTE;
        let mut ids = [const { None }; Cause::ALL.len()];
        if let Some(report) = told.last {
            ids[report.cause as usize] = Some(format!("{}", self.pid));
            let rate = |it: Signal| report.growing[it as usize].map(|it| it.rate_per_min);
            let earlier = growths.earlier();
            told.left = earlier.and_then(|earlier| earlier.left(report.cause, rate)).cloned();
        }
        self.services.remember(&mut growths, self.now_ns, ids);
        self.now_ns += 10 * SECOND;
        told
    }
}

fn service(name: &str) -> Service {
    Service::of(&Known { comm: name, ..Known::default() })
}

fn leak(minute: f64) -> f64 {
    50.0 + 2.0 * minute
}

fn warm_up(minute: f64) -> f64 {
    50.0 + 300.0 * (1.0 - (-minute / 20.0).exp())
}

fn confidence(told: &Told) -> f64 {
    told.last.map_or(0.0, |report| report.leading.confidence)
}

#[test]
fn a_leak_in_every_run_is_surer_each_time_and_names_the_finding_of_the_first() {
    let mut host = Host::new();
    let runs: Vec<Told> = (0..5).map(|_| host.run(30, leak)).collect();
    assert_eq!(runs[0].left, None);
    assert!(runs[2].suspected < runs[0].suspected, "{runs:?}");
    assert!(confidence(&runs[1]) > confidence(&runs[0]), "{runs:?}");
    let (one, five) = (confidence(&runs[0]), confidence(&runs[4]));
    assert!(five / (1.0 - five) > 1.8 * one / (1.0 - one), "{one} {five}");
    for (number, told) in (1..).zip(&runs[1..]) {
        let left = told.left.as_ref().expect("runs before it");
        assert_eq!((&*left.first_id, left.runs), ("101", number));
        assert_eq!(left.since_ns, 1000 * SECOND);
    }
}

#[test]
fn a_leak_teaches_no_plateau_and_one_that_fell_back_is_followed_by_nothing() {
    let mut host = Host::new();
    host.run(30, leak);
    host.run(30, leak);
    let mut growths = host.start();
    host.services.tell(&mut growths);
    let earlier = growths.earlier().unwrap();
    assert_eq!(earlier.of(Signal::Heap).plateau, None);
    assert_eq!(earlier.of(Signal::Heap).grew, 2);
    host.run(180, warm_up);
    let mut growths = host.start();
    host.services.tell(&mut growths);
    let heap = growths.earlier().unwrap().of(Signal::Heap);
    assert_eq!((heap.grew, heap.plateau.map(|it| it.runs)), (0, Some(1)), "the last one settled");
}

#[test]
fn what_grows_otherwise_or_comes_and_goes_is_not_the_same_leak() {
    let mut host = Host::new();
    host.run(30, |minute| 50.0 + 20.0 * minute);
    assert!(host.run(30, leak).left.is_none(), "ten times as fast");
    let mut jobs = Host::new();
    let runs: Vec<Told> = (0..5)
        .map(|_| {
            jobs.now_ns += 60 * MINUTE;
            jobs.run(30, leak)
        })
        .collect();
    assert!(runs.iter().all(|it| it.left.is_none() && it.called.is_none()), "{runs:?}");
}

#[test]
fn a_warm_up_to_the_same_plateau_is_not_even_suspected_the_third_time() {
    let mut host = Host::new();
    let runs: Vec<Told> = (0..3).map(|_| host.run(180, warm_up)).collect();
    assert!(runs[0].suspected.is_some() && runs[2].suspected.is_none(), "{runs:?}");
}

#[test]
fn growth_far_above_where_earlier_runs_settled_is_likelier_a_leak() {
    let leaking = |minute: f64| warm_up(minute) + 2.0 * (minute - 100.0).max(0.0);
    let mut host = Host::new();
    let alone = host.run(200, leaking);
    let mut host = Host::new();
    for _ in 0..3 {
        host.run(180, warm_up);
    }
    let after = host.run(200, leaking);
    let (earlier, said) = after.last.expect("growth").earlier.expect("runs");
    assert_eq!((said.place, earlier.plateau.map(|it| it.runs)), (Place::Above, Some(3)));
    assert!(confidence(&after) > confidence(&alone), "{alone:?} {after:?}");
}

/// Runs that began and ended at these minutes, as told to a process that begins at minute `at`.
fn remembered(runs: &[(u64, u64)], at: u64) -> Earlier {
    let mut services = Services::default();
    for &(began, ended) in runs {
        let mut came = [Came::Unknown; Signal::COUNT];
        came[0] = Came::Grew { level: 1.0, rate_per_min: 1.0, e_value_log10: 7.0 };
        let (began_ns, ended_ns) = (began * MINUTE, ended * MINUTE);
        services.add(service("a"), Run { began_ns, ended_ns, came, left: Default::default() });
    }
    let id = ProcessId { pid: 1, start_ticks: 1 };
    let mut growths = Growths::new(id, QUANTA);
    growths.set_service(service("a"), at * MINUTE);
    services.tell(&mut growths);
    growths.earlier().unwrap().clone()
}

#[test]
fn workers_beside_each_other_are_one_run_and_only_what_went_on_without_a_pause_follows() {
    let grew = |runs: &[(u64, u64)], at| remembered(runs, at).of(Signal::Heap).grew;
    assert_eq!(grew(&[(0, 100), (1, 100), (2, 101)], 102), 1, "three workers, one restart");
    assert_eq!(grew(&[(0, 100), (100, 200), (200, 300)], 301), 3);
    assert_eq!(grew(&[(0, 100), (160, 200), (200, 300)], 301), 2, "an hour without it");
    assert_eq!(grew(&[(0, 100), (100, 200)], 300), 0, "a pause before this one");
    assert_eq!(grew(&[(0, 100), (60, 200)], 98), 1, "the second still ran for long");
    let many: Vec<(u64, u64)> = (0..20).map(|number| (number * 10, number * 10 + 10)).collect();
    assert_eq!(remembered(&many, 200).runs().count(), RUNS);
}

#[test]
fn workers_that_are_replaced_in_turn_do_not_make_one_run_without_end() {
    let turns: Vec<(u64, u64)> = (0..33).map(|number| (number * 8, number * 8 + 64)).collect();
    let runs = remembered(&turns, 33 * 8).runs().count();
    assert!((4..=RUNS).contains(&runs), "{runs}");
}

#[test]
fn what_is_remembered_is_bounded_and_short_runs_are_not() {
    let mut host = Host::new();
    host.run(1, leak);
    assert!(host.services.kept.is_empty(), "a minute tells nothing");
    host.run(3, leak);
    assert_eq!(host.services.kept.len(), 1);
    let mut services = Services::default();
    for number in 0..MOST_SERVICES + 3 {
        let came = [Came::Settled { height: 1.0, after_seconds: 0.0 }; Signal::COUNT];
        let (began_ns, ended_ns) = (0, number as u64 * SECOND + MINUTE);
        let run = Run { began_ns, ended_ns, came, left: Default::default() };
        services.add(service(&number.to_string()), run);
    }
    assert_eq!((services.kept.len(), services.forgotten()), (MOST_SERVICES, 3));
    assert!(
        !services.kept.contains_key(&service("2")) && services.kept.contains_key(&service("3"))
    );
    assert!(services.memory_bytes() < 1 << 20);
}

//! Services: restarts are joined, and what is said of them.

use super::*;
use crate::{event::ProcIdentity, output::RunState};

const MIB: u64 = 1 << 20;

impl World {
    /// Every 5 s a look at a process of a unit that started at `started`, whose memory has so many MiB.
    fn live(
        &mut self,
        (pid, unit): (u32, &str),
        started: u64,
        looks: std::ops::Range<u64>,
        mib: fn(u64) -> u64,
    ) {
        for look in looks {
            let at = started + 1 + look * 5;
            let cmdline = Some("/usr/bin/api --port 80".to_owned());
            let identity = ProcIdentity { cmdline, unit: Some(unit.into()), ..<_>::default() };
            let reading = ProcReading {
                process: ProcessId { pid, start_ticks: started * SECOND / TICK_NS },
                at_ns: at * SECOND,
                comm: "api".into(),
                state: 'S',
                threads: 2,
                cpu_ticks: look,
                rss_bytes: mib(look * 5) * MIB,
                rss_anon_bytes: mib(look * 5) * MIB,
                virtual_bytes: 1 << 30,
                identity: (look == 0).then(|| Box::new(identity)),
                ..ProcReading::default()
            };
            self.feed(&Input::Proc(Box::new(reading)));
            self.feed(&Input::Tick { now_ns: at * SECOND });
        }
    }

    fn die(&mut self, pid: u32, started: u64, at: u64) {
        let start_ns = started * SECOND;
        self.event(at as f64, pid, 0, Body::Exit { start_ns, exit_code: 0 });
    }
}

const fn leak(second: u64) -> u64 {
    50 + second / 10
}

#[test]
fn the_finding_of_a_restarted_service_names_the_first_and_shows_the_runs_before() {
    let mut world = World::all();
    let mut first = None;
    for (pid, number) in (100..).zip(0..3) {
        let started = 100 + number * 1010;
        world.live((pid, "api.service"), started, 0..200, leak);
        let [finding] = world.engine.open_findings(FindingState::Open).try_into().unwrap();
        let finding: crate::output::Finding = finding;
        let Some(runs) = &finding.runs else {
            assert_eq!(number, 0, "{finding:?}");
            first = Some(finding.id.clone());
            world.die(pid, started, started + 1002);
            continue;
        };
        assert_eq!((&runs.first_finding, runs.grew_alike), (&first, number as u32));
        assert_ne!(Some(&finding.id), first.as_ref(), "each run has a finding of its own");
        assert_eq!(runs.earlier.len(), number as usize);
        let before = runs.earlier.last().unwrap();
        assert_eq!((before.state, before.uptime_seconds), (RunState::Grew, 1002.0));
        let rate = before.rate_per_min.unwrap() / MIB as f64;
        assert!((5.5..6.5).contains(&rate), "{rate}");
        let said = finding.evidence.iter().find(|it| it.name == "runs").unwrap();
        assert_eq!((said.says, said.value), ("leak", number as f64));
        let last = "6.0 MiB a minute to 149.0 MiB in 17 min";
        assert!(said.text.ends_with(last), "{}", said.text);
        world.die(pid, started, started + 1002);
    }
    let states: Vec<_> = world.findings.iter().map(|(_, state)| *state).collect();
    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
    assert_eq!((count(FindingState::Open), count(FindingState::Resolved)), (3, 3));
}

#[test]
fn growth_below_where_runs_of_this_unit_settled_is_ordinary_and_far_above_it_is_not() {
    let mut world = World::all();
    for (pid, started) in [(100, 100), (101, 2110)] {
        world.live((pid, "api.service"), started, 0..400, |second| 50 + second.min(500) / 5);
        world.die(pid, started, started + 2002);
    }
    world.live((102, "api.service"), 4120, 0..100, leak);
    world.live((103, "other.service"), 4120, 0..100, leak);
    let pids = |world: &World| -> Vec<_> {
        world.engine.open_findings(FindingState::Open).into_iter().map(|it| it.pid).collect()
    };
    assert_eq!(pids(&world), [Some(103)], "the other unit has no runs that settled");
    world.live((102, "api.service"), 4120, 100..400, leak);
    let findings = world.engine.open_findings(FindingState::Open);
    let finding = findings.iter().find(|it| it.pid == Some(102)).unwrap();
    let said = finding.evidence.iter().find(|it| it.name == "envelope").unwrap();
    assert_eq!(said.says, "leak");
    let text = "it is above 150.0 MiB, where 2 earlier runs of the service had settled within ";
    assert!(said.text.starts_with(text), "{}", said.text);
    let runs = finding.runs.as_ref().unwrap();
    assert_eq!((runs.grew_alike, runs.earlier.len()), (0, 2));
    assert!(runs.earlier.iter().all(|run| run.state == RunState::Settled));
}

#[test]
fn processes_of_a_service_that_grow_alike_know_of_each_other() {
    let mut world = World::all();
    for pid in 100..103 {
        world.live((pid, "api.service"), 100, 0..200, leak);
    }
    world.live((110, "other.service"), 100, 0..200, leak);
    let open = world.engine.open_findings(FindingState::Open);
    assert_eq!(open.len(), 4);
    let siblings = |pid| open.iter().find(|it| it.pid == Some(pid)).unwrap().runs.clone();
    assert_eq!(siblings(100).map(|runs| runs.siblings), Some(2));
    assert_eq!(siblings(110), None);
    let text = &open[0].evidence.last().unwrap().text;
    assert_eq!(text, "2 more processes of the same service grow alike");
}

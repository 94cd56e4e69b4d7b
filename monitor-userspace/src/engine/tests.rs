//! The engine from outside: events and readings in, snapshots and requests out.

use super::*;
use crate::{
    event::{
        Body, Call, Comm, Event, EventKind, FileKind, Filters, MappingClass, OpenSet, Privilege,
        ProcReading, ProcessId, ReadRange, Reconcile, StackChoice, TICK_NS,
    },
    output::{FindingState, Snapshot},
};

#[path = "coarse_tests.rs"]
mod coarse_tests;
#[path = "component_tests.rs"]
mod component_tests;
#[path = "followed_tests.rs"]
mod followed_tests;
#[path = "looks_tests.rs"]
mod looks_tests;
#[path = "object_looks_tests.rs"]
mod object_looks_tests;
#[path = "runs_tests.rs"]
mod runs_tests;
#[path = "view_tests.rs"]
mod view_tests;

const PAGE: u64 = 4096;
const SECOND: u64 = 1_000_000_000;
const MM: u64 = 1 << 63;

pub(super) fn facts(filters: Filters) -> Start {
    Start {
        version: "test".into(),
        host: "host".into(),
        boot_id: "boot".into(),
        kernel: "6.18".into(),
        started_ns: 0,
        boot_epoch_ns: 0,
        page_bytes: PAGE,
        huge_page_bytes: 2 << 20,
        cpus: 2,
        attach: Vec::new(),
        privilege: Privilege::Full,
        filters,
        reconcile: true,
        stacks: StackChoice::Off,
        max_memory_bytes: 1 << 28,
        interval_ns: 10 * SECOND,
        agent_pid: 1,
        command_pid: None,
        rules: Vec::new(),
    }
}

/// A world in which pids and address spaces are small numbers and time is given in seconds.
struct World {
    engine: Engine,
    finals: Vec<Snapshot>,
    printed: Vec<EventKind>,
    findings: Vec<(u32, FindingState)>,
}

impl World {
    fn new(filters: Filters) -> Self {
        let comm = CommPattern::compile(&filters).unwrap();
        let engine =
            Engine::start(facts(filters), comm, Rules::load(&[]).unwrap(), true, &mut |_| {});
        Self { engine, finals: Vec::new(), printed: Vec::new(), findings: Vec::new() }
    }

    fn all() -> Self {
        Self::new(Filters { all: true, ..Filters::default() })
    }

    fn feed(&mut self, input: &Input) {
        let (finals, findings) = (&mut self.finals, &mut self.findings);
        let printed = &mut self.printed;
        self.engine.apply(input, &mut |output| match output {
            Output::Final(snapshot) => finals.push(snapshot.clone()),
            Output::Event(line) => printed.push(line.event.kind()),
            Output::Finding(finding) => findings.push((finding.pid.unwrap(), finding.state)),
            _ => {}
        });
    }

    fn event(&mut self, at: f64, pid: u32, mm: u64, body: Body) {
        let at_ns = (at * 1e9) as u64;
        self.feed(&Input::Event(Event { at_ns, pid, tid: pid, mm: MM + mm, files: 0, body }));
    }

    fn exec(&mut self, at: f64, pid: u32, mm: u64, name: &str) {
        let start_ns = u64::from(pid) * TICK_NS;
        self.event(
            at,
            pid,
            mm,
            Body::Exec {
                start_ns,
                comm: comm(name),
                filename: name.into(),
                open: Box::new(OpenSet::UNKNOWN),
            },
        );
    }

    fn fork(&mut self, at: f64, (pid, mm): (u32, u64), (child, child_mm): (u32, u64)) {
        let body = Body::Fork {
            child,
            child_ppid: pid,
            child_start_ns: u64::from(child) * TICK_NS,
            child_mm: MM + child_mm,
            child_files: 0,
            open: Box::new(OpenSet::UNKNOWN),
            comm: comm("x"),
        };
        self.event(at, pid, mm, body);
    }

    fn exit(&mut self, at: f64, pid: u32, mm: u64) {
        let start_ns = u64::from(pid) * TICK_NS;
        self.event(at, pid, mm, Body::Exit { start_ns, exit_code: 0 });
    }

    fn mmap(&mut self, at: f64, (pid, mm): (u32, u64), page: u64, pages: u64) {
        let body = Body::Mmap {
            hint: 0,
            length: pages * PAGE,
            offset: 0,
            prot: 3,
            flags: 0x22,
            fd: -1,
            file: FileKind::None,
            result: (page * PAGE) as i64,
        };
        self.event(at, pid, mm, body);
    }

    fn munmap(&mut self, at: f64, (pid, mm): (u32, u64), page: u64, pages: u64) {
        self.event(at, pid, mm, Body::Munmap { addr: page * PAGE, length: pages * PAGE });
    }

    fn maps(&mut self, at: f64, pid: u32, ranges: &[(u64, u64)]) {
        let t0_ns = (at * 1e9) as u64;
        let ranges = ranges
            .iter()
            .map(|&(from, to)| ReadRange(from * PAGE, to * PAGE, MappingClass::Anonymous, None))
            .collect();
        let process = ProcessId { pid, start_ticks: u64::from(pid) };
        let reading = Reconcile {
            process,
            t0_ns,
            t1_ns: t0_ns + 1,
            ranges,
            found: true,
            ..Reconcile::default()
        };
        self.feed(&Input::Reconcile(Box::new(reading)));
    }

    fn look(&mut self, at: f64, pid: u32, state: char, rss_anon_bytes: u64) {
        let reading = ProcReading {
            process: ProcessId { pid, start_ticks: u64::from(pid) },
            at_ns: (at * 1e9) as u64,
            comm: "x".into(),
            state,
            rss_bytes: rss_anon_bytes,
            rss_anon_bytes,
            virtual_bytes: 1 << 30,
            ..ProcReading::default()
        };
        self.feed(&Input::Proc(Box::new(reading)));
    }

    /// Anonymous pages a process holds, if known.
    fn pages(&self, pid: u32) -> Option<u64> {
        Some(self.engine.snapshot(pid, false)?.anon_mapped_bytes? / PAGE)
    }
}

fn comm(name: &str) -> Comm {
    let mut comm = Comm::default();
    comm.0[..name.len()].copy_from_slice(name.as_bytes());
    comm
}

/// A process that is known from its exec on: pid 7 in space 7, holding pages 10..20.
fn seeded() -> World {
    let mut world = World::all();
    world.exec(1.0, 7, 7, "x");
    world.maps(2.0, 7, &[(10, 20)]);
    world
}

#[test]
fn nothing_is_said_of_a_space_before_it_was_read() {
    let mut world = World::all();
    world.exec(1.0, 7, 7, "x");
    world.mmap(1.5, (7, 7), 30, 5);
    assert_eq!(world.pages(7), None);
    // The reading saw the mapping of 1.5; what came later is added.
    world.mmap(2.5, (7, 7), 40, 5);
    world.maps(2.0, 7, &[(10, 20), (30, 35)]);
    assert_eq!(world.pages(7), Some(20));
}

#[test]
fn a_forked_child_holds_a_copy_and_each_goes_its_own_way() {
    let mut world = seeded();
    world.fork(3.0, (7, 7), (8, 8));
    world.munmap(4.0, (7, 7), 10, 4);
    world.mmap(4.0, (8, 8), 50, 3);
    assert_eq!((world.pages(7), world.pages(8)), (Some(6), Some(13)));
}

#[test]
fn vfork_and_clone_vm_share_until_exec() {
    let mut world = seeded();
    world.fork(3.0, (7, 7), (8, 7));
    world.mmap(4.0, (8, 7), 50, 3);
    assert_eq!((world.pages(7), world.pages(8)), (Some(13), Some(13)));
    world.exec(5.0, 8, 9, "y");
    assert_eq!((world.pages(7), world.pages(8)), (Some(13), None));
    world.exit(6.0, 7, 7);
    world.maps(7.0, 8, &[(1, 2)]);
    assert_eq!((world.pages(7), world.pages(8)), (None, Some(1)));
}

#[test]
fn a_shared_space_outlives_the_process_that_made_it() {
    let mut world = seeded();
    world.fork(3.0, (7, 7), (8, 7));
    world.exit(4.0, 7, 7);
    world.munmap(5.0, (8, 7), 10, 10);
    assert_eq!(world.pages(8), Some(0));
}

#[test]
fn an_address_the_kernel_uses_again_is_another_space() {
    let mut world = seeded();
    world.exit(3.0, 7, 0);
    assert_eq!(world.finals.len(), 1);
    assert_eq!(world.finals[0].anon_mapped_bytes, Some(10 * PAGE));
    world.exec(4.0, 9, 7, "z");
    assert_eq!(world.pages(9), None);
}

#[test]
fn threads_that_end_together_end_their_process_once() {
    let mut world = seeded();
    world.exit(3.0, 7, 7);
    world.exit(3.0, 7, 7);
    let exits = world.printed.iter().filter(|kind| **kind == EventKind::Exit);
    assert_eq!((exits.count(), world.finals.len()), (1, 1));
}

#[test]
fn a_missed_exit_does_not_give_the_old_process_the_new_space() {
    let mut world = seeded();
    world.exec(3.0, 8, 8, "y");
    world.fork(4.0, (8, 8), (9, 7));
    world.maps(5.0, 9, &[(1, 4)]);
    assert_eq!((world.pages(7), world.pages(9)), (None, Some(3)));
    // A look at /proc finds it gone; the space of the other is untouched.
    world.look(6.0, 7, 'X', 0);
    assert_eq!((world.pages(7), world.pages(9)), (None, Some(3)));
}

#[test]
fn processes_older_than_the_agent_are_found_in_proc_and_bound_by_their_first_event() {
    let mut world = World::all();
    world.look(1.0, 7, 'S', PAGE);
    world.look(1.0, 8, 'S', PAGE);
    world.mmap(2.0, (7, 7), 30, 1);
    // 8 turns out to share the space of 7.
    world.mmap(2.5, (8, 7), 40, 1);
    world.maps(3.0, 7, &[(30, 31), (40, 41)]);
    assert_eq!((world.pages(7), world.pages(8)), (Some(2), Some(2)));
}

#[test]
fn a_reading_taken_before_the_end_does_not_bring_a_process_back() {
    let mut world = seeded();
    world.exit(5.0, 7, 7);
    world.look(4.9, 7, 'S', PAGE);
    assert!(world.engine.snapshot(7, false).is_none());
    // A look after it that shows another start is another process.
    world.look(6.0, 7, 'S', PAGE);
    assert!(world.engine.snapshot(7, false).is_some());
}

#[test]
fn accuracy_is_taken_before_correction() {
    let mut world = seeded();
    world.feed(&Input::Closing { now_ns: 3 * SECOND });
    // Three pages more than the events told, four of theirs gone.
    world.maps(3.5, 7, &[(14, 20), (30, 33)]);
    let accuracy = world.engine.snapshot(7, false).unwrap().accuracy.unwrap();
    assert_eq!(accuracy.mapping_error_bytes, Some(7 * PAGE));
    assert_eq!(world.pages(7), Some(9), "and then corrected");
}

#[test]
fn without_reconciling_drift_is_measured_and_left() {
    let mut world = World::all();
    world.engine.facts.reconcile = false;
    world.exec(1.0, 7, 7, "x");
    world.maps(2.0, 7, &[(10, 20)]);
    world.feed(&Input::Closing { now_ns: 3 * SECOND });
    world.maps(3.5, 7, &[(10, 12)]);
    assert_eq!(world.pages(7), Some(10));
    let accuracy = world.engine.snapshot(7, false).unwrap().accuracy.unwrap();
    assert_eq!(accuracy.mapping_error_bytes, Some(8 * PAGE));
}

#[test]
fn loss_asks_for_a_reading_and_is_no_growth() {
    let mut world = seeded();
    world.feed(&Input::Tick { now_ns: 3 * SECOND });
    world.engine.take_requests();
    world.feed(&Input::Loss(Loss { at_ns: 4 * SECOND, lost: [9, 0, 0, 0, 0], ..Loss::default() }));
    let asked = (4..8).any(|second| {
        world.feed(&Input::Tick { now_ns: second * SECOND });
        world.engine.take_requests().contains(&Request::Space { pid: 7 })
    });
    assert!(asked);
    assert!(!world.engine.table.space_of(7).unwrap().is_exact());
}

/// Whether a loss in process `pid` is looked into after a reading of process 7 that lasted and cost
/// so much.
fn is_looked_into(mut world: World, pid: u32, lasted_ns: u64, cost_ns: u64) -> bool {
    let (process, t0_ns) = (ProcessId { pid: 7, start_ticks: 7 }, 3 * SECOND);
    let reading =
        Reconcile { process, t0_ns, t1_ns: t0_ns + lasted_ns, cost_ns, ..Reconcile::default() };
    world.feed(&Input::Reconcile(Box::new(reading)));
    world.feed(&Input::Loss(Loss { at_ns: 4 * SECOND, lost: [9, 0, 0, 0, 0], ..Loss::default() }));
    (4..9).any(|second| {
        world.feed(&Input::Tick { now_ns: second * SECOND });
        world.engine.take_requests().contains(&Request::Space { pid })
    })
}

#[test]
fn checks_are_charged_what_they_cost_and_not_how_long_they_waited() {
    assert!(is_looked_into(seeded(), 7, 60 * SECOND, 0));
    assert!(!is_looked_into(seeded(), 7, 0, 60 * SECOND));
}

#[test]
fn first_readings_put_no_check_off() {
    let mut world = World::all();
    world.exec(1.0, 8, 8, "x");
    world.maps(1.5, 8, &[(10, 20)]);
    world.exec(1.0, 7, 7, "x");
    assert!(is_looked_into(world, 8, 0, 60 * SECOND));
}

#[test]
fn a_request_to_read_at_once_survives_the_tick() {
    let filters = Filters { pids: vec![7], ..Filters::default() };
    let mut world = World::new(filters);
    world.exec(1.0, 7, 7, "x");
    world.feed(&Input::Tick { now_ns: SECOND });
    assert!(world.engine.take_requests().contains(&Request::Space { pid: 7 }));
}

#[test]
fn more_held_than_mapped_is_looked_into() {
    let mut world = seeded();
    world.mmap(2.5, (7, 7), 1 << 20, 1 << 20);
    world.look(5.0, 7, 'S', PAGE);
    assert!(world.engine.table.space_of(7).unwrap().is_suspect);
}

#[test]
fn after_a_loss_the_old_accuracy_is_not_repeated() {
    let mut world = seeded();
    world.feed(&Input::Closing { now_ns: 3 * SECOND });
    world.maps(3.5, 7, &[(10, 20)]);
    assert!(world.engine.snapshot(7, false).unwrap().accuracy.is_some());
    world.feed(&Input::Loss(Loss { lost: [1, 0, 0, 0, 0], ..Loss::default() }));
    assert!(world.engine.snapshot(7, false).unwrap().accuracy.is_none());
}

#[test]
fn another_program_ends_the_findings_of_the_last() {
    let mut world = seeded();
    for round in 0..40_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    world.exec(250.0, 7, 8, "y");
    assert_eq!(world.findings.last(), Some(&(7, FindingState::Resolved)));
}

#[test]
fn a_leak_opens_and_its_end_resolves_it() {
    let mut world = seeded();
    for round in 0..40_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    world.exit(250.0, 7, 7);
    assert_eq!(world.findings.first(), Some(&(7, FindingState::Open)));
    assert_eq!(world.findings.last(), Some(&(7, FindingState::Resolved)));
    let opened = world.findings.iter().filter(|(_, state)| *state == FindingState::Open).count();
    assert_eq!(opened, 1);
}

#[test]
fn timers_stay_behind_at_fork_and_interval_timers_go_on_over_exec() {
    let call = |kind, args| {
        Body::Call(Call { kind, args, result: 0, inode: 0, file: FileKind::None, detail: 0 })
    };
    let mut world = seeded();
    world.event(3.0, 7, 7, call(EventKind::TimerCreate, [0, 0, 0, 0]));
    world.event(3.0, 7, 7, call(EventKind::Setitimer, [1, SECOND, SECOND, 0]));
    world.fork(4.0, (7, 7), (8, 8));
    let timers = |world: &World, pid| world.engine.snapshot(pid, false).unwrap().timers;
    assert_eq!((timers(&world, 7), timers(&world, 8)), (Some(2), Some(0)));
    world.exec(5.0, 7, 9, "y");
    assert_eq!(timers(&world, 7), Some(1));
}

#[test]
fn who_ended_is_looked_at_and_counts_as_a_zombie_until_it_is_gone() {
    let mut world = seeded();
    world.fork(3.0, (7, 7), (8, 8));
    assert_eq!(world.engine.snapshot(7, false).unwrap().children, 1);
    world.exit(4.0, 8, 8);
    world.engine.take_requests();
    world.feed(&Input::Tick { now_ns: 6 * SECOND });
    let asked = world.engine.take_requests();
    assert!(asked.contains(&Request::Ended { pids: vec![8] }), "{asked:?}");
    let zombie = ProcReading {
        process: ProcessId { pid: 8, start_ticks: 8 },
        at_ns: 6 * SECOND,
        ppid: 7,
        state: 'Z',
        threads: 1,
        ..ProcReading::default()
    };
    world.feed(&Input::Proc(Box::new(zombie)));
    let last = world.engine.snapshot(7, false).unwrap();
    assert_eq!((last.children, last.zombies), (0, 1));
    world.feed(&Input::Tick { now_ns: 20 * SECOND });
    assert_eq!(world.engine.snapshot(7, false).unwrap().zombies, 0);
}

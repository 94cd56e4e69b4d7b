//! Components: who is in one, when its cgroup is read, and what its line says.

use super::*;
use crate::{
    event::{
        CgroupMemory, CgroupReading, HostReading, MemoryLimit, Placement, ProcIdentity, ProcLimits,
        SysvSegment,
    },
    output::ComponentSnapshot,
};

const MIB: u64 = 1 << 20;

fn place(path: &str) -> Placement {
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    Placement { name, path: path.to_owned(), ..Placement::default() }
}

impl World {
    /// A look at a process that shows where it is.
    fn place(&mut self, at: f64, pid: u32, path: &str, cpu_ticks: u64) {
        let component = Some(Box::new(place(path)));
        let identity = ProcIdentity { component, ..ProcIdentity::default() };
        self.work(at, pid, cpu_ticks, Some(identity));
    }

    fn work(&mut self, at: f64, pid: u32, cpu_ticks: u64, identity: Option<ProcIdentity>) {
        let limits = identity.as_ref().map(|_| ProcLimits::default());
        let reading = ProcReading {
            process: ProcessId { pid, start_ticks: u64::from(pid) },
            at_ns: (at * 1e9) as u64,
            state: 'S',
            threads: 2,
            cpu_ticks,
            rss_bytes: 3 * MIB,
            rss_anon_bytes: 2 * MIB,
            virtual_bytes: 1 << 30,
            read_bytes: Some(cpu_ticks * 1000),
            identity: identity.map(Box::new),
            limits,
            ..ProcReading::default()
        };
        self.feed(&Input::Proc(Box::new(reading)));
    }

    /// Paths of the cgroups that are asked for at this second.
    fn asked(&mut self, at: u64) -> Vec<String> {
        self.feed(&Input::Tick { now_ns: at * SECOND });
        let paths = self.engine.take_requests().into_iter().filter_map(|request| match request {
            Request::Cgroups { places } => Some(places),
            _ => None,
        });
        paths.flatten().map(|place| place.path.clone()).collect()
    }

    fn components(&self) -> Vec<ComponentSnapshot> {
        self.engine.component_snapshots()
    }

    fn accept(&mut self, at: f64, pid: u32, result: i64) {
        let kind = EventKind::Accept4;
        let call =
            Call { kind, args: [3, 0, 0, 0], result, inode: 0, file: FileKind::None, detail: 0 };
        self.event(at, pid, 7, Body::Call(call));
    }
}

#[test]
fn a_cgroup_is_asked_for_at_once_and_then_as_long_as_its_processes_do_something() {
    let mut world = World::all();
    assert!(world.asked(0).is_empty());
    world.place(1.0, 7, "/a", 1);
    world.place(1.0, 8, "/b", 1);
    assert_eq!(world.asked(2), ["/a", "/b"], "new ones do not wait for a round");
    assert!(world.asked(3).is_empty(), "once");
    // From here on only the second does anything.
    world.place(4.0, 7, "/a", 1);
    world.place(4.0, 8, "/b", 2);
    let rounds: Vec<_> = (1..=6).map(|round| world.asked(5 * round)).collect();
    assert_eq!(rounds[0], ["/b"]);
    assert_eq!(rounds[4], ["/b"]);
    assert_eq!(rounds[5], ["/a", "/b"], "idle ones now and then");
    world.exit(31.0, 8, 8);
    assert!(world.asked(35).is_empty(), "nobody is in it");
    assert_eq!(world.components().len(), 1);
}

#[test]
fn processes_of_a_component_add_up_and_what_they_share_counts_once() {
    let mut world = seeded();
    world.place(2.5, 7, "/s/web", 1);
    // One child in the same space, one with a copy; both are where their parent is.
    world.fork(3.0, (7, 7), (8, 7));
    world.fork(3.0, (7, 7), (9, 9));
    world.place(3.5, 10, "/s/other", 1);
    let lines = world.components();
    let names: Vec<_> =
        lines.iter().map(|line| (line.component.as_str(), line.processes)).collect();
    assert_eq!(names, [("other", 1), ("web", 3)]);
    assert_eq!(lines[1].anon_mapped_bytes, Some(2 * 10 * PAGE));
    assert_eq!(lines[1].rss_anon_bytes, Some(2 * MIB), "of the only one that was looked at");
    assert_eq!((lines[1].threads, lines[1].cgroup.as_str()), (Some(2), "/s/web"));
    assert_eq!((lines[1].read_at, lines[1].working_set_bytes), (None, None));
    assert_eq!(world.engine.snapshot(8, false).unwrap().component.as_deref(), Some("web"));

    let memory =
        CgroupMemory { current_bytes: 9 * MIB, inactive_file_bytes: MIB, ..<_>::default() };
    let limit = MemoryLimit { path: "/s".into(), limit_bytes: 10 * MIB, ..<_>::default() };
    world.feed(&Input::Cgroup(Box::new(CgroupReading {
        path: "/s/web".into(),
        at_ns: 4 * SECOND,
        memory: Some(memory),
        memory_max: Some(limit.clone()),
        tasks: Some(3),
        ..CgroupReading::default()
    })));
    let line = world.components().pop().unwrap();
    assert_eq!((line.working_set_bytes, line.memory), (Some(8 * MIB), Some(memory)));
    assert_eq!((line.memory_max, line.tasks), (Some(limit), Some(3)));
    assert!(line.read_at.is_some());
}

#[test]
fn a_process_that_moves_is_in_another_component() {
    let mut world = seeded();
    world.place(2.5, 7, "/s/web", 1);
    assert_eq!(world.asked(5), ["/s/web"]);
    let asks = |world: &mut World, at: u64| {
        world.feed(&Input::Tick { now_ns: at * SECOND });
        let requests = world.engine.take_requests();
        requests.iter().any(|it| matches!(it, Request::Process { pid: 7, identity: true, .. }))
    };
    assert!(!asks(&mut world, 11), "it is known where it is");
    world.work(60.0, 7, 2, None);
    assert!(asks(&mut world, 66), "a minute later it may have moved");
    world.place(66.0, 7, "/s/db", 3);
    let names: Vec<_> = world.components().into_iter().map(|line| line.component).collect();
    assert_eq!(names, ["db"]);
}

#[test]
fn the_load_of_a_process_is_what_it_did_since_the_last_look() {
    let mut facts = facts(Filters { all: true, ..Filters::default() });
    facts.attach = ["accept", "accept4"].map(|name| (name.into(), "tracepoint".into())).into();
    let mut world = World::all();
    world.engine =
        Engine::start(facts, CommPattern::default(), Rules::load(&[]).unwrap(), false, &mut |_| {});
    world.exec(1.0, 7, 7, "x");
    world.place(2.0, 7, "/a", 10);
    assert_eq!(world.engine.table.get(7).unwrap().load, None, "one look is none");
    world.accept(3.0, 7, 9);
    world.accept(3.0, 7, 10);
    world.accept(3.0, 7, -11);
    world.work(4.0, 7, 15, None);
    let load = world.engine.table.get(7).unwrap().load.unwrap();
    assert_eq!((load.over_ns, load.cpu_ms), (2 * SECOND, 50));
    assert_eq!((load.accepted, load.read_bytes), (Some(2), Some(5000)));
    world.work(5.0, 7, 15, None);
    assert_eq!(world.engine.table.get(7).unwrap().load.unwrap().accepted, Some(0));
    let line = world.engine.snapshot(7, false).unwrap().load.unwrap();
    assert_eq!((line.cpu_ms, line.accepted, line.read_bytes), (150, Some(2), Some(15_000)));
    assert!(world.engine.snapshot(7, false).unwrap().limits.is_some(), "kept from the first look");
}

#[test]
fn without_their_probes_accepted_connections_are_unknown() {
    let mut world = seeded();
    world.place(2.0, 7, "/a", 10);
    world.accept(3.0, 7, 9);
    world.work(4.0, 7, 15, None);
    assert_eq!(world.engine.table.get(7).unwrap().load.unwrap().accepted, None);
}

#[test]
fn of_a_32_bit_program_accepted_connections_are_unknown() {
    let mut world = World::all();
    world.engine.sees_accepts = true;
    world.exec(1.0, 7, 7, "x");
    world.work(2.0, 7, 1, Some(ProcIdentity { is_32bit: true, ..ProcIdentity::default() }));
    world.accept(3.0, 7, 9);
    world.work(4.0, 7, 2, None);
    let process = world.engine.table.get(7).unwrap();
    assert_eq!(process.load.map(|load| (load.cpu_ms, load.accepted)), Some((10, None)));
}

#[test]
fn segments_that_nobody_else_attaches_are_touched_memory() {
    let segment = |id: i32, attached: u64| SysvSegment {
        id,
        attached,
        rss_bytes: 5 * MIB,
        swap_bytes: MIB,
        ..SysvSegment::default()
    };
    let mut world = World::all();
    world.exec(1.0, 7, 7, "x");
    let range = |page: u64, id| ReadRange(page * PAGE, (page + 9) * PAGE, MappingClass::Shared, id);
    world.feed(&Input::Reconcile(Box::new(Reconcile {
        process: ProcessId { pid: 7, start_ticks: 7 },
        t0_ns: 2 * SECOND,
        t1_ns: 2 * SECOND + 1,
        ranges: vec![range(10, Some(1)), range(20, Some(2)), range(30, None)],
        found: true,
        ..Reconcile::default()
    })));
    let touched = |world: &World| {
        let space = world.engine.table.space_of(7).unwrap();
        world.engine.own_segment_bytes(space)
    };
    assert_eq!(touched(&world), 0, "the host was not looked at");
    let segments = vec![segment(1, 1), segment(2, 2), segment(3, 1)];
    world.feed(&Input::Host(Box::new(HostReading { segments, ..HostReading::default() })));
    assert_eq!(touched(&world), 6 * MIB, "one is shared, one is another's");
}

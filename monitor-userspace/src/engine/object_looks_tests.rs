//! Looks at objects, from outside: what grows is asked about, and what was found decides and is said.

use super::*;
use crate::event::{ObjectKind, ObjectReading, ObjectUse, TableReading, UseTrace};
use crate::output::{Evidence, Finding, FindingVerdict};

const FILES: u64 = 1 << 63 | 1 << 32;

/// A process that makes a socket every second, and how they are used.
struct Server {
    world: World,
    /// For how long nothing has moved on a socket of this age, in seconds.
    quiet: fn(u64) -> u64,
    /// After how many seconds a socket is closed.
    life: fn(u64) -> Option<u64>,
    /// What was asked of the reader.
    asked: Vec<(u64, usize)>,
}

impl Server {
    fn new(quiet: fn(u64) -> u64, life: fn(u64) -> Option<u64>) -> Self {
        let mut world = World::all();
        world.exec(1.0, 7, 1, "x");
        world.maps(1.5, 7, &[]);
        let process = ProcessId { pid: 7, start_ticks: 7 };
        let reading = TableReading {
            process,
            t0_ns: 1_500_000_000,
            t1_ns: 1_500_001_000,
            found: true,
            ..TableReading::default()
        };
        world.feed(&Input::Table(Box::new(reading)));
        Self { world, quiet, life, asked: Vec::new() }
    }

    /// Makes the socket of this number.
    fn make(&mut self, at_ns: u64, number: u64) {
        self.event(
            at_ns,
            Body::Call(Call {
                kind: EventKind::Socket,
                args: [2, 1, 0, 0],
                result: number as i64,
                inode: 1000 + number,
                file: FileKind::None,
                detail: 0,
            }),
        );
    }

    fn event(&mut self, at_ns: u64, body: Body) {
        let event = Event { at_ns, pid: 7, tid: 7, mm: MM + 1, files: FILES, body };
        self.world.feed(&Input::Event(event));
    }

    /// Lets a second pass.
    fn second(&mut self, at: u64) {
        let at_ns = at * SECOND;
        self.make(at_ns, at);
        for number in 2..at {
            if (self.life)(number).is_some_and(|life| number + life == at) {
                self.event(at_ns, Body::Close { fd: number as u32 });
            }
        }
        if !at.is_multiple_of(5) {
            return;
        }
        self.world.look(at as f64, 7, 'S', 1 << 20);
        self.world.engine.take_requests();
        self.world.feed(&Input::Tick { now_ns: at_ns + 1 });
        for request in self.world.engine.take_requests() {
            if let Request::Objects { pid: 7, kind: ObjectKind::Sockets, ids } = request {
                self.asked.push((at, ids.len()));
                self.answer(at, &ids);
            }
        }
    }

    fn answer(&mut self, at: u64, ids: &[u64]) {
        let object = |&id: &u64| {
            let quiet = (self.quiet)(at - (id - 1000)) * SECOND;
            ObjectUse { id, trace: UseTrace::Quiet(quiet) }
        };
        let reading = ObjectReading {
            process: ProcessId { pid: 7, start_ticks: 7 },
            at_ns: at * SECOND + 2,
            kind: ObjectKind::Sockets,
            objects: ids.iter().map(object).collect(),
            count: 0,
        };
        self.world.feed(&Input::Objects(Box::new(reading)));
    }

    fn finding(&self) -> Option<Finding> {
        self.world.engine.open_findings(FindingState::Open).pop()
    }

    /// The second at which it is called a leak; `None` within ten minutes.
    fn called_at(&mut self) -> Option<u64> {
        (2..600).find(|&at| {
            self.second(at);
            self.finding().is_some_and(|finding| finding.verdict == FindingVerdict::Leak)
        })
    }

    fn evidence(&self, name: &str) -> Option<Evidence> {
        self.finding()?.evidence.into_iter().find(|it| it.name == name)
    }
}

#[test]
fn sockets_that_are_idle_from_birth_are_called_a_leak_sooner_than_a_pool_in_use() {
    let mut leak = Server::new(|age| age, |_| None);
    let mut pool = Server::new(|_| 1, |_| None);
    let called = leak.called_at().unwrap();
    assert!(called < 200, "{called}");
    assert!(pool.called_at().is_none_or(|at| at > called + 60), "{:?}", pool.finding());
    let idle = leak.evidence("idle_objects").unwrap();
    assert_eq!((idle.value.to_bits(), idle.says), (1.0_f64.to_bits(), "leak"), "{}", idle.text);
    let lives = leak.evidence("lifetimes").unwrap();
    assert!(lives.text.contains("none was given back"), "{}", lives.text);
    let line = leak.world.engine.snapshot(7, false).unwrap().objects.unwrap();
    assert_eq!((line[0].kind.as_str(), line[0].died), ("sockets", 0));
    assert!(line[0].idle == line[0].told && line[0].told >= 30, "{line:?}");
}

#[test]
fn nothing_is_asked_of_what_does_not_grow_and_not_too_often_of_what_does() {
    let mut flat = Server::new(|age| age, |_| Some(20));
    assert_eq!((flat.called_at(), flat.asked.len()), (None, 0));
    let mut leak = Server::new(|age| age, |_| None);
    (2..600).for_each(|at| leak.second(at));
    let pauses = leak.asked.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(pauses.min() >= Some(15) && leak.asked.len() < 40, "{:?}", leak.asked);
    assert!(leak.asked.iter().all(|(_, count)| *count <= 256));
    // What has ended is remembered no longer.
    leak.world.exit(601.0, 7, 1);
    assert_eq!(leak.world.engine.object_looks.found(7).count(), 0);
}

#[test]
fn some_that_stay_among_many_that_go_are_a_leak_and_said_to_be() {
    let mut leak = Server::new(|age| age, |number| (number % 3 > 0).then_some(25));
    assert!(leak.called_at().is_some());
    (600..660).for_each(|at| leak.second(at));
    let lives = leak.evidence("lifetimes").unwrap();
    assert!((0.2..0.5).contains(&lives.value) && lives.says == "leak", "{}", lives.text);
}

#[test]
fn a_reading_of_another_process_of_the_same_number_says_nothing() {
    let mut server = Server::new(|age| age, |_| None);
    (2..100).for_each(|at| server.second(at));
    let reading = ObjectReading {
        process: ProcessId { pid: 7, start_ticks: 8 },
        at_ns: 100 * SECOND,
        kind: ObjectKind::Threads,
        objects: Vec::new(),
        count: 0,
    };
    let before = server.world.engine.snapshot(7, false).unwrap().objects;
    server.world.feed(&Input::Objects(Box::new(reading)));
    assert_eq!(server.world.engine.snapshot(7, false).unwrap().objects, before);
}

//! What is kept in numbers only: where memory is short, and where events do not tell.

use super::*;
use crate::{
    event::{DescriptorKind, ProcIdentity, ReadDescriptor, ReadSocket, TableReading},
    output::Source,
};
use DescriptorKind::{Epoll, Eventfd, File, Inotify, Other, Socket};

const FILES: u64 = 1 << 63 | 1 << 32;

impl World {
    /// A process makes an eventfd.
    fn eventfd(&mut self, at: f64, pid: u32, fd: i64) {
        self.make(at, pid, EventKind::Eventfd2, fd);
    }

    /// A process makes a descriptor.
    fn make(&mut self, at: f64, pid: u32, kind: EventKind, fd: i64) {
        let call =
            Call { kind, args: [0; 4], result: fd, inode: 0, file: FileKind::None, detail: 0 };
        let at_ns = (at * 1e9) as u64;
        let body = Body::Call(call);
        self.feed(&Input::Event(Event { at_ns, pid, tid: pid, mm: MM + 1, files: FILES, body }));
    }

    /// A table is read.
    fn fds(&mut self, at: f64, pid: u32, open: Vec<ReadDescriptor>) {
        let t0_ns = (at * 1e9) as u64;
        let process = ProcessId { pid, start_ticks: u64::from(pid) };
        let t1_ns = t0_ns + 1000;
        let reading =
            TableReading { process, t0_ns, t1_ns, open, found: true, ..TableReading::default() };
        self.feed(&Input::Table(Box::new(reading)));
    }

    fn last(&self, pid: u32) -> Snapshot {
        self.engine.snapshot(pid, false).unwrap()
    }

    /// A process that holds so many eventfds and whose totals alone there is room for.
    fn crowded(fds: u32) -> Self {
        let mut world = Self::all();
        world.exec(1.0, 7, 1, "x");
        world.maps(1.5, 7, &[]);
        world.fds(1.5, 7, Vec::new());
        for fd in 0..fds {
            world.eventfd(2.0, 7, i64::from(fd));
        }
        assert_eq!(world.last(7).eventfds, Some(u64::from(fds)));
        world.engine.facts.max_memory_bytes = 100_000;
        world.feed(&Input::Tick { now_ns: 10 * SECOND });
        world
    }
}

fn found(fd: u32, kind: DescriptorKind, watches: &[u32]) -> ReadDescriptor {
    let tcp = ReadSocket { family: 2, socket_type: 1, tcp_state: 10, is_listener: true };
    let socket = (kind == Socket).then_some(tcp);
    let watches = watches.to_vec();
    ReadDescriptor { fd, kind, inode: 0, writes: false, socket, watches, file: 0 }
}

#[test]
fn too_many_ranges_are_given_up_but_no_total_is() {
    let mut world = World::all();
    world.engine.facts.max_memory_bytes = 150_000;
    world.exec(1.0, 7, 1, "x");
    world.maps(1.5, 7, &[]);
    for at in 0..4000 {
        world.mmap(2.0, (7, 1), 10 + 2 * at, 1);
    }
    assert_eq!(world.pages(7), Some(4000));
    world.feed(&Input::Tick { now_ns: 10 * SECOND });
    assert!(world.engine.inventory_bytes() <= 150_000, "{}", world.engine.inventory_bytes());
    assert_eq!(world.pages(7), Some(4000), "the total is kept");
    assert!(world.engine.counts.folded > 0);
    world.munmap(11.0, (7, 1), 10, 2);
    world.maps(12.0, 7, &[(10, 20), (30, 40)]);
    assert_eq!(world.pages(7), Some(20), "and read from then on");
    assert_eq!(world.last(7).source, Source::Proc);
}

#[test]
fn too_many_descriptors_are_given_up_but_no_total_is() {
    let mut world = World::crowded(4000);
    assert!(world.engine.inventory_bytes() <= 100_000, "{}", world.engine.inventory_bytes());
    let last = world.last(7);
    assert_eq!((last.eventfds, last.descriptor_objects), (Some(4000), Some(4000)));
    assert_eq!((last.source, world.engine.counts.folded), (Source::Proc, 1));
    assert!(world.engine.tables.objects().is_empty());
    // Events change nothing any more: what is read does.
    world.eventfd(11.0, 7, 5000);
    assert_eq!(world.last(7).eventfds, Some(4000));
    world.engine.take_requests();
    world.feed(&Input::Tick { now_ns: 12 * SECOND });
    let asked = world.engine.take_requests();
    assert!(asked.contains(&Request::Table { pid: 7 }), "{asked:?}");
    let open = vec![
        found(0, File, &[]),
        found(1, Eventfd, &[]),
        found(2, Socket, &[]),
        found(3, Epoll, &[1, 2]),
        found(4, Inotify, &[1]),
    ];
    world.fds(12.5, 7, open);
    let last = world.last(7);
    assert_eq!((last.descriptors, last.files, last.eventfds), (Some(5), Some(1), Some(1)));
    assert_eq!((last.sockets, last.listeners), (Some(1), Some(1)));
    assert_eq!(last.connections.unwrap().listen, 1);
    assert_eq!((last.epoll_watches, last.inotify_watches), (Some(2), Some(1)));
    assert_eq!(last.descriptor_objects, None, "/proc does not tell");
    let named = |fd, file| ReadDescriptor { file, ..found(fd, Eventfd, &[]) };
    world.fds(22.5, 7, vec![found(0, File, &[]), named(1, 8), named(2, 9), named(3, 8)]);
    assert_eq!(world.last(7).descriptor_objects, Some(2), "the kernel does");
}

#[test]
fn a_small_table_is_not_given_up_for_nothing() {
    let world = World::crowded(100);
    assert_eq!(world.last(7).source, Source::Events);
}

#[test]
fn another_program_is_followed_again() {
    let mut world = World::crowded(4000);
    world.engine.facts.max_memory_bytes = 1 << 20;
    world.exec(13.0, 7, 2, "y");
    assert_eq!(world.last(7).eventfds, None, "nothing is known yet");
    world.maps(14.5, 7, &[]);
    world.fds(14.5, 7, vec![found(1, Eventfd, &[])]);
    let last = world.last(7);
    assert_eq!((last.eventfds, last.source), (Some(1), Source::Events));
}

#[test]
fn of_a_32_bit_program_only_proc_is_believed() {
    let mut world = World::all();
    world.exec(1.0, 7, 1, "x");
    let identity = ProcIdentity { is_32bit: true, ..ProcIdentity::default() };
    let reading = ProcReading {
        process: ProcessId { pid: 7, start_ticks: 7 },
        at_ns: 2 * SECOND,
        virtual_bytes: 1 << 20,
        identity: Some(Box::new(identity)),
        ..ProcReading::default()
    };
    world.feed(&Input::Proc(Box::new(reading)));
    world.maps(3.0, 7, &[(10, 20)]);
    world.fds(3.0, 7, vec![found(1, Eventfd, &[])]);
    let last = world.last(7);
    assert_eq!((world.pages(7), last.eventfds, last.source), (Some(10), Some(1), Source::Proc));
    assert_eq!(last.accuracy, None);
    world.engine.take_requests();
    world.feed(&Input::Tick { now_ns: 14 * SECOND });
    let asked = world.engine.take_requests();
    for request in [Request::Space { pid: 7 }, Request::Table { pid: 7 }] {
        assert!(asked.contains(&request), "{asked:?}");
    }
    world.maps(14.5, 7, &[(10, 50)]);
    assert_eq!(world.pages(7), Some(40));
    // What it becomes is another matter.
    world.exec(15.0, 7, 2, "y");
    world.maps(17.0, 7, &[(10, 11)]);
    world.fds(17.0, 7, Vec::new());
    assert_eq!(world.last(7).source, Source::Events);
}

#[test]
fn who_holds_an_io_uring_has_its_descriptors_read() {
    let mut world = World::all();
    world.exec(1.0, 7, 1, "x");
    world.maps(1.5, 7, &[]);
    world.fds(1.5, 7, vec![found(1, Eventfd, &[])]);
    assert_eq!(world.last(7).source, Source::Events);
    world.make(2.0, 7, EventKind::IoUringSetup, -1);
    assert_eq!(world.last(7).source, Source::Events, "it was refused");
    world.make(2.0, 7, EventKind::IoUringSetup, 3);
    let last = world.last(7);
    assert_eq!((last.other_descriptors, last.source), (Some(1), Source::Proc));
    world.fds(12.0, 7, vec![found(1, Eventfd, &[]), found(3, Other, &[]), found(4, Socket, &[])]);
    let last = world.last(7);
    assert_eq!((last.other_descriptors, last.sockets), (Some(1), Some(1)));
}

#[test]
fn a_ring_that_was_there_before_is_seen() {
    let mut world = World::all();
    world.exec(1.0, 7, 1, "x");
    world.maps(1.5, 7, &[]);
    let reading = TableReading {
        process: ProcessId { pid: 7, start_ticks: 7 },
        t0_ns: 2 * SECOND,
        t1_ns: 2 * SECOND + 1,
        open: vec![found(3, Other, &[])],
        has_ring: true,
        found: true,
        ..TableReading::default()
    };
    world.feed(&Input::Table(Box::new(reading)));
    let last = world.last(7);
    assert_eq!((last.other_descriptors, last.source), (Some(1), Source::Proc));
}

//! Built-in rules over what is asked for beside the readings of processes: from the request to the
//! printed line.

use super::*;
use crate::{
    engine::Request,
    event::{
        CgroupCpu, DeletedFile, DeletedReading, DescriptorKind, Listener, Pressure, Pressures,
        ProcDetail, ProcLimits, ReadDescriptor, SocketsReading, Stall, SystemLimits, TableReading,
    },
};

const ID: ProcessId = ProcessId { pid: 7, start_ticks: 7 };
const NAMESPACE: u64 = 4_026_531_840;

impl World {
    /// A look at process 7 that shows its namespace and that it may have 200 descriptors.
    fn place(&mut self, second: u64) {
        let identity = ProcIdentity { net_namespace: Some(NAMESPACE), ..ProcIdentity::default() };
        let reading = ProcReading {
            process: ID,
            at_ns: second * SECOND,
            comm: "api".to_owned(),
            state: 'S',
            threads: 1,
            virtual_bytes: 1 << 30,
            detail: Some(ProcDetail { uid: 33, ..ProcDetail::default() }),
            identity: Some(Box::new(identity)),
            limits: Some(ProcLimits { open_files: Some(200), ..ProcLimits::default() }),
            ..ProcReading::default()
        };
        self.feed(&Input::Proc(Box::new(reading)));
    }

    /// Its table: so many sockets, whose inode numbers are 1000 and up, and an inotify.
    fn table(&mut self, second: u64, sockets: u32) {
        let descriptor = |fd: u32, kind, watches| ReadDescriptor {
            fd,
            kind,
            inode: if kind == DescriptorKind::Socket { u64::from(1000 + fd) } else { 0 },
            writes: false,
            socket: None,
            watches,
            file: u64::from(9000 + fd),
        };
        let mut open: Vec<_> =
            (0..sockets).map(|fd| descriptor(fd, DescriptorKind::Socket, Vec::new())).collect();
        open.push(descriptor(sockets, DescriptorKind::Inotify, (1..=90).collect()));
        // A copy of the first is the same connection.
        open.push(ReadDescriptor { fd: sockets + 1, ..open[0].clone() });
        let reading = TableReading {
            process: ID,
            t0_ns: second * SECOND,
            t1_ns: second * SECOND + 1,
            open,
            found: true,
            ..TableReading::default()
        };
        self.feed(&Input::Table(Box::new(reading)));
    }

    /// A process with such sockets, seeded by second 5.
    fn with_sockets(sockets: u32) -> Self {
        let mut world = Self::new("");
        world.place(1);
        world.table(2, sockets);
        world.feed(&Input::Tick { now_ns: 5 * SECOND });
        world.engine.take_requests();
        // The figures of the interval are not what this is about.
        world.text();
        world
    }

    fn sockets(&mut self, second: u64, waiting: u32, idle: Option<std::ops::Range<u64>>) {
        let reading = SocketsReading {
            namespace: NAMESPACE,
            at_ns: second * SECOND,
            listeners: vec![
                Listener { inode: 1001, waiting: 0, limit: 4096 },
                Listener { inode: 1000, waiting, limit: 128 },
                Listener { inode: 77, waiting: 9, limit: 1 },
            ],
            idle: idle.map(Iterator::collect),
        };
        self.feed(&Input::Sockets(Box::new(reading)));
    }

    /// What is asked for at this second, apart from looks at processes.
    fn asked(&mut self, second: u64) -> Vec<Request> {
        self.engine.take_requests();
        self.feed(&Input::Tick { now_ns: second * SECOND });
        let requests = self.engine.take_requests().into_iter();
        requests
            .filter(|it| matches!(it, Request::Sockets { .. } | Request::Deleted { .. }))
            .collect()
    }
}

#[test]
fn a_full_accept_queue_is_found_once_it_has_been_full_for_a_minute() {
    let mut world = World::with_sockets(3);
    world.sockets(10, 128, None);
    world.place(10);
    let queue = world.engine.snapshot(7, false).unwrap().accept_queue.unwrap();
    assert_eq!((queue.waiting, queue.limit), (128, 128), "the fullest of its own");
    world.place(60);
    assert_eq!(world.text(), "");
    world.place(70);
    assert_eq!(
        world.text(),
        "FINDING [medium] listener_backlog api (pid 7): accept queue: accept_queue.waiting 128, \
         accept_queue.limit 128 since 1970-01-01T00:00:10Z\n"
    );
    world.sockets(85, 3, None);
    world.place(85);
    assert_eq!(world.text(), "RESOLVED listener_backlog api (pid 7): no longer so\n");
}

#[test]
fn idle_connections_are_found_where_they_are_half_of_what_it_may_have() {
    let mut world = World::with_sockets(150);
    world.sockets(10, 0, Some(1000..1099));
    world.place(10);
    assert_eq!(world.engine.snapshot(7, false).unwrap().idle_connections, Some(99));
    world.place(80);
    world.sockets(90, 0, Some(1000..1120));
    world.place(90);
    // Where only listeners were asked for the connections are as they were.
    world.sockets(105, 0, None);
    world.place(105);
    world.place(150);
    assert_eq!(
        world.text(),
        "FINDING [low] idle_connections api (pid 7): idle connections: idle_connections 120, \
         limit.descriptors 200 since 1970-01-01T00:01:30Z\n"
    );
    world.sockets(160, 0, Some(1000..1003));
    world.place(160);
    assert_eq!(world.text(), "RESOLVED idle_connections api (pid 7): no longer so\n");
}

#[test]
fn listeners_are_asked_for_where_there_are_some_and_connections_each_minute() {
    let mut world = World::new("");
    let sockets = |world: &mut World, second| {
        let asked = world.asked(second).into_iter();
        asked.filter(|it| matches!(it, Request::Sockets { .. })).collect::<Vec<_>>()
    };
    assert_eq!(sockets(&mut world, 5), []);
    world.place(6);
    let all = [Request::Sockets { pid: 7, wants_idle: true }];
    assert_eq!(sockets(&mut world, 10), all, "a namespace that is new");
    assert_eq!(sockets(&mut world, 25), [], "nobody is known to listen");
    world.sockets(26, 0, Some(0..0));
    assert_eq!(sockets(&mut world, 35), []);
    assert_eq!(sockets(&mut world, 40), [Request::Sockets { pid: 7, wants_idle: false }]);
    assert_eq!(sockets(&mut world, 55), [Request::Sockets { pid: 7, wants_idle: false }]);
    assert_eq!(sockets(&mut world, 70), all);
}

fn deleted(world: &mut World, second: u64, id: ProcessId, mib: u64) {
    let disk_bytes = mib << 20;
    let largest = DeletedFile {
        path: "/var/log/a\u{1b}[2J.log".to_owned(),
        disk_bytes,
        file_system_bytes: 20 << 30,
    };
    let at_ns = second * SECOND;
    let largest = Some(largest);
    let reading = DeletedReading { process: id, at_ns, files: 1, disk_bytes, largest, found: true };
    world.feed(&Input::Deleted(Box::new(reading)));
}

#[test]
fn deleted_files_that_take_a_part_of_their_disk_are_found_with_the_name_of_the_largest() {
    let mut world = World::new("");
    world.place(1);
    deleted(&mut world, 10, ID, 1000);
    world.place(10);
    deleted(&mut world, 70, ID, 2048);
    deleted(&mut world, 71, ProcessId { start_ticks: 9, ..ID }, 5);
    world.place(80);
    world.place(400);
    assert_eq!(
        world.text(),
        "FINDING [medium] deleted_open_files api (pid 7): deleted files: deleted_files.disk_bytes \
         2.0 GiB, deleted_files.file_system_bytes 20.0 GiB, the largest is \
         /var/log/a\\u{1b}[2J.log, 2.0 GiB since 1970-01-01T00:01:20Z\n"
    );
    deleted(&mut world, 410, ID, 3);
    world.place(410);
    assert_eq!(world.text(), "RESOLVED deleted_open_files api (pid 7): no longer so\n");
}

#[test]
fn who_holds_deleted_files_or_works_is_looked_at_each_minute_and_others_seldom() {
    let mut world = World::new("");
    world.place(1);
    let mut asks = |from: u64, to: u64, holds: Option<u64>| {
        let mut count = 0;
        for second in (from..to).step_by(5) {
            world.place(second);
            count +=
                world.asked(second).iter().filter(|it| **it == Request::Deleted { pid: 7 }).count();
            if let Some(mib) = holds {
                deleted(&mut world, second, ID, mib);
            }
        }
        count
    };
    assert_eq!(asks(5, 1205, None), 2, "it never works");
    assert_eq!(asks(1205, 2405, Some(1)), 20, "from the next look on");
}

#[test]
fn tables_that_fill_up_for_one_user_or_one_peer_are_found_and_end_whatever_else_is_not_known() {
    let mut world = World::with_sockets(1);
    let mut host = |second: u64, limits: SystemLimits| {
        let reading = HostReading { at_ns: second * SECOND, limits, ..HostReading::default() };
        world.feed(&Input::Host(Box::new(reading)));
        let text = world.text();
        text.split(": ").take(2).collect::<Vec<_>>().join(": ")
    };
    let found = "FINDING [high] system_limits this host: tables of the kernel";
    let none = SystemLimits::default();
    let watches = |most| SystemLimits { inotify_max_user_watches: Some(most), ..none };
    let ports = |held| SystemLimits {
        local_port_first: Some(32_768),
        local_port_last: Some(60_999),
        time_wait_ports: held,
        ..none
    };
    for (at, full, free) in [
        (10, watches(100), watches(1000)),
        (200, ports(Some(26_000)), ports(None)),
        (
            400,
            SystemLimits { time_wait: Some(950), time_wait_max: Some(1000), ..none },
            SystemLimits { time_wait: Some(50), time_wait_max: Some(1000), ..none },
        ),
        (
            600,
            SystemLimits { inotify_max_user_instances: Some(1), ..none },
            SystemLimits { inotify_max_user_instances: Some(128), ..none },
        ),
    ] {
        assert_eq!(host(at, full), "", "{full:?}");
        assert_eq!(host(at + 30, full), found, "{full:?}");
        assert!(host(at + 60, free).starts_with("RESOLVED system_limits this host"), "{free:?}");
    }
}

#[test]
fn busy_cpus_are_told_only_where_tasks_wait_for_them_for_ten_minutes() {
    let mut world = World::new("");
    let mut host = |second: u64, waits: f64| {
        let some = Stall { avg10: waits, ..Stall::default() };
        let cpu = Some(Pressure { some, full: None });
        let reading = HostReading {
            at_ns: second * SECOND,
            cpu_busy_ticks: 1 + second * 199,
            cpu_all_ticks: 1 + second * 200,
            pressure: Pressures { cpu, ..Pressures::default() },
            ..HostReading::default()
        };
        world.feed(&Input::Host(Box::new(reading)));
        world.text()
    };
    for second in (0..1200).step_by(5) {
        assert_eq!(host(second, 20.0), "", "busy, and nobody waits");
    }
    for second in (1200..1800).step_by(5) {
        assert_eq!(host(second, 80.0), "", "{second}");
    }
    assert!(
        host(1800, 80.0).starts_with("FINDING [low] cpu this host: CPUs of the host: cpu_percent")
    );
}

#[test]
fn a_component_that_its_cpu_quota_stops_is_found() {
    let mut world = World::new("");
    let place =
        Placement { name: "api.service".to_owned(), path: "/api".to_owned(), ..<_>::default() };
    let identity = ProcIdentity { component: Some(Box::new(place)), ..ProcIdentity::default() };
    let reading = ProcReading {
        process: ID,
        at_ns: SECOND,
        state: 'S',
        virtual_bytes: 1 << 30,
        identity: Some(Box::new(identity)),
        ..ProcReading::default()
    };
    world.feed(&Input::Proc(Box::new(reading)));
    for second in (10..=640).step_by(10) {
        let (periods, throttled_periods) = (second * 10, second * 8);
        let reading = CgroupReading {
            path: "/api".to_owned(),
            at_ns: second * SECOND,
            cpu: Some(CgroupCpu { periods, throttled_periods }),
            ..CgroupReading::default()
        };
        world.feed(&Input::Cgroup(Box::new(reading)));
        world.host(second, 50 << 30);
    }
    assert_eq!(
        world.text(),
        "FINDING [low] cpu_quota api.service: CPU quota: cpu_throttled_percent 80 % since \
         1970-01-01T00:00:20Z\n"
    );
}

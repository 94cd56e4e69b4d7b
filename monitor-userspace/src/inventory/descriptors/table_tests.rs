//! Tables one rule at a time: what a reading meets, what ends with what, what is given back.

use super::*;

fn socket(fd: u32, inode: u64) -> FdOp {
    let socket = SocketFacts { family: 2, socket_type: 1, state: 7 };
    FdOp::Open { fd, kind: DescriptorKind::Socket, inode, writes: false, socket }
}

pub(in crate::inventory::descriptors) fn close(fd: u32) -> FdOp {
    FdOp::Close { first: fd, last: fd }
}

pub(in crate::inventory::descriptors) fn found(
    fd: u32,
    kind: DescriptorKind,
    inode: u64,
) -> ReadDescriptor {
    ReadDescriptor { fd, kind, inode, writes: false, socket: None, watches: Vec::new(), file: 0 }
}

pub(in crate::inventory::descriptors) fn reading(
    t0_ns: u64,
    open: Vec<ReadDescriptor>,
) -> TableReading {
    let process = crate::event::ProcessId { pid: 0, start_ticks: 0 };
    TableReading { process, t0_ns, t1_ns: t0_ns + 5, open, found: true, ..TableReading::default() }
}

#[test]
fn a_state_of_tcp_finds_its_socket_and_a_listener_counts() {
    let mut world = World::new();
    world.apply(0, socket(3, 77));
    world.apply(0, socket(4, 78));
    world.tables.set_tcp_state(77, 8, 1);
    world.apply(0, FdOp::Listen { fd: 4 });
    let counts = world.tables.counts(0).unwrap();
    assert_eq!((counts.tcp[8], counts.tcp[7], counts.listeners), (1, 1, 1));
}

#[test]
fn an_acquisition_on_something_live_proves_a_missed_release() {
    let mut world = World::new();
    assert_eq!(world.apply(0, socket(3, 1)), Applied::Ok);
    assert_eq!(world.apply(0, socket(3, 2)), Applied::Collided);
    assert!(!world.tables.of(0).unwrap().is_exact());
}

#[test]
fn a_reading_meets_the_stream_around_it() {
    let second = 1_000_000_000;
    let t0 = 10 * second;
    let mut tables = Tables::default();
    tables.discover(0, 0);
    let who = Maker { pid: 0, tid: 0, files: 1 << 63, is_followed: true };
    // Going while it was read; gone and made again before it was read; closed and made after it.
    tables.apply(who, t0 - 2, close(3), 0);
    tables.apply(who, t0 - 2, close(4), 0);
    tables.apply(who, t0 - 1, socket(4, 44), 0);
    tables.apply(who, t0 + 1, close(5), 0);
    tables.apply(who, t0 + 2, socket(6, 66), 0);
    tables.apply(who, t0 + 3, socket(7, 77), 0);
    let open =
        [(3, 33), (4, 44), (5, 55)].map(|(fd, inode)| found(fd, DescriptorKind::Socket, inode));
    let mut open = open.to_vec();
    open.push(found(9, DescriptorKind::File, 0));
    assert!(tables.reconcile(&reading(t0, open), false));
    let counts = tables.counts(0).unwrap();
    assert_eq!(counts.get(DescriptorKind::Socket), 3);
    assert_eq!(counts.get(DescriptorKind::File), 1);
}

#[test]
fn what_came_unseen_is_counted_as_an_error_and_taken_over() {
    let mut world = World::new();
    world.tables.of_mut(0).unwrap().start_log(world.now_ns);
    let received = vec![found(7, DescriptorKind::Socket, 70)];
    assert!(world.tables.reconcile(&reading(100, received.clone()), false));
    assert_eq!(world.tables.of(0).unwrap().accuracy.unwrap().errors, 1);
    assert_eq!(world.tables.counts(0).unwrap().tracked(), 0, "measured only");
    world.tables.of_mut(0).unwrap().start_log(150);
    assert!(world.tables.reconcile(&reading(200, received), true));
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::Socket), 1);
}

#[test]
fn a_surprising_number_of_descriptors_is_suspect() {
    let mut world = World::new();
    let table = world.tables.of_mut(0).unwrap();
    table.take_total(0);
    assert!(!table.is_suspect);
    table.take_total(3);
    assert!(table.is_suspect);
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::File), 3);
}

#[test]
fn a_watch_on_a_file_that_is_not_followed_ends_with_its_number() {
    let mut world = World::new();
    world.open(0, 3, DescriptorKind::Epoll);
    world.apply(0, FdOp::Watch { epoll: 3, fd: 8 });
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 1);
    world.apply(0, close(8));
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 0);
}

#[test]
fn a_watch_that_is_taken_away_is_gone() {
    let mut world = World::new();
    world.open(0, 3, DescriptorKind::Epoll);
    world.open(0, 4, DescriptorKind::Pipe);
    world.open(0, 5, DescriptorKind::Pipe);
    for fd in [4, 5] {
        world.apply(0, FdOp::Watch { epoll: 3, fd });
    }
    world.apply(0, FdOp::Unwatch { epoll: 3, fd: 4 });
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 1);
    // The other goes with its file, once.
    world.apply(0, close(4));
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 1);
    world.apply(0, close(5));
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 0);
}

#[test]
fn a_thread_that_leaves_the_table_does_not_take_it_from_its_process() {
    let mut world = World::new();
    world.open(0, 3, DescriptorKind::Eventfd);
    let private = 1 << 63 | 1 << 40;
    world.tables.unshare(0, 99, private, world.now_ns);
    let who = Maker { pid: 0, tid: 99, files: private, is_followed: true };
    world.tables.apply(who, world.now_ns, close(3), 0);
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::Eventfd), 1);
    world.tables.exit(0);
    assert!(world.tables.is_empty() && world.tables.objects().is_empty());
}

#[test]
fn the_room_of_files_that_are_gone_is_given_back() {
    let mut world = World::new();
    for fd in 0..10_000 {
        world.apply(0, socket(fd, u64::from(fd) + 1));
    }
    let full = world.tables.memory_bytes();
    world.apply(0, FdOp::Close { first: 10, last: 20_000 });
    world.tables.shrink();
    let left = world.tables.memory_bytes();
    assert!(left < full / 20, "{left} of {full}");
    // What is left is where it was, and what comes finds a place.
    world.apply(0, FdOp::Close { first: 3, last: 4 });
    for fd in [4, 3, 11] {
        world.apply(0, socket(fd, 100_000 + u64::from(fd)));
    }
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::Socket), 11);
    assert_eq!(world.tables.objects().len(), 11);
    let inodes: BTreeSet<u64> = world.tables.objects().iter().map(|it| it.inode).collect();
    assert_eq!(inodes.len(), 11);
}

#[test]
fn what_processes_share_counts_once_for_them_all() {
    let mut world = World::new();
    world.apply(0, socket(3, 77));
    world.apply(0, socket(4, 78));
    world.apply(0, FdOp::Listen { fd: 4 });
    world.kernel.open_of(0).extend([(3, 0), (4, 1)]);
    // A copy of the table, then one more use of the copy.
    world.step(&Step::Fork(0, 1, false));
    world.step(&Step::Fork(1, 2, true));
    world.apply(1, socket(5, 79));
    let group = world.tables.counts_of(&[0, 1, 2]).unwrap();
    let open = group.open_files;
    assert_eq!((open.get(DescriptorKind::Socket), open.listeners, open.tcp[7]), (3, 1, 3));
    assert_eq!(group.descriptors, Some(5), "in two tables");
    let alone = world.tables.counts_of(&[2]).unwrap().open_files;
    assert_eq!(alone.get(DescriptorKind::Socket), 3);
    assert_eq!(world.tables.counts_of(&[]), None);
    assert_eq!(world.tables.counts_of(&[9]), None, "nothing is known of it");
}

//! Readings that tell which descriptors are of one open file.

use super::{
    tests::table_tests::{close, found, reading},
    *,
};
use crate::event::{DescriptorKind, ReadDescriptor, SocketFacts};

/// An eventfd that the kernel calls `file`.
fn eventfd(fd: u32, file: u64) -> ReadDescriptor {
    ReadDescriptor { file, ..found(fd, DescriptorKind::Eventfd, 0) }
}

fn discovered() -> (Tables, Maker) {
    let mut tables = Tables::default();
    tables.discover(0, 0);
    (tables, Maker { pid: 0, tid: 0, files: 1 << 63, is_followed: true })
}

fn opened(fd: u32) -> FdOp {
    let socket = SocketFacts::default();
    FdOp::Open { fd, kind: DescriptorKind::Eventfd, inode: 0, writes: false, socket }
}

#[test]
fn a_watch_read_with_a_copy_outlives_the_number_that_goes_meanwhile() {
    let (mut tables, who) = discovered();
    let t0 = 1000;
    tables.apply(who, t0 + 1, close(3), 0);
    let mut epoll = found(5, DescriptorKind::Epoll, 0);
    epoll.watches = vec![3];
    assert!(tables.reconcile(&reading(t0, vec![eventfd(3, 7), eventfd(4, 7), epoll]), true));
    let counts = tables.counts(0).unwrap();
    assert_eq!((counts.get(DescriptorKind::Eventfd), counts.epoll_watches), (1, 1));
    tables.apply(who, t0 + 9, close(4), 0);
    assert_eq!(tables.counts(0).unwrap().epoll_watches, 0);
}

#[test]
fn what_the_kernel_calls_files_is_believed_before_what_operations_said() {
    let (mut tables, who) = discovered();
    let t0 = 1000;
    let copy = |old, new| FdOp::Copy { old, new, kind: None, inode: 0, replaces: false };
    for (at_ns, op) in [(1, opened(3)), (2, copy(3, 4)), (3, opened(5)), (4, copy(5, 6))] {
        tables.apply(who, at_ns, op, 0);
    }
    // 4 is another file than 3 by now, and 5 and 6 the same as 3.
    let open = [(3, 7), (4, 8), (5, 7), (6, 7)].map(|(fd, file)| eventfd(fd, file)).to_vec();
    assert!(tables.reconcile(&reading(t0, open), true));
    assert_eq!(tables.counts(0).unwrap().objects, Some(2));
}

#[test]
fn another_file_at_a_known_number_is_an_error_and_taken_over() {
    let (mut tables, _) = discovered();
    assert!(tables.reconcile(&reading(100, vec![eventfd(3, 7), eventfd(4, 7)]), true));
    tables.of_mut(0).unwrap().start_log(150);
    assert!(tables.reconcile(&reading(200, vec![eventfd(3, 7), eventfd(4, 9)]), true));
    assert_eq!(tables.of(0).unwrap().accuracy.unwrap().errors, 1);
    assert_eq!(tables.counts(0).unwrap().objects, Some(2));
}

#[test]
fn a_name_that_the_kernel_gave_to_another_file_finds_the_old_one_no_longer() {
    let (mut tables, who) = discovered();
    assert!(tables.reconcile(&reading(100, vec![eventfd(3, 7)]), true));
    tables.apply(who, 200, close(3), 0);
    tables.apply(who, 201, opened(3), 0);
    tables.discover(1, 300);
    let mut other = reading(400, vec![eventfd(3, 7)]);
    other.process.pid = 1;
    assert!(tables.reconcile(&other, true));
    assert_eq!(tables.objects().len(), 2);
}

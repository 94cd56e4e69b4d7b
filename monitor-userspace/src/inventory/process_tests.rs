//! Who runs in which address space, and when a space goes.

use super::*;
use crate::event::{MappingClass, ReadRange, Reconcile};

const MM: u64 = 1 << 63;

fn table(processes: &[(u32, u64)]) -> ProcessTable {
    let mut table = ProcessTable::default();
    for &(pid, mm) in processes {
        table.insert(Process::new(pid, "x".into(), 1, SpaceKey::of_mm(MM + mm)));
    }
    table
}

fn spaces(table: &mut ProcessTable) -> usize {
    table.spaces_mut().count()
}

#[test]
fn a_space_goes_with_its_last_user_and_no_sooner() {
    let mut table = table(&[(3, 1), (4, 1), (5, 2)]);
    assert_eq!(spaces(&mut table), 2);
    table.remove(3);
    assert!(table.space_of(4).is_some());
    table.remove(4);
    assert_eq!(spaces(&mut table), 1);
    table.remove(5);
    assert_eq!(spaces(&mut table), 0);
}

#[test]
fn who_moves_to_another_space_leaves_the_old_one() {
    let mut table = table(&[(3, 1)]);
    table.move_to(3, SpaceKey::of_mm(MM + 2), 5);
    assert_eq!(spaces(&mut table), 1);
    table.remove(3);
    assert_eq!(spaces(&mut table), 0);
}

#[test]
fn what_was_learnt_of_a_space_stays_when_its_name_is_learnt() {
    let mut table = ProcessTable::default();
    table.insert(Process::new(7, "x".into(), 1, SpaceKey::provisional(7)));
    let ranges = vec![ReadRange(0x1000, 0x3000, MappingClass::File, None)];
    let reading = Reconcile { t0_ns: 2, t1_ns: 3, ranges, ..Reconcile::default() };
    assert!(table.space_of_mut(7).unwrap().reconcile(&reading, true));
    table.bind(7, MM + 9, 4);
    assert_eq!(table.get(7).unwrap().space, SpaceKey::of_mm(MM + 9));
    assert_eq!(table.space_of(7).unwrap().totals().unwrap().all(), 0x2000);
    assert_eq!(spaces(&mut table), 1);
}

#[test]
fn pids_are_ascending() {
    let mut processes: Vec<(u32, u64)> = (1..100).map(|pid| (pid * 37 % 101, 1)).collect();
    let table = table(&processes);
    processes.sort_unstable();
    assert!(table.pids().into_iter().eq(processes.into_iter().map(|(pid, _)| pid)));
}

#[test]
fn children_are_counted_with_whoever_is_their_parent_now() {
    let child =
        |pid, ppid| Process { ppid, ..Process::new(pid, "x".into(), 1, SpaceKey::of_mm(MM)) };
    let mut table = table(&[(3, 1), (4, 1)]);
    table.insert(child(5, 3));
    table.insert(child(6, 3));
    assert_eq!((table.children_of(3), table.children_of(4)), (2, 0));
    table.set_parent(6, 4);
    table.set_parent(6, 4);
    assert_eq!((table.children_of(3), table.children_of(4)), (1, 1));
    table.remove(5);
    // Another process under the same number.
    table.insert(child(6, 3));
    assert_eq!((table.children_of(3), table.children_of(4)), (1, 0));
}

use super::*;

const SECOND: u64 = 1_000_000_000;

/// Objects by their numbers, made at those seconds.
fn made(members: &[(u64, u64)], at: u64) -> Census {
    let member = |&(id, born): &(u64, u64)| Member {
        key: (id, born * SECOND),
        id,
        born_ns: Some(born * SECOND),
        file: None,
    };
    Census {
        at_ns: at * SECOND,
        members: members.iter().map(member).collect(),
        count: members.len() as u64,
        from: (0, 0),
    }
}

/// Objects that were listed, from a key on.
fn listed(ids: &[u64], from: u64, at: u64) -> Census {
    let members = ids
        .iter()
        .map(|&id| Member { key: (id, 0), id, born_ns: None, file: Some(id / 10) })
        .collect();
    Census { at_ns: at * SECOND, members, count: ids.len() as u64, from: (from, 0) }
}

fn see(it: &mut Individuals, at: u64, seen: &[(u64, UseTrace)]) {
    it.see(at * SECOND, seen);
}

/// Told and idle at this second.
fn use_at(it: &Individuals, at: u64) -> (u32, u32) {
    let look = it.look(at * SECOND);
    (look.told, look.idle)
}

#[test]
fn what_nothing_moves_is_idle_and_what_cannot_be_told_is_not() {
    let mut it = Individuals::default();
    it.count(made(&[(1, 0), (2, 0), (3, 0)], 10), 0, 3);
    for (at, figure) in [(10, 5), (25, 6), (40, 7)] {
        let seen =
            [(1, UseTrace::Figure(4)), (2, UseTrace::Figure(figure)), (3, UseTrace::Unknown)];
        see(&mut it, at, &seen);
    }
    assert_eq!(use_at(&it, 39), (0, 0), "too early");
    assert_eq!(use_at(&it, 40), (2, 1));
}

#[test]
fn what_moves_after_it_rested_is_in_use_for_good_and_what_moves_at_first_is_idle_later() {
    let mut it = Individuals::default();
    it.count(made(&[(1, 0), (2, 0)], 0), 0, 2);
    for (at, one, two) in [(0, 1, 1), (15, 2, 1), (30, 2, 1), (45, 2, 2)] {
        see(&mut it, at, &[(1, UseTrace::Figure(one)), (2, UseTrace::Figure(two))]);
    }
    assert_eq!(use_at(&it, 45), (2, 0));
    assert_eq!(use_at(&it, 300), (2, 1));
}

#[test]
fn of_sockets_the_kernel_tells_how_long_nothing_moved() {
    let mut it = Individuals::default();
    it.count(made(&[(1, 0), (2, 0), (3, 0)], 100), 0, 3);
    let quiet = |seconds: u64| UseTrace::Quiet(seconds * SECOND);
    see(&mut it, 100, &[(1, quiet(99)), (2, quiet(2)), (3, quiet(70))]);
    assert_eq!(use_at(&it, 100), (3, 2), "one look is enough");
    see(&mut it, 115, &[(1, quiet(114)), (2, quiet(17)), (3, quiet(5))]);
    assert_eq!(use_at(&it, 300), (3, 2), "the third was used after it rested");
}

#[test]
fn births_and_deaths_are_counted_from_the_first_look_on() {
    let mut it = Individuals::default();
    it.count(made(&[(1, 0), (2, 50)], 60), 40, 1);
    assert_eq!(it.ids(), [2], "what was there before the growth is not watched");
    it.count(made(&[(1, 0), (2, 50), (3, 61), (4, 62)], 75), 40, 1);
    it.count(made(&[(1, 0), (2, 50), (4, 62), (5, 80)], 90), 40, 1);
    let look = it.look(90 * SECOND);
    assert_eq!((look.born, look.died, look.watched_ns), (3, 1, 30 * SECOND));
    assert!((look.grown - 2.0).abs() < 1e-9);
    // Another one in the place of one that is gone is another.
    it.count(made(&[(1, 0), (2, 50), (4, 62), (5, 91)], 105), 40, 1);
    assert_eq!(it.look(105 * SECOND).died, 2);
}

#[test]
fn what_falls_out_of_a_list_that_is_cut_has_not_died() {
    let mut it = Individuals::default();
    it.count(listed(&[5, 6, 7], 5, 0), 0, 3);
    it.count(listed(&[7, 8, 9], 7, 15), 0, 3);
    assert_eq!((it.look(15 * SECOND).died, it.ids()), (0, vec![7, 8, 9]));
    it.count(listed(&[8, 9], 1, 30), 0, 3);
    assert_eq!(it.look(30 * SECOND).died, 1);
}

#[test]
fn no_more_than_so_many_are_watched_and_the_newest_take_the_place_of_the_oldest() {
    let mut it = Individuals::default();
    let all: Vec<(u64, u64)> = (0..1000).map(|at| (at, at)).collect();
    it.count(made(&all[..900], 900), 0, 0);
    assert_eq!((it.ids().len(), it.ids()[0]), (MOST, 900 - MOST as u64));
    it.count(made(&all, 1000), 0, 0);
    let ids = it.ids();
    assert_eq!((ids.len(), ids.last()), (MOST, Some(&999)));
    assert_eq!(it.look(1000 * SECOND).died, 0);
}

#[test]
fn files_that_are_open_more_than_once_are_counted() {
    let mut it = Individuals::default();
    it.count(listed(&[11, 12, 21, 31, 32, 33], 0, 0), 0, 6);
    let look = it.look(SECOND);
    assert_eq!((look.files, look.repeated), (6, 5));
}

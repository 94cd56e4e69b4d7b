//! Who is watched: what was named, and what follows from it.

use super::*;

#[test]
fn a_child_is_watched_only_where_children_are_followed() {
    for (follow, expected) in [(true, Some(10)), (false, None)] {
        let filters = Filters { pids: vec![7], follow, ..Filters::default() };
        let mut world = World::new(filters);
        world.exec(1.0, 7, 7, "x");
        world.maps(2.0, 7, &[(10, 20)]);
        world.fork(3.0, (7, 7), (8, 8));
        assert_eq!(world.pages(8), expected, "follow {follow}");
    }
}

#[test]
fn a_name_is_followed_to_who_has_it_and_no_further() {
    let filters = Filters { comm: Some("^x$".into()), ..Filters::default() };
    let mut world = World::new(filters);
    world.exec(1.0, 7, 7, "x");
    let requests = world.engine.take_requests();
    assert!(requests.contains(&Request::Watch { pid: 7 }), "{requests:?}");
    world.exec(2.0, 8, 8, "y");
    assert!(world.engine.snapshot(8, false).is_none());
    // A child has the name of its parent until it becomes another program.
    world.fork(3.0, (7, 7), (9, 9));
    assert!(world.engine.snapshot(9, false).is_some());
    world.exec(4.0, 9, 10, "z");
    assert!(world.engine.snapshot(9, false).is_none());
}

#[test]
fn a_followed_child_is_followed_for_life() {
    let filters = Filters { pids: vec![7], follow: true, ..Filters::default() };
    let mut world = World::new(filters);
    world.exec(1.0, 7, 7, "x");
    world.fork(2.0, (7, 7), (8, 8));
    world.exit(3.0, 7, 7);
    world.exec(4.0, 8, 9, "y");
    world.maps(5.0, 8, &[(1, 4)]);
    assert_eq!(world.pages(8), Some(3));
}

#[test]
fn who_picks_by_name_hears_of_nobody_else_and_reads_what_children_inherit() {
    let filters = Filters { comm: Some("^x$".into()), follow: true, ..Filters::default() };
    let mut world = World::new(filters);
    world.exec(1.0, 5, 5, "other");
    world.fork(1.5, (5, 5), (6, 6));
    assert_eq!(world.printed, []);
    world.exec(2.0, 7, 7, "x");
    world.maps(3.0, 7, &[(10, 20)]);
    world.fork(4.0, (7, 7), (8, 8));
    // Its parent may have forked before the kernel side was told of it.
    assert_eq!(world.pages(8), None);
    let requests = world.engine.take_requests();
    assert!(requests.contains(&Request::Watch { pid: 8 }), "{requests:?}");
    assert!(requests.contains(&Request::Space { pid: 8 }), "{requests:?}");
}

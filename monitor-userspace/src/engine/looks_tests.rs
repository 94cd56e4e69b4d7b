//! Looks at accessed pages, from outside: what grows is asked about, and what was found is printed.

use super::*;
use crate::event::AccessReading;

/// What /proc says at one end of a window, in pages.
fn access(world: &mut World, at: f64, begins: bool, held: u64, touched: u64) {
    access_of(7, world, at, begins, held, touched);
}

fn access_of(pid: u32, world: &mut World, at: f64, begins: bool, held: u64, touched: u64) {
    let reading = AccessReading {
        process: ProcessId { pid, start_ticks: u64::from(pid) },
        at_ns: (at * 1e9) as u64,
        begins,
        held_bytes: held * PAGE,
        touched_bytes: touched * PAGE,
    };
    world.feed(&Input::Access(reading));
}

/// Lets time pass; says whether an end of a window was asked for.
fn is_asked(world: &mut World, at: u64, begin: bool) -> bool {
    world.engine.take_requests();
    world.feed(&Input::Tick { now_ns: at * SECOND });
    world.engine.take_requests().contains(&Request::Access { pid: 7, begin })
}

#[test]
fn a_window_is_looked_into_again_and_again_and_the_snapshot_says_what_the_last_look_found() {
    let mut world = seeded();
    for round in 0..30_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    let mut window = |from: u64, looks: &[(u64, u64)]| {
        assert!(is_asked(&mut world, from, true), "a window at {from}");
        access(&mut world, from as f64, true, 1000, 0);
        for &(after, touched) in looks {
            assert!(!is_asked(&mut world, from + after - 1, false));
            assert!(is_asked(&mut world, from + after, false));
            // What was added meanwhile was touched by that.
            access(&mut world, (from + after) as f64, false, 1050, 50 + touched);
            let found = world.engine.snapshot(7, false).unwrap().access.unwrap();
            assert_eq!((found.window_seconds, found.held_bytes), (after, 1000 * PAGE));
            assert_eq!(found.touched_bytes, touched * PAGE);
        }
    };
    for at in [150, 167, 184, 201] {
        window(at, &[(3, 100), (15, 200)]);
    }
    window(218, &[(3, 100), (15, 200), (30, 250), (60, 300)]);
    window(280, &[(3, 100)]);
}

#[test]
fn a_window_in_which_all_was_touched_is_given_up() {
    let mut world = seeded();
    for round in 0..30_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    assert!(is_asked(&mut world, 150, true));
    access(&mut world, 150.0, true, 1000, 0);
    assert!(is_asked(&mut world, 153, false));
    access(&mut world, 153.0, false, 1000, 900);
    assert!(is_asked(&mut world, 155, true));
}

#[test]
fn a_window_ends_though_its_process_has_stopped_growing() {
    let mut world = seeded();
    for round in 0..30_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    assert!(is_asked(&mut world, 150, true));
    access(&mut world, 150.0, true, 1000, 0);
    for round in 30..400_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', 195 << 20);
    }
    assert!(is_asked(&mut world, 2003, false), "others may be waiting");
    access(&mut world, 2003.0, false, 1000, 100);
    assert!(is_asked(&mut world, 2004, false));
    access(&mut world, 2004.0, false, 1000, 100);
    assert!(!is_asked(&mut world, 2100, true), "it does not grow");
}

#[test]
fn of_many_that_grow_those_come_first_that_had_fewest_windows() {
    let mut world = World::all();
    // More than may be open at once.
    let pids = 7..27_u32;
    for pid in pids.clone() {
        world.exec(1.0, pid, u64::from(pid), "x");
        world.maps(2.0, pid, &[(10, 20)]);
        for round in 0..30_u64 {
            world.look(5.0 * (round + 1) as f64, pid, 'S', (50 + 5 * round) << 20);
        }
    }
    let opened = |world: &mut World, at: u64| -> Vec<u32> {
        world.engine.take_requests();
        world.feed(&Input::Tick { now_ns: at * SECOND });
        let asked = world.engine.take_requests().into_iter();
        let begun = |request| match request {
            Request::Access { pid, begin: true } => Some(pid),
            _ => None,
        };
        asked.filter_map(begun).collect()
    };
    let first = opened(&mut world, 150);
    assert!(first.len() < pids.len() && first.contains(&7), "{first:?}");
    for pid in &first {
        access_of(*pid, &mut world, 150.0, true, 1000, 0);
    }
    assert!(opened(&mut world, 153).is_empty());
    for pid in &first {
        access_of(*pid, &mut world, 153.0, false, 1000, 900);
    }
    // All of them may be looked at again, but it is the turn of others.
    let second = opened(&mut world, 156);
    let others: Vec<u32> = pids.filter(|pid| !first.contains(pid)).collect();
    assert!(
        second.len() > others.len() && second.starts_with(&others),
        "{second:?} after {first:?}"
    );
}

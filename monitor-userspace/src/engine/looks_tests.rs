//! Looks at accessed pages, from outside: what grows is asked about, and what was found is printed.

use super::*;
use crate::event::AccessReading;

/// What /proc says at one end of a window, in pages.
fn access(world: &mut World, at: f64, begins: bool, held: u64, touched: u64) {
    let reading = AccessReading {
        process: ProcessId { pid: 7, start_ticks: 7 },
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
fn a_snapshot_says_what_the_quietest_look_found_and_nothing_before_two_looks() {
    let mut world = seeded();
    for round in 0..30_u64 {
        world.look(5.0 * (round + 1) as f64, 7, 'S', (50 + 5 * round) << 20);
    }
    for (from, touched) in [(150, 300), (160, 100)] {
        assert!(world.engine.snapshot(7, false).unwrap().access.is_none());
        assert!(is_asked(&mut world, from, true));
        access(&mut world, from as f64, true, 1000, 0);
        assert!(is_asked(&mut world, from + 3, false));
        access(&mut world, from as f64 + 3.0, false, 1000, touched);
    }
    let found = world.engine.snapshot(7, false).unwrap().access.unwrap();
    let wanted = world.engine.clock.at(163 * SECOND);
    assert_eq!(
        (found.at, found.held_bytes, found.touched_bytes),
        (wanted, 1000 * PAGE, 100 * PAGE)
    );
}

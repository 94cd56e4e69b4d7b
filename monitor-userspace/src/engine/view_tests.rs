//! The view: what moved, what is held, and what is remembered of who ended.

use super::*;
use crate::{event::HostReading, output::Direction};

const MIB: u64 = 1 << 20;

impl World {
    /// So many seconds in which a process is looked at every five, and the host.
    fn watch(&mut self, seconds: u64, held: impl Fn(u64) -> u64) {
        for at in (5..seconds).step_by(5) {
            let host = HostReading {
                at_ns: at * SECOND,
                mem_total_bytes: 1024 * MIB,
                mem_available_bytes: 1024 * MIB - held(at),
                ..HostReading::default()
            };
            self.feed(&Input::Host(host.into()));
            self.look(at as f64, 7, 'S', held(at));
            self.feed(&Input::Tick { now_ns: at * SECOND });
        }
    }
}

#[test]
fn a_view_tells_what_moved_of_a_process_and_of_the_host() {
    let mut world = seeded();
    world.watch(300, |at| (20 + at) * MIB);
    let view = world.engine.view();
    assert!((view.seconds - 295.0).abs() < 0.1, "{}", view.seconds);
    assert_eq!(view.samples, 59);
    let memory = view.host_memory.unwrap();
    assert_eq!((memory.direction, memory.resource), (Direction::Rising, "memory in use"));
    assert!((memory.rate_per_min / MIB as f64 - 60.0).abs() < 1.0, "{memory:?}");
    let process = &view.processes[0];
    let touched = process.trends.iter().find(|it| it.resource == "resident memory").unwrap();
    assert!((touched.rate_per_min / MIB as f64 - 60.0).abs() < 1.0, "{touched:?}");
    assert!(process.constant > 0, "its mappings never changed");
    assert!(view.rules.iter().any(|rule| rule.name == "heap_growth"));
    assert_eq!(view.findings.len(), 1, "{:?}", view.findings);
    let finding = &view.findings[0];
    assert!(finding.explanations.is_sorted_by(|one, other| one.probability >= other.probability));
    assert!(finding.limits.iter().any(|it| it.limit == "memory of the host"), "{finding:?}");
}

#[test]
fn what_was_asked_for_is_shown_after_its_end_and_what_was_not_is_forgotten() {
    for (filters, shown) in [
        (Filters { pids: vec![7], ..Filters::default() }, 1),
        (Filters { all: true, ..Filters::default() }, 0),
    ] {
        let mut world = World::new(filters);
        world.exec(1.0, 7, 7, "x");
        world.maps(2.0, 7, &[(10, 20)]);
        world.watch(100, |_| 30 * MIB);
        world.exit(100.0, 7, 7);
        let view = world.engine.view();
        assert_eq!(view.processes.len(), shown);
        assert!(view.processes.iter().all(|it| it.snapshot.is_final && it.constant > 0));
    }
}

//! What a full ring costs: counted events, a second reading, and no finding.

use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::maps::Totals;
use memwatch_tests::require;
use memwatch_tests::workload::Program;
use nix::sys::signal::Signal;

const MINUTE: Duration = Duration::from_mins(1);

/// The agent is stopped while a program makes four times as many events as the ring holds.
#[test]
fn events_that_find_the_ring_full_are_counted_and_what_they_changed_is_read_again() {
    require!(root, "gcc");
    let mut program = Program::workload("storm", &["4", "25000"]);
    let pid = program.pid();
    let agent = Agent::start(["--pid", &pid.to_string(), "--interval", "1s", "--events", "none"]);
    agent.wait_for_line(MINUTE, "the seed", |line| {
        line["type"] == "snapshot" && line["pid"] == pid && line["heap_bytes"].is_u64()
    });
    agent.signal(Signal::SIGSTOP);
    program.go();
    program.wait_for_line("ready", MINUTE);
    agent.signal(Signal::SIGCONT);
    // Until it is read again, the loss is no basis for any figure of accuracy.
    agent.wait_for_line(MINUTE, "the correction", |line| {
        line["type"] == "snapshot" && line["accuracy"]["mapping_error_bytes"].is_u64()
    });
    let truth = Totals::of(pid);
    let run = agent.interrupt().expect_success();
    let stats = run.of_type("stats").last().unwrap();
    assert!(stats["events_lost"].as_u64().unwrap() > 0, "{stats}");
    assert_eq!(stats["events_lost"], stats["lost_by_family"]["memory"], "{stats}");
    let last = run.final_snapshot(pid);
    assert_eq!(Totals::of_snapshot(last), truth, "{last}");
    assert_eq!(last["accuracy"]["mapping_error_bytes"], 0, "{last}");
    assert_eq!(run.of_type("finding").count(), 0);
}

/// Probes are attached one after the other, which takes seconds while the kernel lets go of an
/// earlier agent's, and nothing is read meanwhile. The ring is so small that it would be full by
/// then; a busy host may overrun it later, too, but not every time.
#[test]
fn what_happens_while_probes_are_attached_is_not_lost() {
    require!(root, "gcc");
    let mut pace = Program::workload("pace", &["50000", "120"]);
    pace.wait_for_line("ready", MINUTE);
    pace.go();
    let pid = pace.pid().to_string();
    for scope in [&["--all"][..], &["--pid", &pid]] {
        let lost = || {
            let options = ["--events", "none", "--interval", "1s", "--ring", "262144"];
            let agent = Agent::start(scope.iter().chain(&options));
            agent.wait_until_seeded(&[pace.pid()]);
            let run = agent.interrupt().expect_success();
            run.of_type("stats").last().unwrap()["events_lost"].as_u64().unwrap()
        };
        assert!((0..12).any(|_| lost() == 0), "each time, for {scope:?}");
    }
}

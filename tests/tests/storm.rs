//! More than the ring can hold, of everything at once: losses are counted, nothing is taken for a
//! leak, and what survives is known again once it holds still.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::held::{self, Truth};
use memwatch_tests::workload::{Program, Session};
use memwatch_tests::{load_seconds, require};

const MINUTE: Duration = Duration::from_mins(1);
/// How long it may take until every survivor has been read again.
const RECONCILED: Duration = Duration::from_mins(2);
/// Far less than the storm makes between two looks of the agent.
const RING_BYTES: &str = "65536";
/// The one that began it and those it keeps.
const SURVIVORS: usize = 9;

/// What each process that is left of a storm holds. Copies of an epoll count once, and /proc does not
/// tell copies: where there may be any, nothing is said of watches.
fn truth_of(storm: &Session) -> BTreeMap<u32, Truth> {
    let truth = |pid: u32| {
        let mut truth = Truth::of(pid, 0);
        if held::has_epolls_alike(pid) {
            truth.counts.remove("epoll_watches");
        }
        (pid, truth)
    };
    held::session(storm.0.pid()).into_iter().map(truth).collect()
}

/// Without the agent: a storm comes to its end and leaves its survivors, who hold still.
#[test]
fn a_storm_leaves_survivors_that_hold_still() {
    require!(root, "gcc");
    let mut storm = Session(Program::workload("tempest", &["2"]));
    storm.0.go();
    storm.0.wait_for_line("ready", MINUTE);
    let truth = truth_of(&storm);
    assert_eq!(truth.len(), SURVIVORS, "{:?}", truth.keys());
    for kind in ["pipes", "sockets", "eventfds", "timerfds", "epolls", "memfds"] {
        let sum: u64 = truth.values().map(|truth| truth.counts[kind]).sum();
        assert!(sum > 0, "no survivor has any {kind}");
    }
    sleep(Duration::from_millis(200));
    assert_eq!(truth, truth_of(&storm), "a survivor did not hold still");
}

#[test]
fn after_a_storm_that_overruns_the_ring_every_survivor_is_known_again() {
    require!(root, "gcc");
    let mut storm = Session(Program::workload("tempest", &[&load_seconds().to_string()]));
    let arguments = ["--all", "--events", "none", "--interval", "5s"];
    let agent = Agent::start_with(&[("MEMWATCH_RING_BYTES", RING_BYTES)], arguments);
    storm.0.go();
    storm.0.wait_for_line("ready", MINUTE + Duration::from_secs(load_seconds()));
    let truth = truth_of(&storm);
    assert_eq!(truth.len(), SURVIVORS, "{:?}", truth.keys());
    held::wait_until_right(&agent, &truth, RECONCILED);
    let run = agent.interrupt().expect_success();
    assert_eq!(truth, truth_of(&storm), "a survivor did not hold still");
    let stats = run.of_type("stats").last().unwrap();
    assert!(stats["events_lost"].as_u64().unwrap() > 0, "{stats}");
    let findings: Vec<_> = run.of_type("finding").collect();
    assert!(findings.is_empty(), "{findings:#?}");
    for (pid, truth) in &truth {
        let last = run.final_snapshot(*pid);
        let errors = truth.errors(last);
        assert!(errors.is_empty(), "{pid}: {errors:#?} in {last}");
    }
    // Who died unseen is gone from the last interval too.
    let of_storm = |line: &&serde_json::Value| line["final"] == false && line["comm"] == "tempest";
    let snapshots: Vec<_> = run.of_type("snapshot").filter(of_storm).collect();
    let last = &snapshots.last().unwrap()["ts"];
    for line in snapshots.iter().filter(|line| line["ts"] == *last) {
        let pid = line["pid"].as_u64().unwrap() as u32;
        assert!(truth.contains_key(&pid), "{pid} is dead: {line}");
    }
    eprintln!("{} of {} events lost", stats["events_lost"], stats["events_seen"]);
}

//! What the kernel side leaves out because it was told to.

use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::require;
use memwatch_tests::workload::Program;

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn mappings_below_the_smallest_size_make_no_event() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["1", "3000"]);
    let pid = program.pid().to_string();
    let agent = Agent::start(["--pid", &pid, "--min-mapping", "16K"]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    let run = agent.interrupt().expect_success();
    let lengths: Vec<u64> =
        run.events("mmap").map(|line| line["length_bytes"].as_u64().unwrap()).collect();
    assert!(!lengths.is_empty());
    assert!(lengths.iter().all(|length| *length >= 16 << 10), "{lengths:?}");
    // Part of the mappings cannot be compared with all of them.
    assert!(run.final_snapshot(program.pid())["accuracy"]["mapping_error_bytes"].is_null());
}

#[test]
fn the_agent_does_not_watch_itself_and_a_scoped_one_watches_nobody_else() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["1", "3000"]);
    let mut other = Program::workload("maps", &["2", "3000"]);
    let pid = program.pid();
    let all = Agent::start(["--all"]);
    let one = Agent::start(["--pid", &pid.to_string()]);
    let own = all.pid();
    program.go();
    other.go();
    program.wait_for_line("ready", MINUTE);
    other.wait_for_line("ready", MINUTE);
    let all = all.interrupt().expect_success();
    let one = one.interrupt().expect_success();
    assert!(all.of_type("event").any(|line| line["pid"] == other.pid()));
    assert!(all.of_type("event").all(|line| line["pid"] != own));
    assert!(one.of_type("event").count() > 3000);
    assert!(one.of_type("event").all(|line| line["pid"] == pid));
}

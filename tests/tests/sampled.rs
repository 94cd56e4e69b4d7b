//! What no event tells is read from /proc, and said to be.
#![cfg(target_arch = "x86_64")]

use std::thread::sleep;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::held::{Truth, wait_until_right};
use memwatch_tests::require;
use memwatch_tests::workload::Program;

const MINUTE: Duration = Duration::from_mins(1);

/// The system calls of a 32-bit program pass every probe by: without sampling nothing would be known
/// of what it took after it was first read, and with `--reconcile off` that would stay so.
#[test]
fn a_32_bit_program_is_sampled_and_says_so() {
    require!(root, "gcc");
    let mut program = Program::workload("compat", &[]);
    let pid = program.pid();
    let pid_text = pid.to_string();
    let agent = Agent::start(["--pid", &pid_text, "--reconcile", "off", "--interval", "1s"]);
    agent.wait_for_line(MINUTE, "the seed", |line| {
        line["type"] == "snapshot" && line["pid"] == pid && line["sockets"].is_u64()
    });
    program.go();
    program.wait_for_line("ready", MINUTE);
    sleep(Duration::from_millis(200));
    let truth = Truth::of(pid, 0);
    assert_eq!(truth.counts["eventfds"], 15, "{truth:?}");
    wait_until_right(&agent, &[(pid, truth.clone())].into(), MINUTE);
    let run = agent.interrupt().expect_success();
    let last = run.final_snapshot(pid);
    assert_eq!(last["source"], "proc", "{last}");
    assert!(last["accuracy"].is_null(), "there is nothing to compare: {last}");
    let errors = truth.errors(last);
    assert!(errors.is_empty(), "{errors:#?} in {last}");
}

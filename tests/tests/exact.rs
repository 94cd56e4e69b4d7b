//! What the agent says a process holds is what /proc/PID/maps says, byte for byte and class by
//! class, from events alone.

use std::process::Command;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::maps::Totals;
use memwatch_tests::run::Run;
use memwatch_tests::servers::Redis;
use memwatch_tests::workload::Program;
use memwatch_tests::{require, wait_until, workload};

const MINUTE: Duration = Duration::from_mins(1);

/// Attaches to a program and waits until the agent has read once what it holds. After that there
/// are events only.
fn attach(program: &Program, options: &[&str]) -> Agent {
    let pid = program.pid().to_string();
    let arguments = ["--pid", &pid, "--reconcile", "off", "--interval", "1s"];
    let agent = Agent::start(arguments.iter().chain(options));
    agent.wait_until_seeded(&[program.pid()]);
    agent
}

/// Ends the agent and gives what it says the processes hold and what /proc says.
fn settle(agent: Agent, pids: &[u32]) -> (Run, Vec<Totals>, Vec<Totals>) {
    let read = || pids.iter().map(|pid| Totals::of(*pid)).collect::<Vec<_>>();
    // A server may still be tidying up: quiet is when two readings agree.
    let mut last = read();
    let truth = wait_until(MINUTE, "the program to hold still", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = read();
        (std::mem::replace(&mut last, now.clone()) == now).then_some(now)
    });
    let run = agent.interrupt().expect_success();
    assert_eq!(truth, read(), "the program did not hold still");
    let said = pids.iter().map(|pid| Totals::of_snapshot(run.final_snapshot(*pid))).collect();
    (run, said, truth)
}

/// Panics unless the agent was exact and knew it.
fn assert_exact(agent: Agent, pids: &[u32]) {
    let (run, said, truth) = settle(agent, pids);
    let stats = run.lossless_stats();
    assert_eq!(said, truth, "the agent's figures (left) are not those of /proc (right)");
    for pid in pids {
        let snapshot = run.final_snapshot(*pid);
        assert_eq!(snapshot["source"], "events", "{snapshot}");
        assert_eq!(snapshot["accuracy"]["mapping_error_bytes"], 0, "{snapshot}");
    }
    eprintln!("{truth:?} after {} events", stats["events_seen"]);
}

#[test]
fn random_changes_of_an_address_space_are_followed_exactly() {
    require!(root, "gcc");
    for seed in ["1", "2", "3"] {
        let mut program = Program::workload("maps", &[seed, "5000"]);
        let agent = attach(&program, &[]);
        program.go();
        program.wait_for_line("ready", MINUTE);
        let held = Totals::of(program.pid());
        // Far more than a program starts with.
        assert!(held.anon > 4 << 20 && held.shared > 0 && held.heap > 4 << 20, "{held:?}");
        assert_exact(agent, &[program.pid()]);
    }
}

#[test]
fn a_child_that_goes_its_own_way_is_followed_as_exactly_as_its_parent() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["5", "6000", "fork"]);
    let agent = attach(&program, &["--follow"]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    program.wait_for_line("ready", MINUTE);
    let parent = program.pid();
    let fork = agent.wait_for_line(MINUTE, "the fork", |line| line["kind"] == "fork");
    assert_eq!(fork["pid"], parent, "{fork}");
    let child = fork["child_pid"].as_u64().unwrap() as u32;
    assert_ne!(Totals::of(parent), Totals::of(child), "the child did what its parent did");
    assert_exact(agent, &[parent, child]);
}

/// The first reading is taken while the program moves its memory about, and the events of that
/// time must make it exact: what is read twice, or at neither place, is not what is held.
#[test]
fn a_program_that_is_busy_when_it_is_first_read_is_followed_exactly() {
    require!(root, "gcc");
    for _ in 0..4 {
        let mut program = Program::workload("moves", &[]);
        program.go();
        let agent = attach(&program, &["--events", "none"]);
        program.go();
        program.wait_for_line("ready", MINUTE);
        assert_exact(agent, &[program.pid()]);
    }
}

#[test]
fn threads_that_pass_addresses_to_each_other_are_followed_exactly() {
    require!(root, "gcc");
    let mut program = Program::workload("storm", &["4", "25000"]);
    let agent = attach(&program, &[]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    assert_exact(agent, &[program.pid()]);
}

#[test]
fn an_interpreter_that_allocates_in_threads_is_followed_exactly() {
    require!(root, "/usr/bin/python3");
    let script = workload::source("objects.py");
    let mut program = Program::start(Command::new("/usr/bin/python3").arg(script).arg("wait"));
    // It reads its line only once the interpreter is up; whatever it still does is followed too.
    let agent = attach(&program, &[]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    assert_exact(agent, &[program.pid()]);
}

#[test]
fn a_database_under_load_is_followed_exactly() {
    require!(root, "redis-server");
    let mut redis = Redis::start();
    let pid = redis.server.program.pid();
    let agent = attach(&redis.server.program, &[]);
    let before = Totals::of(pid);
    for key in 0..400_usize {
        let length = 1000 << (key % 13);
        let value = vec![b'x'; length + key];
        let head = format!("*3\r\n$3\r\nSET\r\n$5\r\nk{key:04}\r\n${}\r\n", value.len());
        redis.request(&[head.as_bytes(), &value, b"\r\n"].concat(), b"+OK\r\n");
        if key % 3 == 2 {
            redis.request(format!("DEL k{:04}\r\n", key - 1).as_bytes(), b":1\r\n");
        }
    }
    let grown = Totals::of(pid).anon - before.anon;
    assert!(grown > 100 << 20, "redis mapped only {grown} bytes more");
    assert_exact(agent, &[pid]);
}

#[test]
fn an_agent_that_misses_releases_says_so() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["4", "2000"]);
    let agent = attach(&program, &["--skip-probe", "munmap"]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    let (run, said, truth) = settle(agent, &[program.pid()]);
    assert_ne!(said, truth, "the probe was not skipped");
    let accuracy = &run.final_snapshot(program.pid())["accuracy"];
    let error = accuracy["mapping_error_bytes"].as_u64();
    assert!(error.is_some_and(|bytes| bytes > 0), "accuracy is {accuracy}");
    let header = &run.lines[0];
    assert_eq!(header["attach"]["munmap"], "none", "{header}");
}

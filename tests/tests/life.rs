//! How a run starts and ends: Ctrl-C, an end of its own, a kill, a refusal.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use memwatch_tests::agent::{self, Agent};
use memwatch_tests::run::Run;
use memwatch_tests::workload::Program;
use memwatch_tests::{require, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
/// The promise: from Ctrl-C to the last line of the summary.
const SUMMARY_WITHIN: Duration = Duration::from_secs(1);
const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn ctrl_c_ends_a_run_with_a_complete_summary_within_a_second() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["7", "3000"]);
    let agent = Agent::start(["--all", "--interval", "1s"]);
    let pid = program.pid();
    agent.wait_for_line(MINUTE, "a reading of the program", |line| {
        line["type"] == "snapshot" && line["pid"] == pid && line["rss_bytes"].is_u64()
    });
    program.go();
    program.wait_for_line("ready", MINUTE);
    agent.signal(Signal::SIGINT);
    let pressed = Instant::now();
    wait_until(MINUTE, "the end of the summary", || {
        let text = agent.text();
        let is_summary = text.contains("\"final\":true");
        let is_over = text.lines().next_back()?.starts_with("{\"type\":\"stats\"");
        (is_summary && is_over).then_some(())
    });
    let took = pressed.elapsed();
    assert!(took <= SUMMARY_WITHIN, "the summary took {took:?}");
    let run = agent.finish(MINUTE).expect_success();
    assert_eq!(run.lines.last().unwrap()["type"], "stats");
    assert!(run.final_snapshot(pid)["rss_bytes"].is_u64());
    assert!(run.lossless_stats()["events_seen"].as_u64().unwrap() > 3000);
    eprintln!("the summary took {took:?}");
}

#[test]
fn an_agent_that_ends_or_is_killed_leaves_nothing_in_the_kernel() {
    require!(root, "bpftool");
    for (signal, status) in [(Signal::SIGINT, Some(0)), (Signal::SIGKILL, None)] {
        let before = loaded_programs();
        let agent = Agent::start(["--all"]);
        let during = &loaded_programs() - &before;
        assert!(!during.is_empty(), "no program was loaded");
        agent.signal(signal);
        let run = agent.finish(MINUTE);
        assert_eq!(run.status, status);
        // Detaching takes the kernel a moment.
        wait_until(MINUTE, "the kernel to unload the programs", || {
            loaded_programs().is_disjoint(&during).then_some(())
        });
    }
}

/// Ids of the BPF programs in the kernel.
fn loaded_programs() -> BTreeSet<u64> {
    let output = Command::new("bpftool").args(["prog", "list", "-j"]).output().unwrap();
    let programs: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    programs.iter().map(|program| program["id"].as_u64().unwrap()).collect()
}

#[test]
fn an_ordinary_user_is_told_what_to_do() {
    require!(root, "setpriv");
    let dir = tempfile::tempdir().unwrap();
    let program = agent::copy_for_everyone(dir.path());
    let mut command = Command::new("setpriv");
    command.args(NOBODY).arg(program).args(["--all", "--json", "--duration", "1s"]);
    let run = agent::run_command(&mut command);
    assert_eq!(run.status, Some(4), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let lines: Vec<_> = run.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!((1..=2).contains(&lines.len()), "one message, not {}", run.stderr);
    let says_how = ["root", "sudo", "CAP_"].iter().any(|word| run.stderr.contains(word));
    assert!(says_how, "nothing to do in {}", run.stderr);
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let wrong: [&[&str]; 6] = [
        &["--no-such-option"],
        &["--pid", "many"],
        &["--comm", "("],
        &["--all", "--duration", "soon"],
        &["--all", "--skip-probe", "no-such-probe"],
        &["--all", "--fail-on", "sometimes"],
    ];
    for arguments in wrong {
        let run = agent::run(arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{arguments:?}: {}", run.stdout);
        assert!(!run.stderr.contains("panicked"), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn a_commands_own_status_passes_through() {
    require!(root);
    for status in [0, 7] {
        let run =
            Agent::spawn(["--fail-on", "medium", "--", "sh", "-c", &format!("exit {status}")])
                .finish(MINUTE);
        assert_eq!(run.status, Some(status), "{}", run.stderr);
        let [.., stats, exit] = run.lines.as_slice() else { panic!("{}", run.text) };
        assert_eq!(stats["type"], "stats");
        assert_eq!(exit["type"], "exit");
        assert_eq!(exit["command_status"], status, "{exit}");
        assert_eq!(exit["status"], status, "{exit}");
    }
}

#[test]
fn a_command_is_watched_from_its_first_instruction_to_its_end() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let script = format!("until [ -e {} ]; do sleep 0.1; done", gate.display());
    let agent = Agent::start(["--interval", "1s", "--", "sh", "-c", &script]);
    let snapshot = agent.wait_for_line(MINUTE, "what the shell holds", |line| {
        line["type"] == "snapshot" && line["heap_bytes"].is_u64()
    });
    fs::write(&gate, "").unwrap();
    let run = agent.finish(MINUTE).expect_success();
    run.lossless_stats();

    let of_shell = run.of_type("event").filter(|event| event["pid"] == snapshot["pid"]);
    let of_shell: Vec<_> = of_shell.collect();
    let kinds = |index: usize| of_shell[index]["kind"].as_str().unwrap();
    // The loader asks for the end of the heap before anything else.
    assert_eq!([kinds(0), kinds(1), kinds(of_shell.len() - 1)], ["exec", "brk", "exit"]);
    let last = run.final_snapshot(snapshot["pid"].as_u64().unwrap() as u32);
    assert!(last["heap_bytes"].is_u64() && last["sampled_at"].is_string(), "{last}");
    // Nobody asked to follow the shell's children.
    assert!(run.of_type("event").all(|event| event["pid"] == snapshot["pid"]));
}

#[test]
fn a_commands_output_and_the_ndjson_do_not_mix() {
    require!(root);
    let run = agent::run(["--json", "--", "echo", "hello there"]).expect_success();
    assert_eq!(run.lines[0]["type"], "header");
    assert!(!run.stdout.contains("\nhello there"));
    assert!(run.stderr.contains("hello there\n"), "{}", run.stderr);
    let run = Agent::spawn(["--", "echo", "hello there"]).finish(MINUTE).expect_success();
    assert_eq!(run.stdout, "hello there\n");
}

#[test]
fn a_reader_that_never_reads_does_not_keep_the_agent_from_ending() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["8", "20000"]);
    let pid = program.pid().to_string();
    let mut child = Command::new(agent::binary())
        .args(["--json", "--pid", &pid])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut agent = Program::adopt(child);
    let mut first = [0; 1];
    stdout.read_exact(&mut first).unwrap();
    program.go();
    program.wait_for_line("ready", MINUTE);
    // Time for the pipe to fill; it holds 64 KiB, and there is far more to say.
    std::thread::sleep(Duration::from_secs(2));
    agent.interrupt();
    agent.wait(Duration::from_secs(15));
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    // Sixteen buffers of a page each, not all of them filled to the end.
    assert!(rest.len() > 32_000, "only {} bytes: the pipe never was full", rest.len());
}

#[test]
fn a_run_of_given_duration_ends_by_itself_with_a_summary() {
    require!(root);
    let started = Instant::now();
    let run = agent::run(["--duration", "3s", "--all", "--plain"]).expect_success();
    let took = started.elapsed();
    assert!((3..20).contains(&took.as_secs()), "took {took:?}");
    assert!(run.stdout.contains("summary"), "no summary: {}", run.stdout);
    assert!(!run.stdout.contains('\x1b'), "plain text with escape codes: {}", run.stdout);
}

#[test]
fn two_agents_at_once_see_the_same() {
    require!(root, "gcc");
    let mut program = Program::workload("maps", &["9", "3000"]);
    let pid = program.pid().to_string();
    let one = Agent::start(["--pid", &pid]);
    let other = Agent::start(["--all"]);
    program.go();
    program.wait_for_line("ready", MINUTE);
    let (one, other) = (one.interrupt().expect_success(), other.interrupt().expect_success());
    let watched = program.pid();
    let deeds = |run: &Run| {
        let of_program = |event: &&Value| event["pid"] == watched;
        let key = |event: &Value| {
            ["kind", "addr", "length_bytes", "flags"].map(|field| event[field].to_string())
        };
        run.of_type("event").filter(of_program).map(key).collect::<Vec<_>>()
    };
    let (one, other) = (deeds(&one), deeds(&other));
    assert!(one.len() > 3000, "{} events", one.len());
    assert!(one == other, "{} and {} events", one.len(), other.len());
}

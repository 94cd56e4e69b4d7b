//! Who a process is: its unit, container and pod by its cgroup, its user, and its command line
//! without what is secret in it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use memwatch_tests::agent::{self, Agent};
use memwatch_tests::cgroup::{Group, lacks_v2};
use memwatch_tests::require::is_skipped;
use memwatch_tests::run::Run;
use memwatch_tests::workload::Program;
use memwatch_tests::{require, wait_until};
use nix::unistd::{Uid, User};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
const SERVICE: &str = "system.slice/demo.service";
const POD: &str = "2c48913c-b29f-4fe9-b7ab-1d4f2b7a3e11";
const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Arguments of which no value may be shown, and what is shown of them.
const ARGUMENTS: [&str; 4] = ["--password=hunter2-cobalt", "--token", "marzipan-7741", "--port=8"];
const SHOWN: &str = "--password=*** --token *** --port=8";
const SECRETS: [&str; 2] = ["hunter2-cobalt", "marzipan-7741"];

/// The first snapshot of a process by this name that says who it is.
fn known(agent: &Agent, pid: u32, comm: &str) -> Value {
    agent.wait_for_line(MINUTE, "who the program is", |line| {
        line["type"] == "snapshot"
            && line["pid"] == pid
            && line["comm"] == comm
            && line["cmdline"].is_string()
    })
}

/// Where a process runs, as a snapshot has it.
fn place(snapshot: &Value) -> Value {
    let field = |name: &str| (name.to_owned(), snapshot[name].clone());
    ["unit", "container", "pod", "component"].map(field).into_iter().collect()
}

/// Watches a program of the group and gives where the agent says that it runs.
fn place_of(path: &str) -> Value {
    let group = Group::make(path);
    let program = group.start(&["cat"]);
    let pid = program.pid();
    let agent = Agent::start(["--pid", &pid.to_string(), "--interval", "1s"]);
    let early = place(&known(&agent, pid, "cat"));
    let run = agent.interrupt().expect_success();
    assert_eq!(place(run.final_snapshot(pid)), early, "the program did not move");
    early
}

#[test]
fn a_service_is_known_by_its_unit() {
    require!(root);
    if is_skipped(lacks_v2()) {
        return;
    }
    let unit = "demo.service";
    let expected = json!({"unit": unit, "container": null, "pod": null, "component": unit});
    assert_eq!(place_of(SERVICE), expected);
}

#[test]
fn a_container_is_known_by_its_id_and_its_pod() {
    require!(root);
    if is_skipped(lacks_v2()) {
        return;
    }
    let scope = format!("cri-containerd-{CONTAINER}.scope");
    let slice = format!("kubepods-burstable-pod{}.slice", POD.replace('-', "_"));
    let path = format!("kubepods.slice/kubepods-burstable.slice/{slice}/{scope}");
    let expected =
        json!({"unit": scope, "container": CONTAINER, "pod": POD, "component": CONTAINER});
    assert_eq!(place_of(&path), expected);
}

/// What starts a service is in another group, and so is its child until it enters that of the
/// service and becomes its program.
#[test]
fn a_process_that_enters_a_group_and_executes_is_where_it_went() {
    require!(root);
    if is_skipped(lacks_v2()) {
        return;
    }
    let group = Group::make(SERVICE);
    let agent = Agent::start(["--all", "--interval", "1s", "--events", "none"]);
    let script = r#"read word && echo 0 >"$0" && exec cat"#;
    let mut shell = Command::new("sh");
    let mut program = Program::start(shell.args(["-c", script]).arg(group.entrance()));
    let before = known(&agent, program.pid(), "sh");
    assert_ne!(before["unit"], "demo.service", "{before}");
    program.go();
    let after = known(&agent, program.pid(), "cat");
    assert_eq!(after["unit"], "demo.service", "{after}");
    let run = agent.interrupt().expect_success();
    assert_eq!(place(run.final_snapshot(program.pid())), place(&after));
}

#[test]
fn a_user_is_told_by_name_or_else_by_number() {
    require!(root, "setpriv");
    // The second is nobody's on any ordinary host.
    for uid in [65534, 4_000_123_456] {
        let mut command = Command::new("setpriv");
        command.args(["--clear-groups", &format!("--reuid={uid}"), "cat"]);
        let program = Program::start(&mut command);
        let agent = Agent::start(["--pid", &program.pid().to_string(), "--interval", "1s"]);
        let user = User::from_uid(Uid::from_raw(uid)).unwrap();
        let expected = user.map_or_else(|| uid.to_string(), |user| user.name);
        let snapshot = known(&agent, program.pid(), "cat");
        assert_eq!(snapshot["user"], expected, "{snapshot}");
        let run = agent.interrupt().expect_success();
        assert_eq!(run.final_snapshot(program.pid())["user"], expected);
    }
}

/// Panics where any of it has a secret.
fn assert_clean(run: &Run) {
    for secret in SECRETS {
        for (name, text) in [("lines", &run.text), ("stdout", &run.stdout), ("stderr", &run.stderr)]
        {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is in the {name}");
        }
    }
}

/// Whether these bytes hold a text anywhere.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn secrets_of_a_command_line_are_in_no_line_and_in_no_recording() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("run.mwr");
    let recording = recording.to_str().unwrap();
    // The word after the script is the shell's own name for it.
    let mut shell = Command::new("sh");
    let program = Program::start(shell.args(["-c", "read word", "demo"]).args(ARGUMENTS));
    // The new line is there a moment after the parent goes on.
    let file = format!("/proc/{}/cmdline", program.pid());
    wait_until(MINUTE, "something to hide", || {
        let line = fs::read(&file).unwrap();
        SECRETS.iter().all(|secret| holds(&line, secret)).then_some(())
    });

    let agent = Agent::start(["--all", "-v", "--interval", "1s", "--record", recording]);
    let snapshot = known(&agent, program.pid(), "sh");
    assert_eq!(snapshot["cmdline"], format!("sh -c read word demo {SHOWN}"));
    let run = agent.interrupt().expect_success();
    assert_clean(&run);
    let recorded = fs::read(recording).unwrap();
    assert!(holds(&recorded, SHOWN), "the recording does not say what was run");
    assert!(!SECRETS.iter().any(|secret| holds(&recorded, secret)), "a secret is recorded");
    let replayed = agent::run(["--replay", recording, "--json"]).expect_success();
    assert!(replayed.text.contains(SHOWN), "{}", replayed.text);
    assert_clean(&replayed);
    assert_clean(&agent::run(["--replay", recording, "--plain"]).expect_success());
}

#[test]
fn secrets_of_the_agents_own_command_are_in_no_line() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let script = format!("until [ -e {} ]; do sleep 0.1; done", gate.display());
    let command = ["sh", "-c", &script, "demo"];
    let options = ["--all", "-v", "--interval", "1s", "--"];
    let agent = Agent::start(options.iter().chain(&command).chain(&ARGUMENTS));
    let snapshot = agent.wait_for_line(MINUTE, "the command line", |line| {
        line["cmdline"].as_str().is_some_and(|text| text.starts_with("sh -c until"))
    });
    assert!(snapshot["cmdline"].as_str().unwrap().ends_with(SHOWN), "{snapshot}");
    fs::write(&gate, "").unwrap();
    let run = agent.finish(MINUTE).expect_success();
    // The agent does not watch itself, or its own line would be among these.
    assert_clean(&run);

    let missing = ["--plain", "--", "no-such-program"];
    let run = agent::run(missing.iter().chain(&ARGUMENTS));
    assert_eq!(run.status, Some(127), "{}", run.stderr);
    assert_clean(&run);
}

//! The commands that answer: of exported lines, of a recording, live, and what they refuse.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use memwatch_tests::agent;
use memwatch_tests::require;
use memwatch_tests::schema::Schema;
use serde_json::{Value, json};

const COMMANDS: [&str; 5] = ["leaks", "trends", "report", "optimize", "explain"];

/// Lines of a program that opens three sockets a minute for an hour, and of one that does nothing.
fn exported(dir: &Path) -> PathBuf {
    let mut text = String::new();
    for at in 0..360 {
        let (minute, second) = (at / 6, at % 6 * 10);
        for (pid, comm, sockets) in [(7, "api\\u001b[2J", 5 + at / 2), (8, "idle", 5)] {
            let ts = format!("2026-01-17T10:{minute:02}:{second:02}Z");
            writeln!(
                text,
                r#"{{"ts":"{ts}","pid":{pid},"start_time":"2026-01-17T09:00:00Z","comm":"{comm}","sockets":{sockets}}}"#
            )
            .unwrap();
        }
    }
    let path = dir.join("lines.ndjson");
    fs::write(&path, text).unwrap();
    path
}

/// The one line that a command answers with `--json`.
fn answer<S: AsRef<OsStr>>(arguments: &[S], schema: &Schema) -> Value {
    let run = agent::run(arguments).expect_success();
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    let line = serde_json::from_str(&run.stdout).unwrap();
    schema.check(&line);
    line
}

#[test]
fn exported_lines_are_answered_from_in_text_and_in_json_of_the_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = exported(dir.path());
    let from = path.to_str().unwrap();
    let schema = Schema::of_agent();
    let of = |command| answer(&[command, "--from", from, "--json"], &schema);
    let leaks = of("leaks");
    assert_eq!((&leaks["type"], &leaks["isLeakDetected"]), (&json!("leaks"), &json!(true)));
    assert_eq!(leaks["leakRate"], 0.0, "sockets are no MB");
    let finding = &leaks["findings"][0];
    assert_eq!((&finding["pid"], &finding["rule"]), (&json!(7), &json!("socket_growth")));
    let trend = &of("trends")["processes"][0]["trends"][0];
    assert_eq!((&trend["resource"], &trend["direction"]), (&json!("sockets"), &json!("rising")));
    let rate = trend["ratePerMin"].as_f64().unwrap();
    assert!((rate - 3.0).abs() < 0.1, "{trend}");
    let report = of("report");
    assert_eq!(report["performance"]["summary"]["healthStatus"], "warning");
    assert_eq!(report["leakPrevention"]["violationsFound"], 1);
    assert_eq!(report["leakPrevention"]["resourcesTracked"]["caches"], Value::Null);
    let id = finding["id"].as_str().unwrap();
    assert_eq!(of("optimize")["recommendations"][0]["finding"], id);
    assert_eq!(of("explain")["finding"]["id"], id);
    for command in COMMANDS {
        let run = agent::run([command, "--from", from]).expect_success();
        assert!(run.stdout.contains("pid 7") || run.stdout.contains(" 7 api"), "{}", run.stdout);
        assert!(!run.stdout.contains('\x1b'), "{command} lets a name move the cursor");
    }
}

#[test]
fn fail_on_decides_the_status_of_every_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = exported(dir.path());
    for command in COMMANDS.iter().chain(&["leak-check"]) {
        for (severity, status) in [("medium", 3), ("critical", 0)] {
            let run =
                agent::run(["--fail-on", severity, command, "--from", path.to_str().unwrap()]);
            assert_eq!(run.status, Some(status), "{command} --fail-on {severity}: {}", run.stderr);
        }
    }
}

#[test]
fn what_cannot_be_answered_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = exported(dir.path());
    let from = path.to_str().unwrap();
    for (arguments, status, message) in [
        (vec!["leaks", "--duration", "3s"], 2, "say where to look: --all, --pid PID"),
        (vec!["leaks", "--socket", "/nowhere"], 1, "no agent answers at /nowhere"),
        (vec!["--all", "leaks", "--from", from], 2, "not at two at once"),
        (vec!["explain", "zz", "--from", from], 2, "there is no finding \"zz\": there are "),
        (vec!["explain", "zz", "--from", "/dev/null"], 2, "nothing was found at all"),
        (vec!["report", "--replay", from], 1, "not a recording of this version"),
        (vec!["report", "--replay", "/nowhere"], 1, "open /nowhere"),
        (vec!["trends", "--from", "/proc/self/status"], 2, ":1: not a line of --json"),
        (vec!["optimize", "--pid", "4294967295"], 2, "there is no such process"),
    ] {
        let run = agent::run(&arguments);
        assert_eq!(run.status, Some(status), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

/// A live run answers as its recording does, to the byte.
#[test]
fn a_live_answer_is_that_of_its_recording() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("run.mwr");
    let recording = recording.to_str().unwrap();
    let schema = Schema::of_agent();
    let live = ["report", "--all", "--duration", "4s", "--record", recording, "--json"];
    let live = answer(&live, &schema);
    let replayed = answer(&["report", "--replay", recording, "--json"], &schema);
    assert_eq!(live, replayed);
    assert_eq!(live["performance"]["summary"]["healthStatus"], Value::Null, "too short to tell");
    assert!(live["host"]["mem_total_bytes"].as_u64().unwrap() > 0);
    assert!(live["leakPrevention"]["rulesChecked"].as_u64().unwrap() > 10);
    let own = std::process::id();
    let top = live["processes"].as_u64().unwrap();
    assert!(top > 1, "this test, pid {own}, is one of them: {live}");
    for command in COMMANDS {
        let run = agent::run([command, "--replay", recording]).expect_success();
        assert!(run.stdout.contains("4 s"), "{command}: {}", run.stdout);
    }
}

#[test]
fn a_command_is_watched_until_it_ends_and_its_status_counts() {
    require!(root);
    let run = agent::run(["leaks", "--", "/bin/sh", "-c", "sleep 1; exit 7"]);
    assert_eq!(run.status, Some(7), "{}", run.stderr);
    assert!(run.stdout.starts_with("too little was seen to tell"), "{}", run.stdout);
    let run = agent::run(["leak-check", "--", "/bin/true"]).expect_success();
    assert!(run.stdout.starts_with("no findings in "), "{}", run.stdout);
}

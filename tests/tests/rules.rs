//! Rules of a user, and what programs report of themselves, with the real agent.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memwatch_tests::agent::{self, Agent};
use memwatch_tests::require;
use memwatch_tests::run::Run;
use memwatch_tests::schema::Schema;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
/// Descriptors that are held, and how many the rule allows.
const HELD: usize = 300;
const ALLOWED: u64 = 250;

/// Connections that nobody accepts.
const WAITING: usize = 5;
/// What a file takes on disk that nobody can find.
const DELETED_BYTES: usize = 1 << 20;

/// An open file without a name, beside this program: there is a disk.
fn deleted_file() -> File {
    let path = std::env::current_exe().unwrap().with_extension(std::process::id().to_string());
    let mut file = File::create(&path).unwrap();
    file.write_all(&vec![1; DELETED_BYTES]).unwrap();
    file.sync_all().unwrap();
    fs::remove_file(path).unwrap();
    file
}

fn write_rules(path: &Path, pid: u32) {
    let text = format!(
        "[[rule]]\nname = \"many_descriptors\"\nseverity = \"high\"\n\
         condition = \"pid == {pid} && descriptors > {ALLOWED}\"\nfor = \"5s\"\n\
         resource = \"descriptors\"\n\n\
         [[rule]]\nname = \"deep_queue\"\nseverity = \"low\"\n\
         condition = \"custom.queue_depth > 1000\"\n\n\
         [[rule]]\nname = \"share\"\nseverity = \"low\"\n\
         condition = \"threads / custom.nothing > 1\"\n"
    );
    fs::write(path, text).unwrap();
}

/// A line of a counter, as of now.
fn counter(pid: u32, name: &str, value: u32) -> String {
    // Seconds since 1970 as RFC 3339 need a calendar; GNU date has one.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = std::process::Command::new("date")
        .args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "--date"])
        .arg(format!("@{now}"))
        .output()
        .unwrap();
    let ts = String::from_utf8(date.stdout).unwrap();
    let line = json!({"ts": ts.trim(), "pid": pid, "name": name, "type": "gauge", "value": value});
    format!("{line}\n")
}

fn is_finding(line: &Value, rule: &str, state: &str) -> bool {
    line["type"] == "finding" && line["rule"] == rule && line["state"] == state
}

/// What of the rules' lines must be the same in a replay.
fn essence(lines: &[Value]) -> Vec<String> {
    let is_ours = |line: &&Value| line["type"] == "finding" || line["type"] == "rule_error";
    lines.iter().filter(is_ours).map(Value::to_string).collect()
}

#[test]
fn a_users_rule_a_custom_counter_and_a_failing_rule_are_told_live_and_in_a_replay() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let [rules, counters, recording] =
        ["rules.toml", "counters", "recording"].map(|name| dir.path().join(name));
    let own = std::process::id();
    write_rules(&rules, own);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _waiting: Vec<TcpStream> =
        (0..WAITING).map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap()).collect();
    let _deleted = deleted_file();
    let agent = Agent::start([
        "--events".as_ref(),
        "none".as_ref(),
        "--fail-on".as_ref(),
        "high".as_ref(),
        "--interval".as_ref(),
        "1s".as_ref(),
        "--pid".as_ref(),
        own.to_string().as_ref(),
        "--rules".as_ref(),
        rules.as_os_str(),
        "--counters".as_ref(),
        counters.as_os_str(),
        "--record".as_ref(),
        recording.as_os_str(),
    ]);
    agent.wait_until_seeded(&[own]);
    agent.wait_for_line(MINUTE, "the accept queue and the deleted file", |line| {
        line["pid"] == own
            && line["accept_queue"]["waiting"] == WAITING
            && line["deleted_files"]["disk_bytes"].as_u64() >= Some(DELETED_BYTES as u64)
    });

    let held: Vec<File> = (0..HELD).map(|_| File::open("/dev/null").unwrap()).collect();
    let found = agent.wait_for_line(MINUTE, "the finding of the descriptors", |line| {
        is_finding(line, "many_descriptors", "open")
    });
    assert_eq!((&found["pid"], &found["severity"]), (&json!(own), &json!("high")));
    assert_eq!(found["verdict"], "threshold");
    let evidence = found["evidence"].as_array().unwrap();
    let descriptors = evidence.iter().find(|it| it["name"] == "descriptors").unwrap();
    assert!(descriptors["value"].as_f64().unwrap() >= HELD as f64, "{descriptors}");
    drop(held);
    agent.wait_for_line(MINUTE, "its end", |line| is_finding(line, "many_descriptors", "resolved"));

    let mut file = OpenOptions::new().create(true).append(true).open(&counters).unwrap();
    file.write_all(counter(own, "queue_depth", 1500).as_bytes()).unwrap();
    file.write_all(b"no counter\n").unwrap();
    file.write_all(counter(own, "nothing", 0).as_bytes()).unwrap();
    let found = agent.wait_for_line(MINUTE, "the finding of the queue", |line| {
        is_finding(line, "deep_queue", "open")
    });
    assert_eq!(found["evidence"][0]["text"], "custom.queue_depth 1500");
    let failed =
        agent.wait_for_line(MINUTE, "the failing rule", |line| line["type"] == "rule_error");
    assert_eq!(
        (&failed["rule"], &failed["message"]),
        (&json!("share"), &json!("division by zero"))
    );

    assert_told(&agent.interrupt(), &counters, &recording);
}

/// Whether all was told at the end, on standard error and in a replay too.
fn assert_told(run: &Run, counters: &Path, recording: &Path) {
    let schema = Schema::of_agent();
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert!(
        run.stderr.contains("rule share cannot be evaluated: division by zero"),
        "{}",
        run.stderr
    );
    let wrong_line = format!("{}:2: ", counters.display());
    assert!(run.stderr.contains(&wrong_line), "{}", run.stderr);
    let stats = run.of_type("stats").last().unwrap();
    assert_eq!((&stats["custom_values"], &stats["custom_rejected"]), (&json!(2), &json!(1)));
    run.lines.iter().for_each(|line| schema.check(line));

    let replay = agent::run(["--json".as_ref(), "--replay".as_ref(), recording.as_os_str()]);
    assert_eq!(essence(&replay.lines), essence(&run.lines));
}

#[test]
fn a_wrong_file_of_rules_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rules.toml");
    fs::write(&path, "[[rule]]\nname = \"a\"\nseverity = \"low\"\ncondition = \"thread > 1\"\n")
        .unwrap();
    let name = path.display();
    let fault = format!(
        "memwatch-ebpf: wrong rules\n\
         {name}:4:14: there is no variable \"thread\": did you mean \"threads\"?\n  \
         4 | condition = \"thread > 1\"\n    \
         |              ^^^^^^\n"
    );
    for arguments in [
        vec!["leak-rules".as_ref(), "--check".as_ref(), path.as_os_str()],
        vec!["leak-rules".as_ref(), "--rules".as_ref(), path.as_os_str()],
        vec!["--all".as_ref(), "--no-ebpf".as_ref(), "--rules".as_ref(), path.as_os_str()],
    ] {
        let run = agent::run(&arguments);
        assert_eq!((run.status, &run.stderr), (Some(2), &fault), "{arguments:?}");
    }
}

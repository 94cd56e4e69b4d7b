//! What `--json` prints is what `schema` says, whatever the host does, and at a steady pace nothing
//! of it is lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use memwatch_tests::agent::Agent;
use memwatch_tests::run::parse_lines;
use memwatch_tests::schema::Schema;
use memwatch_tests::workload::{self, Program, Session};
use memwatch_tests::{load_seconds, require};
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
/// Everything that may be printed.
const EVERYTHING: [&str; 5] = ["--failed", "--stacks", "all", "--interval", "1s"];
/// What a terminal or a parser would stumble over, in what 15 bytes of it the kernel keeps too.
const HOSTILE_NAME: &[u8] = b"\x1b[7m\"\n\\\xff\xc3 {\xf0\x9f\x98\x80}\t\"";
/// A call that nothing else makes; it fails where the processor has no shadow stacks.
const MAP_SHADOW_STACK: &str = "import ctypes; ctypes.CDLL(None).syscall(453, 0, 4096, 0)";
/// The pace that must be kept without loss, events a second.
const PACE: u64 = 50_000;
/// What a turn of the workload `pace` is made of.
const TURN: [(&str, u64); 8] = [
    ("mmap", 1),
    ("munmap", 1),
    ("eventfd2", 1),
    ("dup", 1),
    ("socket", 1),
    ("close", 3),
    ("timer_create", 1),
    ("timer_delete", 1),
];

/// What went by, one line after the other.
#[derive(Default)]
struct Seen {
    types: BTreeMap<String, u64>,
    kinds: BTreeMap<String, u64>,
    failures: u64,
    stacks: u64,
    ends: u64,
}

impl Seen {
    /// Judges a line, and the schema by it where it is the first of its kind.
    fn take(&mut self, schema: &Schema, text: &str) {
        let line = parse_lines(text).pop().unwrap();
        schema.check(&line);
        let mut is_new = count(&mut self.types, &line["type"]);
        if line["type"] == "event" {
            is_new |= count(&mut self.kinds, &line["kind"]);
            self.failures += u64::from(!line["errno"].is_null());
            self.stacks += u64::from(line["stack"].is_array());
        }
        self.ends += u64::from(line["final"] == true);
        if is_new {
            schema.check_whole(&line);
        }
    }

    fn lines(&self) -> u64 {
        self.types.values().sum()
    }
}

/// Counts a name; says whether it is the first of it.
fn count(counts: &mut BTreeMap<String, u64>, name: &Value) -> bool {
    let count = counts.entry(name.as_str().unwrap().to_owned()).or_default();
    *count += 1;
    *count == 1
}

/// Panics unless everything that could be seen was.
fn assert_all_seen(seen: &Seen, wanted_types: &[&str], schema: &Schema, header: &Value) {
    let missing_types: Vec<_> =
        wanted_types.iter().filter(|name| !seen.types.contains_key(**name)).collect();
    assert!(missing_types.is_empty(), "no line of {missing_types:?} in {:?}", seen.types);
    assert_eq!(seen.types["header"], 1);
    // A call that this kernel does not have cannot be made.
    let is_attached = |kind: &&str| header["attach"][*kind] != "none";
    let could: BTreeSet<&str> = schema.kinds().into_iter().filter(is_attached).collect();
    let missing: Vec<_> = could.iter().filter(|kind| !seen.kinds.contains_key(**kind)).collect();
    assert!(missing.is_empty(), "no event of {missing:?}");
    assert!(could.len() >= 50, "only {} kinds are attached: {header}", could.len());
    assert!(seen.failures > 100 && seen.stacks > 100 && seen.ends > 10, "too little happened");
}

/// Lets a program come to its end, and judges that.
fn run(command: &mut Command, is_expected: impl Fn(ExitStatus) -> bool) {
    let status = Program::start(command).wait(MINUTE);
    assert!(is_expected(status), "{command:?} ended with {status}");
}

/// One round of everything that makes every kind of event and ends by itself.
fn make_everything(dir: &Path, round: u64) {
    let dir = dir.join(round.to_string());
    fs::create_dir(&dir).unwrap();
    let is_eleven = |status: ExitStatus| status.code() == Some(11);
    run(Command::new(workload::compile("kinds")).arg(&dir), is_eleven);
    run(Command::new(workload::compile("calls")).arg(dir.join("calls")), is_eleven);
    let mut holder = Command::new(workload::compile("holder"));
    holder.arg(round.to_string()).arg(dir.join("json")).arg(dir.join("maps"));
    run(&mut holder, |status| status.signal() == Some(9));
    let mut python = Command::new("/usr/bin/python3");
    run(python.arg(workload::source("objects.py")).arg("end"), |status| status.success());
    run(Command::new("/usr/bin/python3").args(["-c", MAP_SHADOW_STACK]), |it| it.success());
}

/// Runs for so long what goes on all the time, and the rounds beside it.
fn make_a_mixed_load(dir: &Path, seconds: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let hostile = dir.join(OsStr::from_bytes(HOSTILE_NAME));
    fs::copy("/bin/sleep", &hostile).unwrap();
    let _hostile = Program::start(Command::new(&hostile).arg("600"));
    let mut maps = Program::workload("maps", &["7", "20000", "fork"]);
    let mut pace = Program::workload("pace", &["10000", &seconds.to_string()]);
    let mut storm = Session(Program::workload("tempest", &["2"]));
    for program in [&mut maps, &mut pace, &mut storm.0] {
        program.go();
    }
    let mut round = 0;
    while round == 0 || Instant::now() < end {
        round += 1;
        make_everything(dir, round);
    }
    storm.0.wait_for_line("ready", MINUTE);
}

/// Every line of a mixed load of everything is of the schema: all types but `exit`, which only a
/// command has, answers, which only other commands print, and findings and rules that fail, which are judged where they are made; every kind of
/// event that this kernel has; failures, call stacks and last snapshots.
#[test]
fn every_line_of_a_mixed_load_is_of_the_schema() {
    require!(root, "gcc", "/usr/bin/python3");
    let schema = Schema::of_agent();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(["--all"].iter().chain(&EVERYTHING));
    make_a_mixed_load(dir.path(), load_seconds());
    let mut seen = Seen::default();
    let mut header = Value::Null;
    let started = Instant::now();
    for line in agent.interrupt_and_stream() {
        if header.is_null() {
            header = serde_json::from_str(&line).unwrap();
        }
        seen.take(&schema, &line);
    }
    let took = started.elapsed();
    eprintln!("{} lines judged in {took:?}: {:?} {:?}", seen.lines(), seen.types, seen.kinds);
    assert_all_seen(&seen, &["header", "event", "snapshot", "host", "stats"], &schema, &header);
    let answers = ["leaks", "trends", "report", "optimize", "explain"];
    let elsewhere = [["finding", "rule_error", "exit"].as_slice(), &answers].concat();
    let is_missing = |name: &&str| !seen.types.contains_key(*name) && !elsewhere.contains(name);
    let missing: Vec<_> = schema.types().into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?} are judged nowhere");
}

#[test]
fn every_line_of_a_commands_run_is_of_the_schema_to_its_exit() {
    require!(root, "gcc");
    let schema = Schema::of_agent();
    let dir = tempfile::tempdir().unwrap();
    let program = workload::compile("kinds");
    let command = ["--follow", "--", program.to_str().unwrap(), dir.path().to_str().unwrap()];
    let run = Agent::spawn(EVERYTHING.iter().chain(&command)).finish(MINUTE);
    assert_eq!(run.status, Some(11), "{}", run.stderr);
    let mut seen = Seen::default();
    for line in run.text.lines() {
        seen.take(&schema, line);
    }
    assert_eq!(run.lines.last().unwrap()["type"], "exit");
    assert_eq!(seen.types["exit"], 1);
    assert!(seen.kinds.len() >= 40, "only {:?}", seen.kinds);
}

#[test]
fn every_line_without_the_kernel_is_of_the_schema() {
    require!(root);
    let schema = Schema::of_agent();
    let agent = Agent::start(["--all", "--no-ebpf", "--interval", "1s"]);
    agent.wait_for_line(MINUTE, "the host", |line| line["type"] == "host");
    let run = agent.interrupt().expect_success();
    let mut seen = Seen::default();
    for line in run.text.lines() {
        seen.take(&schema, line);
    }
    assert!(seen.types["snapshot"] > 1 && seen.ends > 0, "{:?}", seen.types);
}

/// Everything that happens at a steady 50,000 events a second is in the file, each event once.
#[test]
fn fifty_thousand_events_a_second_to_a_file_lose_nothing() {
    require!(root, "gcc");
    let seconds = load_seconds();
    let mut pace = Program::workload("pace", &[&PACE.to_string(), &seconds.to_string()]);
    let pid = pace.pid();
    // It has started: what it does from now on are its turns.
    pace.wait_for_line("ready", MINUTE);
    let agent = Agent::start(["--all", "--interval", "1s"]);
    let started = Instant::now();
    pace.go();
    let turns = PACE * seconds / TURN.iter().map(|(_, events)| events).sum::<u64>();
    pace.wait_for_line(&turns.to_string(), MINUTE + Duration::from_secs(4 * seconds));
    let took = started.elapsed();
    let of_pace = format!("\"pid\":{pid},");
    let mut kinds = BTreeMap::new();
    let mut last_stats = None;
    for line in agent.interrupt_and_stream() {
        if line.starts_with("{\"type\":\"stats\"") {
            last_stats = Some(line);
        } else if line.starts_with("{\"type\":\"event\"") && line.contains(&of_pace) {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["pid"], pid, "{line}");
            count(&mut kinds, &line["kind"]);
        }
    }
    let stats: Value = serde_json::from_str(&last_stats.unwrap()).unwrap();
    for what in ["events_lost", "decode_errors", "events_not_printed"] {
        assert_eq!(stats[what], 0, "{stats}");
    }
    let rate = (PACE * seconds) as f64 / took.as_secs_f64();
    eprintln!("{} events in {took:?}: {rate:.0} a second; {kinds:?}", PACE * seconds);
    for (kind, events) in TURN {
        assert_eq!(kinds.get(kind), Some(&(turns * events)), "{kind} of {kinds:?}");
    }
}

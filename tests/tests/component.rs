//! What a component takes and what stops it, against the files of its cgroup; and the limits and
//! the load of a process, against what others say of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::cgroup::Limited;
use memwatch_tests::require;
use memwatch_tests::require::is_skipped;
use memwatch_tests::workload::{Program, compile};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
const MIB: u64 = 1 << 20;
/// What the program takes: anonymous memory, and a file and a segment of this size each.
const ANON: u64 = 40 * MIB;
const SHARED: u64 = 2 * MIB;
/// The slice's limit, and that of the group's tasks.
const LIMIT: u64 = 256 * MIB;
const TASKS: u64 = 50;
/// The kernel charges in batches of 64 pages on each CPU, and counts them in the same way.
const BATCHES: u64 = 4 * MIB;

fn number(line: &Value, path: &str) -> u64 {
    let number = line.pointer(path).and_then(Value::as_u64);
    number.unwrap_or_else(|| panic!("no {path} in {line}"))
}

fn assert_close(found: u64, expected: u64, what: &str) {
    assert!(found.abs_diff(expected) <= BATCHES, "{what}: {found}, expected {expected}");
}

/// What the program's cgroup says: all that is charged, and what of it could be given back.
fn working_set(group: &Limited) -> (u64, u64) {
    if group.is_v2() {
        let stat = |key| group.number("memory.stat", Some(key));
        let current = group.number("memory.current", None);
        (current, current - stat("inactive_file") - stat("slab_reclaimable"))
    } else {
        let current = group.number("memory.usage_in_bytes", None);
        (current, current - group.number("memory.stat", Some("total_inactive_file")))
    }
}

#[test]
fn a_component_is_what_its_cgroup_says() {
    require!(root, "gcc");
    if is_skipped(Limited::is_lacking()) {
        return;
    }
    let group = Limited::make(LIMIT, TASKS);
    let file = format!("/dev/shm/memwatch-component-{}", std::process::id());
    let mib = |bytes: u64| (bytes / MIB).to_string();
    let hoard = compile("hoard");
    let program = hoard.to_str().unwrap();
    let arguments = [program, &file, &mib(ANON), &mib(SHARED), &mib(SHARED)];
    let mut program = group.start(&arguments);
    program.go();
    program.wait_for_line("taken", MINUTE);

    let pid = program.pid().to_string();
    let agent = Agent::start(["--pid", &pid, "--interval", "1s", "--events", "none"]);
    let line = agent.wait_for_line(MINUTE, "the cgroup of the component", |line| {
        line["type"] == "component"
            && line["component"] == "limited.service"
            && !line["memory"].is_null()
    });
    let (current, working_set) = working_set(&group);
    assert_close(number(&line, "/memory/current_bytes"), current, "current");
    assert_close(number(&line, "/working_set_bytes"), working_set, "the working set");
    assert_close(number(&line, "/memory/anon_bytes"), ANON, "anonymous memory");
    assert_close(number(&line, "/memory/shmem_bytes"), 2 * SHARED, "shared memory");
    assert!(number(&line, "/memory/kernel_bytes") > 0, "page tables at least: {line}");
    // The limit is the slice's, which holds nothing else.
    let limit = &line["memory_max"];
    assert!(limit["path"].as_str().unwrap().ends_with("/demo.slice"), "{line}");
    assert_eq!(limit["limit_bytes"], LIMIT);
    assert_close(number(limit, "/working_set_bytes"), working_set, "that of the slice");
    // The program and the child that gives back what it leaves.
    assert_eq!((&line["tasks"], &line["pids_max"]["limit"]), (&json!(2), &json!(TASKS)), "{line}");
    assert_eq!(
        (&line["processes"], &line["threads"]),
        (&json!(1), &json!(1)),
        "only it is watched"
    );
    assert_eq!(line["oom_kills"], 0, "{line}");
    assert_close(number(&line, "/rss_anon_bytes"), ANON, "what the process has");
    let pressure = group.file("memory.pressure");
    assert_eq!(line["pressure"]["memory"].is_object(), pressure.is_some(), "{line}");

    let snapshot = agent.last_snapshot(program.pid()).unwrap();
    assert_eq!(snapshot["component"], "limited.service");
    // Over the first second there is nothing to tell yet.
    agent.wait_for_line(MINUTE, "what the readings cost", |line| {
        line["type"] == "stats" && line["reading_cpu_percent"].as_f64() > Some(0.0)
    });
    let _run = agent.interrupt().expect_success();
}

#[test]
fn a_component_tells_of_those_that_were_killed_for_want_of_memory() {
    require!(root, "gcc");
    if is_skipped(Limited::is_lacking()) {
        return;
    }
    let group = Limited::make(ANON / 2, TASKS);
    let survivor = group.start(&["cat"]);
    let pid = survivor.pid().to_string();
    let agent = Agent::start(["--pid", &pid, "--interval", "1s", "--events", "none"]);
    let of_group = |line: &Value| line["component"] == "limited.service";
    agent.wait_for_line(MINUTE, "the component before", |line| {
        line["type"] == "component" && of_group(line) && line["oom_kills"] == 0
    });
    let file = format!("/dev/shm/memwatch-component-{}", std::process::id());
    let hoard = compile("hoard");
    let arguments = [hoard.to_str().unwrap(), &file, &(ANON / MIB).to_string(), "1", "1"];
    let mut hoard = group.start(&arguments);
    hoard.go();
    let status = hoard.wait(MINUTE);
    assert_eq!(status.signal(), Some(9), "the kernel killed it");
    // The component is idle, so that it is looked at every half minute only.
    let line = agent.wait_for_line(MINUTE, "the component after", |line| {
        line["type"] == "component" && of_group(line) && line["oom_kills"].as_u64() > Some(0)
    });
    let file = if group.is_v2() { "memory.events" } else { "memory.oom_control" };
    assert_eq!(line["oom_kills"], group.number(file, Some("oom_kill")), "{line}");
    let _run = agent.interrupt().expect_success();
}

#[test]
fn accepted_connections_are_a_load() {
    require!(root);
    let own = std::process::id();
    let agent = Agent::start(["--pid", &own.to_string(), "--interval", "1s", "--events", "none"]);
    let wait_for = |accepted: u64| {
        agent.wait_for_line(MINUTE, "the load", |line| {
            line["type"] == "snapshot" && line["pid"] == own && line["load"]["accepted"] == accepted
        })
    };
    let before = wait_for(0);
    let inet = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let clients = (0..20).map(|_| {
        let client = TcpStream::connect(inet.local_addr().unwrap()).unwrap();
        (client, inet.accept().unwrap())
    });
    let clients: Vec<_> = clients.collect();
    inet.set_nonblocking(true).unwrap();
    assert!(inet.accept().is_err(), "one that fails is none");
    let after = wait_for(20);
    assert!(after["load"]["cpu_ms"].as_u64() >= before["load"]["cpu_ms"].as_u64());
    drop(clients);
    let _run = agent.interrupt().expect_success();
}

/// A soft limit as prlimit(1) tells it; `null` for none.
fn soft_limit(pid: u32, name: &str) -> Value {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid.to_string(), &format!("--{name}"), "--output", "SOFT"]);
    let output = command.args(["--noheadings", "--raw"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse::<u64>().map_or(Value::Null, Value::from)
}

#[test]
fn the_limits_of_a_process_are_those_it_has() {
    require!(root, "prlimit");
    let script = "ulimit -S -n 321 && ulimit -S -v 999424 && exec cat";
    let mut program = Program::start(Command::new("sh").args(["-c", script]));
    let pid = program.pid();
    program.say("1234567\n");
    program.wait_for_line("1234567", MINUTE);
    let agent = Agent::start(["--pid", &pid.to_string(), "--interval", "1s"]);
    let line = agent.wait_for_line(MINUTE, "its limits", |line| {
        line["type"] == "snapshot" && line["pid"] == pid && line["limits"].is_object()
    });
    let names = [
        ("open_files", "nofile"),
        ("address_space_bytes", "as"),
        ("processes", "nproc"),
        ("data_bytes", "data"),
    ];
    for (field, name) in names {
        assert_eq!(line["limits"][field], soft_limit(pid, name), "{name}: {line}");
    }
    assert_eq!(line["limits"]["open_files"], 321);
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    assert_eq!(line["load"]["read_bytes"].to_string(), read, "it is idle: {line}");
    assert_eq!(line["load"]["accepted"], 0, "{line}");
    let _run = agent.interrupt().expect_success();
}

#[test]
fn the_host_tells_its_limits_and_its_pressure() {
    require!(root);
    let agent = Agent::start(["--pid", "1", "--interval", "1s"]);
    let line = agent.wait_for_line(MINUTE, "the host", |line| line["type"] == "host");
    let _run = agent.interrupt().expect_success();
    let sysctl = |path: &str| {
        let text = fs::read_to_string(format!("/proc/sys/{path}")).ok();
        text.map_or(Value::Null, |text| text.trim().parse::<u64>().unwrap().into())
    };
    let limits = [
        ("max_map_count", "vm/max_map_count"),
        ("pid_max", "kernel/pid_max"),
        ("threads_max", "kernel/threads-max"),
        ("inotify_max_user_watches", "fs/inotify/max_user_watches"),
        ("inotify_max_user_instances", "fs/inotify/max_user_instances"),
        ("conntrack_max", "net/netfilter/nf_conntrack_max"),
    ];
    for (field, path) in limits {
        assert_eq!(line["limits"][field], sysctl(path), "{path}: {line}");
    }
    assert!(number(&line, "/limits/open_files") > 0 && number(&line, "/limits/tasks") > 1);
    for resource in ["memory", "cpu", "io"] {
        let is_measured = fs::read_to_string(format!("/proc/pressure/{resource}")).is_ok();
        assert_eq!(line["pressure"][resource].is_object(), is_measured, "{resource}: {line}");
    }
    assert!(line.pointer("/pressure/cpu/full").is_none_or(Value::is_null), "means nothing: {line}");
}

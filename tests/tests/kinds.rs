//! Every call that makes, copies, sets or gives back a descriptor, timer, socket, watch or shared
//! segment is reported as strace saw it, in every form and from every thread and process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use memwatch_tests::act::calls::{IO_URING, KINDS};
use memwatch_tests::act::{Act, Deed};
use memwatch_tests::agent::Agent;
use memwatch_tests::compare::compare;
use memwatch_tests::require::is_skipped;
use memwatch_tests::run::Run;
use memwatch_tests::strace::{self, Trace};
use memwatch_tests::workload::Program;
use memwatch_tests::{require, workload};
use nix::errno::Errno;

/// Calls that only the oldest machines have.
const LEGACY: [&str; 8] =
    ["dup2", "pipe", "eventfd", "epoll_create", "inotify_init", "signalfd", "alarm", "accept"];

/// Runs the workload under strace under the agent.
fn watch(options: &[&str]) -> (Run, Trace) {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let program = workload::compile("kinds");
    let mut arguments = vec!["--follow"];
    arguments.extend(options);
    arguments.extend(["--", "strace"]);
    arguments.extend(strace::OPTIONS);
    let paths = [trace.as_path(), program.as_path(), dir.path()].map(|path| path.to_str().unwrap());
    arguments.push("-o");
    arguments.extend(paths);
    let run = Agent::spawn(arguments).finish(Duration::from_mins(1));
    let trace = Trace::parse(&fs::read_to_string(&trace).unwrap()).unwrap();
    // strace ends as its program did, and the agent as strace did.
    assert_eq!(run.status, Some(11), "{}", run.stderr);
    (run, trace)
}

/// The kinds that the witness saw succeed; what it must have seen is checked.
fn kinds_seen(trace: &Trace) -> BTreeSet<&'static str> {
    let name = |act: &Act| match act.deed {
        Deed::Call { name, .. } => Some(name),
        _ => None,
    };
    let seen: BTreeSet<_> = trace.acts.iter().filter_map(name).collect();
    for (kind, _) in KINDS.iter().chain([&IO_URING]) {
        if seen.contains(kind) {
            continue;
        }
        let refused = ["userfaultfd", "io_uring_setup"].contains(kind)
            && is_skipped(Some(format!("{kind} is refused here")));
        let unknown = LEGACY.contains(kind) && cfg!(not(target_arch = "x86_64"));
        assert!(refused || unknown, "the workload made no {kind}");
    }
    seen
}

/// Panics unless agent and strace saw the same.
fn assert_same(run: &Run, trace: &Trace) {
    let seen = kinds_seen(trace);
    let differences = compare(&Act::from_lines(&run.lines), trace);
    let shown = differences.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    let count = differences.len();
    assert!(count == 0, "{count} differences in {} acts:\n{shown}", trace.acts.len());
    run.lossless_stats();
    eprintln!("{} acts of {} kinds are the same", trace.acts.len(), seen.len());
}

/// Without the agent: what the others compare with is there, and is understood.
#[test]
fn the_witness_sees_every_kind_and_is_understood() {
    require!(root, "strace", "gcc");
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(strace::OPTIONS).arg("-o").arg(&trace);
    let mut program = Program::start(strace.arg(workload::compile("kinds")).arg(dir.path()));
    assert_eq!(program.wait(Duration::from_mins(1)).code(), Some(11));
    let trace = Trace::parse(&fs::read_to_string(&trace).unwrap()).unwrap();
    let kinds = kinds_seen(&trace).len();
    eprintln!("{} acts of {kinds} kinds, {} failures", trace.acts.len(), trace.failures.len());
    // A report of all of it is the same, and one that lacks any of it is not.
    assert_eq!(compare(&trace.acts, &trace), [""; 0]);
    assert!(trace.failures.len() >= 100, "only {} failures", trace.failures.len());
    for (kind, _) in KINDS {
        let lacks = |act: &&Act| !matches!(act.deed, Deed::Call { name, .. } if name == kind);
        let acts: Vec<Act> = trace.acts.iter().filter(lacks).cloned().collect();
        assert_eq!(compare(&acts, &trace).is_empty(), acts.len() == trace.acts.len(), "{kind}");
    }
}

#[test]
fn every_form_of_every_kind_is_reported_as_strace_saw_it() {
    require!(root, "strace", "gcc");
    let (run, trace) = watch(&[]);
    // The main thread, two more and a child.
    let makers: BTreeSet<u32> = trace.acts.iter().map(|act| act.tid).collect();
    assert!(makers.len() >= 4, "{makers:?}");
    assert_same(&run, &trace);
    let failed = run.of_type("event").find(|event| !event["errno"].is_null());
    assert_eq!(failed, None, "nobody asked for failures");
}

#[test]
fn failures_of_every_kind_are_streamed_with_their_error_when_asked_for() {
    require!(root, "strace", "gcc");
    let (run, trace) = watch(&["--failed"]);
    let tids: BTreeSet<u32> = trace.acts.iter().map(|act| act.tid).collect();
    let failure = |event: &serde_json::Value| {
        let kind = event["kind"].as_str()?.to_owned();
        let tid = event["tid"].as_u64()? as u32;
        let error = Errno::from_raw(event["errno"].as_i64()? as i32);
        let is_known = KINDS.iter().chain([&IO_URING]).any(|(name, _)| *name == kind);
        assert!(event["result"].is_null(), "{event}");
        (is_known && tids.contains(&tid)).then(|| (tid, kind, format!("{error:?}")))
    };
    let mut seen: Vec<_> = run.of_type("event").filter_map(failure).collect();
    let owned =
        |(tid, name, error): &(u32, &str, String)| (*tid, (*name).to_owned(), error.clone());
    let mut expected: Vec<_> = trace.failures.iter().map(owned).collect();
    // By thread; within one as they came.
    seen.sort_by_key(|failure| failure.0);
    expected.sort_by_key(|failure| failure.0);
    assert!(expected.len() >= 100, "the witness saw only {} failures", expected.len());
    assert_eq!(seen, expected);
    // Asking for failures takes nothing away.
    assert_same(&run, &trace);
}

/// Few processors have shadow stacks, and strace may be older than the call: the one who made it is the
/// witness.
#[test]
fn a_shadow_stack_that_is_asked_for_is_reported_or_why_not() {
    const SCRIPT: &str = "import ctypes\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        libc.syscall.restype = ctypes.c_long\n\
        at = libc.syscall(453, ctypes.c_ulong(0), ctypes.c_ulong(4096), 0)\n\
        print(at, ctypes.get_errno())";
    require!(root, "/usr/bin/python3");
    let arguments = ["--failed", "--events", "memory", "--", "/usr/bin/python3", "-c", SCRIPT];
    let run = Agent::spawn(arguments).finish(Duration::from_mins(1));
    if run.lines[0]["attach"]["map_shadow_stack"] == "none" {
        is_skipped(Some("this kernel has no map_shadow_stack".to_owned()));
        return;
    }
    let said = run.stdout.lines().last().or(run.stderr.lines().last()).unwrap_or_default();
    let (at, error) = said.split_once(' ').unwrap();
    let at: i64 = at.parse().unwrap();
    let event = run.of_type("event").find(|event| event["kind"] == "map_shadow_stack").unwrap();
    assert_eq!(event["length_bytes"], 4096, "{event}");
    if at == -1 {
        assert_eq!(event["errno"], error.parse::<u64>().unwrap(), "{event}");
    } else {
        assert_eq!(event["addr"], format!("{at:#x}"), "{event}");
    }
}

//! The event stream is what strace saw: same calls, same arguments, same results, in order, of
//! every process and thread of a program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use memwatch_tests::act::{Act, Deed};
use memwatch_tests::agent::Agent;
use memwatch_tests::compare::compare;
use memwatch_tests::run::Run;
use memwatch_tests::strace::{self, Trace};
use memwatch_tests::{require, workload};

/// Runs a program under strace under the agent.
fn watch(options: &[&str], program: &[&str]) -> (Run, Trace) {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let trace_path = trace.to_str().unwrap();
    let mut arguments = vec!["--follow"];
    arguments.extend(options);
    arguments.extend(["--", "strace"]);
    arguments.extend(strace::OPTIONS);
    arguments.extend(["-o", trace_path]);
    arguments.extend(program);
    let run = Agent::spawn(arguments).finish(Duration::from_mins(1));
    let trace = Trace::parse(&fs::read_to_string(&trace).unwrap()).unwrap();
    (run, trace)
}

/// Panics unless agent and strace saw the same.
fn assert_same(run: &Run, trace: &Trace) {
    let acts = Act::from_lines(&run.lines);
    let differences = compare(&acts, trace);
    let shown = differences.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    let count = differences.len();
    assert!(count == 0, "{count} differences in {} acts:\n{shown}", trace.acts.len());
    run.lossless_stats();
    eprintln!("{} acts of {} threads are the same", trace.acts.len(), trace.tids.len());
}

fn count(trace: &Trace, wanted: impl Fn(&Deed) -> bool) -> usize {
    trace.acts.iter().filter(|act| wanted(&act.deed)).count()
}

fn watch_calls(options: &[&str]) -> (Run, Trace) {
    let dir = tempfile::tempdir().unwrap();
    let (program, file) = (workload::compile("calls"), dir.path().join("file"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    watch(options, &[&text(&program), &text(&file)])
}

#[test]
fn every_form_of_every_call_is_reported_as_strace_saw_it() {
    require!(root, "strace", "gcc");
    let (run, trace) = watch_calls(&[]);
    // strace ends as its program did, and the agent as strace did.
    assert_eq!(run.status, Some(11), "{}", run.stderr);
    // The witness saw what the program is made of, so that an empty comparison cannot pass.
    assert!(count(&trace, |deed| matches!(deed, Deed::Mmap { .. })) > 500);
    assert!(count(&trace, |deed| matches!(deed, Deed::Munmap { .. })) > 200);
    assert!(count(&trace, |deed| matches!(deed, Deed::Mremap { .. })) >= 6);
    assert!(count(&trace, |deed| matches!(deed, Deed::Brk { .. })) > 15);
    assert!(count(&trace, |deed| matches!(deed, Deed::Fork { .. })) >= 14);
    assert!(count(&trace, |deed| matches!(deed, Deed::Exec { .. })) >= 8);
    assert_eq!(count(&trace, |deed| matches!(deed, Deed::Exit { signal: Some(_), .. })), 2);
    assert_same(&run, &trace);
}

#[test]
fn an_interpreter_with_threads_and_children_is_reported_as_strace_saw_it() {
    require!(root, "strace", "/usr/bin/python3");
    let script = workload::source("objects.py");
    let (run, trace) = watch(&[], &["/usr/bin/python3", script.to_str().unwrap(), "end"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(count(&trace, |deed| matches!(deed, Deed::Exec { .. })) >= 5);
    assert!(trace.tids.len() >= 8);
    assert_same(&run, &trace);
}

#[test]
fn without_ebpf_the_comparison_fails() {
    require!(root, "strace", "gcc");
    let (run, trace) = watch_calls(&["--no-ebpf"]);
    assert!(!compare(&Act::from_lines(&run.lines), &trace).is_empty());
}

#[test]
fn failed_acquisitions_are_streamed_with_their_error_when_asked_for() {
    require!(root, "strace", "gcc");
    let (run, trace) = watch_calls(&["--failed"]);
    let pids: Vec<u32> = trace.acts.iter().map(|act| act.pid).collect();
    let failed = run.of_type("event").filter(|event| {
        let pid = event["pid"].as_u64().unwrap() as u32;
        pids.contains(&pid) && !event["errno"].is_null()
    });
    let failed: Vec<_> = failed.collect();
    assert!(trace.failed_acquisitions >= 7);
    assert_eq!(failed.len(), trace.failed_acquisitions, "{failed:#?}");
    assert!(failed.iter().all(|event| event["addr"].is_null()), "{failed:#?}");
    // Asking for failures takes nothing away.
    assert_same(&run, &trace);
}

#[test]
fn the_changes_of_a_heap_add_up_to_its_end() {
    require!(root, "gcc");
    let dir = tempfile::tempdir().unwrap();
    let (program, file) = (workload::compile("calls"), dir.path().join("file"));
    let arguments = ["--follow".as_ref(), "--".as_ref(), program.as_os_str(), file.as_os_str()];
    let run = Agent::spawn(arguments).finish(Duration::from_mins(1));
    let mut ends: HashMap<u64, i64> = HashMap::new();
    let mut known_changes = 0;
    for event in run.of_type("event") {
        let pid = event["pid"].as_u64().unwrap();
        if event["kind"] == "exec" {
            ends.remove(&pid);
        } else if event["kind"] == "brk" {
            let digits = event["addr"].as_str().unwrap().trim_start_matches("0x");
            let end = i64::from_str_radix(digits, 16).unwrap();
            if let (Some(change), Some(last)) = (event["length_bytes"].as_i64(), ends.get(&pid)) {
                assert_eq!(change, end - last, "{event}");
                known_changes += usize::from(change != 0);
            }
            ends.insert(pid, end);
        }
    }
    assert!(known_changes >= 5, "only {known_changes} changes were given");
}

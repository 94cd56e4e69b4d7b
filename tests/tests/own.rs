//! Who owns what: after fork, exec, unshare and the like, what the agent says of each process is
//! what /proc says. Each test is one rule.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use memwatch_tests::agent::Agent;
use memwatch_tests::held::{self, Truth};
use memwatch_tests::require;
use memwatch_tests::require::is_skipped;
use memwatch_tests::run::Run;
use memwatch_tests::workload::Program;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

const MINUTE: Duration = Duration::from_mins(1);
/// How long it may take until what no event tells has been read.
const RECONCILED: Duration = Duration::from_secs(90);

/// How long the processes of a case may take until all of them wait.
const SETTLED: Duration = Duration::from_millis(500);
/// The same, and until the agent has read states and parents again, which no event tells.
const READ: Duration = Duration::from_secs(7);

/// A case of the workload; all its processes are killed when dropped.
struct Case {
    program: Program,
}

impl Case {
    fn start(name: &str) -> Self {
        Self { program: Program::workload("own", &[name]) }
    }

    /// Its processes that live, and what each holds. `itimers` are the interval timers that the
    /// first of them runs; no other does.
    fn truth(&self, itimers: u64) -> BTreeMap<u32, Truth> {
        let first = self.program.pid();
        let of = |pid: u32| (pid, Truth::of(pid, if pid == first { itimers } else { 0 }));
        held::session(first).into_iter().map(of).collect()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        // A segment that nobody has attached is removed by the case itself, at the end of its input.
        self.program.end_input();
        let end = Instant::now() + Duration::from_secs(5);
        while !held::session(self.program.pid()).is_empty() && Instant::now() < end {
            sleep(Duration::from_millis(10));
        }
        // Fails only where all have ended.
        let _ = killpg(Pid::from_raw(self.program.pid() as i32), Signal::SIGKILL);
    }
}

/// Starts the agent beside the case and lets it begin once it has been read.
fn begin(case: &mut Case, options: &[&str]) -> Agent {
    let pid = case.program.pid();
    let pid_text = pid.to_string();
    let arguments = ["--pid", &pid_text, "--follow", "--interval", "1s"];
    let agent = Agent::start(arguments.iter().chain(options));
    agent.wait_until_seeded(&[pid]);
    case.program.go();
    agent
}

/// The last word of the agent about each process that lives.
fn check_final(run: &Run, truth: &BTreeMap<u32, Truth>) {
    for (pid, expected) in truth {
        let snapshot = run.final_snapshot(*pid);
        let errors = expected.errors(snapshot);
        assert!(errors.is_empty(), "{pid} of {:?}: {errors:#?} in {snapshot}", truth.keys());
    }
    run.lossless_stats();
}

/// A case of so many processes that events alone explain.
fn assert_owned_with(name: &str, processes: usize, itimers: u64, pause: Duration) {
    require!(root, "gcc");
    let mut case = Case::start(name);
    let agent = begin(&mut case, &["--reconcile", "off"]);
    case.program.wait_for_line("ready", MINUTE);
    sleep(pause);
    let truth = case.truth(itimers);
    assert_eq!(truth.len(), processes, "{truth:?}");
    let run = agent.interrupt().expect_success();
    assert_eq!(truth, case.truth(itimers), "the case did not hold still");
    let truth = truth.into_iter().map(|(pid, truth)| (pid, truth.of_events())).collect();
    check_final(&run, &truth);
    for pid in truth.keys() {
        let error = &run.final_snapshot(*pid)["accuracy"]["descriptor_error"];
        assert!(error.as_u64().unwrap_or(0) == 0, "{pid}: {error}");
    }
}

fn assert_owned(name: &str, processes: usize) {
    assert_owned_with(name, processes, 0, SETTLED);
}

/// A case that no event explains: the agent has to read it again, and then has it right.
fn assert_read_again(name: &str, processes: usize) {
    assert_read(name, processes, "on", "events");
}

/// The same, where the agent says that its figures are from `source`.
fn assert_read(name: &str, processes: usize, reconcile: &str, source: &str) {
    require!(root, "gcc");
    let mut case = Case::start(name);
    let agent = begin(&mut case, &["--reconcile", reconcile]);
    let word = case.program.wait_for_any(&["ready", "refused"], MINUTE);
    if word == "refused" {
        is_skipped(Some(format!("{name} is refused here")));
        return;
    }
    sleep(SETTLED);
    let truth = case.truth(0);
    assert_eq!(truth.len(), processes, "{truth:?}");
    held::wait_until_right(&agent, &truth, RECONCILED);
    let run = agent.interrupt().expect_success();
    assert_eq!(truth, case.truth(0), "the case did not hold still");
    check_final(&run, &truth);
    for pid in truth.keys() {
        assert_eq!(run.final_snapshot(*pid)["source"], source);
    }
}

/// A case that neither an event nor a number of descriptors shows: a check finds it. The last check
/// comes with the end.
fn assert_right_in_the_end(name: &str, processes: usize) {
    require!(root, "gcc");
    let mut case = Case::start(name);
    let agent = begin(&mut case, &["--reconcile", "on"]);
    case.program.wait_for_line("ready", MINUTE);
    let truth = case.truth(0);
    assert_eq!(truth.len(), processes, "{truth:?}");
    let run = agent.interrupt().expect_success();
    let truth = truth.into_iter().map(|(pid, truth)| (pid, truth.of_events())).collect();
    check_final(&run, &truth);
}

/// Without the agent: every case comes to its end and is of as many processes as its test says.
#[test]
fn every_case_holds_still_as_its_test_expects() {
    require!(root, "gcc");
    for (name, processes) in CASES {
        let mut case = Case::start(name);
        case.program.go();
        case.program.wait_for_any(&["ready", "refused"], MINUTE);
        sleep(SETTLED);
        let truth = case.truth(0);
        assert_eq!(truth.len(), processes, "{name}: {truth:#?}");
        assert_eq!(truth, case.truth(0), "{name} did not hold still");
    }
}

/// Each case and how many processes it is of.
const CASES: [(&str, usize); 25] = [
    ("fork", 2),
    ("vfork_exec", 2),
    ("threads", 1),
    ("clone_files", 2),
    ("unshare", 2),
    ("clone_vm", 2),
    ("close_range", 1),
    ("close_range_unshare", 2),
    ("close_range_cloexec", 2),
    ("exec", 1),
    ("exec_by_thread", 1),
    ("dead_leader", 1),
    ("dup", 1),
    ("scm_rights", 2),
    ("pidfd_getfd", 2),
    ("io_uring", 1),
    ("timers", 2),
    ("timers_exec", 1),
    ("epoll", 2),
    ("inotify", 1),
    ("inotify_gone", 1),
    ("memfd", 1),
    ("segment", 2),
    ("zombies", 2),
    ("orphan", 2),
];

#[test]
fn a_forked_child_has_copies_and_both_go_their_own_way() {
    assert_owned("fork", 2);
}

#[test]
fn a_child_of_vfork_that_executes_starts_anew() {
    assert_owned("vfork_exec", 2);
}

#[test]
fn threads_share_and_count_once() {
    assert_owned("threads", 1);
}

#[test]
fn a_child_that_shares_the_table_shares_what_is_made_later() {
    assert_owned("clone_files", 2);
}

#[test]
fn a_child_that_leaves_the_table_takes_a_copy_with_it() {
    assert_owned("unshare", 2);
}

/// What follows would show it, too, but only after another reading.
#[test]
fn who_leaves_the_table_is_told_of() {
    require!(root, "gcc");
    let mut case = Case::start("unshare");
    let agent = begin(&mut case, &[]);
    case.program.wait_for_line("ready", MINUTE);
    agent.wait_for_line(Duration::from_secs(20), "the unshare", |line| line["kind"] == "unshare");
}

#[test]
fn a_child_may_share_memory_and_not_the_table() {
    assert_owned("clone_vm", 2);
}

#[test]
fn a_range_is_closed_and_what_is_outside_stays() {
    assert_owned("close_range", 1);
}

#[test]
fn a_range_that_is_closed_in_a_copy_of_the_table_stays_in_the_other() {
    assert_owned("close_range_unshare", 2);
}

#[test]
fn a_range_that_is_marked_closes_at_exec() {
    assert_owned("close_range_cloexec", 2);
}

#[test]
fn exec_keeps_what_is_not_marked() {
    assert_owned("exec", 1);
}

#[test]
fn exec_by_another_thread_keeps_the_process() {
    assert_owned("exec_by_thread", 1);
}

#[test]
fn a_process_lives_on_without_its_leader() {
    assert_owned("dead_leader", 1);
}

#[test]
fn copies_of_descriptors_replace_what_they_land_on() {
    assert_owned("dup", 1);
}

#[test]
fn posix_timers_stay_behind_at_fork() {
    assert_owned_with("timers", 2, 1, SETTLED);
}

#[test]
fn exec_ends_posix_timers_and_keeps_interval_timers() {
    assert_owned_with("timers_exec", 1, 1, SETTLED);
}

#[test]
fn an_epoll_watch_ends_with_the_last_descriptor_of_its_file() {
    assert_owned("epoll", 2);
}

#[test]
fn an_inotify_watch_ends_by_itself_or_with_its_descriptor() {
    assert_owned("inotify", 1);
}

#[test]
fn an_inotify_watch_that_ends_with_its_file_is_found_by_a_check() {
    assert_right_in_the_end("inotify_gone", 1);
}

#[test]
fn a_memfd_is_its_descriptor_and_its_mapping_apart() {
    assert_owned("memfd", 1);
}

#[test]
fn a_segment_counts_where_it_is_attached() {
    assert_owned("segment", 2);
}

#[test]
fn children_that_nobody_waits_for_are_zombies() {
    assert_owned_with("zombies", 2, 0, READ);
}

#[test]
fn a_child_whose_parent_ends_is_somebody_elses() {
    assert_owned_with("orphan", 2, 0, READ);
}

#[test]
fn descriptors_that_arrive_in_messages_are_found() {
    assert_read_again("scm_rights", 2);
}

#[test]
fn descriptors_that_are_taken_from_others_are_found() {
    assert_read_again("pidfd_getfd", 2);
}

#[test]
fn descriptors_that_a_ring_makes_are_found() {
    // Not a correction: who holds a ring is sampled from then on.
    assert_read("io_uring", 1, "off", "proc");
}

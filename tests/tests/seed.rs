//! What was there before the agent is known with what it shares: which descriptors, of whichever
//! processes, name the same open file. Only the kernel's iterator tells (Linux 6.1).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::held;
use memwatch_tests::require;
use memwatch_tests::require::is_skipped;
use memwatch_tests::workload::Program;
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
/// Open files of the program's own: two eventfds, a timerfd and an epoll, of seven descriptors.
const DESCRIPTORS: u64 = 7;
const FILES: u64 = 4;

/// Waits until a snapshot says this of a process.
fn wait_until(agent: &Agent, pid: u32, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let is_it = |line: &Value| line["type"] == "snapshot" && line["pid"] == pid && is_so(line);
    agent.wait_for_line(MINUTE, what, is_it)
}

/// Descriptors of the kinds that the program has besides what it talks through.
fn own(snapshot: &Value) -> u64 {
    ["eventfds", "timerfds", "epolls"].map(|name| snapshot[name].as_u64().unwrap_or(0)).iter().sum()
}

#[test]
fn copies_made_before_the_agent_came_are_known_as_copies() {
    require!(root, "gcc");
    let mut program = Program::workload("twins", &[]);
    let pid = program.pid();
    let child = program.line(MINUTE);
    let child: u32 = child.strip_prefix("child ").unwrap().parse().unwrap();
    program.wait_for_line("ready", MINUTE);
    let both = format!("{pid},{child}");
    // Read once, and from then on events alone tell.
    let options = ["--pid", &both, "--interval", "1s", "--reconcile", "off"];
    let agent = Agent::start(options);
    let lines = agent.lines();
    let hook = &lines[0]["attach"]["task_file"];
    if hook == "none" && is_skipped(lacks_iterator()) {
        return;
    }

    for process in [pid, child] {
        let seed = wait_until(&agent, process, "the seed", |line| own(line) == DESCRIPTORS);
        let others = ["pipes", "sockets", "other_descriptors"].map(|name| seed[name].as_u64());
        // Those it talks through are all different.
        let files = FILES + others.iter().flatten().sum::<u64>();
        assert_eq!(seed["descriptor_objects"], files, "{seed}");
        assert_eq!(seed["epoll_watches"], 1, "{seed}");
    }
    // The number it was watched by; another; the parent's last.
    for left in (DESCRIPTORS - 3..DESCRIPTORS).rev() {
        program.go();
        program.wait_for_line("done", MINUTE);
        let now = wait_until(&agent, pid, "a descriptor less", |line| own(line) == left);
        assert_eq!(now["epoll_watches"], 1, "{left} left: {now}");
        assert_eq!(now["epoll_watches"], held::of(pid, 0)["epoll_watches"], "{left} left");
    }
    program.go();
    program.wait_for_line("done", MINUTE);
    wait_until(&agent, pid, "the end of the watch", |line| line["epoll_watches"] == 0);
    assert_eq!(held::of(pid, 0)["epoll_watches"], 0);
    agent.interrupt().expect_success().lossless_stats();
}

/// Why this kernel may be without; `None` where it may not.
fn lacks_iterator() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap_or(0));
    (version < (6, 1)).then(|| format!("Linux {release} has no iterator over one thread"))
}

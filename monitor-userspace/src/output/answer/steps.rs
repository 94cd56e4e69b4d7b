//! What to run next, by what grows and in which language it is written.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Finding;

/// A command and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// To be run as root, or as the owner of the process.
    pub command: String,
    /// What it shows.
    pub why: &'static str,
}

/// `PID` stands for the process's.
type Known = (&'static str, &'static str);

const STACKS: Known = (
    "memwatch-ebpf --pid PID --stacks all --json",
    "every call that makes one, with its call stack, as it happens",
);
const TABLE: Known = (
    "ls -l /proc/PID/fd | awk '{print $NF}' | sort | uniq -c | sort -n",
    "which of them there are most",
);
const SOCKETS: Known = ("ss -tanp | grep pid=PID,", "the states and peers of its connections");

/// The most telling commands for a finding, the first first.
pub(super) fn steps(finding: &Finding) -> Vec<Step> {
    let Some(pid) = finding.pid else {
        let steps = of_whole(finding).iter().copied().chain([of_group(finding)]);
        return steps.map(|(command, why)| Step { command: command.to_owned(), why }).collect();
    };
    let known = by_rule(&finding.rule);
    let language = if finding.rate_unit == Some("bytes") {
        by_language(finding.comm.as_deref().unwrap_or_default())
    } else {
        None
    };
    let step =
        |(command, why): Known| Step { command: command.replace("PID", &pid.to_string()), why };
    known.iter().copied().chain(language).map(step).collect()
}

fn of_group(finding: &Finding) -> Known {
    if finding.component.is_some() {
        ("memwatch-ebpf trends --all --duration 5m", "which of its processes grows")
    } else {
        ("memwatch-ebpf report --all", "who holds most, and what else was found")
    }
}

const SLAB: Known = ("slabtop -o -s c | head -20", "which kernel objects take most");
const FILES: Known = ("df -h -t tmpfs", "which tmpfs, such as /dev/shm, fills with files");
const SEGMENTS: Known = ("ipcs -m -p", "which segments there are, and who made them");
const BUFFERS: Known = ("ss -tunapm", "whose connections hold data that nobody reads");

/// What shows the part of a component's memory, or the host's, that grows most.
fn of_whole(finding: &Finding) -> &'static [Known] {
    if finding.rate_per_min.is_none() {
        return &[];
    }
    // Of a component the parts come after its whole, of the host the part is what grows.
    let mut names = finding.evidence.iter().map(|it| it.name.as_ref());
    let share = names.find_map(|name| name.strip_suffix("_share"));
    match share.unwrap_or(&finding.resource) {
        "anon" => &[
            ("systemd-cgtop -m -n 1", "which cgroup within holds most"),
            (
                "ps -eo pid,ppid,etimes,rss,comm,cgroup --sort -rss | head -20",
                "which processes come again and again, and how large",
            ),
        ],
        "shmem" | "unowned shared memory" => &[FILES, SEGMENTS],
        "kernel" | "unreclaimable slab" => &[SLAB, ("cat /proc/slabinfo", "the same, to compare")],
        "sock" | "socket buffer memory" => &[BUFFERS, ("cat /proc/net/sockstat", "all of them")],
        "page table memory" => &[(
            "grep VmPTE /proc/[0-9]*/status | sort -n -k2 | tail",
            "whose page tables are largest",
        )],
        "kernel stack memory" => {
            &[("ps -eo nlwp,pid,comm --sort -nlwp | head", "who has most threads")]
        }
        "per-CPU memory" => &[
            ("cat /sys/fs/cgroup/cgroup.stat", "cgroups that are dying and never end"),
            ("bpftool map", "BPF maps for each CPU"),
        ],
        "vmalloc memory" => &[("sort -n -k2 /proc/vmallocinfo | tail", "who took it")],
        "unaccounted memory" => &[
            ("cat /proc/vmstat", "which pages there are more and more of"),
            ("lsmod", "which drivers may have taken them"),
        ],
        _ => &[],
    }
}

fn by_rule(rule: &str) -> &'static [Known] {
    match rule {
        "heap_growth" | "anon_mapping_growth" | "rss_growth" | "swap_growth" => &[
            (
                "memwatch-ebpf --pid PID --stacks memory --json --events memory",
                "where its heap and its mappings grow, with call stacks, as it happens",
            ),
            ("pmap -x PID | sort -n -k3 | tail", "which of its mappings are largest"),
        ],
        "shared_memory_growth" | "shm_segment_growth" => &[
            ("ipcs -m -p", "who made which segment"),
            ("pmap -x PID | grep -e shm -e SYSV -e memfd", "what it has mapped"),
        ],
        "close_wait" | "close_wait_growth" | "socket_growth" => &[SOCKETS, STACKS],
        "inotify_watch_growth" | "epoll_watch_growth" => &[
            ("grep -c -e ^inotify -e ^tfd /proc/PID/fdinfo/*", "which of them watches how much"),
            STACKS,
        ],
        "timer_growth" => &[("cat /proc/PID/timers", "the timers there are"), STACKS],
        "thread_growth" => &[
            ("ps -T -o spid,stat,wchan:24,comm -p PID", "their names, and what they wait for"),
            ("gdb -p PID -batch -ex 'thread apply all bt 8'", "where they stand"),
        ],
        "child_growth" | "zombie_growth" | "zombie_children" => {
            &[("ps -o pid,stat,etime,args --ppid PID", "the children there are, and since when")]
        }
        "mapping_count_limit" | "address_space_limit" => {
            &[("pmap -x PID | sort -n -k2 | tail", "which of its mappings are largest")]
        }
        "idle_connections" => &[
            ("ss -tnpoi | grep -A1 pid=PID,", "when each of its connections was last used"),
            TABLE,
        ],
        "listener_backlog" => &[
            ("ss -tlnp | grep pid=PID,", "its listeners: Recv-Q waits, of at most Send-Q"),
            ("ps -T -o spid,stat,wchan:24,comm -p PID", "what its threads wait for"),
        ],
        "deleted_open_files" => {
            &[("ls -l /proc/PID/fd | grep deleted", "which of its files were deleted")]
        }
        "fd_growth" | "fd_limit" | "pipe_growth" | "eventfd_growth" | "timerfd_growth"
        | "memfd_growth" => &[TABLE, STACKS],
        // A rule of the user's own: all that is held is in the snapshots.
        _ => {
            &[("memwatch-ebpf --pid PID --json --events none", "all that it holds, as it changes")]
        }
    }
}

/// What looks into a heap that only the language's runtime understands.
fn by_language(comm: &str) -> Option<Known> {
    match comm {
        "java" => Some(("jcmd PID GC.class_histogram | head -20", "which classes hold the heap")),
        "node" => Some((
            "kill -USR1 PID",
            "opens its inspector on 127.0.0.1:9229, for heap snapshots to compare",
        )),
        _ if comm.starts_with("python") => Some((
            "py-spy dump --pid PID",
            "what it is doing; tracemalloc inside it says what it keeps",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::finding, *};
    use crate::output::{FindingVerdict, Severity};

    fn commands(rule: &str, comm: &str) -> Vec<String> {
        let mut finding = finding("aa", Severity::Medium, FindingVerdict::Leak);
        (finding.rule, finding.comm) = (rule.to_owned(), Some(comm.to_owned()));
        steps(&finding).into_iter().map(|step| step.command).collect()
    }

    #[test]
    fn every_growth_rule_has_a_step_of_its_own_with_the_pid_in_it() {
        for signal in crate::rule::Signal::ALL {
            let commands = commands(signal.rule(), "api");
            assert!(!commands.is_empty() && !commands[0].ends_with("--events none"), "{signal:?}");
            assert!(commands.iter().all(|it| !it.contains("PID")), "{commands:?}");
        }
        assert_eq!(commands("mine", "api"), ["memwatch-ebpf --pid 7 --json --events none"]);
    }

    #[test]
    fn a_runtime_is_asked_in_its_own_language() {
        let last = |comm| commands("heap_growth", comm).pop().unwrap();
        assert_eq!(last("java"), "jcmd 7 GC.class_histogram | head -20");
        assert_eq!(last("python3.13"), "py-spy dump --pid 7");
        assert!(last("api").starts_with("pmap"));
    }

    #[test]
    fn what_no_process_holds_is_looked_for_among_all() {
        let mut finding = finding("aa", Severity::Medium, FindingVerdict::Threshold);
        finding.pid = None;
        assert_eq!(steps(&finding)[0].command, "memwatch-ebpf report --all");
        finding.component = Some("api.service".to_owned());
        assert_eq!(steps(&finding)[0].command, "memwatch-ebpf trends --all --duration 5m");
    }

    #[test]
    fn every_part_of_memory_that_no_process_holds_has_a_step_of_its_own() {
        use crate::rule::Part;
        let mut finding = finding("aa", Severity::Medium, FindingVerdict::Leak);
        finding.pid = None;
        for part in Part::HOST {
            finding.resource = part.resource().to_owned();
            assert!(steps(&finding).len() > 1, "{part:?}");
        }
        finding.component = Some("api.service".to_owned());
        finding.resource = Part::Held.resource().to_owned();
        let mut evidence = crate::output::Evidence {
            name: "".into(),
            value: 1.0,
            says: "growth",
            text: String::new(),
        };
        for part in Part::COMPONENT.into_iter().filter(|part| *part != Part::Held) {
            evidence.name = format!("{}_share", part.name()).into();
            finding.evidence = vec![evidence.clone()];
            let steps = steps(&finding);
            assert!(steps.len() > 1, "{part:?}");
            assert_eq!(steps.last().map(|it| it.why), Some("which of its processes grows"));
        }
    }
}

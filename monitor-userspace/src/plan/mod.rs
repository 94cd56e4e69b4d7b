//! Decides, from facts alone, which probe is attached where. Reads nothing and attaches nothing.

use std::collections::BTreeSet;

/// Where a program is hooked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A `syscalls:` tracepoint of tracefs.
    Tracepoint(&'static str),
    /// A raw tracepoint, whose arguments are the kernel's own pointers.
    Raw(&'static str),
    /// An iterator, which runs when the agent reads something rather than when it happens.
    Iterator(&'static str),
}

impl Hook {
    /// The word users see in the header's `attach`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracepoint(_) => "tracepoint",
            Self::Raw(_) => "raw",
            Self::Iterator(_) => "iter",
        }
    }
}

/// A thing the agent can listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Name on the command line (`--skip-probe`) and in `attach`.
    pub name: &'static str,
    /// Program of the kernel object.
    pub program: &'static str,
    /// Where it goes.
    pub hook: Hook,
}

/// Every probe, in the order in which they are attached: what ends things before what makes them,
/// so that nothing is seen born whose death would be missed. A name may have several programs.
pub const PROBES: [Probe; 57] = [
    raw("exit", "process_exit", "sched_process_exit"),
    syscall("munmap", "memory_munmap_enter", "sys_enter_munmap"),
    syscall("close", "descriptor_close_enter", "sys_enter_close"),
    syscall("close_range", "descriptor_close_range_enter", "sys_enter_close_range"),
    syscall("close_range", "descriptor_close_range_exit", "sys_exit_close_range"),
    syscall("shmdt", "memory_shmdt_enter", "sys_enter_shmdt"),
    syscall("shmctl", "memory_shmctl_exit", "sys_exit_shmctl"),
    syscall("io_destroy", "memory_io_destroy_enter", "sys_enter_io_destroy"),
    syscall("timer_delete", "timer_timer_delete_enter", "sys_enter_timer_delete"),
    syscall("inotify_rm_watch", "descriptor_inotify_rm_watch_enter", "sys_enter_inotify_rm_watch"),
    raw("tcp_state", "socket_tcp_state", "inet_sock_set_state"),
    syscall("shutdown", "socket_shutdown_exit", "sys_exit_shutdown"),
    syscall("unshare", "process_unshare_exit", "sys_exit_unshare"),
    raw("fork", "process_fork", "sched_process_fork"),
    raw("exec", "process_exec", "sched_process_exec"),
    raw("rename", "process_rename", "task_rename"),
    syscall("epoll_ctl", "descriptor_epoll_ctl_exit", "sys_exit_epoll_ctl"),
    syscall("inotify_add_watch", "descriptor_inotify_add_watch_exit", "sys_exit_inotify_add_watch"),
    syscall("bind", "socket_bind_exit", "sys_exit_bind"),
    syscall("listen", "socket_listen_exit", "sys_exit_listen"),
    syscall("connect", "socket_connect_exit", "sys_exit_connect"),
    syscall("timer_settime", "timer_timer_settime_exit", "sys_exit_timer_settime"),
    syscall("timerfd_settime", "timer_timerfd_settime_exit", "sys_exit_timerfd_settime"),
    syscall("setitimer", "timer_setitimer_exit", "sys_exit_setitimer"),
    syscall("alarm", "timer_alarm_exit", "sys_exit_alarm"),
    syscall("dup", "descriptor_dup_exit", "sys_exit_dup"),
    syscall("dup2", "descriptor_dup2_exit", "sys_exit_dup2"),
    syscall("dup3", "descriptor_dup3_exit", "sys_exit_dup3"),
    syscall("fcntl", "descriptor_fcntl_exit", "sys_exit_fcntl"),
    syscall("pipe", "descriptor_pipe_exit", "sys_exit_pipe"),
    syscall("pipe2", "descriptor_pipe2_exit", "sys_exit_pipe2"),
    syscall("eventfd", "descriptor_eventfd_exit", "sys_exit_eventfd"),
    syscall("eventfd2", "descriptor_eventfd2_exit", "sys_exit_eventfd2"),
    syscall("epoll_create", "descriptor_epoll_create_exit", "sys_exit_epoll_create"),
    syscall("epoll_create1", "descriptor_epoll_create1_exit", "sys_exit_epoll_create1"),
    syscall("inotify_init", "descriptor_inotify_init_exit", "sys_exit_inotify_init"),
    syscall("inotify_init1", "descriptor_inotify_init1_exit", "sys_exit_inotify_init1"),
    syscall("signalfd", "descriptor_signalfd_exit", "sys_exit_signalfd"),
    syscall("signalfd4", "descriptor_signalfd4_exit", "sys_exit_signalfd4"),
    syscall("pidfd_open", "descriptor_pidfd_open_exit", "sys_exit_pidfd_open"),
    syscall("userfaultfd", "descriptor_userfaultfd_exit", "sys_exit_userfaultfd"),
    syscall("io_uring_setup", "descriptor_io_uring_setup_exit", "sys_exit_io_uring_setup"),
    syscall("socket", "socket_socket_exit", "sys_exit_socket"),
    syscall("socketpair", "socket_socketpair_exit", "sys_exit_socketpair"),
    syscall("accept", "socket_accept_exit", "sys_exit_accept"),
    syscall("accept4", "socket_accept4_exit", "sys_exit_accept4"),
    syscall("timer_create", "timer_timer_create_exit", "sys_exit_timer_create"),
    syscall("timerfd_create", "timer_timerfd_create_exit", "sys_exit_timerfd_create"),
    syscall("shmget", "memory_shmget_exit", "sys_exit_shmget"),
    syscall("shmat", "memory_shmat_exit", "sys_exit_shmat"),
    syscall("memfd_create", "memory_memfd_create_exit", "sys_exit_memfd_create"),
    syscall("io_setup", "memory_io_setup_exit", "sys_exit_io_setup"),
    syscall("map_shadow_stack", "memory_map_shadow_stack_exit", "sys_exit_map_shadow_stack"),
    syscall("mremap", "memory_mremap_exit", "sys_exit_mremap"),
    syscall("brk", "memory_brk_exit", "sys_exit_brk"),
    syscall("mmap", "memory_mmap_exit", "sys_exit_mmap"),
    TABLE_PASS,
];

/// Reads descriptor tables; /proc does where it is left out.
const TABLE_PASS: Probe = Probe {
    name: "task_file",
    program: "descriptor_table_iter",
    hook: Hook::Iterator("task_file"),
};

const fn syscall(name: &'static str, program: &'static str, event: &'static str) -> Probe {
    Probe { name, program, hook: Hook::Tracepoint(event) }
}

const fn raw(name: &'static str, program: &'static str, event: &'static str) -> Probe {
    Probe { name, program, hook: Hook::Raw(event) }
}

/// The names of the probes, each once.
pub fn probe_names() -> Vec<&'static str> {
    let mut names: Vec<_> = PROBES.iter().map(|probe| probe.name).collect();
    names.dedup();
    names
}

/// What happens to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is attached.
    Attach,
    /// It is left out.
    Skip {
        /// Why, for the user.
        why: &'static str,
    },
}

/// A decision for each probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In attaching order.
    pub probes: Vec<(Probe, Action)>,
}

impl Plan {
    /// Which hook carries each probe, sorted by probe; `none` where skipped.
    pub fn attach_table(&self) -> Vec<(String, String)> {
        let mut table: Vec<_> = self
            .probes
            .iter()
            .map(|(probe, action)| {
                let hook = match action {
                    Action::Attach => probe.hook.name(),
                    Action::Skip { .. } => "none",
                };
                (probe.name.to_owned(), hook.to_owned())
            })
            .collect();
        table.sort();
        // Of a probe with several programs.
        table.dedup();
        table
    }
}

/// Plans the probes of a run; `skip` names those the user wants left out, `events` the events of
/// system calls this kernel has, `has_table_pass` whether it took the reader of tables.
pub fn plan_probes(skip: &[String], events: &BTreeSet<String>, has_table_pass: bool) -> Plan {
    let decide = |probe: &Probe| {
        if skip.iter().any(|name| name == probe.name) {
            return Action::Skip { why: "left out by --skip-probe" };
        }
        match probe.hook {
            Hook::Tracepoint(event) if !events.contains(event) => {
                Action::Skip { why: "this kernel has no such call" }
            }
            Hook::Iterator(_) if !has_table_pass => {
                Action::Skip { why: "this kernel has no iterator over one thread" }
            }
            Hook::Tracepoint(_) | Hook::Raw(_) | Hook::Iterator(_) => Action::Attach,
        }
    };
    Plan { probes: PROBES.iter().map(|probe| (*probe, decide(probe))).collect() }
}

/// A run without the kernel: every probe is left out.
pub fn plan_none() -> Plan {
    let skip = Action::Skip { why: "left out by --no-ebpf" };
    Plan { probes: PROBES.iter().map(|probe| (*probe, skip)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events_without(absent: &[&str]) -> BTreeSet<String> {
        let events = PROBES.iter().filter_map(|probe| match probe.hook {
            Hook::Tracepoint(event) => Some(event),
            Hook::Raw(_) | Hook::Iterator(_) => None,
        });
        events.filter(|event| !absent.contains(event)).map(str::to_owned).collect()
    }

    fn hook_of(plan: &Plan, name: &str) -> Vec<String> {
        let table = plan.attach_table();
        table.into_iter().filter(|(probe, _)| probe == name).map(|(_, hook)| hook).collect()
    }

    #[test]
    fn a_call_the_kernel_lacks_is_left_out() {
        let plan = plan_probes(&[], &events_without(&["sys_exit_map_shadow_stack"]), true);
        assert_eq!(hook_of(&plan, "map_shadow_stack"), ["none"]);
        assert_eq!(hook_of(&plan, "mmap"), ["tracepoint"]);
        assert_eq!(hook_of(&plan, "tcp_state"), ["raw"]);
    }

    #[test]
    fn a_probe_of_two_programs_is_one_name() {
        let plan = plan_probes(&[], &events_without(&[]), true);
        assert_eq!(hook_of(&plan, "close_range"), ["tracepoint"]);
        let plan = plan_probes(&["close_range".to_owned()], &events_without(&[]), true);
        assert_eq!(hook_of(&plan, "close_range"), ["none"]);
        let left_out = plan.probes.iter().filter(|(_, action)| *action != Action::Attach);
        assert_eq!(left_out.count(), 2);
    }

    #[test]
    fn tables_are_read_by_whoever_can() {
        let hook = |skip: &[String], has_pass| {
            hook_of(&plan_probes(skip, &events_without(&[]), has_pass), "task_file")
        };
        assert_eq!(hook(&[], true), ["iter"]);
        assert_eq!(hook(&[], false), ["none"]);
        assert_eq!(hook(&["task_file".to_owned()], true), ["none"]);
    }

    #[test]
    fn names_and_programs_are_unique() {
        let mut names = probe_names();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let mut programs: Vec<_> = PROBES.iter().map(|probe| probe.program).collect();
        programs.sort_unstable();
        programs.dedup();
        assert_eq!(programs.len(), PROBES.len());
    }
}

//! Decides, from facts alone, which probe is attached where. Reads nothing and attaches nothing.

/// Where a program is hooked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A `syscalls:` tracepoint of tracefs.
    Tracepoint(&'static str),
    /// A raw tracepoint, whose arguments are the kernel's own pointers.
    Raw(&'static str),
}

impl Hook {
    /// The word users see in the header's `attach`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracepoint(_) => "tracepoint",
            Self::Raw(_) => "raw",
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
/// so that nothing is seen born whose death would be missed.
pub const PROBES: [Probe; 8] = [
    probe("exit", "process_exit", Hook::Raw("sched_process_exit")),
    probe("munmap", "memory_munmap_enter", Hook::Tracepoint("sys_enter_munmap")),
    probe("fork", "process_fork", Hook::Raw("sched_process_fork")),
    probe("exec", "process_exec", Hook::Raw("sched_process_exec")),
    probe("rename", "process_rename", Hook::Raw("task_rename")),
    probe("mremap", "memory_mremap_exit", Hook::Tracepoint("sys_exit_mremap")),
    probe("brk", "memory_brk_exit", Hook::Tracepoint("sys_exit_brk")),
    probe("mmap", "memory_mmap_exit", Hook::Tracepoint("sys_exit_mmap")),
];

const fn probe(name: &'static str, program: &'static str, hook: Hook) -> Probe {
    Probe { name, program, hook }
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
        table
    }
}

/// Plans the probes of a run; `skip` names those the user wants left out.
pub fn plan_probes(skip: &[String]) -> Plan {
    let decide = |probe: &Probe| {
        if skip.iter().any(|name| name == probe.name) {
            Action::Skip { why: "left out by --skip-probe" }
        } else {
            Action::Attach
        }
    };
    Plan { probes: PROBES.iter().map(|probe| (*probe, decide(probe))).collect() }
}

/// A run without the kernel: every probe is left out.
pub fn plan_none() -> Plan {
    let skip = Action::Skip { why: "left out by --no-ebpf" };
    Plan { probes: PROBES.iter().map(|probe| (*probe, skip)).collect() }
}

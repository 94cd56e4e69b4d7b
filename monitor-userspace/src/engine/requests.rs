//! Decides what to read of the host and when, so that the cost follows activity and checking the
//! inventory stays within one percent of a core.

use std::sync::Arc;

use super::{
    Engine,
    checks::{Known, Pace, Step},
};
use crate::{
    event::{ObjectKind, Placement, Privilege},
    inventory::{Process, Watch},
};

/// Something to read, or to tell the kernel side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Trace this process's memory from now on.
    Watch {
        /// Which.
        pid: u32,
    },
    /// Trace it no longer.
    Unwatch {
        /// Which.
        pid: u32,
    },
    /// Look for processes that are not in `known` (ascending).
    Scan {
        /// Pids the engine knows.
        known: Vec<u32>,
    },
    /// Look at a process.
    Process {
        /// Which.
        pid: u32,
        /// Whether its status is worth reading too.
        detail: bool,
        /// Whether its smaps_rollup is: for suspects, and now and then for what was asked for.
        rollup: bool,
        /// Whether its command line, user, cgroup and limits are.
        identity: bool,
        /// Whether its descriptors are worth listing, only to know how many there are.
        listing: bool,
    },
    /// Read an address space.
    Space {
        /// By one of its processes.
        pid: u32,
    },
    /// Read a descriptor table and the timers of its process.
    Table {
        /// Whose.
        pid: u32,
    },
    /// Look whether these processes, which ended, are still there.
    Ended {
        /// Which.
        pids: Vec<u32>,
    },
    /// Take the marks of accessed pages away, or count those that are back.
    Access {
        /// Whose.
        pid: u32,
        /// Whether to take them away.
        begin: bool,
    },
    /// Look at the TCP sockets of a network namespace.
    Sockets {
        /// By one of the processes in it.
        pid: u32,
        /// Whether connections that are idle are asked for, too: every connection is looked at then.
        wants_idle: bool,
    },
    /// Look at the deleted files that a process has open.
    Deleted {
        /// Whose.
        pid: u32,
    },
    /// Look whether objects of a process are used.
    Objects {
        /// Whose.
        pid: u32,
        /// What they are.
        kind: ObjectKind,
        /// Which, ascending; of those that the reader lists itself none is named.
        ids: Vec<u64>,
    },
    /// Look at the host and at the agent itself.
    Host,
    /// Look at the cgroups of components.
    Cgroups {
        /// Where they are.
        places: Vec<Arc<Placement>>,
    },
}

impl Request {
    /// Whether it is the kernel side that is told, rather than /proc that is read.
    pub fn is_for_kernel(&self) -> bool {
        matches!(self, Self::Watch { .. } | Self::Unwatch { .. })
    }
}

/// How often an active process is looked at: the finest bucket of the series.
const LOOK_NS: u64 = 5_000_000_000;
/// An idle process is looked at this many rounds apart at most.
const MAX_IDLE_ROUNDS: u64 = 6;
/// How often the sums over all pages of a suspect are taken: they cost milliseconds.
const ROLLUP_NS: u64 = 30_000_000_000;
/// How often it is asked again who an active process is, and what its limits are: it may have moved
/// to another cgroup, or been given other limits.
const IDENTITY_NS: u64 = 60_000_000_000;
/// How often everything else is looked for that events should have shown.
const SCAN_NS: u64 = 60_000_000_000;
/// Share of one core that checking may cost, as a divisor of time.
const CHECK_COST_DIVISOR: u64 = 100;
/// Unused allowance is kept up to this, so that a quiet hour buys no storm.
const MAX_ALLOWANCE_NS: i64 = 500_000_000;
/// Checks started on one tick at most, so that logs do not all run at once.
const MAX_CHECKS_PER_TICK: usize = 32;

/// When what is due.
#[derive(Debug)]
pub(super) struct Schedule {
    pending: Vec<Request>,
    next_scan_ns: u64,
    next_host_ns: u64,
    allowance_ns: i64,
    allowance_at_ns: u64,
}

impl Schedule {
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            pending: Vec::new(),
            next_scan_ns: 0,
            next_host_ns: 0,
            allowance_ns: MAX_ALLOWANCE_NS,
            allowance_at_ns: now_ns,
        }
    }

    pub(super) fn take(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.pending)
    }

    pub(super) fn scan_soon(&mut self) {
        self.next_scan_ns = 0;
    }

    pub(super) fn watch(&mut self, pid: u32) {
        self.pending.push(Request::Watch { pid });
    }

    pub(super) fn unwatch(&mut self, pid: u32) {
        self.pending.push(Request::Unwatch { pid });
    }

    pub(super) fn ask(&mut self, request: Request) {
        self.pending.push(request);
    }

    pub(super) fn ask_space(&mut self, pid: u32) {
        self.pending.push(Request::Space { pid });
    }

    pub(super) fn ask_table(&mut self, pid: u32) {
        self.pending.push(Request::Table { pid });
    }

    pub(super) fn ask_access(&mut self, pid: u32, begin: bool) {
        self.pending.push(Request::Access { pid, begin });
    }

    pub(super) fn spend(&mut self, cost_ns: u64) {
        self.allowance_ns = self.allowance_ns.saturating_sub_unsigned(cost_ns);
    }

    fn earn(&mut self, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.allowance_at_ns);
        self.allowance_at_ns = now_ns;
        let earned = self.allowance_ns.saturating_add_unsigned(passed / CHECK_COST_DIVISOR);
        self.allowance_ns = earned.min(MAX_ALLOWANCE_NS);
    }
}

/// When a process is due again after a look at `at_ns`: on the next round, later if it is idle.
pub(super) fn next_look_ns(at_ns: u64, idle_rounds: u8) -> u64 {
    let rounds = (u64::from(idle_rounds) / 2 + 1).min(MAX_IDLE_ROUNDS);
    (at_ns / LOOK_NS + rounds) * LOOK_NS
}

/// When it is asked again who a process is that was asked for at `at_ns`.
pub(super) fn next_identity_ns(at_ns: u64) -> u64 {
    at_ns + IDENTITY_NS
}

impl Engine {
    /// Fills the list of requests for this tick. A replay calls this too: asking changes state.
    pub(super) fn schedule(&mut self, now_ns: u64) {
        self.requests.earn(now_ns);
        let is_round = now_ns >= self.requests.next_host_ns;
        if is_round {
            self.requests.next_host_ns = now_ns + LOOK_NS;
            self.requests.pending.push(Request::Host);
        }
        self.ask_cgroups(is_round);
        let pids = self.table.pids();
        if is_round {
            self.ask_sockets(now_ns, &pids);
            self.ask_deleted(now_ns, &pids);
        }
        let scan_every = if self.facts.privilege == Privilege::Full { SCAN_NS } else { LOOK_NS };
        if now_ns >= self.requests.next_scan_ns {
            self.requests.next_scan_ns = now_ns + scan_every;
            self.requests.pending.push(Request::Scan { known: pids.clone() });
        }
        self.schedule_looks(now_ns, &pids);
        if is_round {
            self.schedule_object_looks(now_ns, &pids);
        }
        let mut checks = 0;
        for pid in pids {
            self.schedule_look(pid, now_ns);
            for what in [What::Space, What::Table] {
                checks += usize::from(self.schedule_check(pid, now_ns, checks, what));
            }
        }
        let pids = self.zombies.due(now_ns);
        if !pids.is_empty() {
            self.requests.pending.push(Request::Ended { pids });
        }
    }

    /// The last checks before the end: every space that is known, without the second of waiting.
    pub(super) fn on_closing(&mut self, now_ns: u64) {
        self.requests.pending.clear();
        for pid in self.table.pids() {
            let Some(space) = self.table.space_of_mut(pid) else { continue };
            if space.asked_ns != now_ns {
                space.start_log(now_ns);
                space.asked_ns = now_ns;
                self.requests.pending.push(Request::Space { pid });
            }
            let Some(table) = self.tables.of_mut(pid) else { continue };
            if table.asked_ns != now_ns {
                table.start_log(now_ns);
                table.asked_ns = now_ns;
                self.requests.pending.push(Request::Table { pid });
            }
        }
        let is_named = |request: &Request| match request {
            Request::Space { pid } | Request::Table { pid } => {
                self.table.get(*pid).is_some_and(|p| p.watch == Watch::Named)
            }
            _ => false,
        };
        // Time is short: what was asked for by name is checked first.
        self.requests.pending.sort_by_key(|request| !is_named(request));
    }

    fn schedule_look(&mut self, pid: u32, now_ns: u64) {
        let is_swapping =
            self.host.as_ref().is_some_and(|host| host.swap_free_bytes < host.swap_total_bytes);
        let is_suspect =
            self.growths.get(&pid).is_some_and(|growths| growths.open().next().is_some());
        let Some(process) = self.table.get_mut(pid) else { return };
        if now_ns < process.due_ns {
            return;
        }
        let rollup =
            (is_suspect || process.watch == Watch::Named) && now_ns >= process.rollup_due_ns;
        if rollup {
            process.rollup_due_ns = now_ns + ROLLUP_NS;
        }
        let is_active = process.idle_rounds == 0;
        let identity = process.wants_identity || (is_active && now_ns >= process.identity_due_ns);
        let listing = process.watch == Watch::Named;
        let detail = is_swapping || listing || process.reading.is_none();
        process.due_ns = next_look_ns(now_ns, process.idle_rounds);
        self.requests.pending.push(Request::Process { pid, detail, rollup, identity, listing });
    }

    /// Asks for a space or a table that is due; says whether a check was started.
    fn schedule_check(&mut self, pid: u32, now_ns: u64, started: usize, what: What) -> bool {
        let Some(process) = self.table.get(pid) else { return false };
        let pace = Pace {
            now_ns,
            first_look_ns: process.first_look_ns(),
            stagger_ns: u64::from(pid % 16) * Process::SETTLED_NS,
            has_events: self.facts.privilege == Privilege::Full,
            corrects: self.facts.reconcile,
            may_start: self.requests.allowance_ns > 0 && started < MAX_CHECKS_PER_TICK,
        };
        let (step, request) = match what {
            What::Space => {
                let Some(space) = self.table.space_of_mut(pid) else { return false };
                let step = pace.step(Known::of_space(space));
                match step {
                    Step::Wait => {}
                    Step::Begin => space.start_log(now_ns),
                    Step::Read { .. } => space.asked_ns = now_ns,
                }
                (step, Request::Space { pid })
            }
            What::Table => {
                let Some(table) = self.tables.of_mut(pid) else { return false };
                let step = pace.step(Known::of_table(table, now_ns));
                match step {
                    Step::Wait => {}
                    Step::Begin => table.start_log(now_ns),
                    Step::Read { .. } => table.asked_ns = now_ns,
                }
                (step, Request::Table { pid })
            }
        };
        match step {
            Step::Wait => false,
            Step::Begin => true,
            Step::Read { is_check } => {
                self.requests.pending.push(request);
                is_check
            }
        }
    }
}

/// What a check is of.
#[derive(Clone, Copy)]
enum What {
    Space,
    Table,
}

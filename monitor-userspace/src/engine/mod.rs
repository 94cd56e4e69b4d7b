//! The pure core: [`Input`]s in, [`Output`]s out. No I/O, no clock, no threads; the same inputs
//! give the same outputs, to the byte. What it wants to know of the host it asks for as
//! [`Request`]s, which the agent carries out and a replay ignores.

mod budget;
mod checks;
mod components;
mod deleted;
mod events;
mod findings;
mod gauges;
mod growth_rules;
mod host;
mod individuals;
mod limits;
mod looks;
mod object_evidence;
mod object_looks;
mod readings;
mod renewed_rules;
mod report;
mod requests;
mod resources;
mod rule_finding;
mod rule_views;
mod rules;
mod runs;
mod scope;
mod snapshot;
mod sockets;
#[cfg(test)]
mod tests;
mod view;
mod whole;
mod whole_finding;
mod whole_growth;
mod zombies;

pub use findings::{Subject, growth_finding, state_of};
pub use limits::Limit;
use regex::Regex;
pub use requests::Request;
pub use runs::{OtherRuns, grow_alike};
use rustc_hash::FxHashMap;
pub use scope::CommPattern;
pub use view::{HostMemory, moved, viewed};
pub use whole::{Standing, Tale, Whole, is_in, rise_within};
pub use whole_finding::{Owner, whole_finding};

use crate::{
    event::{Family, Input, Loss, SelfReading, Start},
    inventory::{ProcessTable, Segments, Stacks, Tables},
    output::{Header, Output, Severity, WallClock},
    rule::{Cause, Gate, Growths, Rules, Services},
};

/// Version of the line format.
const LINE_VERSION: u32 = 1;

/// Nobody waits a whole interval for the first look.
const FIRST_INTERVAL_NS: u64 = 2_000_000_000;

/// How many processes that ended are remembered, so that a reading taken before their end does not
/// bring them back. At the cap those are forgotten that ended longer ago than a reading takes.
const REMEMBERED_DEAD: usize = 4096;
const LONGEST_READING_NS: u64 = 5_000_000_000;

/// Findings that ended and are told again in the summary.
const REMEMBERED_FINDINGS: usize = 1000;

/// A process that ended.
#[derive(Clone, Copy, Debug)]
struct Dead {
    start_ticks: u64,
    at_ns: u64,
}

/// What is counted over a run.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    events: u64,
    collisions: u64,
    reconciled: u64,
    folded: u64,
    loss: Loss,
}

/// The core.
#[derive(Debug)]
pub struct Engine {
    facts: Start,
    clock: WallClock,
    comm: Option<Regex>,
    table: ProcessTable,
    tables: Tables,
    segments: Segments,
    stacks: Stacks,
    /// The stack that belongs to the next event of a thread.
    stack: Option<(u32, Box<[u64]>)>,
    zombies: zombies::Zombies,
    growths: FxHashMap<u32, Growths>,
    /// What earlier runs of services came to.
    services: Services,
    /// What the rules make of what grows; of what is not told there is none.
    gates: FxHashMap<(u32, Cause), Gate>,
    book: rules::RuleBook,
    looks: looks::Looks,
    sockets: sockets::Sockets,
    deleted: deleted::Deleted,
    object_looks: object_looks::ObjectLooks,
    dead: FxHashMap<u32, Dead>,
    requests: requests::Schedule,
    counts: Counts,
    host: Option<crate::event::HostReading>,
    /// CPU that was not idle between the last two looks at the host, percent of all of it.
    host_cpu_percent: Option<f64>,
    components: components::Components,
    /// Memory of the host that no process holds; `None` before it was read.
    kernel: Option<Box<Whole>>,
    /// Whether events tell of accepted connections.
    sees_accepts: bool,
    own: Option<SelfReading>,
    /// Whether the command of `--` runs: until then its process is a copy of the agent at a gate.
    is_command_started: bool,
    command_status: Option<i32>,
    now_ns: u64,
    next_interval_ns: u64,
    next_budget_ns: u64,
    wants_events: bool,
    not_printed: u64,
    /// Findings that ended, for the summary: the last of them, and how many there were before.
    resolved: std::collections::VecDeque<crate::output::Finding>,
    resolved_before: u64,
    /// What the commands that answer need beside this.
    past: view::Past,
    worst: Option<Severity>,
}

impl Engine {
    /// Starts a run and says its header. `comm` and `rules` are the compiled forms of the filter and
    /// the rules in `facts`; `wants_events` is whether anybody prints events.
    pub fn start(
        facts: Start,
        comm: CommPattern,
        rules: Rules,
        wants_events: bool,
        out: &mut dyn FnMut(Output<'_>),
    ) -> Self {
        let clock = WallClock::new(facts.boot_epoch_ns);
        out(Output::Header(&Header {
            v: LINE_VERSION,
            version: facts.version.clone(),
            host: facts.host.clone(),
            boot_id: facts.boot_id.clone(),
            kernel: facts.kernel.clone(),
            started: clock.at(facts.started_ns),
            attach: facts.attach.iter().cloned().collect(),
            filters: facts.filters.clone(),
            reconcile: facts.reconcile,
            stacks: facts.stacks,
            max_memory_bytes: facts.max_memory_bytes,
        }));
        let mut engine = Self {
            clock,
            comm: comm.into_regex(),
            table: ProcessTable::default(),
            tables: Tables::default(),
            segments: Segments::default(),
            stacks: Stacks::default(),
            stack: None,
            zombies: zombies::Zombies::default(),
            growths: FxHashMap::default(),
            services: Services::default(),
            gates: FxHashMap::default(),
            book: rules::RuleBook::new(rules),
            looks: looks::Looks::default(),
            sockets: sockets::Sockets::default(),
            deleted: deleted::Deleted::default(),
            object_looks: object_looks::ObjectLooks::default(),
            dead: FxHashMap::default(),
            requests: requests::Schedule::new(facts.started_ns),
            counts: Counts::default(),
            host: None,
            host_cpu_percent: None,
            components: components::Components::default(),
            kernel: None,
            sees_accepts: scope::sees_accepts(&facts),
            own: None,
            is_command_started: false,
            command_status: None,
            now_ns: facts.started_ns,
            next_interval_ns: facts.started_ns + facts.interval_ns.min(FIRST_INTERVAL_NS),
            next_budget_ns: 0,
            wants_events,
            not_printed: 0,
            resolved: std::collections::VecDeque::new(),
            resolved_before: 0,
            past: view::Past::default(),
            worst: None,
            facts,
        };
        // It waits to be let go: what it inherits can be read in peace.
        if let Some(pid) = engine.facts.command_pid {
            let now_ns = engine.facts.started_ns;
            engine.discover(pid, "", 0, now_ns, crate::inventory::SpaceKey::provisional(pid));
        }
        engine
    }

    /// Whether it is known what the command of `--` holds before it is let go; true without one.
    pub fn knows_command(&self) -> bool {
        let is_known = |pid| self.tables.of(pid).is_none_or(crate::inventory::Table::is_seeded);
        self.facts.command_pid.is_none_or(is_known)
    }

    /// Takes one input.
    pub fn apply(&mut self, input: &Input, out: &mut dyn FnMut(Output<'_>)) {
        match input {
            // A second start would be another run; recordings hold one.
            Input::Start(_) => {}
            Input::Event(event) => self.on_event(event, out),
            Input::Loss(loss) => self.on_loss(*loss),
            Input::Proc(reading) => self.on_proc(reading, out),
            Input::Reconcile(reading) => self.on_reconcile(reading),
            Input::Table(reading) => self.on_table(reading),
            Input::Host(reading) => {
                self.on_host(reading);
                self.judge_host(reading.at_ns, out);
                self.judge_components(reading.at_ns, out);
                self.judge_wholes(reading, out);
            }
            Input::Custom(reading) => self.on_custom(reading, out),
            Input::Access(reading) => self.on_access(reading),
            Input::Sockets(reading) => self.on_sockets(reading),
            Input::Deleted(reading) => self.on_deleted(reading),
            Input::Objects(reading) => self.on_objects(reading),
            Input::Cgroup(reading) => self.on_cgroup(reading),
            Input::SelfReading(reading) => self.own = Some(*reading),
            Input::Rules(files) => self.renew_rules(files, out),
            Input::CommandExit(exit) => self.command_status = Some(exit.status),
            Input::Tick { now_ns } => self.on_tick(*now_ns, out),
            Input::Closing { now_ns } => self.on_closing(*now_ns),
            Input::Stop { now_ns } => self.on_stop(*now_ns, out),
        }
    }

    /// The worst severity that any finding of the run had.
    pub fn worst_severity(&self) -> Option<Severity> {
        self.worst
    }

    /// Status of the command started with `--`, once it ended.
    pub fn command_status(&self) -> Option<i32> {
        self.command_status
    }

    /// What the engine wants to know of the host since the last tick.
    pub fn take_requests(&mut self) -> Vec<Request> {
        self.requests.take()
    }

    /// Tells how many lines the output's reader was too slow for; shown in the next stats.
    pub fn set_not_printed(&mut self, lines: u64) {
        self.not_printed = lines;
    }

    fn on_loss(&mut self, loss: Loss) {
        let total = &mut self.counts.loss;
        for family in Family::ALL {
            total.lost[family as usize] += loss.lost[family as usize];
            total.failed[family as usize] += loss.failed[family as usize];
        }
        total.decode_errors += loss.decode_errors;
        total.read_errors += loss.read_errors;
        total.unwatched += loss.unwatched;
        // A record that could not be decoded or filled may have been of any family.
        let unknown = loss.decode_errors + loss.read_errors;
        let lost = |family| loss.lost[family as usize] + unknown > 0;
        if lost(Family::Memory) || lost(Family::Process) {
            self.table.spaces_mut().for_each(crate::inventory::Space::mark_inexact);
        }
        if Family::ALL.into_iter().any(|family| family != Family::Memory && lost(family)) {
            self.tables.iter_mut().for_each(crate::inventory::Table::mark_inexact);
        }
        if lost(Family::Process) {
            self.requests.scan_soon();
        }
    }

    fn on_tick(&mut self, now_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.now_ns = self.now_ns.max(now_ns);
        if now_ns >= self.next_interval_ns {
            // A pause longer than an interval gives one report, not several.
            let step = self.facts.interval_ns.max(1);
            let missed = (now_ns - self.next_interval_ns) / step;
            self.next_interval_ns += (missed + 1) * step;
            let interval = self.interval();
            out(Output::Interval(&interval));
        }
        self.forget_components(now_ns, out);
        self.keep_budget(now_ns);
        self.schedule(now_ns);
    }

    fn on_stop(&mut self, now_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        self.now_ns = self.now_ns.max(now_ns);
        self.end_components(now_ns, out);
        for pid in self.table.pids() {
            if let Some(snapshot) = self.snapshot(pid, true) {
                out(Output::Final(&snapshot));
            }
        }
        let summary = self.summary();
        out(Output::Summary(&summary));
    }
}

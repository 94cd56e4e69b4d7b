//! Memory of components and of the host, as exported lines tell it.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use serde::Deserialize;

use super::leak_check::{CLOCK, Judge, Known as KnownProcess, QUANTA, Tell};
use crate::{
    engine::{Limit, Owner, Tale, Whole, is_in, rise_within, whole_finding},
    event::{CgroupMemory, MemoryLimit, ProcessId, TICK_NS},
    output::{Finding, FindingState, HostSnapshot},
    rule::{
        Change, Holds, Member, Moved, Part, Parts, PartsReport, Said, parts_of_cgroup,
        parts_of_host,
    },
};

/// A line of a component, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenComponent {
    ts: Option<jiff::Timestamp>,
    component: String,
    cgroup: String,
    cpu_percent: Option<f64>,
    working_set_bytes: Option<u64>,
    memory: Option<CgroupMemory>,
    memory_max: Option<MemoryLimit>,
}

/// A header, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenHeader {
    filters: Option<GivenFilters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenFilters {
    all: bool,
}

/// A component of the lines.
struct Known {
    name: String,
    max: Option<MemoryLimit>,
    whole: Whole,
}

/// All of them, by path, and the host.
#[derive(Default)]
pub(super) struct Wholes {
    components: BTreeMap<String, Known>,
    kernel: Option<Whole>,
    host: Option<HostSnapshot>,
    /// Where not every process was watched, what was not may be why it grows.
    is_off: bool,
}

impl Wholes {
    /// Takes the header of a run.
    pub(super) fn header(&mut self, line: &str) {
        let given = serde_json::from_str::<GivenHeader>(line);
        self.is_off = given.is_ok_and(|given| given.filters.is_some_and(|filters| !filters.all));
    }

    /// Names of a component and of those within it.
    fn names_within(&self, given: &GivenComponent) -> Vec<String> {
        let within = self.components.iter().filter(|(path, _)| is_in(path, &given.cgroup));
        let names = within.map(|(_, known)| known.name.clone());
        names.chain([given.component.clone()]).collect()
    }

    /// Takes a line of a component whose processes these are; says what changed.
    fn component<'a>(
        &mut self,
        given: GivenComponent,
        at_ns: u64,
        members: impl Fn() -> Vec<Member<'a>>,
    ) -> Option<Finding> {
        if self.is_off {
            return None;
        }
        let mut values = [None; Part::COMPONENT.len()];
        match (&given.memory, given.working_set_bytes) {
            (Some(memory), _) => values = parts_of_cgroup(memory),
            // Better than nothing.
            (None, Some(bytes)) => values[0] = Some(bytes as f64),
            (None, None) => return None,
        }
        let path = if given.cgroup.is_empty() { given.component.clone() } else { given.cgroup };
        let mut known = self.components.remove(&path).unwrap_or_else(|| Known {
            name: String::new(),
            max: None,
            whole: Whole::new(Parts::of_component(&path, QUANTA.resident)),
        });
        known.name = given.component;
        known.max = given.memory_max;
        let load = given.cpu_percent.unwrap_or(0.0);
        let change = known.whole.parts_mut().observe(at_ns, &values, load);
        let tale = change.and_then(|(change, report)| {
            let within = |moved: &Moved| self.within(Some(&path), moved);
            tell(&mut known.whole, (change, &report), (&members(), within), at_ns)
        });
        let finding = tale.map(|tale| self.of_component(&path, &known, at_ns, &tale));
        self.components.insert(path, known);
        finding
    }

    /// Takes a line of the host; says what changed.
    fn host<'a>(
        &mut self,
        host: HostSnapshot,
        at_ns: u64,
        members: impl Fn() -> Vec<Member<'a>>,
    ) -> Option<Finding> {
        if self.is_off {
            return None;
        }
        let new = || Whole::new(Parts::of_host(host.mem_total_bytes));
        let mut whole = self.kernel.take().unwrap_or_else(new);
        let values = parts_of_host(&host.memory, &host.unowned);
        self.host = Some(host);
        let change = whole.parts_mut().observe(at_ns, &values, 0.0);
        let tale = change.and_then(|(change, report)| {
            let within = |moved: &Moved| self.within(None, moved);
            tell(&mut whole, (change, &report), (&members(), within), at_ns)
        });
        let finding = tale.map(|tale| self.of_host(at_ns, &tale));
        self.kernel = Some(whole);
        finding
    }

    /// What is open.
    pub(super) fn findings(&self, at_ns: u64) -> Vec<Finding> {
        let tale = |whole: &Whole| {
            let (told, standing) = whole.told()?;
            Some(Tale { told, standing: standing.clone(), is_theirs: false })
        };
        let components = self.components.iter().filter_map(|(path, known)| {
            Some(self.of_component(path, known, at_ns, &tale(&known.whole)?))
        });
        let host = self.kernel.as_ref().and_then(tale).map(|tale| self.of_host(at_ns, &tale));
        let all = components.chain(host);
        all.map(|finding| Finding { state: FindingState::Open, ..finding }).collect()
    }

    fn within(&self, outer: Option<&str>, moved: &Moved) -> f64 {
        let all = self.components.iter().map(|(path, known)| (path.as_str(), &known.whole));
        rise_within(outer, moved, all)
    }

    fn of_component(&self, path: &str, known: &Known, at_ns: u64, tale: &Tale) -> Finding {
        let owner = Owner { component: Some(&known.name), path };
        let own = known.max.as_ref().map(Limit::of_cgroup);
        let limits: Vec<Limit> = own.into_iter().chain(self.memory_of_host(true)).collect();
        whole_finding(owner, CLOCK, at_ns, tale, &limits)
    }

    fn of_host(&self, at_ns: u64, tale: &Tale) -> Finding {
        let limit = self.memory_of_host(tale.standing.report.rated.can_be_swapped());
        let owner = Owner { component: None, path: "" };
        whole_finding(owner, CLOCK, at_ns, tale, limit.as_slice())
    }

    fn memory_of_host(&self, swaps: bool) -> Option<Limit> {
        let host = self.host.as_ref()?;
        let swap = if swaps { (host.swap_total_bytes, host.swap_free_bytes) } else { (0, 0) };
        Some(Limit::of_host((host.mem_total_bytes, host.mem_available_bytes), swap))
    }
}

impl Judge {
    pub(super) fn take_host(&mut self, line: &str, tell: Tell<'_>) -> Result<()> {
        let Ok(host) = serde_json::from_str::<HostSnapshot>(line) else { return Ok(()) };
        let Ok(at_ns) = u64::try_from(host.ts.0) else { return Ok(()) };
        self.past.host(host.clone());
        let members = || members(&self.processes, |_| true);
        let finding = self.wholes.host(host, at_ns, members);
        finding.map_or(Ok(()), |finding| self.publish(finding, tell))
    }

    pub(super) fn take_component(&mut self, line: &str, tell: Tell<'_>) -> Result<()> {
        let Ok(given) = serde_json::from_str::<GivenComponent>(line) else { return Ok(()) };
        let at_ns = given.ts.and_then(|ts| u64::try_from(ts.as_nanosecond()).ok());
        let Some(at_ns) = at_ns.filter(|_| !given.component.is_empty()) else { return Ok(()) };
        let names = self.wholes.names_within(&given);
        let is_within =
            |known: &KnownProcess| known.component.as_ref().is_some_and(|it| names.contains(it));
        let members = || members(&self.processes, is_within);
        let finding = self.wholes.component(given, at_ns, members);
        self.past.look(at_ns);
        finding.map_or(Ok(()), |finding| self.publish(finding, tell))
    }
}

/// Processes that memory which grows may be of.
fn members(
    processes: &HashMap<ProcessId, KnownProcess>,
    is_one: impl Fn(&KnownProcess) -> bool,
) -> Vec<Member<'_>> {
    let mut members = Vec::new();
    for (id, known) in processes.iter().filter(|(_, known)| is_one(known)) {
        members.push(Member {
            pid: id.pid,
            comm: &known.comm,
            born_ns: id.start_ticks * TICK_NS,
            growths: &known.growths,
            told: known.growths.open().collect(),
        });
    }
    members.sort_by_key(|member| (member.pid, member.born_ns));
    members
}

/// What is told of a change; no rule holds anything back.
fn tell(
    whole: &mut Whole,
    (change, report): (Change, &PartsReport),
    (members, within): (&[Member<'_>], impl Fn(&Moved) -> f64),
    at_ns: u64,
) -> Option<Tale> {
    let before = whole.weigh((change, report), members, within);
    whole.tell(change, before, Some(Said { rule: 0, holds: Holds::Yes, hold_ns: 0 }), at_ns)
}

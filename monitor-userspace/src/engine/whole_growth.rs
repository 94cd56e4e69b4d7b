//! Growth of what no single process holds: the memory of components and of the host's kernel.

use std::collections::BTreeMap;

use super::{
    Engine, Limit,
    components::Ended,
    growth_rules::{figures, under},
    host::{memory_parts, unowned},
    rules::Who,
    whole::{Tale, Whole, is_in, rise_within},
    whole_finding::{Owner, whole_finding},
};
use crate::{
    event::{HostReading, TICK_NS},
    output::{Evidence, Finding, FindingState, Output, amount_text},
    rule::{
        Cause, Change, Grower, GrowthFigures, Member, Moved, Part, Parts, PartsReport, Report,
        Said, Subject, View, parts_of_cgroup, parts_of_host,
    },
};

/// Which memory: that of a component, by the path of its cgroup, or the host's.
type Place<'a> = Option<&'a str>;

impl Engine {
    /// Judges the memory of the host and of the components that were read since the last time.
    pub(super) fn judge_wholes(&mut self, host: &HostReading, out: &mut dyn FnMut(Output<'_>)) {
        // What is not watched cannot explain what grows.
        if !self.facts.filters.all {
            return;
        }
        self.end_components(host.at_ns, out);
        let load = self.load_by_component();
        let quantum = self.resident_step();
        let mut changes = Vec::new();
        for (path, component) in self.components.fresh() {
            let Some((at_ns, memory)) = component.memory() else { continue };
            let new = || Box::new(Whole::new(Parts::of_component(path, quantum)));
            let whole = component.whole.get_or_insert_with(new);
            let load = load.get(path.as_str()).copied().unwrap_or(0.0);
            let change = whole.parts_mut().observe(at_ns, &parts_of_cgroup(&memory), load);
            changes.extend(change.map(|change| (path.clone(), change)));
        }
        for (path, (change, report)) in changes {
            self.tell_whole(Some(&path), (change, &report), host.at_ns, out);
        }
        let values = parts_of_host(&memory_parts(host), &unowned(host));
        let new = || Box::new(Whole::new(Parts::of_host(host.mem_total_bytes)));
        let whole = self.kernel.get_or_insert_with(new);
        if let Some((change, report)) = whole.parts_mut().observe(host.at_ns, &values, 0.0) {
            self.tell_whole(None, (change, &report), host.at_ns, out);
        }
    }

    /// Percent of one core that the processes of each component used.
    fn load_by_component(&self) -> BTreeMap<String, f64> {
        let mut load: BTreeMap<String, f64> = BTreeMap::new();
        for process in self.table.iter() {
            if let (Some(place), Some(cpu)) = (&process.component, process.cpu_percent) {
                match load.get_mut(&place.path) {
                    Some(sum) => *sum += cpu,
                    None => {
                        load.insert(place.path.clone(), cpu);
                    }
                }
            }
        }
        load
    }

    fn whole(&self, place: Place<'_>) -> Option<&Whole> {
        match place {
            Some(path) => self.components.whole(path),
            None => self.kernel.as_deref(),
        }
    }

    fn whole_mut(&mut self, place: Place<'_>) -> Option<&mut Whole> {
        match place {
            Some(path) => self.components.whole_mut(path),
            None => self.kernel.as_deref_mut(),
        }
    }

    fn tell_whole(
        &mut self,
        place: Place<'_>,
        (change, report): (Change, &PartsReport),
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) {
        let Some(mut whole) = self.take_whole(place) else { return };
        let within = |moved: &Moved| {
            let all = self.components.wholes().map(|(path, whole)| (path.as_str(), whole));
            rise_within(place, moved, all)
        };
        let members = if change == Change::Ended { Vec::new() } else { self.members(place) };
        let before = whole.weigh((change, report), &members, within);
        let stands = whole.standing().is_some();
        self.put_whole(place, whole);
        let said = stands.then(|| self.whole_said(place, at_ns, out)).flatten();
        let tale = self.whole_mut(place).and_then(|whole| whole.tell(change, before, said, at_ns));
        let cooldown_ns = tale.as_ref().map_or(0, |tale| self.cooldown_ns(tale.told.rule));
        if let Some(whole) = self.whole_mut(place) {
            whole.rest(at_ns, cooldown_ns);
        }
        let finding = tale.and_then(|tale| self.whole_finding(place, at_ns, &tale));
        if let Some(finding) = finding {
            self.publish(finding, out);
        }
    }

    fn take_whole(&mut self, place: Place<'_>) -> Option<Box<Whole>> {
        match place {
            Some(path) => self.components.take_whole(path),
            None => self.kernel.take(),
        }
    }

    fn put_whole(&mut self, place: Place<'_>, whole: Box<Whole>) {
        match place {
            Some(path) => self.components.put_whole(path, whole),
            None => self.kernel = Some(whole),
        }
    }

    /// The processes whose memory is part of it, those of components within among them.
    fn members(&self, place: Place<'_>) -> Vec<Member<'_>> {
        let is_within = |path: &str| place.is_none_or(|outer| is_in(path, outer));
        let members = self.table.iter().filter_map(|process| {
            let path = process.component.as_ref().map(|place| place.path.as_str());
            if place.is_some() && !path.is_some_and(is_within) {
                return None;
            }
            let pid = process.id.pid;
            Some(Member {
                pid,
                comm: &process.comm,
                born_ns: process.id.start_ticks * TICK_NS,
                growths: self.growths.get(&pid)?,
                told: self.told_growths(pid).map(|(report, _)| report).collect(),
            })
        });
        let mut members: Vec<Member<'_>> = members.collect();
        members.sort_by_key(|member| member.pid);
        members
    }

    fn whole_said(
        &mut self,
        place: Place<'_>,
        at_ns: u64,
        out: &mut dyn FnMut(Output<'_>),
    ) -> Option<Said> {
        let (who, subject, grower) = match place {
            Some(path) => {
                let who = Who::Component(self.components.name_of(path)?.to_owned());
                (who, Subject::Component, Grower::Memory)
            }
            None => (Who::Host, Subject::Host, Grower::Kernel),
        };
        let (rule, hold_ns) = self.growth_rule(subject, &grower)?;
        let look = |view: &View<'_>| self.book.rules.growth_holds(rule, view);
        let holds = match &who {
            Who::Component(name) => self.with_component(name, None, look),
            Who::Host | Who::Process(_) => self.with_host(look),
        };
        Some(Said { rule, holds: self.held(&who, rule, holds, at_ns, out), hold_ns })
    }

    fn whole_finding(&self, place: Place<'_>, at_ns: u64, tale: &Tale) -> Option<Finding> {
        let rule = self.book.rules.get(tale.told.rule)?;
        let name = match place {
            Some(path) => Some(self.components.name_of(path)?),
            None => None,
        };
        let owner = Owner { component: name, path: place.unwrap_or("") };
        let limits = self.whole_limits(place, tale.standing.report.rated);
        let finding = whole_finding(owner, self.clock, at_ns, tale, &limits);
        let who = name.map_or(Who::Host, |name| Who::Component(name.to_owned()));
        Some(under(rule, &who, finding))
    }

    fn whole_limits(&self, place: Place<'_>, rated: Part) -> Vec<Limit> {
        match place {
            Some(path) => {
                let max = self.components.reading(path).and_then(|it| it.memory_max.as_ref());
                self.limits_of_memory(max, true)
            }
            // The kernel's own memory is never swapped out.
            None => self.limits_of_memory(None, rated.can_be_swapped()),
        }
    }

    /// Findings about the memory of components and of the host that are told.
    pub(super) fn whole_findings(&self, state: FindingState) -> Vec<Finding> {
        let components = self.components.wholes().map(|(path, whole)| (Some(path.as_str()), whole));
        let all = components.chain(self.kernel.as_deref().map(|whole| (None, whole)));
        all.filter_map(|(place, whole)| {
            let (told, standing) = whole.told()?;
            let tale = Tale { told, standing: standing.clone(), is_theirs: false };
            Some(Finding { state, ..self.whole_finding(place, self.now_ns, &tale)? })
        })
        .collect()
    }

    /// Ends what is told of components whose last process ended.
    pub(super) fn end_components(&mut self, at_ns: u64, out: &mut dyn FnMut(Output<'_>)) {
        for ended in self.components.take_ended() {
            if let Some(finding) = self.ended_finding(&ended, at_ns) {
                self.publish(finding, out);
            }
        }
    }

    fn ended_finding(&self, ended: &Ended, at_ns: u64) -> Option<Finding> {
        let (told, standing) = ended.whole.told()?;
        let rule = self.book.rules.get(told.rule)?;
        let tale = Tale { told, standing: standing.clone(), is_theirs: false };
        let owner = Owner { component: Some(&ended.name), path: &ended.path };
        // What it was taken for remains: it ended with its processes.
        let finding = Finding {
            state: FindingState::Resolved,
            ..whole_finding(owner, self.clock, at_ns, &tale, &[])
        };
        Some(under(rule, &Who::Component(ended.name.clone()), finding))
    }

    /// What conditions see of the growth of a component's memory, or the host's.
    pub(super) fn whole_figures(&self, place: Place<'_>) -> Option<GrowthFigures> {
        let report = &self.whole(place)?.standing()?.report;
        Some(figures(&report.growth, &self.whole_limits(place, report.rated)))
    }

    /// That the component of a process grows with it.
    pub(super) fn component_evidence(&self, pid: u32, report: &Report) -> Option<Evidence> {
        if !matches!(report.cause, Cause::Memory | Cause::Shared) {
            return None;
        }
        let place = self.table.get(pid)?.component.as_ref()?;
        let rate = self.components.whole(&place.path)?.parts().open()?.growth.rate_per_min;
        let amount = amount_text(rate, "bytes");
        let text = format!("memory of {} grows by {amount} a minute", place.name);
        let name = Grower::Memory.rule().into();
        Some(Evidence { name, value: rate, says: "leak", text })
    }
}

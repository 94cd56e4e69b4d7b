//! Whom an answer is about: the host, a component or a process.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::super::{Connections, Finding, Snapshot, Timestamp, Tracked, View, Viewed};

/// Whom a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whom {
    /// All that is watched.
    #[default]
    Host,
    /// A component, by its name or the path of its cgroup. If the agent knows none that is called so, it is
    /// these processes.
    Component(String, Vec<u32>),
    /// A process.
    Process(u32),
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// What it is.
    pub kind: ScopeKind,
    /// The process.
    pub pid: Option<u32>,
    /// When it started.
    pub start_time: Option<Timestamp>,
    /// The component.
    pub component: Option<String>,
}

/// What an answer can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// The host, with all processes that are watched.
    Host,
    /// A group of processes.
    Component,
    /// One process.
    Process,
}

/// Nobody is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl Whom {
    /// Whether a finding is about it or about what belongs to it.
    pub fn concerns(&self, pid: Option<u32>, component: Option<&str>) -> bool {
        match self {
            Self::Host => true,
            Self::Component(name, pids) => {
                component == Some(name) || pid.is_some_and(|pid| pids.contains(&pid))
            }
            Self::Process(wanted) => pid == Some(*wanted),
        }
    }
}

impl View {
    /// What of it is about somebody, and who that is.
    pub fn narrowed(&self, whom: &Whom) -> Result<(Cow<'_, Self>, Scope), Unknown> {
        match whom {
            Whom::Host => {
                let scope =
                    Scope { kind: ScopeKind::Host, pid: None, start_time: None, component: None };
                Ok((Cow::Borrowed(self), scope))
            }
            Whom::Process(pid) => {
                let process = self.process(*pid).ok_or_else(|| {
                    Unknown(format!("no process {pid} is watched: it never was, or it has ended"))
                })?;
                let scope = Scope {
                    kind: ScopeKind::Process,
                    pid: Some(*pid),
                    start_time: process.snapshot.start_time,
                    component: process.snapshot.component.clone(),
                };
                let is_of = |finding: &Finding| finding.pid == Some(*pid);
                Ok((Cow::Owned(self.part(vec![process.clone()], Vec::new(), is_of)), scope))
            }
            Whom::Component(name, pids) => self.component(name, pids),
        }
    }

    fn component(&self, name: &str, pids: &[u32]) -> Result<(Cow<'_, Self>, Scope), Unknown> {
        let components: Vec<_> = self
            .components
            .iter()
            .filter(|it| it.component == name || it.cgroup == name)
            .cloned()
            .collect();
        let name = components.first().map_or(name, |it| it.component.as_str());
        let is_member = |it: &&Viewed| {
            let is_named = it.snapshot.component.as_deref() == Some(name);
            is_named || (components.is_empty() && pids.contains(&it.snapshot.pid))
        };
        let members: Vec<Viewed> = self.processes.iter().filter(is_member).cloned().collect();
        if components.is_empty() && members.is_empty() {
            return Err(Unknown(format!("there is no component {name:?} with processes")));
        }
        let scope = Scope {
            kind: ScopeKind::Component,
            pid: None,
            start_time: None,
            component: Some(name.to_owned()),
        };
        let whom = Whom::Component(name.to_owned(), pids.to_vec());
        let is_of = |finding: &Finding| whom.concerns(finding.pid, finding.component.as_deref());
        Ok((Cow::Owned(self.part(members, components, is_of)), scope))
    }

    /// A process that is watched; of several with this pid the one that lives, else the last.
    pub fn process(&self, pid: u32) -> Option<&Viewed> {
        let mut named = self.processes.iter().filter(|it| it.snapshot.pid == pid);
        let first = named.next()?;
        let is_living = |it: &&Viewed| !it.snapshot.is_final;
        Some(Some(first).filter(is_living).or_else(|| named.next_back()).unwrap_or(first))
    }

    /// A view of these alone. What only the host has is unknown of them.
    fn part(
        &self,
        processes: Vec<Viewed>,
        components: Vec<super::ComponentSnapshot>,
        is_of: impl Fn(&Finding) -> bool,
    ) -> Self {
        let trend = |wanted: &str| match processes.as_slice() {
            [only] => only.trends.iter().find(|trend| trend.resource == wanted).cloned(),
            _ => None,
        };
        Self {
            from: self.from,
            to: self.to,
            seconds: self.seconds,
            scope: self.scope.clone(),
            samples: self.samples,
            host: None,
            host_memory: trend("resident memory"),
            host_cpu: None,
            tracked: tracked(&processes),
            processes,
            components,
            findings: self.findings.iter().filter(|it| is_of(it)).cloned().collect(),
            earlier_findings: 0,
            rules: self.rules.clone(),
            stats: self.stats.clone(),
        }
    }
}

/// What some processes hold, each of what they share for each of them. Streams are not known one by one.
fn tracked(processes: &[Viewed]) -> Tracked {
    let sum = |of: fn(&Snapshot) -> Option<u64>| {
        let living = processes.iter().filter(|it| !it.snapshot.is_final);
        living.filter_map(|it| of(&it.snapshot)).reduce(|sum, more| sum + more)
    };
    Tracked {
        timers: sum(|it| it.timers),
        listeners: sum(|it| {
            let watches = it.epoll_watches.unwrap_or(0) + it.inotify_watches.unwrap_or(0);
            Some(it.listeners? + watches)
        }),
        streams: None,
        connections: sum(|it| it.connections.as_ref().map(connected)),
        caches: None,
    }
}

/// TCP connections that are connected, or were.
fn connected(states: &Connections) -> u64 {
    let Connections {
        established,
        syn_sent,
        syn_recv,
        fin_wait1,
        fin_wait2,
        time_wait,
        close: _,
        close_wait,
        last_ack,
        listen: _,
        closing,
    } = states;
    established
        + syn_sent
        + syn_recv
        + fin_wait1
        + fin_wait2
        + time_wait
        + close_wait
        + last_ack
        + closing
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{
            ComponentSnapshot, FindingVerdict, Severity,
            answer::tests::{finding, snapshot, view},
        },
        *,
    };

    fn whole() -> View {
        let mut view = view();
        let other = Snapshot { pid: 8, component: Some("web".into()), ..snapshot() };
        view.processes.push(Viewed { snapshot: other, ..<_>::default() });
        view.components = vec![ComponentSnapshot {
            component: "web".into(),
            cgroup: "/system.slice/web".into(),
            ..<_>::default()
        }];
        let mut of_web = finding("bb", Severity::High, FindingVerdict::Leak);
        (of_web.pid, of_web.component) = (Some(8), Some("web".into()));
        view.findings = vec![finding("aa", Severity::High, FindingVerdict::Leak), of_web];
        view
    }

    fn ids(view: &View) -> Vec<&str> {
        view.findings.iter().map(|it| it.id.as_str()).collect()
    }

    #[test]
    fn a_part_has_only_what_is_its_own_and_says_whose_it_is() {
        let view = whole();
        let (all, scope) = view.narrowed(&Whom::Host).unwrap();
        assert_eq!((all.processes.len(), scope.kind), (2, ScopeKind::Host));
        let (part, scope) = view.narrowed(&Whom::Process(7)).unwrap();
        assert_eq!((ids(&part), scope.pid), (vec!["aa"], Some(7)));
        assert!(part.host.is_none() && part.processes.len() == 1);
        for name in ["web", "/system.slice/web"] {
            let (part, scope) = view.narrowed(&Whom::Component(name.into(), Vec::new())).unwrap();
            assert_eq!(scope.component.as_deref(), Some("web"));
            assert_eq!((ids(&part), part.processes.len()), (vec!["bb"], 1));
        }
    }

    #[test]
    fn a_component_that_nobody_knows_is_its_processes_or_unknown() {
        let view = whole();
        let (part, _) = view.narrowed(&Whom::Component("mine".into(), vec![7, 9])).unwrap();
        assert_eq!((ids(&part), part.processes.len()), (vec!["aa"], 1));
        assert!(view.narrowed(&Whom::Component("mine".into(), Vec::new())).is_err());
        assert!(view.narrowed(&Whom::Process(9)).is_err());
    }

    #[test]
    fn of_two_with_one_pid_the_living_is_meant() {
        let mut view = whole();
        let ended = Snapshot { pid: 8, is_final: true, ..<_>::default() };
        view.processes.push(Viewed { snapshot: ended, ..<_>::default() });
        assert!(!view.process(8).unwrap().snapshot.is_final);
        view.processes.remove(1);
        assert!(view.process(8).unwrap().snapshot.is_final);
    }
}

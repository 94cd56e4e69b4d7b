//! `health`: how it is, in a word and why.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{
        Finding, View,
        answer::{Advice, Optimization},
    },
    Load, MB, Passed, Scope, ScopeKind, Timestamp, memory_of, memory_of_component, status_word,
};

/// How it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `critical` if a critical finding is open, `warning` if one of medium or high severity is, else
    /// `healthy`; thresholds of a registered component count like findings, and a history that cannot be
    /// written is a `warning` about the host.
    pub status: &'static str,
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// The same by part.
    pub components: HealthParts,
    /// Its memory.
    pub memory: HealthMemory,
    /// For how long the agent has watched, in seconds.
    pub uptime: f64,
    /// What to do, each with its figure.
    pub recommendations: Vec<String>,
}

/// How the parts are: the same words as `status`; `null` where nothing measures it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthParts {
    /// Findings about memory.
    pub memory: &'static str,
    /// Findings about CPU time.
    pub cpu: &'static str,
    /// Lag of event loops: not measured yet.
    pub event_loop: Option<&'static str>,
    /// Findings about everything else that is held: descriptors, sockets, timers, threads, …
    pub resources: &'static str,
    /// `warning` while what is seen cannot be kept, or where a damaged history was replaced; `null` where
    /// none is kept, and of less than the host.
    pub history: Option<&'static str>,
}

/// Memory: of the host MemTotal - MemAvailable and MemTotal; of a component its working set and its
/// limit; of a process what is anonymous, swapped out or not, and the limit of its component. Without a limit
/// the host's memory is the limit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthMemory {
    /// What is used, in bytes; `null` while unknown.
    pub heap_used: Option<u64>,
    /// What there is, in bytes; `null` while unknown.
    pub heap_total: Option<u64>,
    /// As in `components`.
    pub health: &'static str,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Memory,
    Cpu,
    Resources,
}

/// Rules about thresholds of memory; growth is told by its unit.
const OF_MEMORY: [&str; 7] = [
    "memory_warning",
    "memory_critical",
    "cgroup_limit",
    "host_pressure",
    "address_space_limit",
    "mapping_count_limit",
    "orphan_shm_segment",
];
/// Rules about CPU.
const OF_CPU: [&str; 2] = ["cpu", "cpu_quota"];

fn part_of(finding: &Finding) -> Part {
    let rule = finding.rule.as_str();
    if OF_CPU.contains(&rule) {
        Part::Cpu
    } else if OF_MEMORY.contains(&rule) || finding.rate_unit == Some("bytes") {
        Part::Memory
    } else {
        Part::Resources
    }
}

impl Health {
    /// What the view says of it; `whole` is the one that it is a part of.
    pub fn of(view: &View, whole: &View, scope: Scope) -> Self {
        let open = view.open_findings();
        let of = |part| status_word(open.iter().copied().filter(|it| part_of(it) == part));
        let (used, total) = memory(view, whole, scope.kind);
        let advice = Optimization::of(view).recommendations;
        Self {
            status: status_word(open.iter().copied()),
            timestamp: view.to,
            scope,
            components: HealthParts {
                memory: of(Part::Memory),
                cpu: of(Part::Cpu),
                event_loop: None,
                resources: of(Part::Resources),
                history: None,
            },
            memory: HealthMemory { heap_used: used, heap_total: total, health: of(Part::Memory) },
            uptime: view.seconds,
            recommendations: advice.iter().map(Advice::line).collect(),
        }
    }
}

impl Health {
    /// Counts a threshold that was passed like a finding; `whose` it is.
    pub fn count(&mut self, whose: &str, passed: &Passed) {
        let word = if passed.is_critical { "critical" } else { "warning" };
        worsen(&mut self.status, word);
        match passed.what {
            "memory" => {
                worsen(&mut self.components.memory, word);
                worsen(&mut self.memory.health, word);
            }
            "cpu" => worsen(&mut self.components.cpu, word),
            _ => {}
        }
        self.recommendations.push(format!("{whose}: {}", passed.text));
    }

    /// Says how the history is, which is a warning where there is something to mend. Findings are what they
    /// are without it.
    pub fn keeps(&mut self, to_mend: Option<String>) {
        let word = if to_mend.is_some() { "warning" } else { "healthy" };
        self.components.history = Some(word);
        worsen(&mut self.status, word);
        if let Some(to_mend) = to_mend {
            self.recommendations.insert(0, to_mend);
        }
    }

    /// What thresholds of whom the view is about are compared with.
    pub fn load(view: &View, whole: &View, scope: &Scope, response_time: Option<f64>) -> Load {
        let (used, _) = memory(view, whole, scope.kind);
        let living = view.processes.iter().filter(|it| !it.snapshot.is_final);
        let of_members =
            living.filter_map(|it| it.snapshot.cpu_percent).reduce(|sum, more| sum + more);
        let of_components = view.components.iter().filter_map(|it| it.cpu_percent);
        Load {
            memory: used.map(|bytes| bytes as f64 / MB),
            cpu: of_components.reduce(|sum, more| sum + more).or(of_members),
            response_time,
        }
    }
}

fn worsen(word: &mut &'static str, other: &'static str) {
    let rank = |word: &str| ["healthy", "warning", "critical"].iter().position(|it| *it == word);
    if rank(other) > rank(word) {
        *word = other;
    }
}

/// What is used and what there is.
fn memory(view: &View, whole: &View, kind: ScopeKind) -> (Option<u64>, Option<u64>) {
    let host = whole.host.as_ref();
    let all = host.map(|host| host.mem_total_bytes);
    let limit_of = |name: &str| {
        let named = whole.components.iter().filter(|it| it.component == name);
        let limits = named.filter_map(|it| it.memory_max.as_ref().map(|max| max.limit_bytes));
        limits.chain(all).min()
    };
    match kind {
        ScopeKind::Host => {
            (host.map(|it| it.mem_total_bytes.saturating_sub(it.mem_available_bytes)), all)
        }
        ScopeKind::Component => {
            let known = view.components.iter().filter_map(memory_of_component);
            let of_members = view.processes.iter().filter(|it| !it.snapshot.is_final);
            let used = known.reduce(|sum, more| sum + more).or_else(|| {
                of_members.filter_map(|it| memory_of(&it.snapshot)).reduce(|sum, more| sum + more)
            });
            let name = view.components.first().map(|it| it.component.as_str());
            (used, name.and_then(limit_of).or(all))
        }
        ScopeKind::Process => {
            let snapshot = view.processes.first().map(|it| &it.snapshot);
            let component = snapshot.and_then(|it| it.component.as_deref());
            (snapshot.and_then(memory_of), component.and_then(limit_of).or(all))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::{
                FindingVerdict, Severity,
                answer::tests::{finding, view},
            },
            Whom,
        },
        *,
    };

    fn health(view: &View, whom: &Whom) -> Health {
        let (part, scope) = view.narrowed(whom).unwrap();
        Health::of(&part, view, scope)
    }

    #[test]
    fn each_part_has_the_word_of_its_worst_finding() {
        let mut view = view();
        let memory = finding("aa", Severity::High, FindingVerdict::Leak);
        let mut sockets = finding("bb", Severity::Critical, FindingVerdict::Leak);
        (sockets.rule, sockets.rate_unit) = ("socket_growth".into(), Some("items"));
        let mut cpu = finding("cc", Severity::Low, FindingVerdict::Threshold);
        (cpu.rule, cpu.rate_unit, cpu.pid) = ("cpu".into(), None, Some(9));
        view.findings = vec![memory, sockets, cpu];
        let health = health(&view, &Whom::Host);
        let parts = &health.components;
        assert_eq!(health.status, "critical");
        assert_eq!((parts.memory, parts.cpu, parts.resources), ("warning", "healthy", "critical"));
        assert_eq!(health.components.event_loop, None);
        view.findings.clear();
        assert_eq!(self::health(&view, &Whom::Host).status, "healthy");
    }

    #[test]
    fn a_history_that_cannot_be_written_is_a_warning_that_says_what_to_mend_first() {
        let mut view = view();
        view.findings = vec![finding("aa", Severity::Low, FindingVerdict::Suspect)];
        let mut health = health(&view, &Whom::Host);
        assert_eq!(health.components.history, None);
        health.keeps(None);
        assert_eq!((health.status, health.components.history), ("healthy", Some("healthy")));
        health.keeps(Some("make room".to_owned()));
        assert_eq!((health.status, health.components.history), ("warning", Some("warning")));
        assert_eq!(health.recommendations[0], "make room");
        view.findings = vec![finding("aa", Severity::Critical, FindingVerdict::Leak)];
        let mut health = self::health(&view, &Whom::Host);
        health.keeps(Some("make room".to_owned()));
        assert_eq!(health.status, "critical", "it hides nothing");
    }

    #[test]
    fn memory_is_that_of_whom_was_asked_for() {
        let view = view();
        let host = view.host.as_ref().unwrap();
        let of_host = health(&view, &Whom::Host).memory;
        let used = host.mem_total_bytes - host.mem_available_bytes;
        assert_eq!(
            (of_host.heap_used, of_host.heap_total),
            (Some(used), Some(host.mem_total_bytes))
        );
        let of_process = health(&view, &Whom::Process(7)).memory;
        assert_eq!(of_process.heap_used, Some(64 << 20));
        assert_eq!(of_process.heap_total, Some(host.mem_total_bytes));
    }
}

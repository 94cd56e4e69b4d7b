//! Lists of what there is, and single ones of them.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::{
    super::{
        ComponentSnapshot, Finding, FindingState, HostSnapshot, RuleText, Snapshot, Stats, Trend,
        View, Viewed,
    },
    Scope, Timestamp, memory_of,
};

/// Processes, those that hold most memory first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Processes<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// The processes, with all fields or those asked for.
    pub processes: Vec<PartialSnapshot<'a>>,
    /// How many there are that match, listed or not.
    pub total: usize,
}

/// A process with all fields or some.
#[derive(Clone, Debug)]
pub struct PartialSnapshot<'a> {
    snapshot: &'a Snapshot,
    fields: &'a [String],
}

/// One process.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProcessAnswer<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// The process; `final` if it has ended.
    pub process: &'a Snapshot,
    /// How what it holds moved.
    pub trends: &'a [Trend],
    /// What was found of it, the worst first, what ended last.
    pub findings: Vec<&'a Finding>,
}

/// Groups of processes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Components<'a, R> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// The groups, by the path of their cgroup.
    pub components: &'a [ComponentSnapshot],
    /// Those that applications registered.
    pub registered: Vec<R>,
}

/// Findings, the worst first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Findings<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// What it is about.
    pub scope: Scope,
    /// The findings: those that are open, the worst first, then those that ended.
    pub findings: Vec<&'a Finding>,
}

/// One finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FindingAnswer<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// The finding.
    pub finding: &'a Finding,
}

/// The rules that are on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Rules<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// The rules.
    pub rules: Vec<RuleLine<'a>>,
}

/// A rule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleLine<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it finds.
    pub description: &'a str,
    /// When it holds, in CEL.
    pub condition: &'a str,
    /// How long that must be so, in seconds.
    pub hold_seconds: u64,
}

/// The host and the agent's own figures.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HostAnswer<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// The host; `null` until it was read.
    pub host: Option<&'a HostSnapshot>,
    /// The agent's own figures.
    pub stats: Option<&'a Stats>,
}

/// The names of the fields of a snapshot.
pub fn snapshot_fields() -> Vec<String> {
    let Ok(Value::Object(fields)) = serde_json::to_value(Snapshot::default()) else {
        return Vec::new();
    };
    fields.into_iter().map(|(name, _)| name).collect()
}

impl<'a> Processes<'a> {
    /// Those that live and match the text, in whatever of name, command line, component, user or pid.
    pub fn of(
        view: &'a View,
        scope: Scope,
        fields: &'a [String],
        search: Option<&str>,
        limit: usize,
    ) -> Self {
        let search = search.map(str::to_lowercase);
        let living = view.processes.iter().map(|it| &it.snapshot).filter(|it| !it.is_final);
        let mut all: Vec<&Snapshot> =
            living.filter(|it| search.as_ref().is_none_or(|text| matches(it, text))).collect();
        let memory = |it: &Snapshot| memory_of(it).or(it.rss_bytes).unwrap_or(0);
        all.sort_by_key(|it| (std::cmp::Reverse(memory(it)), it.pid));
        let shown = all.iter().take(limit);
        Self {
            timestamp: view.to,
            scope,
            processes: shown.map(|snapshot| PartialSnapshot { snapshot, fields }).collect(),
            total: all.len(),
        }
    }
}

fn matches(it: &Snapshot, text: &str) -> bool {
    let fields = [Some(&it.comm), it.cmdline.as_ref(), it.component.as_ref(), it.user.as_ref()];
    let has = |field: &&String| field.to_lowercase().contains(text);
    it.pid.to_string() == text || fields.iter().flatten().any(has)
}

impl<'a> ProcessAnswer<'a> {
    /// A process of the view.
    pub fn of(view: &'a View, process: &'a Viewed, scope: Scope) -> Self {
        let of_this = |it: &&Finding| {
            it.pid == Some(process.snapshot.pid) && it.start_time == process.snapshot.start_time
        };
        Self {
            timestamp: view.to,
            scope,
            process: &process.snapshot,
            trends: &process.trends,
            findings: sorted(view, None).into_iter().filter(of_this).collect(),
        }
    }
}

impl<'a> Findings<'a> {
    /// Those of the view that are open, or not, or all.
    pub fn of(view: &'a View, scope: Scope, is_open: Option<bool>) -> Self {
        Self { timestamp: view.to, scope, findings: sorted(view, is_open) }
    }
}

fn sorted(view: &View, is_open: Option<bool>) -> Vec<&Finding> {
    let open = view.open_findings();
    let ended = view.findings.iter().filter(|it| it.state == FindingState::Resolved);
    match is_open {
        Some(true) => open,
        Some(false) => ended.collect(),
        None => open.into_iter().chain(ended).collect(),
    }
}

impl<'a> Rules<'a> {
    /// Those of the view.
    pub fn of(view: &'a View) -> Self {
        let line = |rule: &'a RuleText| RuleLine {
            name: &rule.name,
            description: &rule.description,
            condition: &rule.condition,
            hold_seconds: rule.hold_seconds,
        };
        Self { timestamp: view.to, rules: view.rules.iter().map(line).collect() }
    }
}

impl Serialize for PartialSnapshot<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.fields.is_empty() {
            return self.snapshot.serialize(to);
        }
        let whole = serde_json::to_value(self.snapshot).map_err(serde::ser::Error::custom)?;
        let mut map = to.serialize_map(Some(self.fields.len()))?;
        for field in self.fields {
            map.serialize_entry(field, &whole[field])?;
        }
        map.end()
    }
}

impl JsonSchema for PartialSnapshot<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PartialSnapshot".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = <Snapshot as JsonSchema>::json_schema(generator);
        schema.remove("required");
        schema
            .insert("description".into(), "A process, with all fields or those asked for.".into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{super::answer::tests::view, Whom},
        *,
    };

    #[test]
    fn the_largest_come_first_with_the_fields_asked_for() {
        let mut view = view();
        let snapshot = |pid, comm: &str, bytes| Snapshot {
            pid,
            comm: comm.to_owned(),
            rss_anon_bytes: Some(bytes),
            ..<_>::default()
        };
        let others = [snapshot(1, "small", 5), snapshot(2, "Large", 1 << 40), snapshot(3, "x", 9)];
        let viewed = |snapshot| Viewed { snapshot, ..<_>::default() };
        view.processes.extend(others.map(viewed));
        view.processes.push(viewed(Snapshot { is_final: true, ..snapshot(4, "ended", 1 << 50) }));
        let (part, scope) = view.narrowed(&Whom::Host).unwrap();
        let fields = ["pid".to_owned(), "final".to_owned()];
        let json = |search, limit| {
            let list = Processes::of(&part, scope.clone(), &fields, search, limit);
            serde_json::to_value(list).unwrap()
        };
        let found = json(None, 2);
        assert_eq!(found["total"], 4);
        assert_eq!(found["processes"][0], serde_json::json!({"pid": 2, "final": false}));
        assert_eq!(found["processes"].as_array().unwrap().len(), 2);
        assert_eq!(json(Some("LARGE"), 9)["total"], 1);
        assert_eq!(json(Some("3"), 9)["processes"][0]["pid"], 3);
        assert!(snapshot_fields().contains(&"rss_anon_bytes".to_owned()));
    }
}

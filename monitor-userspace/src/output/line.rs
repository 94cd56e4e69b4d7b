//! A line of the NDJSON, and the schema of what it can be: one definition for both.

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    ComponentSnapshot, ExitLine, Finding, Header, HostSnapshot, RuleError, Snapshot, Stats,
    answer::{Explanation, Leaks, Optimization, Report, Trends},
    event::Record,
};

/// An object with its `type` in front.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// The first line.
    Header(&'a Header),
    /// Something the kernel did.
    Event(&'a Record<'a>),
    /// The state of a process.
    Snapshot(&'a Snapshot),
    /// The state of a group of processes.
    Component(&'a ComponentSnapshot),
    /// The state of the host.
    Host(&'a HostSnapshot),
    /// A finding opened, changed or ended.
    Finding(&'a Finding),
    /// A rule could not be evaluated.
    RuleError(&'a RuleError),
    /// The agent's own figures.
    Stats(&'a Stats),
    /// The last line of a run with a command.
    Exit(ExitLine),
    /// The answer of `leaks`.
    Leaks(&'a Leaks<'a>),
    /// The answer of `trends`.
    Trends(&'a Trends<'a>),
    /// The answer of `report`.
    Report(&'a Report<'a>),
    /// The answer of `optimize`.
    Optimize(&'a Optimization<'a>),
    /// The answer of `explain`.
    Explain(&'a Explanation<'a>),
}

/// The JSON Schema (draft 2020-12) of a line. It is of this version: fields it does not name are
/// refused.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Line<'static>>().to_value();
    schema["title"] = json!("A line of memwatch-ebpf --json");
    close(&mut schema);
    schema
}

/// Refuses fields without a name. A part that a line is put together of cannot do so itself: it
/// does not know the fields of the others.
fn close(root: &mut Value) {
    let mut parts = Vec::new();
    parts_of(root, &mut parts);
    for line in root["oneOf"].as_array_mut().into_iter().flatten() {
        line["unevaluatedProperties"] = json!(false);
    }
    for (name, object) in root["$defs"].as_object_mut().into_iter().flatten() {
        if object.get("properties").is_some() && !parts.contains(name) {
            object["unevaluatedProperties"] = json!(false);
        }
    }
}

/// Names of the definitions that are referred to beside properties.
fn parts_of(value: &Value, parts: &mut Vec<String>) {
    if value.get("properties").is_some()
        && let Some(Value::String(reference)) = value.get("$ref")
    {
        parts.extend(reference.strip_prefix("#/$defs/").map(str::to_owned));
    }
    match value {
        Value::Object(object) => object.values().for_each(|inner| parts_of(inner, parts)),
        Value::Array(list) => list.iter().for_each(|inner| parts_of(inner, parts)),
        _ => {}
    }
}

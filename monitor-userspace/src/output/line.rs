//! A line of the NDJSON, and the schema of what it can be: one definition for both.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::{ExitLine, Finding, Header, HostSnapshot, Snapshot, Stats, event::Record};

/// An object with its `type` in front.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// The first line.
    Header(&'a Header),
    /// Something the kernel did.
    Event(Record<'a>),
    /// The state of a process.
    Snapshot(&'a Snapshot),
    /// The state of the host.
    Host(&'a HostSnapshot),
    /// A finding opened, changed or ended.
    Finding(&'a Finding),
    /// The agent's own figures.
    Stats(&'a Stats),
    /// The last line of a run with a command.
    Exit(ExitLine),
}

/// The JSON Schema (draft 2020-12) of a line. It is of this version: fields it does not name are
/// refused.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Line<'static>>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("A line of memwatch-ebpf --json"));
    }
    schema
}

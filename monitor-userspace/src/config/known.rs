//! Which keys there are: those of the default configuration, so that the code is the only list.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Config, Key};

/// How alike two names are that may be meant for each other.
const ALIKE: f64 = 0.75;

/// A place in the configuration.
pub(super) enum Place {
    /// A table with these keys.
    Table(Vec<String>),
    /// A value, or a table that takes any key.
    Open,
    /// There is no such key.
    Unknown,
}

/// The configuration as JSON: unset keys are there, as `null`.
pub(super) fn as_json(config: &Config) -> Value {
    // Its types have no form that JSON lacks.
    serde_json::to_value(config).unwrap_or_default()
}

/// The single values of a document.
pub(super) fn leaves(document: &Value) -> BTreeMap<Key, Value> {
    let mut found = BTreeMap::new();
    collect(&Key(Vec::new()), document, &mut found);
    found
}

fn collect(key: &Key, value: &Value, found: &mut BTreeMap<Key, Value>) {
    match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                collect(&key.below(name), value, found);
            }
        }
        other => {
            found.insert(key.clone(), other.clone());
        }
    }
}

/// What is at this place.
pub(super) fn place(document: &Value, key: &Key) -> Place {
    let mut at = document;
    for name in &key.0 {
        match at {
            // A table that is empty by default takes any key; what is in it is told by its type.
            Value::Object(inner) if inner.is_empty() => return Place::Open,
            Value::Object(inner) => match inner.get(name) {
                Some(value) => at = value,
                None => return Place::Unknown,
            },
            _ => return Place::Open,
        }
    }
    match at {
        Value::Object(inner) if !inner.is_empty() => Place::Table(inner.keys().cloned().collect()),
        _ => Place::Open,
    }
}

/// What to say of a key that is not known, with what may be meant.
pub(super) fn unknown(name: &str, siblings: &[String], document: &Value) -> String {
    // It may stand in the wrong section.
    let all = leaves(document);
    let elsewhere = all.keys().find(|key| key.0.last().is_some_and(|last| last == name));
    if let Some(key) = elsewhere {
        return format!("there is no key {name:?} here: did you mean {key}?");
    }
    if let Some(near) = nearest(name, siblings.iter().map(String::as_str)) {
        return format!("there is no key {name:?}: did you mean {near:?}?");
    }
    format!("there is no key {name:?} (known: {})", siblings.join(", "))
}

/// The name that is most like it, if any is.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    known
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

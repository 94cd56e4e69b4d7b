//! A recording on disk: what the agent saw of one program and its children, compressed, without what
//! says nothing, and its label.
//!
//! The first line is a header: agent version, kernel, program with version and command. Each other line
//! is a snapshot as the agent printed it, of the program or one of its children, in the order of time.
//! Fields that are zero or unknown in the whole recording are left out, and so is what belongs to the
//! host it was made on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Beside the recordings, a line for each.
pub(super) const LABELS: &str = "labels.ndjson";
const LEVEL: i32 = 19;

/// Fields that would tell of the host, or that repeat what others say.
const OF_THE_HOST: &[&str] = &[
    "cmdline",
    "user",
    "component",
    "unit",
    "container",
    "pod",
    "accuracy",
    "sampled_at",
    "virtual_bytes",
];
/// Fields that are kept whatever they are.
const ALWAYS: &[&str] = &["type", "ts", "pid", "ppid", "start_time", "comm", "final"];

/// What the agent saw of one program.
#[derive(Debug)]
pub struct Recording {
    /// Its first line.
    pub header: Value,
    /// Its snapshots.
    pub snapshots: Vec<Value>,
}

impl Recording {
    /// Reads one.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = zstd::decode_all(bytes.as_slice()).unwrap();
        let lines = serde_json::Deserializer::from_slice(&text).into_iter();
        let mut lines = lines.map(Result::unwrap);
        let header = lines.next().unwrap_or_else(|| panic!("{} is empty", path.display()));
        Self { header, snapshots: lines.collect() }
    }

    /// Writes it without what says nothing.
    pub(super) fn write(mut self, path: &Path) {
        for snapshot in &mut self.snapshots {
            let Value::Object(fields) = snapshot else { panic!("no object: {snapshot}") };
            fields.retain(|name, _| !OF_THE_HOST.contains(&name.as_str()));
            flatten(fields);
        }
        let told = self.told();
        let lines = self.snapshots.into_iter().map(|line| unflattened(line, &told));
        let text = ndjson(std::iter::once(self.header).chain(lines));
        fs::write(path, zstd::encode_all(text.as_bytes(), LEVEL).unwrap()).unwrap();
    }

    /// The fields that are ever something.
    fn told(&self) -> BTreeSet<String> {
        let fields = self.snapshots.iter().filter_map(Value::as_object).flatten();
        let is_told = |value: &Value| !value.is_null() && value.as_f64() != Some(0.0);
        let told = fields.filter(|(_, value)| is_told(value)).map(|(name, _)| name.clone());
        told.chain(ALWAYS.iter().map(|name| (*name).to_owned())).collect()
    }

    /// The value of a signal over time, of the process that was started: seconds since the first
    /// snapshot, and how much.
    pub fn signal(&self, pointer: &str) -> Vec<(f64, f64)> {
        let pid = &self.header["pid"];
        let own: Vec<_> = self.snapshots.iter().filter(|line| line["pid"] == *pid).collect();
        let Some(first) = own.first().map(|line| seconds(line)) else { return Vec::new() };
        let value = |line: &Value| line.pointer(pointer).map_or(Some(0.0), Value::as_f64);
        own.iter().filter_map(|line| Some((seconds(line) - first, value(line)?))).collect()
    }
}

fn ndjson(lines: impl Iterator<Item = Value>) -> String {
    lines.flat_map(|line| [line.to_string(), "\n".to_owned()]).collect()
}

fn seconds(line: &Value) -> f64 {
    let time: jiff::Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
    time.as_nanosecond() as f64 / 1e9
}

/// Puts the parts of an object beside it, as `object/part`.
fn flatten(fields: &mut Map<String, Value>) {
    let nested: Vec<String> = fields
        .iter()
        .filter(|(_, value)| value.is_object())
        .map(|(name, _)| name.clone())
        .collect();
    for name in nested {
        let Some(Value::Object(parts)) = fields.remove(&name) else { continue };
        fields.extend(parts.into_iter().map(|(part, value)| (format!("{name}/{part}"), value)));
    }
}

/// The opposite, of those fields that are told of.
fn unflattened(line: Value, told: &BTreeSet<String>) -> Value {
    let mut whole = Map::new();
    let Value::Object(fields) = line else { return line };
    for (name, value) in fields.into_iter().filter(|(name, _)| told.contains(name)) {
        match name.split_once('/') {
            Some((object, part)) => {
                let parts = whole.entry(object).or_insert_with(|| json!({}));
                parts[part] = value;
            }
            None if value.is_null() => {}
            None => _ = whole.insert(name, value),
        }
    }
    Value::Object(whole)
}

/// The truth about one recording, as a line of the label file.
#[derive(Debug, Clone, PartialEq)]
pub struct Label(pub Value);

impl Label {
    /// The file it is about.
    pub fn file(&self) -> &str {
        self.0["file"].as_str().unwrap_or_default()
    }
}

/// The labels of a directory.
pub fn labels(dir: &Path) -> Vec<Label> {
    let text = fs::read_to_string(dir.join(LABELS)).unwrap_or_default();
    text.lines().map(|line| Label(serde_json::from_str(line).unwrap())).collect()
}

/// Writes labels into those of a directory, in the place of older ones about the same files.
pub(super) fn merge_labels(dir: &Path, new: Vec<Label>) {
    let mut all = labels(dir);
    all.retain(|old| !new.iter().any(|label| label.file() == old.file()));
    all.extend(new);
    all.sort_by(|one, other| one.file().cmp(other.file()));
    fs::write(dir.join(LABELS), ndjson(all.into_iter().map(|label| label.0))).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, rss: u64, close_wait: u64) -> Value {
        json!({"type": "snapshot", "ts": format!("2026-01-17T10:30:{second:02}Z"), "pid": 7,
               "ppid": 1, "start_time": "2026-01-17T10:30:00Z", "comm": "api", "user": "www",
               "rss_anon_bytes": rss, "timers": 0, "pss_bytes": null,
               "connections": {"close_wait": close_wait, "listen": 0}, "final": false})
    }

    #[test]
    fn what_is_read_is_what_was_written_without_what_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.ndjson.zst");
        let header = json!({"type": "header", "pid": 7});
        let snapshots = vec![line(0, 100, 0), line(5, 200, 1), line(10, 0, 2)];
        Recording { header: header.clone(), snapshots }.write(&path);
        let read = Recording::read(&path);
        assert_eq!(read.header, header);
        assert_eq!(read.signal("/rss_anon_bytes"), [(0.0, 100.0), (5.0, 200.0), (10.0, 0.0)]);
        assert_eq!(read.signal("/connections/close_wait"), [(0.0, 0.0), (5.0, 1.0), (10.0, 2.0)]);
        let last = &read.snapshots[2];
        assert_eq!(last["connections"], json!({"close_wait": 2}));
        for gone in ["user", "timers", "pss_bytes"] {
            assert!(last.get(gone).is_none(), "{last}");
        }
    }

    #[test]
    fn a_new_label_takes_the_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let label = |file: &str, label: &str| Label(json!({"file": file, "label": label}));
        merge_labels(dir.path(), vec![label("b", "leak"), label("a", "leak")]);
        merge_labels(dir.path(), vec![label("b", "healthy")]);
        assert_eq!(labels(dir.path()), [label("a", "leak"), label("b", "healthy")]);
    }
}

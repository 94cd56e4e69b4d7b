//! Single values by their key, each with where it is from, and laying them over each other.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::Profile;

/// The names on the way to a value: section and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(
    /// From the outermost in.
    pub Vec<String>,
);

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The profile.
    Profile(Profile),
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// An option of the command line.
    Option(&'static str),
}

/// A value and where it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// The value.
    pub value: toml::Value,
    /// Where it is from.
    pub origin: Origin,
}

/// Values that were set, the later over the earlier.
#[derive(Clone, Debug, Default)]
pub struct Layers(BTreeMap<Key, Leaf>);

impl Key {
    /// Of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// With one name more.
    pub(super) fn below(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }
}

impl fmt::Display for Key {
    /// As it is written in TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            f.write_str(&toml_edit::Key::new(name).display_repr())?;
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(profile) => write!(f, "profile {profile}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Option(name) => f.write_str(name),
        }
    }
}

impl Layers {
    /// Lays values over those that are there.
    pub(super) fn lay(&mut self, leaves: impl IntoIterator<Item = (Key, Leaf)>) {
        for (key, leaf) in leaves {
            // An empty table only says that it is there.
            let is_empty = leaf.value.as_table().is_some_and(toml::Table::is_empty);
            if !is_empty || !self.0.contains_key(&key) {
                self.0.insert(key, leaf);
            }
        }
    }

    /// Where a value is from.
    pub fn origin(&self, key: &Key) -> &Origin {
        self.0.get(key).map_or(&Origin::Default, |leaf| &leaf.origin)
    }

    /// All of them, as one document.
    pub(super) fn document(&self) -> toml::Table {
        let mut root = toml::Table::new();
        for (key, leaf) in &self.0 {
            put(&mut root, &key.0, leaf.value.clone());
        }
        root
    }
}

/// Puts a value at its place, making the tables on the way.
pub(super) fn put(root: &mut toml::Table, names: &[String], value: toml::Value) {
    match names {
        [] => {}
        [last] => {
            if value.as_table().is_none() || !root.contains_key(last) {
                root.insert(last.clone(), value);
            }
        }
        [first, rest @ ..] => {
            let empty = || toml::Value::Table(toml::Table::new());
            let inner = root.entry(first.clone()).or_insert_with(empty);
            if let Some(inner) = inner.as_table_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// Whether what stands there is nobody else's business. The names of files that hold secrets are.
pub fn is_secret(key: &Key) -> bool {
    let Some(name) = key.0.last() else { return false };
    let words = ["password", "secret", "token", "webhook", "credential"];
    words.iter().any(|word| name.contains(word)) && !name.ends_with("_file")
}

/// A value as it is shown: secrets only as being there.
pub fn shown(key: &Key, value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "(not set)".to_owned(),
        _ if is_secret(key) => "(set, not shown)".to_owned(),
        other => other.to_string(),
    }
}

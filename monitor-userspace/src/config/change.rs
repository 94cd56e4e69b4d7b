//! What changed between two configurations, and what of it counts only after a restart.

use std::collections::BTreeSet;

use super::{Key, Loaded, known};

/// Beginnings of keys whose change counts at once. All others are read at the start.
const LIVE: [&[&str]; 5] =
    [&["watch", "rules"], &["thresholds"], &["components"], &["serve", "log_level"], &["alerts"]];
/// Alerts that are off have nobody who could take channels over.
const NOT_LIVE: [&str; 2] = ["alerts", "enabled"];
/// What changes with it is listed by itself.
const PROFILE: [&str; 1] = ["profile"];

/// A value that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: Key,
    /// Whether it counts only after a restart.
    pub needs_restart: bool,
}

/// What changed.
pub fn changes(before: &Loaded, after: &Loaded) -> Vec<Change> {
    let [before, after] =
        [before, after].map(|loaded| known::leaves(&known::as_json(&loaded.config)));
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let has_changed = |key: &&Key| before.get(*key) != after.get(*key);
    let change = |key: &Key| Change { key: key.clone(), needs_restart: !is_live(key) };
    keys.into_iter().filter(has_changed).map(change).collect()
}

fn is_live(key: &Key) -> bool {
    let begins = |start: &[&str]| {
        key.0.len() >= start.len() && key.0.iter().zip(start).all(|(name, start)| name == start)
    };
    !begins(&NOT_LIVE) && (begins(&PROFILE) || LIVE.iter().any(|start| begins(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Sources};

    #[test]
    fn changed_keys_are_found_and_those_that_need_a_restart_told_apart() {
        let load = |text: &str| {
            let place = Place::File("c.toml".into());
            let sources = Sources { place, environment: Vec::new(), options: Vec::new() };
            sources.load_with(Some(text)).unwrap()
        };
        let before = load("[serve]\ninterval = \"5s\"\nlog_level = \"warn\"");
        assert!(changes(&before, &before.clone()).is_empty());
        let after = load(
            "[serve]\ninterval = \"6s\"\n[watch]\nrules = [\"/a\"]\n[components.a]\n\
             [alerts]\nenabled = false\nemail = \"a@b\"",
        );
        let found: Vec<(String, bool)> = changes(&before, &after)
            .into_iter()
            .map(|change| (change.key.to_string(), change.needs_restart))
            .collect();
        for (key, needs_restart) in [
            ("serve.interval", true),
            ("serve.log_level", false),
            ("watch.rules", false),
            ("alerts.enabled", true),
            ("alerts.email", false),
            ("components.a.memory_warning", false),
        ] {
            assert!(found.contains(&(key.to_owned(), needs_restart)), "{key}: {found:?}");
        }
        assert!(!found.iter().any(|(key, _)| key == "watch.stacks"));
    }
}

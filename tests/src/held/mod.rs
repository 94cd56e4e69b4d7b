//! What a process holds besides memory, from /proc, by a reader that shares nothing with the
//! agent's; and where the agent says otherwise.

mod proc;
mod still;

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use proc::{family, has_epolls_alike, living_thread, of, session};
use serde_json::Value;
pub use still::{Stopped, once_quiet};

use crate::agent::Agent;
use crate::maps::Totals;

/// Number of each thing by the name that snapshots give it; states of TCP as `connections.STATE`.
pub type Counts = BTreeMap<String, u64>;

/// The numbers of a JSON object, one level of objects below it included.
pub fn counts(object: &Value) -> Counts {
    let mut counts = Counts::new();
    for (name, value) in object.as_object().unwrap_or_else(|| panic!("no object: {object}")) {
        let inner = value.as_object().into_iter().flatten();
        let inner = inner.map(|(state, value)| (format!("{name}.{state}"), value));
        let all = inner.chain([(name.clone(), value)]);
        counts.extend(all.filter_map(|(name, value)| Some((name, value.as_u64()?))));
    }
    counts
}

/// Where the agent does not say what is true: one sentence for each.
pub fn differences(snapshot: &Value, truth: &Counts) -> Vec<String> {
    let said = counts(snapshot);
    let differs = |(name, number): (&String, &u64)| {
        let said = said.get(name);
        let shown = said.map_or("nothing".to_owned(), u64::to_string);
        (said != Some(number)).then(|| format!("{name}: said {shown}, is {number}"))
    };
    truth.iter().filter_map(differs).collect()
}

/// All that a process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Besides memory.
    pub counts: Counts,
    /// Memory.
    pub totals: Totals,
}

impl Truth {
    /// Reads a process; `itimers` as for [`of`].
    pub fn of(pid: u32, itimers: u64) -> Self {
        Self { counts: of(pid, itimers), totals: Totals::of(living_thread(pid)) }
    }

    /// Everything that a snapshot does not have as it is, one sentence each.
    pub fn errors(&self, snapshot: &Value) -> Vec<String> {
        let mut errors = differences(snapshot, &self.counts);
        let said = Totals::of_snapshot(snapshot);
        if said != self.totals {
            errors.push(format!("mappings: said {said:?}, are {:?}", self.totals));
        }
        errors
    }

    /// Without what is seen in /proc only.
    #[must_use]
    pub fn of_events(mut self) -> Self {
        self.counts.retain(|name, _| !["files", "descriptors", "threads"].contains(&name.as_str()));
        self
    }
}

/// Waits until the last snapshots of all these processes are right.
pub fn wait_until_right(agent: &Agent, truth: &BTreeMap<u32, Truth>, limit: Duration) {
    let end = Instant::now() + limit;
    loop {
        let wrong = |(pid, truth): (&u32, &Truth)| {
            let Some(last) = agent.last_snapshot(*pid) else {
                return Some(format!("{pid}: no snapshot yet"));
            };
            if last["heap_bytes"].is_null() || last["sockets"].is_null() {
                return Some(format!("{pid}: not known yet"));
            }
            let errors = truth.errors(&last);
            (!errors.is_empty()).then(|| format!("{pid}: {errors:#?} in {last}"))
        };
        let wrong: Vec<String> = truth.iter().filter_map(wrong).collect();
        if wrong.is_empty() {
            return;
        }
        assert!(
            Instant::now() < end,
            "not right after {} s: {}",
            limit.as_secs(),
            wrong.join("\n")
        );
        sleep(Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_compared_where_the_truth_has_them() {
        let snapshot = json!({"pipes": 2, "epolls": null, "rss_bytes": 5, "comm": "x",
            "connections": {"established": 1, "listen": 0}});
        let number = |(name, number): (&str, u64)| (name.to_owned(), number);
        let same = [("pipes", 2), ("connections.established", 1)].map(number).into();
        assert_eq!(differences(&snapshot, &same), [""; 0]);
        let other = [("pipes", 3), ("epolls", 0), ("connections.listen", 1)].map(number).into();
        let expected = [
            "connections.listen: said 0, is 1",
            "epolls: said nothing, is 0",
            "pipes: said 2, is 3",
        ];
        assert_eq!(differences(&snapshot, &other), expected);
    }
}

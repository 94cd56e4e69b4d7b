//! Which service a process is a run of: what is started in the same place under the same name.
//!
//! The place is what outlives a restart (pod, container, unit, else the cgroup); in a place processes are told
//! apart by their name and the first words of their command line, so that of one interpreter each script
//! is a service of its own. A new version of a program counts as the same.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::fnv1a;

/// Bytes of a place and of a program that are kept.
const MOST_BYTES: usize = 256;
/// Words of the command line that tell programs apart: the program, and what an interpreter runs or a
/// worker calls itself.
const WORDS: usize = 2;

/// What tells services apart; shared by all that speak of one. Not safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// First, so that most comparisons end with it.
    hash: u64,
    text: Arc<str>,
}

impl Hash for Service {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// What a process is known by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Its name.
    pub comm: &'a str,
    /// Its command line.
    pub cmdline: Option<&'a str>,
    /// Kubernetes pod.
    pub pod: Option<&'a str>,
    /// Container.
    pub container: Option<&'a str>,
    /// systemd unit.
    pub unit: Option<&'a str>,
    /// Path of its cgroup, or what else names its place.
    pub cgroup: Option<&'a str>,
}

impl Service {
    /// The service of a process.
    pub fn of(known: &Known<'_>) -> Self {
        let place = known.pod.or(known.container).or(known.unit).or(known.cgroup);
        let line = known.cmdline.unwrap_or_default();
        let is_name = |word: &&str| !word.starts_with('-');
        let words: Vec<&str> = line.split_whitespace().filter(is_name).take(WORDS).collect();
        let place = cut(place.unwrap_or_default());
        // A blank cannot be in a word, a line break hardly in a place.
        let program = format!("{}\n{}", known.comm, words.join(" "));
        let text: Arc<str> = format!("{place}\n{}", cut(&program)).into();
        Self { hash: fnv1a(0, text.bytes()), text }
    }

    /// Bytes of its names.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.len()
    }
}

/// As much of a text as is kept.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(comm: &str, cmdline: &str, unit: &str) -> Service {
        let (cmdline, unit) = (Some(cmdline), Some(unit));
        Service::of(&Known { comm, cmdline, unit, ..Known::default() })
    }

    #[test]
    fn a_restart_is_the_same_service_and_another_script_or_place_is_not() {
        let api = of("python3", "/usr/bin/python3 -u api.py --port 80", "api.service");
        assert_eq!(api, of("python3", "/usr/bin/python3 -u api.py --port 81", "api.service"));
        for other in [
            of("python3", "/usr/bin/python3 -u jobs.py --port 80", "api.service"),
            of("python3", "/usr/bin/python3 -u api.py --port 80", "b.service"),
            of("python2", "/usr/bin/python3 -u api.py --port 80", "api.service"),
        ] {
            assert_ne!(api, other);
        }
    }

    #[test]
    fn the_place_is_what_outlives_a_restart() {
        let known = Known { comm: "a", pod: Some("p"), container: Some("c1"), ..Known::default() };
        let again = Known { container: Some("c2"), cgroup: Some("/k/p/c2"), ..known };
        assert_eq!(Service::of(&known), Service::of(&again));
        let alone = Known { pod: None, ..known };
        assert_ne!(Service::of(&alone), Service::of(&Known { pod: None, ..again }));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = "ü".repeat(1000);
        let service = Service::of(&Known { comm: &long, cgroup: Some(&long), ..Known::default() });
        assert!(service.memory_bytes() <= 2 * MOST_BYTES + 1);
    }
}

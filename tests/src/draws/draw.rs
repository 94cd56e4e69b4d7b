//! What is drawn: which programs leak, and how fast.

use fastrand::Rng;

use crate::real::catalogue::{Entry, Resource, Truth};

/// Leaks that nobody can tell within minutes: they begin late, come in jumps or only under load, hide in
/// noise, or begin with what is no leak. Recordings judge those.
const UNHURRIED: &[&str] = &["late", "reload", "slow_in_noise", "under_load", "warm_leak"];
/// A leak is to be named within so many seconds.
pub(super) const NAMED_WITHIN: f64 = 180.0;
/// So many times the least growth that matters comes in that time, at least.
const EFFECTS: f64 = 3.0;
/// The least growth that matters: a fiftieth of what an interpreter or a virtual machine holds by itself,
/// about 100 MiB, and so many objects.
const EFFECT_BYTES: f64 = 2.0 * 1_048_576.0;
const EFFECT_ITEMS: f64 = 8.0;
const DAY_SECONDS: f64 = 86_400.0;
/// A rate lies so many times above the least one: evenly in its logarithm.
const ABOVE_LEAST: (f64, f64) = (1.1, 8.0);

/// A leak that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Which program.
    pub entry: &'static Entry,
    /// How much it loses a second.
    pub rate: f64,
}

/// What growth of a resource runs into.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Memory that the host has left, in bytes.
    pub bytes: f64,
    /// Descriptors that a process may have.
    pub descriptors: f64,
}

/// What an entry loses, if that can be told within minutes.
pub(super) fn lost(entry: &Entry) -> Option<Resource> {
    match entry.truth {
        Truth::Leak { resource, .. } if !UNHURRIED.contains(&entry.name) => Some(resource),
        _ => None,
    }
}

/// Draws so many leaks of different kinds, and of different languages as far as there are: a language,
/// what it loses, one of the programs that do, and a rate.
pub fn draw(rng: &mut Rng, among: &[&'static Entry], count: usize, limits: Limits) -> Vec<Draw> {
    let mut left: Vec<(&'static Entry, Resource)> =
        among.iter().filter_map(|entry| Some((*entry, lost(entry)?))).collect();
    let mut drawn: Vec<Draw> = Vec::new();
    while drawn.len() < count && !left.is_empty() {
        let is_new = |entry: &Entry| drawn.iter().all(|it| it.entry.language() != entry.language());
        let any_new = left.iter().any(|(entry, _)| is_new(entry));
        let mut rest: Vec<_> =
            left.iter().copied().filter(|(entry, _)| !any_new || is_new(entry)).collect();
        let language = one_of(rng, rest.iter().map(|(entry, _)| entry.language()));
        rest.retain(|(entry, _)| entry.language() == language);
        let name = one_of(rng, rest.iter().map(|(_, resource)| resource.name()));
        rest.retain(|(_, resource)| resource.name() == name);
        let (entry, resource) = rest[rng.usize(..rest.len())];
        let (low, high) = ABOVE_LEAST;
        let above = low * (high / low).powf(rng.f64());
        drawn.push(Draw { entry, rate: least_rate(resource, limits) * above });
        left.retain(|(_, other)| kind(*other) != kind(resource));
    }
    drawn
}

/// One of these names, however often each is there.
fn one_of(rng: &mut Rng, names: impl Iterator<Item = &'static str>) -> &'static str {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names[rng.usize(..names.len())]
}

/// All memory is of one kind; of objects each.
fn kind(resource: Resource) -> &'static str {
    if resource.is_bytes() { "memory" } else { resource.name() }
}

/// The least rate a second at which it is fair to ask for a name in minutes: it matters three times over
/// by then, and the limit is within a day. Objects other than descriptors have limits of the whole host,
/// which no program of the catalogue reaches in a day.
fn least_rate(resource: Resource, limits: Limits) -> f64 {
    let (effect, limit) = match resource {
        _ if resource.is_bytes() => (EFFECT_BYTES, limits.bytes),
        Resource::Descriptors | Resource::Sockets | Resource::CloseWait | Resource::Timerfds => {
            (EFFECT_ITEMS, limits.descriptors)
        }
        _ => (EFFECT_ITEMS, 0.0),
    };
    (EFFECTS * effect / NAMED_WITHIN).max(limit / DAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::real::catalogue::ENTRIES;

    const LIMITS: Limits = Limits { bytes: 16e9, descriptors: 4096.0 };

    fn all(count: usize) -> Vec<Vec<Draw>> {
        let among: Vec<_> = ENTRIES.iter().collect();
        (0..200).map(|seed| draw(&mut Rng::with_seed(seed), &among, count, LIMITS)).collect()
    }

    #[test]
    fn every_language_and_resource_is_drawn_and_a_seed_draws_the_same() {
        let drawn: Vec<Draw> = all(1).concat();
        assert_eq!(drawn.len(), 200);
        let told: Vec<_> = ENTRIES.iter().filter(|entry| lost(entry).is_some()).collect();
        let languages =
            |of: Vec<&Entry>| of.iter().map(|it| it.language()).collect::<BTreeSet<_>>();
        assert_eq!(languages(drawn.iter().map(|it| it.entry).collect()), languages(told));
        let resources: BTreeSet<_> =
            drawn.iter().filter_map(|it| lost(it.entry)).map(Resource::name).collect();
        assert!(resources.len() > 10, "{resources:?}");
        assert_eq!(all(1).concat(), drawn);
    }

    #[test]
    fn three_at_once_are_of_different_kinds_and_languages() {
        for drawn in all(3) {
            let kinds: BTreeSet<_> =
                drawn.iter().filter_map(|it| lost(it.entry)).map(kind).collect();
            assert_eq!((drawn.len(), kinds.len()), (3, 3), "{drawn:?}");
        }
    }

    #[test]
    fn rates_matter_within_minutes_and_reach_the_limit_within_a_day() {
        for Draw { entry, rate } in all(1).concat() {
            let (effect, limit) = match lost(entry).unwrap() {
                Resource::Descriptors => (8.0, LIMITS.descriptors),
                resource if resource.is_bytes() => (1_048_576.0, LIMITS.bytes),
                _ => (8.0, 0.0),
            };
            assert!(rate * NAMED_WITHIN >= 3.0 * effect && rate * DAY_SECONDS >= limit, "{rate}");
        }
    }
}

//! What applications report of themselves: resources, how long requests took, components. Bounded in number
//! and size, and everything ends: what is not reported again expires.

mod component;
mod counter;
mod request;
mod resource;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use component::RegisteredComponent;
use component::Registry;
pub(super) use counter::counted;
pub use resource::Resource;
use resource::Shelf;

use super::{Problem, Route};
use crate::host::clock;
use crate::output::{
    Timestamp,
    monitoring::{Durations, Percentiles, Whom},
};

/// Processes and components of which request durations are kept.
const MAX_TIMED: usize = 256;

/// All that is reported.
#[derive(Debug, Default)]
pub(super) struct Reported(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    shelf: Shelf,
    registry: Registry,
    durations: BTreeMap<Owner, Durations>,
}

/// Whose something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Anybody,
    Process(u32),
    Component(String),
}

pub(super) fn routes() -> Vec<Route> {
    let parts = [resource::routes(), component::routes(), request::routes(), counter::routes()];
    parts.into_iter().flatten().collect()
}

/// Now, on the wall clock.
fn now() -> Timestamp {
    Timestamp(clock::wall_ns())
}

fn minute_of(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000_000_000)
}

fn after(at: Timestamp, seconds: u32) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::from(seconds) * 1_000_000_000))
}

/// Refuses what has too few or too many characters.
fn check_length(what: &str, text: &str, most: usize) -> Result<(), Problem> {
    if (1..=most).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{what} has 1 to {most} characters")))
}

fn check_ttl(seconds: u32) -> Result<(), Problem> {
    if (1..=resource::MAX_TTL).contains(&seconds) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("ttlSeconds is 1 to {}", resource::MAX_TTL)))
}

/// No room: 429, since what is there expires.
fn full(detail: impl Into<String>) -> Problem {
    let status = axum::http::StatusCode::TOO_MANY_REQUESTS;
    Problem::of(status, "full", "No room", detail)
}

impl Reported {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many caches are reported; `None` where none is.
    pub(super) fn caches(&self, whom: &Whom) -> Option<u64> {
        let all = self.all();
        let resources = all.shelf.living(now());
        let is_one = |it: &&Resource| {
            it.kind == resource::CACHE && whom.concerns(it.pid, it.component.as_deref())
        };
        Some(resources.filter(is_one).count() as u64).filter(|count| *count > 0)
    }

    /// Percentiles of the durations reported over the last minutes.
    pub(super) fn percentiles(&self, whom: &Whom, minutes: u32) -> Percentiles {
        let owner = match whom {
            Whom::Host => Owner::Anybody,
            Whom::Process(pid) => Owner::Process(*pid),
            Whom::Component(name, _) => Owner::Component(name.clone()),
        };
        let all = self.all();
        let durations = all.durations.get(&owner);
        durations.map_or_else(Percentiles::default, |it| it.percentiles(minute_of(now()), minutes))
    }

    /// Components that are registered.
    pub(super) fn registered(&self) -> Vec<RegisteredComponent> {
        self.all().registry.living(now()).cloned().collect()
    }

    /// The processes that a component was registered with.
    pub(super) fn pids_of(&self, name: &str) -> Vec<u32> {
        let all = self.all();
        let named = all.registry.living(now()).find(|it| it.name == name);
        named.map_or_else(Vec::new, |it| it.pids.clone())
    }

    fn time(&self, owners: &[Owner], millis: f64) -> Result<(), Problem> {
        let minute = minute_of(now());
        let mut all = self.all();
        for owner in owners {
            if !all.durations.contains_key(owner) && all.durations.len() >= MAX_TIMED {
                all.durations.retain(|_, durations| !durations.is_old(minute));
                if all.durations.len() >= MAX_TIMED {
                    let detail =
                        format!("requests of {MAX_TIMED} processes and components are kept");
                    return Err(full(detail));
                }
            }
            all.durations.entry(owner.clone()).or_default().take(minute, millis);
        }
        Ok(())
    }
}

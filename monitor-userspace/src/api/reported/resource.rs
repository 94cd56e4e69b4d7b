//! Resources that an application reports: caches, listeners, streams, whatever it holds and gives back.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, after, check_length, check_ttl, full, now};
use crate::{
    api::{
        Api, Route,
        asked::{Asked, At, Given, check_short, too_large},
        route::JSON,
    },
    event::is_custom_name,
    output::{Timestamp, monitoring::Whom},
};

/// What `caches` counts.
pub(super) const CACHE: &str = "cache";
/// A week, in seconds.
pub(super) const MAX_TTL: u32 = 604_800;
/// An hour.
pub(super) const TTL: u32 = 3600;
/// Resources at most.
const MAX_RESOURCES: usize = 10_000;
/// Bytes that all take at most.
const MAX_BYTES: usize = 8 << 20;
/// Bytes of the metadata of one.
const MAX_METADATA: usize = 4096;
/// Characters of an id or a source.
const MAX_TEXT: usize = 256;
/// The largest whole number that JavaScript knows.
const MAX_SIZE: u64 = (1 << 53) - 1;

/// A resource that an application reported.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What kind it is: `cache`, `listener`, `stream`, …
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Which one.
    pub(super) id: String,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// Where in the program.
    pub(super) source: Option<String>,
    /// Whatever the program says of it.
    pub(super) metadata: Option<Map<String, Value>>,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// The process that holds it.
    pub(super) pid: Option<u32>,
    /// The component that holds it.
    pub(super) component: Option<String>,
    /// When it is forgotten unless it is reported again.
    pub(super) expires_at: Timestamp,
}

/// A resource to be remembered. One of this id that is there is replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewResource {
    /// What kind it is: `cache`, `listener`, `stream`, … A letter, then letters, digits and `_`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"))]
    kind: String,
    /// Which one; made up if it is left out.
    #[schemars(length(min = 1, max = 256))]
    id: Option<String>,
    /// When it was made; now if it is left out.
    #[schemars(with = "Option<Timestamp>")]
    created_at: Option<jiff::Timestamp>,
    /// Where in the program.
    #[schemars(length(min = 1, max = 256))]
    source: Option<String>,
    /// Whatever the program says of it, 4,096 bytes at most.
    metadata: Option<Map<String, Value>>,
    /// Its size in bytes.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    size: Option<u64>,
    /// The process that holds it.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// The component that holds it.
    #[schemars(length(min = 1, max = 256))]
    component: Option<String>,
    /// For how long it is remembered.
    #[serde(default = "ttl")]
    #[schemars(range(min = 1, max = 604_800))]
    ttl_seconds: u32,
}

pub(super) const fn ttl() -> u32 {
    TTL
}

/// Which resources.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct OfKind {
    /// Only of this kind.
    #[serde(rename = "type")]
    #[schemars(length(max = 40))]
    kind: Option<String>,
    /// Only of this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// Only of this component.
    #[schemars(length(max = 256))]
    component: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct Id {
    /// The resource.
    id: String,
}

/// Resources that applications reported, by id.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ResourceList {
    /// When this was asked.
    timestamp: Timestamp,
    /// The resources.
    resources: Vec<Resource>,
    /// How many there are.
    total: usize,
}

/// How many were removed.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct Removed {
    /// So many.
    removed: usize,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    resources: BTreeMap<String, Resource>,
    bytes: usize,
    made_up: u64,
}

fn bytes_of(it: &Resource) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let metadata = it.metadata.as_ref().map_or(0, metadata_bytes);
    size_of::<Resource>()
        + 2 * it.id.len()
        + it.kind.len()
        + text(&it.source)
        + text(&it.component)
        + 4 * metadata
}

fn metadata_bytes(metadata: &Map<String, Value>) -> usize {
    serde_json::to_vec(metadata).map_or(0, |text| text.len())
}

impl Shelf {
    pub(super) fn living(&self, now: Timestamp) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(move |it| it.expires_at > now)
    }

    /// Remembers one; whether it is new.
    fn put(&mut self, resource: Resource, now: Timestamp) -> Result<bool, Problem> {
        let before = self.resources.get(&resource.id).map_or(0, bytes_of);
        let is_full = |shelf: &Self| {
            shelf.bytes - before + bytes_of(&resource) > MAX_BYTES
                || (before == 0 && shelf.resources.len() >= MAX_RESOURCES)
        };
        if is_full(self) {
            self.remove(|it| it.expires_at <= now && it.id != resource.id);
        }
        if is_full(self) {
            let detail = format!("{MAX_RESOURCES} resources of {MAX_BYTES} bytes are kept at most");
            return Err(full(detail));
        }
        self.bytes = self.bytes - before + bytes_of(&resource);
        let replaced = self.resources.insert(resource.id.clone(), resource);
        Ok(replaced.is_none_or(|it| it.expires_at <= now))
    }

    fn remove(&mut self, is_one: impl Fn(&Resource) -> bool) -> usize {
        let count = self.resources.len();
        let bytes = &mut self.bytes;
        self.resources.retain(|_, it| {
            let stays = !is_one(it);
            if !stays {
                *bytes -= bytes_of(it);
            }
            stays
        });
        count - self.resources.len()
    }

    /// An id that is not in use.
    fn fresh_id(&mut self) -> String {
        loop {
            self.made_up += 1;
            let id = format!("r{}", self.made_up);
            if !self.resources.contains_key(&id) {
                return id;
            }
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    let path = "/api/monitoring/resources";
    let one = "/api/monitoring/resources/{id}";
    vec![
        Route::get(path, "Resources that applications report", list)
            .asks::<OfKind>()
            .gives::<ResourceList>("The resources."),
        Route::post(path, "Report a resource", put)
            .takes::<NewResource>()
            .gives::<Resource>("It was there and is replaced.")
            .gives_as::<Resource>(201, JSON, "It is remembered."),
        Route::delete(path, "Remove resources; all of them if nothing is said", clear)
            .asks::<OfKind>()
            .gives::<Removed>("How many are gone."),
        Route::get(one, "A resource", get).at::<Id>().may_miss().gives::<Resource>("The resource."),
        Route::delete(one, "Remove a resource", delete)
            .at::<Id>()
            .may_miss()
            .gives::<Removed>("It is gone."),
    ]
}

impl OfKind {
    fn check(&self) -> Result<(), Problem> {
        check_short("type", self.kind.as_ref(), 40)?;
        check_short("component", self.component.as_ref(), MAX_TEXT)
    }

    fn selects(&self, it: &Resource) -> bool {
        let whom = match (self.pid, &self.component) {
            (Some(pid), _) => Whom::Process(pid),
            (None, Some(name)) => Whom::Component(name.clone(), Vec::new()),
            (None, None) => Whom::Host,
        };
        let is_kind = self.kind.as_ref().is_none_or(|kind| *kind == it.kind);
        is_kind && whom.concerns(it.pid, it.component.as_deref())
    }
}

impl NewResource {
    fn check(&self) -> Result<(), Problem> {
        check_length("type", &self.kind, 40)?;
        let is_plain = |kind: &str| is_custom_name(kind) && !kind.contains(['-', '.']);
        if !is_plain(&self.kind) || self.kind.starts_with('_') {
            return Err(Problem::bad_request("type is a letter, then letters, digits and _"));
        }
        self.id.iter().try_for_each(|id| check_length("id", id, MAX_TEXT))?;
        self.source.iter().try_for_each(|it| check_length("source", it, MAX_TEXT))?;
        self.component.iter().try_for_each(|it| check_length("component", it, MAX_TEXT))?;
        check_ttl(self.ttl_seconds)?;
        if self.size.is_some_and(|size| size > MAX_SIZE) {
            return Err(Problem::bad_request("size is no more than 9007199254740991"));
        }
        if self.metadata.as_ref().is_some_and(|it| metadata_bytes(it) > MAX_METADATA) {
            return Err(too_large(format!("metadata is {MAX_METADATA} bytes at most")));
        }
        Ok(())
    }
}

async fn list(
    State(api): State<Api>,
    Asked(of): Asked<OfKind>,
) -> Result<Json<ResourceList>, Problem> {
    of.check()?;
    let timestamp = now();
    let all = api.reported().all();
    let resources: Vec<_> =
        all.shelf.living(timestamp).filter(|it| of.selects(it)).cloned().collect();
    Ok(Json(ResourceList { timestamp, total: resources.len(), resources }))
}

async fn put(State(api): State<Api>, Given(new): Given<NewResource>) -> Result<Response, Problem> {
    new.check()?;
    let timestamp = now();
    let mut all = api.reported().all();
    let nanos = |at: jiff::Timestamp| {
        let limits = (i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp(at.as_nanosecond().clamp(limits.0, limits.1) as i64)
    };
    let resource = Resource {
        kind: new.kind,
        id: new.id.unwrap_or_else(|| all.shelf.fresh_id()),
        created_at: new.created_at.map_or(timestamp, nanos),
        source: new.source,
        metadata: new.metadata,
        size: new.size,
        pid: new.pid,
        component: new.component,
        expires_at: after(timestamp, new.ttl_seconds),
    };
    let is_new = all.shelf.put(resource.clone(), timestamp)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(resource)).into_response())
}

async fn clear(State(api): State<Api>, Asked(of): Asked<OfKind>) -> Result<Json<Removed>, Problem> {
    of.check()?;
    Ok(Json(Removed { removed: api.reported().all().shelf.remove(|it| of.selects(it)) }))
}

async fn get(State(api): State<Api>, At(Id { id }): At<Id>) -> Result<Json<Resource>, Problem> {
    let all = api.reported().all();
    let found = all.shelf.living(now()).find(|it| it.id == id);
    found.cloned().map(Json).ok_or_else(|| Problem::not_found("there is no such resource"))
}

async fn delete(State(api): State<Api>, At(Id { id }): At<Id>) -> Result<Json<Removed>, Problem> {
    match api.reported().all().shelf.remove(|it| it.id == id) {
        0 => Err(Problem::not_found("there is no such resource")),
        removed => Ok(Json(Removed { removed })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: &str, expires: i64) -> Resource {
        Resource {
            kind: CACHE.to_owned(),
            id: id.to_owned(),
            created_at: Timestamp(0),
            source: None,
            metadata: None,
            size: None,
            pid: Some(7),
            component: None,
            expires_at: Timestamp(expires),
        }
    }

    #[test]
    fn what_has_expired_is_not_there_and_makes_room() {
        let mut shelf = Shelf::default();
        assert!(shelf.put(resource("a", 10), Timestamp(0)).unwrap());
        assert!(!shelf.put(resource("a", 20), Timestamp(1)).unwrap(), "it was there");
        assert_eq!(shelf.living(Timestamp(19)).count(), 1);
        assert_eq!(shelf.living(Timestamp(20)).count(), 0);
        assert!(shelf.put(resource("a", 30), Timestamp(25)).unwrap(), "it had gone");
        for number in 1..MAX_RESOURCES {
            shelf.put(resource(&format!("n{number}"), 40), Timestamp(25)).unwrap();
        }
        let refused = shelf.put(resource("one more", 90), Timestamp(29)).unwrap_err();
        assert_eq!(refused.status, 429);
        assert!(!shelf.put(resource("n1", 90), Timestamp(29)).unwrap(), "but replaced it can be");
        assert!(shelf.put(resource("one more", 90), Timestamp(31)).unwrap(), "a has expired");
        assert_eq!(shelf.remove(|_| true), MAX_RESOURCES);
        assert_eq!(shelf.bytes, 0);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut shelf = Shelf::default();
        let large = |id: &str| {
            let text = Value::String("x".repeat(4000));
            let metadata = Some(Map::from_iter([("text".to_owned(), text)]));
            Resource { metadata, ..resource(id, 10) }
        };
        let mut count = 0;
        while shelf.put(large(&count.to_string()), Timestamp(0)).is_ok() {
            count += 1;
        }
        assert!((300..1000).contains(&count), "{count}");
        assert!(shelf.bytes <= MAX_BYTES);
    }
}

//! Components that an application registers, with thresholds of their own.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, after, check_length, check_ttl, full, now, resource::ttl};
use crate::{
    api::{
        Api, Route,
        asked::{Given, Object},
        route::JSON,
    },
    output::{Timestamp, monitoring::Thresholds},
};

/// Components at most.
const MAX_COMPONENTS: usize = 128;
/// Processes of one.
const MAX_PIDS: usize = 256;

/// A component that an application registered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredComponent {
    /// Its name.
    pub(in crate::api) name: String,
    /// Its processes, if the agent knows no component of this name.
    pub(in crate::api) pids: Vec<u32>,
    /// From where on it is worth a warning, or critical.
    pub(in crate::api) thresholds: Thresholds,
    /// When it is forgotten unless it is registered again.
    pub(super) expires_at: Timestamp,
}

/// A component to be registered. One of this name that is there is replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewComponent {
    /// Its name: that of a systemd unit, container or cgroup, or any other with `pids`.
    #[schemars(length(min = 1, max = 256))]
    name: String,
    /// Its processes, if the agent knows no component of this name.
    #[serde(default)]
    #[schemars(length(max = 256), inner(range(max = 4_294_967_295_u32)))]
    pids: Vec<u32>,
    /// From where on it is worth a warning, or critical.
    #[serde(default)]
    thresholds: Object<Thresholds>,
    /// For how long it is remembered.
    #[serde(default = "ttl")]
    #[schemars(range(min = 1, max = 604_800))]
    ttl_seconds: u32,
}

/// What is registered, by name.
#[derive(Debug, Default)]
pub(super) struct Registry(BTreeMap<String, RegisteredComponent>);

impl Registry {
    pub(super) fn living(&self, now: Timestamp) -> impl Iterator<Item = &RegisteredComponent> {
        self.0.values().filter(move |it| it.expires_at > now)
    }

    /// Remembers one; whether it is new.
    fn put(&mut self, component: RegisteredComponent, now: Timestamp) -> Result<bool, Problem> {
        self.0.retain(|_, it| it.expires_at > now);
        if self.0.len() >= MAX_COMPONENTS && !self.0.contains_key(&component.name) {
            return Err(full(format!("{MAX_COMPONENTS} components are kept at most")));
        }
        Ok(self.0.insert(component.name.clone(), component).is_none())
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/monitoring/components", "Register a component", put)
            .takes::<NewComponent>()
            .gives::<RegisteredComponent>("It was there and is replaced.")
            .gives_as::<RegisteredComponent>(201, JSON, "It is remembered."),
    ]
}

async fn put(State(api): State<Api>, Given(new): Given<NewComponent>) -> Result<Response, Problem> {
    check_length("name", &new.name, 256)?;
    check_ttl(new.ttl_seconds)?;
    if new.pids.len() > MAX_PIDS {
        return Err(Problem::bad_request(format!("pids are {MAX_PIDS} at most")));
    }
    let Object(thresholds) = new.thresholds;
    if !thresholds.are_valid() {
        return Err(Problem::bad_request("thresholds are 0 to 1000000000"));
    }
    let timestamp = now();
    let component = RegisteredComponent {
        name: new.name,
        pids: new.pids,
        thresholds,
        expires_at: after(timestamp, new.ttl_seconds),
    };
    let is_new = api.reported().all().registry.put(component.clone(), timestamp)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(component)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_expire() {
        let component = |name: String, expires| RegisteredComponent {
            name,
            pids: Vec::new(),
            thresholds: Thresholds::default(),
            expires_at: Timestamp(expires),
        };
        let mut registry = Registry::default();
        for number in 0..MAX_COMPONENTS {
            assert!(registry.put(component(number.to_string(), 10), Timestamp(0)).unwrap());
        }
        assert_eq!(
            registry.put(component("more".into(), 90), Timestamp(9)).unwrap_err().status,
            429
        );
        assert!(!registry.put(component("0".into(), 90), Timestamp(9)).unwrap());
        assert!(registry.put(component("more".into(), 90), Timestamp(10)).unwrap());
        assert_eq!(registry.living(Timestamp(10)).count(), 2);
    }
}

//! Silences: causes of which nobody wants to hear for a time.

use axum::{
    Extension, Json, Router,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
    routing::{delete, get},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Api, Caller, Problem};
use crate::{
    alert::{Alerts, decide},
    config::TimeSpan,
    output::Timestamp,
};

/// Letters of a reason.
const MAX_REASON: usize = 1000;

/// A silence.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id.
    id: String,
    /// Id of the finding that was named.
    finding: String,
    /// Which rule is silent.
    rule: String,
    /// For which process; `null` for a component or the host.
    pid: Option<u32>,
    /// Its component.
    component: Option<String>,
    /// What of it is silent.
    resource: String,
    /// Since when.
    from: Timestamp,
    /// Until when, unless it doubles before.
    until: Timestamp,
    /// Why.
    reason: String,
}

/// All silences.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silences {
    /// When they were asked for.
    timestamp: Timestamp,
    /// Those there are.
    silences: Vec<Silence>,
}

/// What is to be silent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Id of a finding that is open, or what it begins with.
    finding: String,
    /// For how long: `2h`.
    #[serde(rename = "for")]
    time: TimeSpan,
    /// Why.
    #[serde(default)]
    reason: String,
}

impl From<decide::Silence> for Silence {
    fn from(it: decide::Silence) -> Self {
        let decide::Cause { rule, pid, resource, component, .. } = it.cause;
        let decide::Silence { id, finding, from, until, reason, .. } = it;
        Self { id, finding, rule, pid, component, resource, from, until, reason }
    }
}

/// Its routes.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/monitoring/silences", get(list).post(begin))
        .route("/api/monitoring/silences/{id}", delete(end))
}

async fn list(Extension(alerts): Extension<Option<Alerts>>) -> Result<Json<Silences>, Problem> {
    let silences = on(alerts)?.silences().await?.into_iter().map(Silence::from).collect();
    let timestamp = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0));
    Ok(Json(Silences { timestamp, silences }))
}

async fn begin(
    Extension(alerts): Extension<Option<Alerts>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    may_change(caller)?;
    let Json(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    if wanted.reason.chars().count() > MAX_REASON {
        return Err(Problem::bad_request(format!("a reason has at most {MAX_REASON} letters")));
    }
    let silenced = on(alerts)?.silence(wanted.finding, wanted.time.0, wanted.reason).await?;
    let silence = silenced.map_err(Problem::not_found)?;
    Ok((StatusCode::CREATED, Json(silence.into())))
}

async fn end(
    Extension(alerts): Extension<Option<Alerts>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    may_change(caller)?;
    if !on(alerts)?.unsilence(id.clone()).await? {
        return Err(Problem::not_found(format!("there is no silence {id}")));
    }
    Ok(StatusCode::NO_CONTENT)
}

fn on(alerts: Option<Alerts>) -> Result<Alerts, Problem> {
    alerts.ok_or_else(|| Problem::unavailable("alerts are off: [alerts] enabled = false"))
}

/// Only who may use the unix socket changes what others are told of.
fn may_change(caller: Caller) -> Result<(), Problem> {
    match caller {
        Caller::Local => Ok(()),
        Caller::Remote(_) => Err(Problem::of(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Forbidden",
            "silences are changed over the agent's unix socket",
        )),
    }
}

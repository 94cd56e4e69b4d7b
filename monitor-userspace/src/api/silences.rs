//! Silences: causes of which nobody wants to hear for a time.

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    asked::{At, Given},
    route::{JSON, Route},
};
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Id of a finding that is open, or what it begins with.
    finding: String,
    /// For how long: `2h`.
    #[serde(rename = "for")]
    #[schemars(with = "String", regex(pattern = r"^[1-9][0-9]{0,3}(ms|s|m|h|d)$"))]
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

/// Which silence.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// Its id.
    id: String,
}

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/monitoring/silences", "/api/monitoring/silences/{id}");
    vec![
        Route::get(all, "Causes of which nobody is told for a while", list)
            .gives::<Silences>("The silences."),
        Route::post(all, "Let nobody be told of a cause for a while, unless it doubles", begin)
            .takes::<Wanted>()
            .may_miss()
            .gives_as::<Silence>(201, JSON, "The silence."),
        Route::delete(one, "End a silence", end).at::<Which>().may_miss().gives_as::<Ended>(
            200,
            JSON,
            "It is over.",
        ),
    ]
}

/// A silence is over.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Ended {
    /// Its id.
    id: String,
}

async fn list(State(api): State<Api>) -> Result<Json<Silences>, Problem> {
    let silences = on(&api)?.silences().await?.into_iter().map(Silence::from).collect();
    let timestamp = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0));
    Ok(Json(Silences { timestamp, silences }))
}

async fn begin(
    State(api): State<Api>,
    Given(wanted): Given<Wanted>,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    if wanted.reason.chars().count() > MAX_REASON {
        return Err(Problem::bad_request(format!("a reason has at most {MAX_REASON} letters")));
    }
    let silenced = on(&api)?.silence(wanted.finding, wanted.time.0, wanted.reason).await?;
    let silence = silenced.map_err(Problem::not_found)?;
    Ok((StatusCode::CREATED, Json(silence.into())))
}

async fn end(State(api): State<Api>, At(Which { id }): At<Which>) -> Result<Json<Ended>, Problem> {
    if !on(&api)?.unsilence(id.clone()).await? {
        return Err(Problem::not_found(format!("there is no silence {id}")));
    }
    Ok(Json(Ended { id }))
}

fn on(api: &Api) -> Result<&Alerts, Problem> {
    let off = || Problem::unavailable("alerts are off: [alerts] enabled = false");
    api.others().alerts.as_ref().ok_or_else(off)
}

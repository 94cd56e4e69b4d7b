//! How long an application's requests took.

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Owner, Problem, check_length};
use crate::api::{
    Api, Route,
    asked::{Given, Object},
    route::JSON,
};

/// Requests in one call.
const MAX_REQUESTS: usize = 1000;
/// A day, in milliseconds.
const MAX_MS: f64 = 86_400_000.0;

/// Requests that ended just now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRequests {
    /// The requests.
    #[schemars(length(min = 1, max = 1000))]
    requests: Vec<Object<NewRequest>>,
}

/// A request that ended just now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRequest {
    /// How long it took, in milliseconds.
    #[schemars(range(min = 0, max = 86_400_000))]
    duration_ms: f64,
    /// The process that answered it.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// The component that answered it.
    #[schemars(length(min = 1, max = 256))]
    component: Option<String>,
}

/// What was taken.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(super) struct Taken {
    /// So many.
    pub(super) taken: usize,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/monitoring/requests", "Report how long requests took", put)
            .takes::<NewRequests>()
            .gives_as::<Taken>(202, JSON, "They count from now on."),
    ]
}

async fn put(
    State(api): State<Api>,
    Given(NewRequests { requests }): Given<NewRequests>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    if !(1..=MAX_REQUESTS).contains(&requests.len()) {
        return Err(Problem::bad_request(format!("requests are 1 to {MAX_REQUESTS}")));
    }
    for Object(request) in &requests {
        if !(0.0..=MAX_MS).contains(&request.duration_ms) {
            return Err(Problem::bad_request("durationMs is 0 to 86400000"));
        }
        request.component.iter().try_for_each(|name| check_length("component", name, 256))?;
    }
    for Object(request) in &requests {
        let process = request.pid.map(Owner::Process);
        let component = request.component.clone().map(Owner::Component);
        let owners: Vec<Owner> =
            [Some(Owner::Anybody), process, component].into_iter().flatten().collect();
        api.reported().time(&owners, request.duration_ms)?;
    }
    Ok((StatusCode::ACCEPTED, Json(Taken { taken: requests.len() })))
}

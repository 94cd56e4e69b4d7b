//! The agent itself: whether it lives, whether it keeps up, and its own figures.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Api, Problem, Route, route::TEXT};
use crate::{
    history::HistoryState,
    output::{Stats, Timestamp},
};

/// How the agent is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Version of the agent.
    pub version: &'static str,
    /// When it began to watch.
    pub since: Timestamp,
    /// For how long it has watched, in seconds.
    pub uptime: f64,
    /// Processes it watches.
    pub processes: usize,
    /// Findings that are open.
    pub open_findings: usize,
    /// Whether what it says is complete: no event was lost.
    pub complete: bool,
    /// How its history is; `null` where none is kept.
    pub history: Option<HistoryState>,
    /// How its configuration was read last.
    pub configuration: Option<Configuration>,
    /// How its alerts are; `null` where nobody is told.
    pub alerts: Option<AlertsState>,
    /// Its own figures.
    pub stats: Option<Stats>,
}

/// How alerts are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AlertsState {
    /// What keeps them from being kept over a restart; `null` while all is well. They are told all the same, and
    /// writing is tried again.
    pub problem: Option<String>,
}

/// How the configuration was read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// When the one that counts was read.
    pub loaded_at: Timestamp,
    /// What is wrong with the one that was read last, which does not count; `null` while all is well.
    pub problem: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/healthz", "Whether the agent lives", alive)
            .gives_as::<str>(200, TEXT, "It does."),
        Route::get("/readyz", "Whether it has seen processes", ready).gives_as::<str>(
            200,
            TEXT,
            "It has; with what is to be mended of its history.",
        ),
        Route::get("/api/monitoring/agent", "How the agent is", status)
            .gives::<Status>("How it is."),
    ]
}

async fn alive() -> &'static str {
    "ok\n"
}

/// Ready once processes were seen. Without a history that can be written it is ready all the same.
async fn ready(State(api): State<Api>) -> Result<String, Problem> {
    let view = api.seen().now().await?;
    if view.samples == 0 {
        return Err(Problem::unavailable("no process was read yet"));
    }
    let to_mend = api.history().ok().and_then(|history| history.health().now().to_mend());
    Ok(to_mend.map_or("ok\n".to_owned(), |to_mend| format!("ok, but {to_mend}\n")))
}

async fn status(State(api): State<Api>) -> Result<Json<Status>, Problem> {
    let view = api.seen().now().await?;
    let stats = view.stats.clone();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        since: view.from,
        uptime: view.seconds,
        processes: view.processes.iter().filter(|it| !it.snapshot.is_final).count(),
        open_findings: view.open_findings().len(),
        complete: stats.as_ref().is_some_and(|stats| stats.events_lost == 0),
        history: api.history().ok().map(|history| history.health().now()),
        configuration: api.configuration(),
        alerts: api
            .others()
            .alerts
            .as_ref()
            .map(|alerts| AlertsState { problem: alerts.problem() }),
        stats,
    }))
}

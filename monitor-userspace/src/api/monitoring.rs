//! What monitoring asks: health, metrics, report, leaks.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem, Route,
    asked::{Asked, Of, Wanted},
    route::JSON,
    sending::Keep,
};
use crate::output::{
    View,
    monitoring::{
        Health, LeakCheck, Metrics, MonitoringLeaks, MonitoringReport, Scope, ScopeKind, Whom,
    },
};

/// The last hour.
const PERIOD: u32 = 60;
/// A day.
const MAX_PERIOD: u32 = 1440;

/// Over which time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Over {
    /// The last so many minutes.
    #[schemars(range(min = 1, max = 1440))]
    period: u32,
    /// Only this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// Only this component: its name or the path of its cgroup.
    #[schemars(length(max = 256))]
    component: Option<String>,
}

impl Default for Over {
    fn default() -> Self {
        Self { period: PERIOD, pid: None, component: None }
    }
}

/// What was to be done, and whether it can be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotYet {
    /// Whether anything was cleaned: `null`, as nothing is there yet that could.
    cleaned: Option<bool>,
    /// What was done: nothing.
    actions: Vec<String>,
    /// Bytes freed, as measured before and after; `null` likewise.
    bytes_freed: Option<u64>,
    /// Whether this version can do it at all.
    available: bool,
    /// Why not.
    detail: &'static str,
}

pub(super) fn routes() -> Vec<Route> {
    let not_there = "Nothing is done: actions are not there yet, and the figures are null.";
    let not_yet = |path, summary| Route::post(path, summary, cleanup).gives::<NotYet>(not_there);
    vec![
        Route::get("/api/monitoring/health", "How it is, in a word and why", health)
            .keeps(Keep::WithView)
            .asks::<Of>()
            .may_miss()
            .gives::<Health>("How it is."),
        Route::get("/api/monitoring/metrics", "Averages and peaks over a period", metrics)
            .keeps(Keep::WithView)
            .asks::<Over>()
            .may_miss()
            .gives::<Metrics>("The figures."),
        Route::get("/api/monitoring/report", "The time watched on one page", report)
            .keeps(Keep::WithView)
            .asks::<Of>()
            .may_miss()
            .gives::<MonitoringReport<'static>>("The page."),
        Route::get("/api/monitoring/leaks", "Growth that was found", leaks)
            .keeps(Keep::WithView)
            .asks::<Of>()
            .may_miss()
            .gives::<MonitoringLeaks<'static>>("The growth."),
        Route::post("/api/monitoring/leak-check", "Check for leaks and passed limits", leak_check)
            .keeps(Keep::Never)
            .asks::<Of>()
            .may_miss()
            .gives::<LeakCheck<'static>>("What was found."),
        not_yet("/api/monitoring/cleanup", "Clean up"),
        not_yet("/api/monitoring/gc", "Collect garbage in a process"),
        not_yet("/api/monitoring/leak-force-cleanup", "Clean up what leaks"),
    ]
}

/// JSON, made where it holds nobody up: of thousands of processes it takes a while.
pub(super) async fn rendered(
    make: impl FnOnce() -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    rendered_as(JSON, make).await
}

/// The same of any kind.
pub(super) async fn rendered_as(
    kind: &'static str,
    make: impl FnOnce() -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let made = tokio::task::spawn_blocking(|| {
        let mut body = make()?;
        // It may wait to be read for a while.
        body.shrink_to_fit();
        Ok::<_, Problem>(body)
    })
    .await;
    let body = made.map_err(|_died| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::of(status, "internal", "Internal error", "the answer could not be made")
    })??;
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// An answer about a part of what was seen.
pub(super) async fn about(
    api: &Api,
    wanted: Wanted,
    make: impl FnOnce(&View, &View, Scope) -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Result<Response, Problem> {
    let view = api.seen().now().await?;
    rendered(move || {
        let (part, scope) = wanted.part(&view)?;
        as_json(make(&part, &view, scope))
    })
    .await
}

/// What cannot be written as JSON is a defect.
pub(super) fn as_json(made: serde_json::Result<Vec<u8>>) -> Result<Vec<u8>, Problem> {
    made.map_err(|error| anyhow::Error::new(error).context("make the answer").into())
}

async fn health(State(api): State<Api>, Asked(of): Asked<Of>) -> Result<Response, Problem> {
    let wanted = of.wanted(&api);
    let registered = api.reported().registered();
    about(&api.clone(), wanted, move |part, whole, scope| {
        let mut health = Health::of(part, whole, scope.clone());
        if scope.kind == ScopeKind::Host
            && let Ok(history) = api.history()
        {
            health.keeps(history.health().now().to_mend());
        }
        for component in registered {
            let name = &component.name;
            if scope.pid.is_some() || scope.component.as_ref().is_some_and(|it| it != name) {
                continue;
            }
            let whom = Whom::Component(name.clone(), component.pids.clone());
            let Ok((members, its)) = whole.narrowed(&whom) else { continue };
            let response_time = api.reported().percentiles(&whom, super::LOAD_MINUTES).p95;
            let load = Health::load(&members, whole, &its, response_time);
            for passed in component.thresholds.passed(load) {
                health.count(name, &passed);
            }
        }
        serde_json::to_vec(&health)
    })
    .await
}

async fn metrics(State(api): State<Api>, Asked(over): Asked<Over>) -> Result<Response, Problem> {
    let Over { period, pid, component } = over;
    if !(1..=MAX_PERIOD).contains(&period) {
        return Err(Problem::bad_request("period is 1 to 1440 minutes"));
    }
    let wanted = Of { pid, component }.wanted(&api);
    let response_time = api.reported().percentiles(&wanted.whom, period);
    about(&api.clone(), wanted, move |part, _, scope| {
        let past = api.past();
        serde_json::to_vec(&Metrics::of(part, scope, &past, period, response_time))
    })
    .await
}

async fn report(State(api): State<Api>, Asked(of): Asked<Of>) -> Result<Response, Problem> {
    let wanted = of.wanted(&api);
    let caches = api.reported().caches(&wanted.whom);
    about(&api, wanted, move |part, _, scope| {
        serde_json::to_vec(&MonitoringReport::of(part, scope, caches))
    })
    .await
}

async fn leaks(State(api): State<Api>, Asked(of): Asked<Of>) -> Result<Response, Problem> {
    let wanted = of.wanted(&api);
    about(&api, wanted, |part, _, scope| serde_json::to_vec(&MonitoringLeaks::of(part, scope)))
        .await
}

async fn leak_check(State(api): State<Api>, Asked(of): Asked<Of>) -> Result<Response, Problem> {
    let wanted = of.wanted(&api);
    about(&api, wanted, |part, _, scope| serde_json::to_vec(&LeakCheck::of(part, scope))).await
}

async fn cleanup() -> Result<Response, Problem> {
    let answer = NotYet {
        cleaned: None,
        actions: Vec::new(),
        bytes_freed: None,
        available: false,
        detail: "nothing was done: this version only observes, actions are not there yet",
    };
    rendered(move || as_json(serde_json::to_vec(&answer))).await
}

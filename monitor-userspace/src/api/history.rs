//! What was kept: rows of one process, a component or the host; and forgetting it.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Api, Problem, asked::Asked, route::Route, sending::Keep};
use crate::{
    history::{Handle, Of, Reader, Rows, Since, StoreError, Value},
    output::{Timestamp, View},
};

/// Readers at a time: each takes a thread, and memory for what it reads.
pub(super) const READERS: usize = 2;
/// Longest time asked for, in minutes: a year.
const MOST_MINUTES: u32 = 366 * 24 * 60;

/// What is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Wanted {
    /// Of this process.
    pid: Option<u32>,
    /// Which started then; else the last of that pid.
    start_time: Option<Timestamp>,
    /// Of this group of processes.
    component: Option<String>,
    /// For how long, until now.
    #[schemars(range(min = 1, max = MOST_MINUTES))]
    minutes: u32,
    /// Of coarser steps the least, the mean or the greatest.
    value: Value,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { pid: None, start_time: None, component: None, minutes: 60, value: Value::Mean }
    }
}

/// Rows of one process, a component or the host. More than a day comes in steps of five minutes, more than
/// ten days in steps of an hour.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer {
    /// Until when.
    pub timestamp: Timestamp,
    /// Whose.
    pub scope: HistoryScope,
    /// How far apart the rows are, in seconds.
    pub step_seconds: f64,
    /// What is in a row; `ts` is in milliseconds since 1970.
    pub columns: Vec<&'static str>,
    /// The oldest first; `null` is unknown.
    pub rows: Vec<Vec<Option<f64>>>,
}

/// Whose history it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryScope {
    /// The process.
    pub pid: Option<u32>,
    /// When it started, where that was asked for.
    pub start_time: Option<Timestamp>,
    /// The group of processes.
    pub component: Option<String>,
}

impl Wanted {
    fn of(&self) -> Result<Of, Problem> {
        if !(1..=MOST_MINUTES).contains(&self.minutes) {
            let message =
                format!("minutes={}: from 1 to {MOST_MINUTES} can be asked for", self.minutes);
            return Err(Problem::bad_request(message));
        }
        match (self.pid, &self.component) {
            (Some(_), Some(_)) => {
                Err(Problem::bad_request("ask for a pid or for a component, not for both"))
            }
            (None, _) if self.start_time.is_some() => {
                Err(Problem::bad_request("startTime belongs to a pid"))
            }
            (Some(pid), None) => Ok(Of::Process { pid, started: self.start_time }),
            (None, Some(component)) => Ok(Of::Component(component.clone())),
            (None, None) => Ok(Of::Host),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/monitoring/history",
            "What was kept of a process, a component or the host",
            history,
        )
        .keeps(Keep::Never)
        .asks::<Wanted>()
        .may_miss()
        .gives::<HistoryAnswer>("Rows, the oldest first."),
        Route::post("/api/monitoring/reset", "Forget all that was kept", reset)
            .gives::<Forgotten>("It is forgotten."),
    ]
}

async fn history(
    State(api): State<Api>,
    Asked(asked): Asked<Wanted>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let of = asked.of()?;
    let handle = api.history()?;
    let step = handle.options().interval.0.as_secs_f64();
    let to_ms = jiff::Timestamp::now().as_millisecond();
    let from_ms = to_ms - i64::from(asked.minutes) * 60_000;
    let value = asked.value;
    let what = match &of {
        Of::Host => "the host".to_owned(),
        Of::Process { pid, .. } => format!("a process {pid}"),
        Of::Component(name) => format!("a component {name:?}"),
    };
    let found = read(&api, move |reader| reader.rows(&of, from_ms, to_ms, value)).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("nothing was kept of {what}")))?;
    Ok(Json(HistoryAnswer {
        timestamp: Timestamp::from_millis(to_ms),
        scope: HistoryScope {
            pid: asked.pid,
            start_time: asked.start_time,
            component: asked.component,
        },
        step_seconds: found.step_ms.map_or(step, |ms| ms as f64 / 1e3),
        columns: std::iter::once("ts").chain(found.columns.iter().copied()).collect(),
        rows: rows(found),
    }))
}

fn rows(found: Rows) -> Vec<Vec<Option<f64>>> {
    let row = |(ts, values): (i64, Vec<Option<f64>>)| {
        std::iter::once(Some(ts as f64)).chain(values).collect()
    };
    found.rows.into_iter().map(row).collect()
}

/// The view since a time that may lie before this run.
pub(super) async fn since(api: &Api, view: Arc<View>, text: &str) -> Result<Arc<View>, Problem> {
    let since = Since::read(text, view.to).map_err(Problem::bad_request)?;
    api.history()?;
    read(api, move |reader| reader.since(&view, since)).await.map(Arc::new)
}

/// Forgets all that was kept.
async fn reset(State(api): State<Api>) -> Result<Json<Forgotten>, Problem> {
    let handle: &Handle = api.history()?;
    handle.reset().await?;
    Ok(Json(Forgotten {
        timestamp: Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
        reset: true,
    }))
}

/// The history is empty.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Forgotten {
    /// When it was emptied.
    pub timestamp: Timestamp,
    /// That it was.
    pub reset: bool,
}

/// Reads on a thread of its own; of many who ask, some wait.
async fn read<T: Send + 'static>(
    api: &Api,
    ask: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let path = api.history()?.options().path.clone();
    let _turn = api.readers().acquire().await.map_err(anyhow::Error::from)?;
    let asked = tokio::task::spawn_blocking(move || ask(&Reader::open(&path)?));
    let answer = asked.await.map_err(anyhow::Error::from)?;
    answer.map_err(|error| Problem::unavailable(format!("the history cannot be read: {error}")))
}

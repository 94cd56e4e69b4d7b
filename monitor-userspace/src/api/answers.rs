//! The answers of the commands that ask a running agent: rendered here, so that a client of another version
//! prints what the agent means.

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Api, Problem, history};
use crate::{
    output::answer::UnknownFinding,
    sink::{Paint, answer::Question},
};

/// In which form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Form {
    /// Of which finding, for `explain`.
    finding: Option<String>,
    /// With findings and trends that were kept since then: `2h` or a time in RFC 3339.
    since: Option<String>,
    /// As text; else as JSON.
    text: bool,
    /// With colours.
    colour: bool,
}

pub(super) async fn answer(
    State(api): State<Api>,
    Path(question): Path<String>,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let question = match question.as_str() {
        "leaks" => Question::Leaks,
        "trends" => Question::Trends,
        "report" => Question::Report,
        "optimize" => Question::Optimize,
        "explain" => Question::Explain(form.finding),
        other => {
            let message = format!("{other}: ask for leaks, trends, report, optimize or explain");
            return Err(Problem::not_found(message));
        }
    };
    let mut view = api.seen().now().await?;
    if let Some(since) = &form.since {
        view = history::since(&api, view, since).await?;
    }
    let paint = Paint { has_colour: form.colour };
    let text = question
        .answer(&view, !form.text, paint)
        .map_err(|UnknownFinding(message)| Problem::not_found(message))?;
    let kind = if form.text { "text/plain; charset=utf-8" } else { "application/json" };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

//! The answers of the commands that ask a running agent: rendered here, so that a client of another version
//! prints what the agent means.

use axum::{extract::State, response::Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Api, Problem, Route,
    asked::{Asked, At},
    history,
    monitoring::rendered_as,
    route::{JSON, TEXT},
    sending::Keep,
};
use crate::{
    output::answer::UnknownFinding,
    sink::{Paint, answer::Question},
};

/// In which form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Form {
    /// Of which finding, for `explain`.
    finding: Option<String>,
    /// With findings and trends that were kept since then: `2h` or a time in RFC 3339.
    #[schemars(length(min = 2, max = 64))]
    since: Option<String>,
    /// As text; else as JSON.
    text: bool,
    /// With colours.
    colour: bool,
}

/// Which question.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// The command that asks it.
    question: Word,
}

/// A command that asks.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Leaks,
    Trends,
    Report,
    Optimize,
    Explain,
}

pub(super) fn routes() -> Vec<Route> {
    let path = "/api/monitoring/answers/{question}";
    vec![
        Route::get(path, "What a command answers, as JSON or as text for a terminal", answer)
            .keeps(Keep::Never)
            .at::<Which>()
            .asks::<Form>()
            .may_miss()
            .gives_as::<serde_json::Map<String, serde_json::Value>>(200, JSON, "The answer.")
            .gives_as::<str>(200, TEXT, "The answer."),
    ]
}

async fn answer(
    State(api): State<Api>,
    At(Which { question }): At<Which>,
    Asked(form): Asked<Form>,
) -> Result<Response, Problem> {
    let question = match question {
        Word::Leaks => Question::Leaks,
        Word::Trends => Question::Trends,
        Word::Report => Question::Report,
        Word::Optimize => Question::Optimize,
        Word::Explain => Question::Explain(form.finding),
    };
    let mut view = api.seen().now().await?;
    if let Some(since) = &form.since {
        view = history::since(&api, view, since).await?;
    }
    let paint = Paint { has_colour: form.colour };
    let kind = if form.text { TEXT } else { JSON };
    rendered_as(kind, move || {
        let text = question.answer(&view, !form.text, paint);
        let text = text.map_err(|UnknownFinding(message)| Problem::not_found(message))?;
        Ok(text.into_bytes())
    })
    .await
}

//! `/metrics`: the page that Prometheus and its like take.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Api, Configuration, Problem,
    asked::Asked,
    monitoring::rendered_as,
    route::{Route, TEXT},
    sending::Keep,
};
use crate::{
    history::HistoryState,
    output::metrics::{self, Format, ReadConfiguration, Service, WrittenHistory},
};

/// Processes that may be asked for at most.
const MOST: usize = 5000;

/// How much of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    /// Processes that hold most; those with open findings come with them.
    #[schemars(range(max = MOST))]
    top: Option<usize>,
}

pub(super) fn routes() -> Vec<Route> {
    let summary = "Metrics for Prometheus and its like, as OpenMetrics where that is liked better";
    vec![
        Route::get("/metrics", summary, metrics)
            .keeps(Keep::Never)
            .asks::<Wanted>()
            .gives_as::<str>(200, TEXT, "The page, in the older form.")
            .gives_as::<str>(200, Format::OpenMetrics.content_type(), "The page."),
    ]
}

async fn metrics(
    State(api): State<Api>,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let top = wanted.top.unwrap_or(metrics::TOP);
    if top > MOST {
        return Err(Problem::bad_request(format!("top={top}: at most {MOST} can be asked for")));
    }
    let view = api.seen().now().await?;
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = format_for(accept);
    let service = service(&api);
    rendered_as(format.content_type(), move || {
        let version = env!("CARGO_PKG_VERSION");
        Ok(metrics::metrics(&view, &service, version, top, format).into_bytes())
    })
    .await
}

/// How the parts of the service are.
fn service(api: &Api) -> Service {
    let read = |it: Configuration| ReadConfiguration {
        is_right: it.problem.is_none(),
        loaded_at: it.loaded_at,
    };
    let written = |it: HistoryState| WrittenHistory {
        is_well: it.problem.is_none(),
        bytes: it.bytes,
        max_bytes: it.max_bytes,
        rows: it.rows,
        lost_looks: it.lost_looks,
        lost_findings: it.lost_findings,
    };
    Service {
        configuration: api.configuration().map(read),
        history: api.history().ok().map(|history| written(history.health().now())),
    }
}

/// The form that is liked best; the older one where nobody says, as other tools read it.
fn format_for<'a>(accept: impl Iterator<Item = &'a str>) -> Format {
    let (mut open, mut text) = (0.0_f64, 0.0_f64);
    for choice in accept.flat_map(|value| value.split(',')) {
        let mut parts = choice.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse().ok());
        let quality: f64 = quality.unwrap_or(1.0);
        match kind.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => open = open.max(quality),
            "text/plain" => text = text.max(quality),
            _ => {}
        }
    }
    if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Prometheus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_likes_openmetrics_gets_it_and_everybody_else_the_older_form() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                          version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(format_for([prometheus].into_iter()), Format::OpenMetrics);
        for other in [
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.1",
            "application/openmetrics-text;q=0",
            "text/plain, application/openmetrics-text; q=0.4",
        ] {
            assert_eq!(format_for([other].into_iter()), Format::Prometheus, "{other}");
        }
        assert_eq!(format_for(std::iter::empty()), Format::Prometheus);
    }
}

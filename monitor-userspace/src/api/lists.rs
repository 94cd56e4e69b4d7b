//! Lists: processes, components, findings, rules; and the host.

use axum::{extract::State, response::Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{
    Api, Problem, Route,
    asked::{Asked, At, Of, check_short},
    monitoring::{about, as_json, rendered},
    reported::RegisteredComponent,
    sending::Keep,
};
use crate::output::monitoring::{
    Components, FindingAnswer, Findings, HostAnswer, ProcessAnswer, Processes, Rules, Whom,
    snapshot_fields,
};

/// Processes in one answer at most.
const MAX_LISTED: usize = 10_000;

/// Which processes, and what of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    /// Only these fields, separated by commas.
    fields: Option<Fields>,
    /// So many at most; those that hold most memory are taken.
    #[schemars(range(min = 1, max = 10_000))]
    limit: Option<usize>,
    /// Only those with this text in their name, command line, component or user, or with this pid.
    #[schemars(length(max = 256))]
    search: Option<String>,
    /// Only this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// Only this component: its name or the path of its cgroup.
    #[schemars(length(max = 256))]
    component: Option<String>,
}

/// Names of fields of a snapshot, separated by commas.
#[derive(Clone, Debug, Deserialize)]
struct Fields(String);

impl JsonSchema for Fields {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = snapshot_fields();
        json_schema!({ "type": "array", "items": { "enum": names, "type": "string" }, "minItems": 1 })
    }
}

/// Which findings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct InState {
    /// Only those that are open, or that ended.
    state: Option<StateWord>,
    /// Only this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// Only this component: its name or the path of its cgroup.
    #[schemars(length(max = 256))]
    component: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StateWord {
    Open,
    Resolved,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(super) struct Pid {
    /// The process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: u32,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct FindingId {
    /// The finding, or the first digits of its id.
    id: String,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/monitoring/processes", "Processes, the largest first", processes)
            .keeps(Keep::WithView)
            .asks::<Which>()
            .may_miss()
            .gives::<Processes<'static>>("The processes."),
        Route::get(
            "/api/monitoring/processes/{pid}",
            "A process and what was found of it",
            process,
        )
        .keeps(Keep::WithView)
        .at::<Pid>()
        .may_miss()
        .gives::<ProcessAnswer<'static>>("The process."),
        Route::get("/api/monitoring/components", "Groups of processes", components)
            .keeps(Keep::WithView)
            .asks::<Of>()
            .may_miss()
            .gives::<Components<'static, RegisteredComponent>>("The groups."),
        Route::get("/api/monitoring/findings", "Findings, the worst first", findings)
            .keeps(Keep::WithView)
            .asks::<InState>()
            .may_miss()
            .gives::<Findings<'static>>("The findings."),
        Route::get("/api/monitoring/findings/{id}", "A finding", finding)
            .keeps(Keep::WithView)
            .at::<FindingId>()
            .may_miss()
            .gives::<FindingAnswer<'static>>("The finding."),
        Route::get("/api/monitoring/rules", "The rules that are on", rules)
            .keeps(Keep::WithView)
            .gives::<Rules<'static>>("The rules."),
        Route::get("/api/monitoring/host", "The host and where its memory is", host)
            .keeps(Keep::WithView)
            .gives::<HostAnswer<'static>>("The host."),
    ]
}

async fn processes(
    State(api): State<Api>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let limit = which.limit.unwrap_or(MAX_LISTED);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(Problem::bad_request("limit is 1 to 10000"));
    }
    check_short("search", which.search.as_ref(), 256)?;
    let fields: Vec<String> = match &which.fields {
        Some(Fields(text)) => text.split(',').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let known = snapshot_fields();
    if let Some(field) = fields.iter().find(|field| !known.contains(field)) {
        let detail = format!("{field:?} is no field of a process: there are {}", known.join(", "));
        return Err(Problem::bad_request(detail));
    }
    let wanted = Of { pid: which.pid, component: which.component }.wanted(&api);
    let search = which.search;
    about(&api, wanted, move |part, _, scope| {
        serde_json::to_vec(&Processes::of(part, scope, &fields, search.as_deref(), limit))
    })
    .await
}

async fn process(State(api): State<Api>, At(Pid { pid }): At<Pid>) -> Result<Response, Problem> {
    let view = api.seen().now().await?;
    let wanted = Of { pid: Some(pid), component: None }.wanted(&api);
    rendered(move || {
        let (part, scope) = wanted.part(&view)?;
        let process = part.process(pid);
        let process = process.ok_or_else(|| Problem::not_found("there is no such process"))?;
        as_json(serde_json::to_vec(&ProcessAnswer::of(&part, process, scope)))
    })
    .await
}

async fn components(State(api): State<Api>, Asked(of): Asked<Of>) -> Result<Response, Problem> {
    let wanted = of.wanted(&api);
    let mut registered = api.reported().registered();
    if let Whom::Component(name, _) = &wanted.whom {
        registered.retain(|it| it.name == *name);
    }
    about(&api, wanted, move |part, whole, scope| {
        // Of a process its component.
        let of_process: Vec<_> = match scope.pid {
            Some(_) => {
                registered.retain(|it| Some(&it.name) == scope.component.as_ref());
                let is_its = |name: &String| Some(name) == scope.component.as_ref();
                whole.components.iter().filter(|it| is_its(&it.component)).cloned().collect()
            }
            None => Vec::new(),
        };
        let components = if scope.pid.is_some() { &of_process } else { &part.components };
        serde_json::to_vec(&Components { timestamp: whole.to, components, registered })
    })
    .await
}

async fn findings(State(api): State<Api>, Asked(of): Asked<InState>) -> Result<Response, Problem> {
    let is_open = of.state.map(|state| state == StateWord::Open);
    let wanted = Of { pid: of.pid, component: of.component }.wanted(&api);
    about(&api, wanted, move |part, _, scope| {
        serde_json::to_vec(&Findings::of(part, scope, is_open))
    })
    .await
}

async fn finding(
    State(api): State<Api>,
    At(FindingId { id }): At<FindingId>,
) -> Result<Response, Problem> {
    let view = api.seen().now().await?;
    rendered(move || {
        let mut named = view.findings.iter().filter(|it| !id.is_empty() && it.id.starts_with(&id));
        let exact = view.findings.iter().rfind(|it| it.id == id);
        let finding = match (exact, named.next(), named.next()) {
            (Some(exact), ..) => exact,
            (None, Some(only), None) => only,
            (None, Some(_), Some(_)) => {
                return Err(Problem::not_found("several findings begin so: write more of the id"));
            }
            _ => return Err(Problem::not_found("there is no such finding")),
        };
        as_json(serde_json::to_vec(&FindingAnswer { timestamp: view.to, finding }))
    })
    .await
}

async fn rules(State(api): State<Api>) -> Result<Response, Problem> {
    let view = api.seen().now().await?;
    rendered(move || as_json(serde_json::to_vec(&Rules::of(&view)))).await
}

async fn host(State(api): State<Api>) -> Result<Response, Problem> {
    let view = api.seen().now().await?;
    rendered(move || {
        as_json(serde_json::to_vec(&HostAnswer {
            timestamp: view.to,
            host: view.host.as_ref(),
            stats: view.stats.as_ref(),
        }))
    })
    .await
}

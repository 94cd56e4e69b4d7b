//! Counters and gauges that an application reports, and what becomes series of what else it reports.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Problem, Reported, check_length, now, request::Taken};
use crate::{
    api::{
        Api, Route,
        asked::{Given, Object},
        route::JSON,
    },
    event::{CustomKind, CustomReading, CustomSubject, CustomValue, Input, is_custom_name},
    host::clock,
};

/// Values in one call.
const MAX_VALUES: usize = 1000;
/// Series that are made of what is reported, at most.
const MAX_SERIES: usize = 1024;

/// Values of now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCounters {
    /// The values.
    #[schemars(length(min = 1, max = 1000))]
    counters: Vec<Object<NewCounter>>,
}

/// A value of now, of a process or of a component.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["pid"], "properties": { "pid": { "type": "integer" } } },
    { "required": ["component"], "properties": { "component": { "type": "string" } } },
]))]
struct NewCounter {
    /// The process; one of `pid` and `component` is needed.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// The component.
    #[schemars(length(min = 1, max = 256))]
    component: Option<String>,
    /// Its name: `custom.NAME` of rules. One that ends in `_bytes` counts bytes.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    name: String,
    /// How it behaves.
    #[serde(rename = "type")]
    kind: KindWord,
    /// Its value.
    value: f64,
}

/// How a value behaves: a gauge goes up and down, a counter only up.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Gauge,
    Counter,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/monitoring/counters", "Report counters and gauges", put)
            .takes::<NewCounters>()
            .gives_as::<Taken>(202, JSON, "They are judged like everything that is measured."),
    ]
}

impl NewCounter {
    fn value(self, at_ns: u64) -> Result<CustomValue, Problem> {
        self.component.iter().try_for_each(|name| check_length("component", name, 256))?;
        let subject = match (self.pid, self.component) {
            // A pid is more precise.
            (Some(pid), _) => CustomSubject::Pid(pid),
            (None, Some(name)) => CustomSubject::Component(name),
            (None, None) => return Err(Problem::bad_request("pid or component is needed")),
        };
        if !is_custom_name(&self.name) {
            let rule = "name is a letter or _, then letters, digits, _ - . (at most 64)";
            return Err(Problem::bad_request(rule));
        }
        let kind = match self.kind {
            KindWord::Gauge => CustomKind::Gauge,
            KindWord::Counter => CustomKind::Counter,
        };
        Ok(CustomValue { at_ns, subject, name: self.name, kind, value: self.value })
    }
}

async fn put(
    State(api): State<Api>,
    Given(NewCounters { counters }): Given<NewCounters>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let taken = counters.len();
    if !(1..=MAX_VALUES).contains(&taken) {
        return Err(Problem::bad_request(format!("counters are 1 to {MAX_VALUES}")));
    }
    let at_ns = clock::boot_ns();
    let values = counters.into_iter().map(|Object(counter)| counter.value(at_ns));
    let values = values.collect::<Result<Vec<_>, Problem>>()?;
    feed(&api, values);
    Ok((StatusCode::ACCEPTED, Json(Taken { taken })))
}

fn feed(api: &Api, values: Vec<CustomValue>) {
    if !values.is_empty() {
        let reading = CustomReading { values, rejected: 0 };
        api.desk().feed(vec![Input::Custom(Box::new(reading))]);
    }
}

/// Who holds resources of a kind: what a series is of.
type Holder = (CustomSubject, String);

/// Hands on what is held of resources that were reported, kind by kind, and thresholds of components that the
/// agent knows. `fed` remembers whose figures were told, so that the last one is 0.
pub(in crate::api) fn counted(api: &Api, components: &[String], fed: &mut BTreeSet<Holder>) {
    let at_ns = clock::boot_ns();
    let gauge = |subject: &CustomSubject, name: String, value: f64| CustomValue {
        at_ns,
        subject: subject.clone(),
        name,
        kind: CustomKind::Gauge,
        value,
    };
    let held = api.reported().held();
    let mut values = Vec::new();
    for (holder, (count, bytes)) in held.iter().take(MAX_SERIES) {
        let (subject, kind) = holder;
        values.push(gauge(subject, format!("reported_{kind}"), *count as f64));
        values.push(gauge(subject, format!("reported_{kind}_bytes"), *bytes as f64));
    }
    for (subject, kind) in fed.iter().filter(|holder| !held.contains_key(holder)) {
        values.push(gauge(subject, format!("reported_{kind}"), 0.0));
        values.push(gauge(subject, format!("reported_{kind}_bytes"), 0.0));
    }
    *fed = held.into_keys().take(MAX_SERIES).collect();
    for component in api.reported().registered() {
        if components.contains(&component.name) {
            let subject = CustomSubject::Component(component.name.clone());
            let named = component.thresholds.named();
            values.extend(named.map(|(name, value)| gauge(&subject, name.to_owned(), value)));
        }
    }
    feed(api, values);
}

impl Reported {
    /// How many resources of a kind are held, and their bytes.
    fn held(&self) -> BTreeMap<Holder, (u64, u64)> {
        let mut held: BTreeMap<Holder, (u64, u64)> = BTreeMap::new();
        let all = self.all();
        for it in all.shelf.living(now()) {
            let subject = match (it.pid, &it.component) {
                (Some(pid), _) => CustomSubject::Pid(pid),
                (None, Some(name)) => CustomSubject::Component(name.clone()),
                (None, None) => continue,
            };
            let sums = held.entry((subject, it.kind.clone())).or_default();
            sums.0 += 1;
            sums.1 = sums.1.saturating_add(it.size.unwrap_or(0));
        }
        held
    }
}

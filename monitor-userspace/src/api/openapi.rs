//! The description of the API (OpenAPI 3.1), made of the table of routes and of the types that answer.

use std::sync::OnceLock;

use axum::{
    body::Bytes,
    http::header,
    response::{IntoResponse, Response},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    Problem, Route,
    route::{SchemaOf, schema_of},
    routes,
};

/// Where definitions are; references say so.
const DEFINITIONS: &str = "/components/schemas";

pub(super) async fn served() -> Response {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| Bytes::from(document(&routes()).to_string()));
    ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

/// The description of these routes.
pub fn document(routes: &[Route]) -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.definitions_path = DEFINITIONS.into();
            settings.meta_schema = None;
        })
    };
    let given = settings(SchemaSettings::draft2020_12().for_serialize());
    let mut given = given.into_generator();
    // What is taken may leave out what is given: a type that is both has two schemas, one without a name.
    let taken = settings(SchemaSettings::draft2020_12().for_deserialize());
    let mut taken = taken.with(|settings| settings.inline_subschemas = true).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut given, &mut taken);
        let at = paths.entry(route.path).or_insert_with(|| json!({}));
        at[route.method] = operation;
    }
    let schemas = given.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "memwatch-ebpf",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who on this host is leaking, how fast, and since when. Errors are \
                            application/problem+json (RFC 9457). Times are RFC 3339 in UTC, MB is 1,048,576 \
                            bytes, what is unknown is null.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, given: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Value {
    let mut parameters = Vec::new();
    parameters.extend(route.at.into_iter().flat_map(|at| parameters_of(at, "path")));
    parameters.extend(route.query.into_iter().flat_map(|query| parameters_of(query, "query")));
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "responses": responses(route, given),
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(takes) = route.takes {
        let schema = takes(taken);
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        });
    }
    if route.method != "get" {
        operation["security"] = json!([{ "token": [] }]);
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/monitoring");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method).chain(words).collect::<Vec<_>>().join("_")
}

/// The fields of a type as parameters.
fn parameters_of(of: SchemaOf, place: &str) -> Vec<Value> {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut generator =
        settings.with(|settings| settings.inline_subschemas = true).into_generator();
    let object = of(&mut generator).to_value();
    let required = object["required"].as_array().cloned().unwrap_or_default();
    let fields = object["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        plain(&mut schema);
        let is_required = place == "path" || required.contains(&json!(name));
        let mut parameter = json!({ "name": name, "in": place, "required": is_required });
        if let Some(about) = schema.as_object_mut().and_then(|it| it.remove("description")) {
            parameter["description"] = about;
        }
        if schema["type"] == "array" {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(false);
        }
        parameter["schema"] = schema;
        parameter
    };
    fields.into_iter().map(parameter).collect()
}

/// A parameter that is left out is not null.
fn plain(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("default");
    if let Some(kinds) = object.get("type").and_then(Value::as_array) {
        let kept: Vec<Value> = kinds.iter().filter(|kind| **kind != "null").cloned().collect();
        if let [only] = kept.as_slice() {
            object.insert("type".to_owned(), only.clone());
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            let about = object.get("description").cloned();
            object.extend(only);
            object.extend(about.map(|about| ("description".to_owned(), about)));
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
}

fn responses(route: &Route, given: &mut SchemaGenerator) -> Value {
    let mut responses = json!({});
    for answer in &route.answers {
        let schema = (answer.schema)(given);
        let kind = answer.kind.split(';').next().unwrap_or_default();
        let response = &mut responses[answer.status.to_string()];
        response["description"] = answer.about.into();
        response["content"][kind] = json!({ "schema": schema });
    }
    let is_change = route.method != "get";
    let takes = route.takes.is_some();
    let problems = [
        (true, 400, "The request makes no sense."),
        (true, 401, "The token is missing or wrong."),
        (is_change, 403, "Nothing can be changed here: the agent has no token."),
        (route.may_miss, 404, "There is no such thing."),
        (takes, 408, "The body did not come."),
        (takes, 413, "More than is taken."),
        (takes, 415, "The body is no JSON."),
        (true, 421, "The Host header names another host."),
        (takes, 429, "There is no room; what is there expires."),
        (true, 503, "The agent is starting, ending, or busy."),
    ];
    let problem = schema_of::<Problem>(given);
    for (_, status, about) in problems.into_iter().filter(|(is_one, ..)| *is_one) {
        responses[status.to_string()] = json!({
            "description": about,
            "content": { "application/problem+json": { "schema": problem } },
        });
    }
    responses
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_router_has_no_route_that_the_description_has_not() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
        let mut rest = vec![folder];
        while let Some(path) = rest.pop() {
            if path.is_dir() {
                rest.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let calls = code.matches(".route(").count();
            // The files of the page are no calls of the API.
            let may = path.ends_with("route.rs") || path.ends_with("web.rs");
            assert_eq!(calls, usize::from(may), "{}: put it into routes()", path.display());
        }
        let routes = routes();
        let document = document(&routes);
        for route in &routes {
            let operation = &document["paths"][route.path][route.method];
            assert!(operation["summary"].is_string(), "{} {}", route.method, route.path);
            assert!(!route.answers.is_empty(), "{} {} answers nothing", route.method, route.path);
        }
    }

    #[test]
    fn references_lead_somewhere_and_parameters_are_all_named() {
        let document = document(&routes());
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"").skip(1) {
            let target = reference.split('"').next().unwrap().trim_start_matches('#');
            assert!(document.pointer(target).is_some(), "{target}");
        }
        assert!(!text.contains("$defs"));
        for (path, operations) in document["paths"].as_object().unwrap() {
            let in_path: Vec<&str> =
                path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            for operation in operations.as_object().unwrap().values() {
                let named = operation["parameters"].as_array().into_iter().flatten();
                let named: Vec<&str> = named
                    .filter(|it| it["in"] == "path")
                    .map(|it| it["name"].as_str().unwrap())
                    .collect();
                assert_eq!(named, in_path, "{path}");
            }
        }
        let component = "/paths/~1api~1monitoring~1components/post/requestBody/content/application~1json/schema";
        let thresholds = &document.pointer(component).unwrap()["properties"]["thresholds"];
        assert!(thresholds["properties"]["cpuWarning"].is_object());
        assert!(
            thresholds.get("required").is_none(),
            "what is given has them all, what is taken need not"
        );
        let period = &document["paths"]["/api/monitoring/metrics"]["get"]["parameters"];
        let period = period.as_array().unwrap().iter().find(|it| it["name"] == "period").unwrap();
        assert_eq!(period["schema"]["type"], "integer");
        assert_eq!(period["schema"]["maximum"], 1440);
    }
}

//! What is asked, taken strictly: what is wrong with it is answered as a [`Problem`].

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{StatusCode, header, request::Parts},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

use super::{Api, Problem};
use crate::output::{
    View,
    monitoring::{Scope, Unknown, Whom},
};

/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Whole numbers are exact below it, 2^53.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<T>(pub(super) T);

/// The variable parts of its path.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T>(pub(super) T);

/// Its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::bad_request(error.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(at)) => Ok(Self(at)),
            Err(error) => Err(Problem::bad_request(error.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let (status, detail) =
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send it as application/json");
            return Err(Problem::of(status, "unsupported-media", "Unsupported media type", detail));
        }
        let taken = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state)).await;
        let Ok(taken) = taken else {
            let (status, detail) =
                (StatusCode::REQUEST_TIMEOUT, "the body of the request did not come");
            return Err(Problem::of(status, "timeout", "Request timeout", detail));
        };
        let body = taken.map_err(|error| unread(&error))?;
        let read = || {
            let mut value: Value = serde_json::from_slice(&body)?;
            make_whole(&mut value);
            Object::<T>::deserialize(value)
        };
        let Object(given) = read().map_err(|error| {
            Problem::bad_request(format!("the body is not what is wanted here: {error}"))
        })?;
        Ok(Self(given))
    }
}

/// A whole number is one however it is written: JSON's 5.0 is 5.
fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < LARGEST_WHOLE);
            if let Some(float) = float.filter(|_| number.is_f64()) {
                *number = (float as i64).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(make_whole),
        Value::Object(object) => object.values_mut().for_each(make_whole),
        _ => {}
    }
}

/// What is written as an object: fields in a row without their names are not taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = Map::<String, Value>::deserialize(from)?;
        T::deserialize(Value::Object(fields)).map(Self).map_err(D::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

fn unread(error: &BytesRejection) -> Problem {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            too_large("the body is too large: send less at once")
        }
        other => Problem::bad_request(other.body_text()),
    }
}

/// More than is taken: 413.
pub(super) fn too_large(detail: impl Into<String>) -> Problem {
    Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Content too large", detail)
}

/// Refuses a parameter that is too long.
pub(super) fn check_short(what: &str, text: Option<&String>, most: usize) -> Result<(), Problem> {
    if text.is_none_or(|text| text.chars().count() <= most) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{what} has {most} characters at most")))
}

/// Whom an answer is to be about.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Of {
    /// Only this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pub(super) pid: Option<u32>,
    /// Only this component: its name or the path of its cgroup.
    #[schemars(length(max = 256))]
    pub(super) component: Option<String>,
}

/// Whom an answer is about, and what is known of the components that applications registered.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) whom: Whom,
    /// Of which component the process is to be.
    member_of: Option<String>,
}

impl Of {
    /// Whom is meant.
    pub(super) fn wanted(self, api: &Api) -> Wanted {
        match (self.pid, self.component) {
            (Some(pid), member_of) => Wanted { whom: Whom::Process(pid), member_of },
            (None, Some(name)) => {
                let pids = api.reported().pids_of(&name);
                Wanted { whom: Whom::Component(name, pids), member_of: None }
            }
            (None, None) => Wanted { whom: Whom::Host, member_of: None },
        }
    }
}

impl Wanted {
    /// What of the view is about it.
    pub(super) fn part<'a>(
        &self,
        view: &'a View,
    ) -> Result<(std::borrow::Cow<'a, View>, Scope), Problem> {
        let found = view.narrowed(&self.whom);
        let (part, scope) = found.map_err(|Unknown(why)| Problem::not_found(why))?;
        if self.member_of.is_some() && scope.component != self.member_of {
            return Err(Problem::not_found("that process is not one of that component"));
        }
        Ok((part, scope))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair {
        first: u32,
        second: f64,
    }

    #[test]
    fn a_row_is_no_object_and_five_is_five() {
        let read = |mut value: Value| {
            make_whole(&mut value);
            Object::<Pair>::deserialize(value).map(|Object(pair)| (pair.first, pair.second))
        };
        assert_eq!(read(json!({"first": 5.0, "second": 7})).unwrap(), (5, 7.0));
        assert!(read(json!({"first": 5.5, "second": 7})).is_err());
        assert!(read(json!([5, 7])).is_err());
        assert!(read(json!({"first": -1.0, "second": 1e300})).is_err());
    }
}

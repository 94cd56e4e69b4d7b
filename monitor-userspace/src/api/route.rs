//! The table of routes: the router and the description of the API are made of it, so that neither has what
//! the other has not.

use axum::{
    Router, middleware,
    routing::{MethodRouter, delete, get, post},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    Api,
    access::Door,
    sending::{self, Keep, Sent},
};

/// Gives the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The type of an answer's body.
pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// What can be called.
#[derive(Clone)]
pub struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) at: Option<SchemaOf>,
    pub(super) takes: Option<SchemaOf>,
    pub(super) answers: Vec<Answer>,
    pub(super) may_miss: bool,
    keep: Keep,
    handler: MethodRouter<Api>,
}

/// What is answered when it went well, or with a problem of its own.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
    pub(super) schema: SchemaOf,
}

pub(super) fn schema_of<T: JsonSchema + ?Sized>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Handlers of an [`Api`].
pub(super) trait Handler<T>: axum::handler::Handler<T, Api> {}
impl<T, H: axum::handler::Handler<T, Api>> Handler<T> for H {}

impl Route {
    fn new(
        method: &'static str,
        path: &'static str,
        summary: &'static str,
        handler: MethodRouter<Api>,
    ) -> Self {
        Self {
            method,
            path,
            summary,
            query: None,
            at: None,
            takes: None,
            answers: Vec::new(),
            may_miss: false,
            keep: Keep::Small,
            handler,
        }
    }

    /// A question.
    pub(super) fn get<T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: impl Handler<T>,
    ) -> Self {
        Self::new("get", path, summary, get(handler))
    }

    /// A change.
    pub(super) fn post<T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: impl Handler<T>,
    ) -> Self {
        Self::new("post", path, summary, post(handler))
    }

    /// A removal.
    pub(super) fn delete<T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: impl Handler<T>,
    ) -> Self {
        Self::new("delete", path, summary, delete(handler))
    }

    /// With this query.
    pub(super) fn asks<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// With these variable parts of the path.
    pub(super) fn at<T: JsonSchema>(mut self) -> Self {
        self.at = Some(schema_of::<T>);
        self
    }

    /// With this body.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(schema_of::<T>);
        self
    }

    /// What it names may not be there.
    pub(super) fn may_miss(mut self) -> Self {
        self.may_miss = true;
        self
    }

    /// Its answers may be large.
    pub(super) fn keeps(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Answers this, as JSON.
    pub(super) fn gives<T: JsonSchema + ?Sized>(self, about: &'static str) -> Self {
        self.gives_as::<T>(200, JSON, about)
    }

    /// Answers this.
    pub(super) fn gives_as<T: JsonSchema + ?Sized>(
        mut self,
        status: u16,
        kind: &'static str,
        about: &'static str,
    ) -> Self {
        self.answers.push(Answer { status, kind, about, schema: schema_of::<T> });
        self
    }
}

/// The router of these, behind one door.
pub(super) fn router(routes: Vec<Route>, api: &Api, door: Door) -> Router<Api> {
    routes.into_iter().fold(Router::new(), |router, Route { path, keep, mut handler, .. }| {
        if keep != Keep::Small {
            let sent = Sent { api: api.clone(), sending: api.sending(door).clone(), keep };
            handler = handler.route_layer(middleware::from_fn_with_state(sent, sending::send));
        }
        router.route(path, handler)
    })
}

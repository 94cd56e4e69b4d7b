//! The HTTP API of a running agent: routes, who may use them, and errors. What is answered is made of a
//! [`View`](crate::output::View) by pure functions; this module only asks and sends.

mod agent;
mod answers;
mod error;
mod seen;
mod web;

use std::{net::SocketAddr, sync::Arc};

pub use agent::Status;
use axum::{Router, routing::get};
pub use error::Problem;
pub use seen::Seen;

use crate::agent::Desk;

/// What every request needs.
#[derive(Clone, Debug)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    desk: Desk,
    seen: Seen,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Over the unix socket, whose mode says who may.
    Local,
    /// Over TCP.
    Remote(SocketAddr),
}

impl Api {
    /// Answers from this desk.
    pub fn new(desk: Desk) -> Self {
        let seen = Seen::new(desk.clone());
        Self(Arc::new(Parts { desk, seen }))
    }

    /// All routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(agent::alive))
            .route("/readyz", get(agent::ready))
            .route("/api/monitoring/agent", get(agent::status))
            .route("/api/monitoring/answers/{question}", get(answers::answer))
            .merge(web::router())
            .fallback(error::not_found)
            .method_not_allowed_fallback(error::method_not_allowed)
            .with_state(self.clone())
    }

    /// What was seen until now, or a few seconds ago.
    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// Where the engine is asked and heard.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }
}

//! The HTTP API of a running agent: routes, who may use them, and errors. What is answered is made of a
//! [`View`](crate::output::View) by pure functions; this module only asks and sends.

mod agent;
mod answers;
mod error;
mod history;
mod openmetrics;
mod seen;
mod silences;
mod web;

use std::{net::SocketAddr, sync::Arc};

pub use agent::Status;
use axum::{
    Router,
    routing::{get, post},
};
pub use error::Problem;
pub use history::{Forgotten, HistoryAnswer, HistoryScope};
pub use seen::Seen;
pub use silences::{Silence, Silences};

use tokio::sync::Semaphore;

use crate::{agent::Desk, history::Handle};

/// What every request needs.
#[derive(Clone, Debug)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    desk: Desk,
    seen: Seen,
    history: Option<Handle>,
    readers: Semaphore,
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
    /// Answers from this desk, and from a history where one is kept.
    pub fn new(desk: Desk, history: Option<Handle>) -> Self {
        let seen = Seen::new(desk.clone());
        let readers = Semaphore::new(history::READERS);
        Self(Arc::new(Parts { desk, seen, history, readers }))
    }

    /// All routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(agent::alive))
            .route("/readyz", get(agent::ready))
            .route("/metrics", get(openmetrics::metrics))
            .route("/api/monitoring/agent", get(agent::status))
            .route("/api/monitoring/answers/{question}", get(answers::answer))
            .route("/api/monitoring/history", get(history::history))
            .route("/api/monitoring/reset", post(history::reset))
            .merge(silences::router())
            .merge(web::router())
            .fallback(error::not_found)
            .method_not_allowed_fallback(error::method_not_allowed)
            .with_state(self.clone())
    }

    /// What was seen until now, or a few seconds ago.
    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// What was kept; a problem where nothing is.
    pub(crate) fn history(&self) -> Result<&Handle, Problem> {
        let none = "no history is kept: the agent runs with --no-history, or it is off in its configuration";
        self.0.history.as_ref().ok_or_else(|| Problem::unavailable(none))
    }

    fn readers(&self) -> &Semaphore {
        &self.0.readers
    }

    /// Where the engine is asked and heard.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }
}

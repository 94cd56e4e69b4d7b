//! The HTTP API of a running agent: routes, who may use them, and errors. What is answered is made of a
//! [`View`](crate::output::View) by pure functions; this module only asks and sends.

mod access;
mod agent;
mod answers;
mod asked;
mod error;
mod events;
mod history;
mod lists;
mod monitoring;
mod openapi;
mod openmetrics;
mod options;
mod reported;
mod route;
mod seen;
mod sending;
mod silences;
mod token;
mod web;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use access::Door;
pub use agent::{Configuration, Status};
use axum::{Router, extract::DefaultBodyLimit, middleware};
pub use error::Problem;
use events::Events;
pub use history::{Forgotten, HistoryAnswer, HistoryScope};
pub use openapi::document;
pub use options::Options;
use reported::Reported;
pub use reported::{RegisteredComponent, Resource};
pub use route::Route;
pub use seen::Seen;
use sending::{Changes, Sending};
pub use silences::{Silence, Silences};
pub use token::Token;
pub(crate) use token::give_to_group;
use tokio::sync::{Semaphore, broadcast::error::RecvError, watch};

use crate::{
    agent::{Desk, News},
    alert::Alerts,
    history::Handle,
    host::clock,
    output::monitoring::Past,
};

/// Minutes of response times that thresholds are compared with.
const LOAD_MINUTES: u32 = 5;

/// What every request needs.
#[derive(Clone, Debug)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    desk: Desk,
    seen: Seen,
    others: Others,
    readers: Semaphore,
    options: Options,
    token: Option<Token>,
    past: Mutex<Past>,
    events: Events,
    streams: Arc<Semaphore>,
    reported: Reported,
    changes: Changes,
    /// Of the unix socket, and of all other doors.
    sending: [Sending; 2],
}

/// Other parts of the service that are asked, where they are on.
#[derive(Clone, Debug, Default)]
pub struct Others {
    /// What is kept on disk.
    pub history: Option<Handle>,
    /// Who tells others of findings.
    pub alerts: Option<Alerts>,
    /// How the configuration was read last.
    pub configuration: Option<watch::Receiver<Configuration>>,
}

/// All routes: a new one is put in here and so is in the description too.
fn routes() -> Vec<Route> {
    let parts = [
        agent::routes(),
        answers::routes(),
        monitoring::routes(),
        lists::routes(),
        reported::routes(),
        events::routes(),
        history::routes(),
        silences::routes(),
        openmetrics::routes(),
        vec![
            Route::get("/api/openapi.json", "This description", openapi::served)
                .gives::<serde_json::Map<String, serde_json::Value>>("OpenAPI 3.1."),
        ],
    ];
    parts.into_iter().flatten().collect()
}

impl Api {
    /// Answers from this desk, and from the other parts of the service.
    pub fn new(desk: Desk, options: Options, token: Option<Token>, others: Others) -> Self {
        let seen = Seen::new(desk.clone());
        let millis = clock::wall_ns() / 1_000_000;
        let events = Events::new(u64::try_from(millis).unwrap_or_default());
        Self(Arc::new(Parts {
            desk,
            seen,
            others,
            readers: Semaphore::new(history::READERS),
            past: Mutex::default(),
            events,
            streams: Arc::new(Semaphore::new(options.max_streams)),
            reported: Reported::default(),
            changes: Changes::default(),
            sending: <[Sending; 2]>::default(),
            options,
            token,
        }))
    }

    /// All routes, as they are behind one door.
    pub fn router(&self, door: Door) -> Router {
        let options = &self.0.options;
        let guard =
            access::Guard { door, token: self.0.token.clone(), limit: options.request_timeout.0 };
        let max_body = usize::try_from(options.max_body.0).unwrap_or(usize::MAX);
        route::router(routes(), self, door)
            .fallback(error::not_found)
            .method_not_allowed_fallback(error::method_not_allowed)
            .layer(DefaultBodyLimit::max(max_body))
            .layer(middleware::from_fn_with_state(self.clone(), sending::count_changes))
            .layer(middleware::from_fn_with_state(guard, access::guard))
            // The page asks for the token itself.
            .merge(web::router())
            .with_state(self.clone())
    }

    /// Hears what the engine says and keeps what answers need of it, until the agent ends.
    pub async fn hear(self) {
        let mut news = self.desk().news();
        let mut fed = BTreeSet::new();
        loop {
            let heard = match news.recv().await {
                Ok(heard) => heard,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!("{missed} news were missed by the API");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            self.0.events.take(&heard);
            if let News::Interval(interval) = heard {
                self.past().take(&interval);
                let names: Vec<String> =
                    interval.components.iter().map(|it| it.component.clone()).collect();
                reported::counted(&self, &names, &mut fed);
            }
        }
    }

    /// What was seen until now, or a few seconds ago.
    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// What was kept; a problem where nothing is.
    pub(crate) fn history(&self) -> Result<&Handle, Problem> {
        let none = "no history is kept: the agent runs with --no-history, or it is off in its configuration";
        self.0.others.history.as_ref().ok_or_else(|| Problem::unavailable(none))
    }

    /// How the configuration was read last.
    fn configuration(&self) -> Option<Configuration> {
        self.0.others.configuration.as_ref().map(|state| state.borrow().clone())
    }

    /// The other parts of the service.
    fn others(&self) -> &Others {
        &self.0.others
    }

    fn readers(&self) -> &Semaphore {
        &self.0.readers
    }

    /// Where the engine is asked and heard.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    /// How it may be used.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What the last hours were like.
    fn past(&self) -> MutexGuard<'_, Past> {
        self.0.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> &Events {
        &self.0.events
    }

    /// Places for listeners to events.
    fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    /// How often callers changed something.
    fn changes(&self) -> &Changes {
        &self.0.changes
    }

    /// What answers behind a door have in common: who comes over TCP takes no room from this host's commands.
    fn sending(&self, door: Door) -> &Sending {
        let [local, others] = &self.0.sending;
        if door == Door::Unix { local } else { others }
    }

    /// What applications report.
    fn reported(&self) -> &Reported {
        &self.0.reported
    }
}

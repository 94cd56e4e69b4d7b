//! The agent as a service: opens where it listens and wires what attends to its desk.

mod alone;
mod http;
mod listen;
mod manager;
mod patient;
mod reload;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

pub use alone::Alone;
use anyhow::{Context as _, Result};
pub use listen::Doors;
pub use reload::Live;
use tokio::sync::watch;

use crate::{
    agent::{Attending, Desk},
    alert::{Alerts, Ends},
    api::{Api, Door, Others},
    config::Config,
    history::{self, History},
};

/// Where it listens.
#[derive(Clone, Debug)]
pub struct Where {
    /// Addresses for HTTP.
    pub listen: Vec<SocketAddr>,
    /// The unix socket, if any.
    pub socket: Option<PathBuf>,
}

/// What the service does beside answering.
#[derive(Debug)]
pub struct Parts {
    /// The configuration, which is kept up to date.
    pub live: Live,
    /// What is kept on disk, unless that is off.
    pub history: Option<history::Options>,
    /// Tells others of findings, unless that is off.
    pub alerts: Option<(Alerts, Ends)>,
}

/// Attends to a desk at these doors, until it is dropped.
pub fn attend(doors: Doors, parts: Parts) -> impl FnOnce(Desk) -> Attending {
    move |desk| {
        // They listen before the engine says its first word.
        let (alerts, ends) = parts.alerts.unzip();
        let hearing = alerts.clone().map(|alerts| alerts.hear(&desk));
        let following = alerts.clone().map(|alerts| follow(parts.live.subscribe(), alerts));
        let others = Others { history: None, alerts, configuration: Some(parts.live.state()) };
        Box::pin(async move {
            let (_leaving, _ends) = (Leaving, ends);
            // They end with this.
            let mut beside = tokio::task::JoinSet::new();
            hearing.map(|it| beside.spawn(it));
            following.map(|it| beside.spawn(it));
            beside.spawn(manager::watchdog(desk.clone()));
            tokio::select! {
                ended = attended(doors, parts.history, desk.clone(), others) => ended,
                ended = parts.live.keep(desk) => ended,
            }
        })
    }
}

/// Hands changes of the section `[alerts]` on, for ever.
async fn follow(mut current: watch::Receiver<Arc<Config>>, alerts: Alerts) {
    let mut options = current.borrow_and_update().alerts.clone();
    while current.changed().await.is_ok() {
        let next = current.borrow_and_update().alerts.clone();
        if next == options {
            continue;
        }
        options.clone_from(&next);
        let alerts = alerts.clone();
        // Opening channels reads files.
        let taken = tokio::task::spawn_blocking(move || alerts.configure(&next.with_environment()));
        match taken.await {
            Ok(Ok(())) => {
                tracing::info!("alerts go to the channels that the configuration names now");
            }
            Ok(Err(error)) => tracing::error!("alerts go where they went before: {error:#}"),
            Err(error) => tracing::error!("alerts go where they went before: {error}"),
        }
    }
}

/// Tells the service manager when it goes.
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        manager::stopping();
    }
}

async fn attended(
    mut doors: Doors,
    history: Option<history::Options>,
    desk: Desk,
    mut others: Others,
) -> Result<()> {
    let history = history.map(History::start);
    let mut serving = tokio::task::JoinSet::new();
    if let Some(history) = &history {
        let heard = history::hear(desk.news(), history.handle().clone());
        serving.spawn(async move {
            heard.await;
            // The engine says no more: the run is about to end.
            std::future::pending::<()>().await;
        });
    }
    others.history = history.as_ref().map(|it| it.handle().clone());
    let api = Api::new(desk, doors.options.clone(), doors.token.take(), others);
    serving.spawn(api.clone().hear());
    let open = doors.open()?;
    let tcp = http::Slots::of(api.options());
    for listener in open.tcp {
        let door = listener.local_addr().map_or(Door::Open, listen::door_of);
        let listener = http::Listener::Tcp(listener);
        serving.spawn(http::serve(listener, api.router(door), tcp.clone()));
    }
    if let Some(listener) = open.unix {
        let slots = http::Slots::of(api.options());
        let listener = http::Listener::Unix(listener);
        serving.spawn(http::serve(listener, api.router(Door::Unix), slots));
    }
    while let Some(ended) = serving.join_next().await {
        ended.context("an API task died")?;
    }
    std::future::pending().await
}

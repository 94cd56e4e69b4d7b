//! The agent as a service: opens where it listens and wires what attends to its desk.

mod http;
mod listen;
mod patient;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result};
pub use listen::Doors;

use crate::{
    agent::{Attending, Desk},
    api::{Api, Door},
};

/// Where it listens.
#[derive(Clone, Debug)]
pub struct Where {
    /// Addresses for HTTP.
    pub listen: Vec<SocketAddr>,
    /// The unix socket, if any.
    pub socket: Option<PathBuf>,
}

/// Attends to a desk at these doors, until it is dropped.
pub fn attend(doors: Doors) -> impl FnOnce(Desk) -> Attending {
    move |desk| Box::pin(attended(doors, desk))
}

async fn attended(mut doors: Doors, desk: Desk) -> Result<()> {
    let api = Api::new(desk, doors.options.clone(), doors.token.take());
    let mut serving = tokio::task::JoinSet::new();
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

//! The agent as a service: opens where it listens and wires what attends to its desk.

mod listen;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result};
use axum::Extension;
pub use listen::Doors;

use crate::{
    agent::{Attending, Desk},
    alert::{Alerts, Ends},
    api::{Api, Caller},
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
    /// Tells others of findings, unless that is off.
    pub alerts: Option<(Alerts, Ends)>,
}

/// Attends to a desk at these doors, until it is dropped.
pub fn attend(doors: Doors, parts: Parts) -> impl FnOnce(Desk) -> Attending {
    move |desk| {
        // It listens before the engine says its first word.
        let (alerts, ends) = parts.alerts.unzip();
        let hearing = alerts.clone().map(|alerts| alerts.hear(&desk));
        Box::pin(async move {
            let _ends = ends;
            let hearing = hearing.map(tokio::spawn);
            let served = attended(doors, desk, alerts).await;
            if let Some(hearing) = hearing {
                hearing.abort();
            }
            served
        })
    }
}

async fn attended(doors: Doors, desk: Desk, alerts: Option<Alerts>) -> Result<()> {
    let router = Api::new(desk).router().layer(Extension(alerts));
    let mut serving = tokio::task::JoinSet::new();
    let open = doors.open()?;
    for listener in open.tcp {
        let router = router.clone().layer(axum::middleware::from_fn(listen::note_remote));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        serving.spawn(async move { axum::serve(listener, service).await });
    }
    if let Some(listener) = open.unix {
        let router = router.layer(Extension(Caller::Local));
        serving.spawn(async move { axum::serve(listener, router.into_make_service()).await });
    }
    while let Some(ended) = serving.join_next().await {
        ended.context("an API task died")?.context("serve HTTP")?;
    }
    std::future::pending().await
}

//! Connections: as many as may be, each with limits of time, so that whoever is slow holds nobody up.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::patient::Patient;
use crate::api::Options;

/// Bytes of the head of a request at most.
const MAX_HEAD: usize = 32 << 10;
/// Fields in it.
const MAX_FIELDS: usize = 64;
/// How long to wait where there are no descriptors left, for one that is closed meanwhile.
const REST: Duration = Duration::from_millis(200);

/// Where callers come in.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Places for connections, and the limits of each.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl Slots {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            free: Arc::new(Semaphore::new(options.max_connections)),
            header_timeout: options.header_timeout.0,
            write_timeout: options.write_timeout.0,
        }
    }
}

/// Serves at a listener, until this is dropped. Who comes while all places are taken waits.
pub(super) async fn serve(listener: Listener, router: Router, slots: Slots) {
    loop {
        let Ok(slot) = Arc::clone(&slots.free).acquire_owned().await else { return };
        let met = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                // An answer is one write: nothing is gained by waiting for more.
                let _ = stream.set_nodelay(true);
                drop(tokio::spawn(attend(stream, router.clone(), slots.clone(), slot)));
            }),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                drop(tokio::spawn(attend(stream, router.clone(), slots.clone(), slot)));
            }),
        };
        if let Err(error) = met {
            rest(&error).await;
        }
    }
}

/// A caller who is gone already is no trouble; anything else may pass.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!("a connection cannot be taken: {error}");
        tokio::time::sleep(REST).await;
    }
}

/// Serves one connection.
async fn attend(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    slots: Slots,
    _slot: OwnedSemaphorePermit,
) {
    let service = TowerToHyperService::new(router);
    let stream = TokioIo::new(Patient::new(stream, slots.write_timeout));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(slots.header_timeout)
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(stream, service);
    if let Err(error) = served.await {
        tracing::debug!("a connection ended: {error}");
    }
}

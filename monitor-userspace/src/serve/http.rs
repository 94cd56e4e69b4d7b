//! Connections: as many as may be, each with limits of time, so that whoever is slow holds nobody up.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::Service as _,
};
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
/// How long who has a place keeps it at least while others wait for one.
const TURN: Duration = Duration::from_secs(1);

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

/// Serves at a listener, until this is dropped. Who comes while all places are taken waits; connections that
/// stay open then end, so that nobody waits for ever.
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

/// Ends the connection with this answer: who asks more comes again, behind those who wait.
fn make_last<B>(response: &mut Response<B>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
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
    let inner = TowerToHyperService::new(router);
    let (free, came) = (Arc::clone(&slots.free), Instant::now());
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (answering, free) = (inner.call(request), Arc::clone(&free));
        async move {
            let mut answered = answering.await;
            let is_over = came.elapsed() >= TURN && free.available_permits() == 0;
            if is_over && let Ok(response) = &mut answered {
                make_last(response);
            }
            answered
        }
    });
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    /// Whether it is answered.
    async fn is_answered(stream: &mut TcpStream) -> bool {
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut answer = Vec::new();
        while asked.is_ok() && !answer.ends_with(b"done") {
            match stream.read_buf(&mut answer).await {
                Ok(read) if read > 0 => {}
                _ => return false,
            }
        }
        asked.is_ok()
    }

    #[tokio::test]
    async fn who_stays_gives_way_to_who_waits() {
        let limit = Duration::from_secs(30);
        let free = Arc::new(Semaphore::new(1));
        let slots = Slots { free, header_timeout: limit, write_timeout: limit };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "done"));
        let serving = tokio::spawn(serve(Listener::Tcp(listener), router, slots));
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(is_answered(&mut first).await);
        let mut second = TcpStream::connect(address).await.unwrap();
        let waiting = tokio::spawn(async move { is_answered(&mut second).await });
        let staying = async {
            while is_answered(&mut first).await {
                tokio::time::sleep(TURN / 50).await;
            }
        };
        tokio::time::timeout(limit, staying).await.expect("a place that is given up");
        assert!(waiting.await.unwrap());
        serving.abort();
    }
}

//! Asks a running agent, over its unix socket or over HTTP.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// Where an agent listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Its unix socket.
    Socket(PathBuf),
    /// HOST:PORT of its HTTP.
    Http(String),
}

/// What an agent answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// A client of one agent.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    token: Option<String>,
}

impl Client {
    /// Of the agent at this address, with a token where it wants one.
    pub fn new(address: Address, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// Asks, and waits for the answer. An error where there is no agent.
    pub fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        runtime.block_on(async {
            match &self.address {
                Address::Socket(path_of) => {
                    let stream = UnixStream::connect(path_of).await;
                    let stream = stream
                        .with_context(|| format!("no agent answers at {}", path_of.display()))?;
                    self.over(stream, "localhost", method, path, body).await
                }
                Address::Http(host) => {
                    let stream = TcpStream::connect(host).await;
                    let stream =
                        stream.with_context(|| format!("no agent answers at http://{host}"))?;
                    self.over(stream, host, method, path, body).await
                }
            }
        })
    }

    /// Asks for something that is there.
    pub fn get(&self, path: &str) -> Result<Bytes> {
        let answer = self.ask(Method::GET, path, Vec::new())?;
        answer.taken()
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.context("speak HTTP with the agent")?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body))).context("make the request")?;
        let response = sender.send_request(request).await.context("ask the agent")?;
        let status = response.status();
        let body = response.into_body().collect().await.context("read the agent's answer")?;
        Ok(Answer { status, body: body.to_bytes() })
    }
}

impl Answer {
    /// What was asked for, or why it was not given.
    pub fn taken(self) -> Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let problem = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let detail = problem.as_ref().and_then(|it| it["detail"].as_str());
        bail!("the agent says: {}", detail.unwrap_or(self.status.as_str()))
    }
}

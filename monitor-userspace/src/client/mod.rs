//! Asks a running agent, over its unix socket or over HTTP.

#[cfg(test)]
pub(crate) mod fake;
pub mod top;
pub(crate) mod words;

use std::{fmt, io, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// How long an agent may take: far longer than a busy one does.
const PATIENCE: Duration = Duration::from_secs(30);
/// The port of an agent, where none is named.
const PORT: u16 = 9890;

/// Where an agent listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Its unix socket.
    Socket(PathBuf),
    /// HOST:PORT of its HTTP.
    Http(String),
}

impl Address {
    /// Of a URL: `http://HOST:PORT`, or less where less says it.
    pub fn of_url(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").unwrap_or(url);
        let host = host.strip_suffix('/').unwrap_or(host);
        if url.starts_with("https://") {
            bail!("{url}: the agent speaks plain HTTP: go through a tunnel, or name http://");
        }
        if host.is_empty() || host.contains(|c: char| c == '/' || c == '@' || !c.is_ascii_graphic())
        {
            bail!("{url}: no address of an agent, which is http://HOST:PORT");
        }
        let name_end = host.rfind(']').map_or(0, |at| at + 1);
        let has_port = host.get(name_end..).is_some_and(|rest| rest.contains(':'));
        Ok(Self::Http(if has_port { host.to_owned() } else { format!("{host}:{PORT}") }))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Http(host) => write!(f, "http://{host}"),
        }
    }
}

/// Nobody listens there.
#[derive(Debug)]
pub struct NoAgent(Address, io::Error);

impl fmt::Display for NoAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address, error) = self;
        write!(f, "no agent answers at {address}")?;
        match error.kind() {
            // That nobody is there is all there is to say.
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(()),
            _ => write!(f, " ({error})"),
        }
    }
}

impl std::error::Error for NoAgent {}

/// The agent is of a version that has no such call.
#[derive(Debug, thiserror::Error)]
#[error("this agent does not know {0}")]
pub struct Unknown(pub String);

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
        runtime.block_on(self.send(method, path, body))
    }

    /// The same within a runtime.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer> {
        let sent = tokio::time::timeout(PATIENCE, self.sent(method, path, body)).await;
        let late = || {
            let seconds = PATIENCE.as_secs();
            format!("the agent at {} did not answer within {seconds} s", self.address)
        };
        sent.with_context(late)?
    }

    async fn sent(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer> {
        let nobody = |error| NoAgent(self.address.clone(), error);
        match &self.address {
            Address::Socket(path_of) => {
                let stream = UnixStream::connect(path_of).await.map_err(nobody)?;
                self.over(stream, "localhost", method, path, body).await
            }
            Address::Http(host) => {
                let stream = TcpStream::connect(host).await.map_err(nobody)?;
                self.over(stream, host, method, path, body).await
            }
        }
    }

    /// Asks for something that is there.
    pub fn get(&self, path: &str) -> Result<Bytes> {
        self.ask(Method::GET, path, Vec::new())?.taken(path)
    }

    /// The same, of JSON.
    pub fn get_json(&self, path: &str) -> Result<Value> {
        json_of(&self.get(path)?)
    }

    /// The same within a runtime.
    pub async fn fetch_json(&self, path: &str) -> Result<Value> {
        json_of(&self.send(Method::GET, path, Vec::new()).await?.taken(path)?)
    }

    /// Has something done.
    pub fn post_json(&self, path: &str) -> Result<Value> {
        json_of(&self.ask(Method::POST, path, b"{}".to_vec())?.taken(path)?)
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

fn json_of(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).context("the agent's answer is no JSON")
}

/// How the agent says that it has no such route.
const NO_ROUTE: &str = "there is nothing at ";

impl Answer {
    /// What was asked for at this path, or why it was not given.
    pub fn taken(self, path: &str) -> Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let problem = serde_json::from_slice::<Value>(&self.body).ok();
        let detail = problem.as_ref().and_then(|it| it["detail"].as_str());
        let has_no_route = match self.status {
            StatusCode::NOT_FOUND => detail.is_none_or(|detail| detail.starts_with(NO_ROUTE)),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => true,
            _ => false,
        };
        if has_no_route {
            let path = path.split('?').next().unwrap_or(path);
            return Err(Unknown(path.to_owned()).into());
        }
        let words = crate::sink::escape(detail.unwrap_or(self.status.as_str()));
        if self.status == StatusCode::UNAUTHORIZED {
            bail!("the agent says: {words} (MEMWATCH_TOKEN or --token-file gives a token)");
        }
        bail!("the agent says: {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let read = |url: &str| Address::of_url(url).ok().map(|it| it.to_string());
        for (url, wanted) in [
            ("http://web3:9000/", "http://web3:9000"),
            ("web3:9000", "http://web3:9000"),
            ("web3", "http://web3:9890"),
            ("http://[::1]:1", "http://[::1]:1"),
            ("[::1]", "http://[::1]:9890"),
        ] {
            assert_eq!(read(url).as_deref(), Some(wanted), "{url}");
        }
        for wrong in ["", "http://", "https://web3", "http://web3/path", "a b", "u:p@web3"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    fn taken(status: u16, body: &str) -> Result<Bytes> {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, body: Bytes::from(body.to_owned()) }.taken("/x?y=1")
    }

    #[test]
    fn what_an_agent_refuses_is_told_apart_from_what_it_does_not_know() {
        assert_eq!(taken(200, "good").unwrap(), "good");
        for (status, body) in
            [(404, r#"{"detail":"there is nothing at /x"}"#), (404, "x"), (405, "{}"), (501, "{}")]
        {
            let error = taken(status, body).unwrap_err();
            assert!(error.is::<Unknown>(), "{status} {body}: {error}");
            assert_eq!(error.to_string(), "this agent does not know /x");
        }
        let error = taken(404, r#"{"detail":"no finding \u001b[2J"}"#).unwrap_err();
        assert!(!error.is::<Unknown>());
        assert_eq!(error.to_string(), "the agent says: no finding \\u{1b}[2J");
        let error = taken(401, r#"{"detail":"no token"}"#).unwrap_err().to_string();
        assert!(error.contains("MEMWATCH_TOKEN"), "{error}");
        assert_eq!(taken(503, "").unwrap_err().to_string(), "the agent says: 503");
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let client = Client::new(Address::Socket("/nowhere/x.sock".into()), None);
        let error = client.get("/").unwrap_err();
        assert!(error.is::<NoAgent>());
        assert_eq!(error.to_string(), "no agent answers at /nowhere/x.sock");
        let denied =
            NoAgent(Address::Http("x:1".to_owned()), io::ErrorKind::PermissionDenied.into());
        assert_eq!(denied.to_string(), "no agent answers at http://x:1 (permission denied)");
    }

    #[test]
    fn the_token_and_the_body_arrive() {
        let agent = fake::Agent::start(|request| fake::Reply::json(200, request.to_owned()));
        let client = Client::new(agent.address(), Some("secret".to_owned()));
        let answer = client.ask(Method::POST, "/api/x?y=1", b"{}".to_vec()).unwrap();
        let heard = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(heard.starts_with("POST /api/x?y=1 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.to_lowercase().contains("authorization: bearer secret\r\n"), "{heard}");
    }
}

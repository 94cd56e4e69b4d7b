//! JSON over HTTP and HTTPS: webhooks, and what Slack understands.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{Channel, Failure, answer_of};
use crate::{
    alert::{
        ChannelOptions, Secret,
        decide::{Message, body, text},
    },
    output::Timestamp,
};

/// What of an answer is read, in bytes.
const MAX_READ: u64 = 4096;
/// Statuses of who may take the same message later, other than errors of the server: the address or the
/// token may be mended, and too many requests pass.
const PASSING: [u16; 8] = [401, 403, 404, 405, 407, 408, 425, 429];

/// Posts JSON to one address.
pub(super) struct Poster {
    agent: Agent,
    url: Secret,
    token: Option<Secret>,
}

impl Poster {
    /// To the address of a channel, with this path behind it.
    pub(super) fn new(options: &ChannelOptions, path: &str) -> Result<Self> {
        let url = options.url.as_ref().context("it has no url")?;
        let url = match path {
            "" => url.clone(),
            path => Secret::new(format!("{}{path}", url.reveal().trim_end_matches('/'))),
        };
        let tls = TlsConfig::builder().root_certs(roots()).build();
        let config = Agent::config_builder()
            .timeout_global(Some(options.timeout.0))
            .http_status_as_error(false)
            // A message with findings in it goes where it was sent to, and nowhere else.
            .max_redirects(0)
            .tls_config(tls)
            .user_agent(concat!("memwatch-ebpf/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), url, token: options.token.clone() })
    }

    /// Posts; what was answered. `id` is the same for every attempt.
    pub(super) fn post(&self, body: &Value, id: &str) -> Result<String, Failure> {
        let mut request = self.agent.post(self.url.reveal());
        request = request.header("content-type", "application/json").header("idempotency-key", id);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        let sent = request.send(body.to_string().as_bytes());
        let mut response = sent.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let asked = response.headers().get("retry-after").and_then(|it| it.to_str().ok());
        let asked = asked.and_then(|it| it.parse().ok()).map(Duration::from_secs);
        let read = response.body_mut().with_config().limit(MAX_READ).read_to_string();
        let answer = self.scrub(&answer_of(&read.unwrap_or_default()));
        let said = format!("{status} {answer}");
        if status.is_success() {
            return Ok(said.trim_end().to_owned());
        }
        let is_refused = status.is_client_error() && !PASSING.contains(&status.as_u16());
        let text = format!("{} answered {}", self.url, said.trim_end());
        Err(Failure { text, is_refused, retry_after: asked })
    }

    fn failure(&self, error: &ureq::Error) -> Failure {
        let text = answer_of(&self.scrub(&error.to_string()));
        Failure::passing(format!("{}: {text}", self.url))
    }

    fn scrub(&self, text: &str) -> String {
        let text = self.url.scrub(text);
        self.token.as_ref().map_or_else(|| text.clone(), |token| token.scrub(&text))
    }
}

/// The certificates that this host trusts; where it has none, Mozilla's.
fn roots() -> RootCerts {
    let native = rustls_native_certs::load_native_certs().certs;
    if native.is_empty() {
        return RootCerts::WebPki;
    }
    let certs = native.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect();
    RootCerts::Specific(Arc::new(certs))
}

/// Posts the whole message.
pub(super) struct Webhook {
    poster: Poster,
    host: String,
}

impl Webhook {
    pub(super) fn new(options: &ChannelOptions, host: String) -> Result<Self> {
        Ok(Self { poster: Poster::new(options, "")?, host })
    }
}

impl Channel for Webhook {
    fn send(&self, message: &Message, _: Timestamp) -> Result<String, Failure> {
        self.poster.post(&body::webhook(message, &self.host), &message.id)
    }
}

/// Posts text to a channel of Slack.
pub(super) struct Slack {
    poster: Poster,
    host: String,
}

impl Slack {
    pub(super) fn new(options: &ChannelOptions, host: String) -> Result<Self> {
        Ok(Self { poster: Poster::new(options, "")?, host })
    }
}

impl Channel for Slack {
    fn send(&self, message: &Message, _: Timestamp) -> Result<String, Failure> {
        let mut lines = vec![text::subject(message, &self.host)];
        lines.extend(text::lines(message, &self.host));
        let body = json!({"text": text::slack(&lines.join("\n")), "mrkdwn": false});
        self.poster.post(&body, &message.id)
    }
}

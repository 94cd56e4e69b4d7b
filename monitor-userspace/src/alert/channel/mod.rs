//! Channels: each hands one message to one receiver and says what that answered.

mod alertmanager;
mod command;
mod email;
mod http;
mod log;

use std::time::Duration;

use anyhow::Result;

use super::{
    ChannelOptions, Kind, LogLevel,
    decide::{Alert, Message},
};
use crate::output::Timestamp;

/// Letters of a receiver's answer that are kept.
const MAX_ANSWER: usize = 300;

/// Why a message did not arrive. No secret is in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What went wrong.
    pub(super) text: String,
    /// The receiver does not want this message, now or later.
    pub(super) is_refused: bool,
    /// When the receiver wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

/// A way to a receiver.
pub(super) trait Channel: Send {
    /// Delivers a message; what the receiver answered. It takes no longer than its time allows.
    fn send(&self, message: &Message, now: Timestamp) -> Result<String, Failure>;

    /// Tells a receiver that wants to hear it again which alerts are open.
    fn remind(&self, _alerts: &[Alert], _now: Timestamp) -> Result<String, Failure> {
        Ok(String::new())
    }

    /// How often it wants to hear that.
    fn reminded_every(&self) -> Option<Duration> {
        None
    }
}

impl Failure {
    /// It may work next time.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_refused: false, retry_after: None }
    }

    /// It will not.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self { is_refused: true, ..Self::passing(text) }
    }
}

/// Opens a channel of this host.
pub(super) fn open(
    options: &ChannelOptions,
    log: LogLevel,
    host: &str,
) -> Result<Box<dyn Channel>> {
    let host = host.to_owned();
    Ok(match options.kind {
        Kind::Log => Box::new(log::Log::new(log, host)),
        Kind::Webhook => Box::new(http::Webhook::new(options, host)?),
        Kind::Slack => Box::new(http::Slack::new(options, host)?),
        Kind::Email => Box::new(email::Email::new(options, host)?),
        Kind::Command => Box::new(command::Command::new(options, host)?),
        Kind::Alertmanager => Box::new(alertmanager::Alertmanager::new(options, host)?),
    })
}

/// The beginning of an answer, safe to print.
fn answer_of(text: &str) -> String {
    crate::sink::escape(&text.trim().chars().take(MAX_ANSWER).collect::<String>())
}

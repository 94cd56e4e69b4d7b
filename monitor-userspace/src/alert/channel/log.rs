//! The agent's own log.

use super::{Channel, Failure};
use crate::{
    alert::{
        LogLevel,
        decide::{Message, text},
    },
    output::Timestamp,
};

pub(super) struct Log {
    level: LogLevel,
    host: String,
}

impl Log {
    pub(super) fn new(level: LogLevel, host: String) -> Self {
        Self { level, host }
    }
}

impl Channel for Log {
    fn send(&self, message: &Message, _: Timestamp) -> Result<String, Failure> {
        for line in text::lines(message, &self.host) {
            match self.level {
                LogLevel::Off => {}
                LogLevel::Error => tracing::error!("alert: {line}"),
                LogLevel::Warn => tracing::warn!("alert: {line}"),
                LogLevel::Info => tracing::info!("alert: {line}"),
                LogLevel::Debug => tracing::debug!("alert: {line}"),
            }
        }
        Ok("written to the log".to_owned())
    }
}

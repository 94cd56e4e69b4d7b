//! The API of a Prometheus Alertmanager, version 2. It forgets an alert that it does not hear of again, so
//! open ones are posted anew until they are over.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Channel, Failure, http::Poster};
use crate::{
    alert::{
        ChannelOptions,
        decide::{
            Alert, Message, MessageKind,
            body::{Posted, posted, posted_test},
        },
    },
    output::Timestamp,
};

/// An alert holds for so many of the times after which it is posted again: three may get lost.
const HELD_FOR: u32 = 4;

pub(super) struct Alertmanager {
    poster: Poster,
    host: String,
    resend: Duration,
}

impl Alertmanager {
    pub(super) fn new(options: &ChannelOptions, host: String) -> Result<Self> {
        let poster = Poster::new(options, "/api/v2/alerts")?;
        Ok(Self { poster, host, resend: options.resend.0 })
    }

    fn until(&self, now: Timestamp) -> Timestamp {
        let held = self.resend.saturating_mul(HELD_FOR).as_nanos();
        Timestamp(now.0.saturating_add(i64::try_from(held).unwrap_or(i64::MAX)))
    }

    fn post(&self, alerts: &[Posted], id: &str) -> Result<String, Failure> {
        self.poster.post(&json!(alerts), id)
    }
}

impl Channel for Alertmanager {
    fn send(&self, message: &Message, now: Timestamp) -> Result<String, Failure> {
        let until = self.until(now);
        if message.kind == MessageKind::Test {
            return self.post(&[posted_test(&self.host, now, until)], &message.id);
        }
        let alerts = message.alerts.iter().map(|it| posted(it, &self.host, Some(until)));
        self.post(&alerts.collect::<Vec<_>>(), &message.id)
    }

    fn remind(&self, alerts: &[Alert], now: Timestamp) -> Result<String, Failure> {
        let until = self.until(now);
        let alerts = alerts.iter().map(|it| posted(it, &self.host, Some(until)));
        self.post(&alerts.collect::<Vec<_>>(), "reminder")
    }

    fn reminded_every(&self) -> Option<Duration> {
        Some(self.resend)
    }
}

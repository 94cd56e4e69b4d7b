//! `alert` and `silence`: whether channels work, and causes that nobody wants to hear of.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result};
use hyper::Method;
use serde_json::{Value, json};

use super::{Agent, config::refused};
use crate::{
    alert, cli,
    config::{Place, Sources, TimeSpan},
    sink::escape,
};

/// Where silences are.
const SILENCES: &str = "/api/monitoring/silences";

/// What is done with channels.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Alert {
    /// Send a test message to a channel and say what its receiver answered.
    Test {
        /// The channel's name.
        channel: String,
        /// The configuration: a file, or a directory with config.toml and conf.d
        /// [default: /etc/memwatch-ebpf].
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },
}

/// Which cause is silenced, and for how long; without any, the silences there are.
#[derive(Clone, Debug, clap::Args)]
pub struct Silence {
    /// Id of an open finding, or what it begins with.
    #[arg(requires = "time")]
    finding: Option<String>,

    /// For how long (30m, 2h, 7d), unless it doubles before.
    #[arg(long = "for", value_name = "TIME", value_parser = cli::duration, requires = "finding")]
    time: Option<Duration>,

    /// Why: others will ask.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "finding")]
    reason: String,

    /// End the silence of this id.
    #[arg(long, value_name = "ID", conflicts_with = "finding")]
    end: Option<String>,

    /// Which agent.
    #[command(flatten)]
    agent: Agent,
}

pub(super) fn alert(asked: &Alert) -> Result<u8> {
    let Alert::Test { channel, config } = asked;
    let sources = Sources::of(Place::new(config.as_deref()), Vec::new());
    let loaded = sources.load().map_err(|faults| refused(&faults))?;
    let answer = alert::test(&loaded.config.alerts.with_environment(), channel)?;
    writeln!(io::stdout(), "{channel}: {answer}")?;
    Ok(0)
}

pub(super) fn silence(asked: &Silence) -> Result<u8> {
    let client = asked.agent.reach.client()?;
    let mut out = io::stdout();
    if let Some(id) = &asked.end {
        let path = format!("{SILENCES}/{}", encoded(id));
        client.ask(Method::DELETE, &path, Vec::new())?.taken(&path)?;
        writeln!(out, "silence {} is over", escape(id))?;
        return Ok(0);
    }
    let (Some(finding), Some(time)) = (&asked.finding, asked.time) else {
        let body = client.get(SILENCES)?;
        return list(&body, asked.agent.json, &mut out);
    };
    let time = TimeSpan(time);
    let wanted = json!({"finding": finding, "for": time, "reason": asked.reason});
    let body =
        client.ask(Method::POST, SILENCES, wanted.to_string().into_bytes())?.taken(SILENCES)?;
    if asked.agent.json {
        out.write_all(&body)?;
        writeln!(out)?;
        return Ok(0);
    }
    let silence: Value = serde_json::from_slice(&body).context("read the agent's answer")?;
    writeln!(out, "silence {}", line(&silence))?;
    Ok(0)
}

fn list(body: &[u8], as_json: bool, out: &mut impl io::Write) -> Result<u8> {
    if as_json {
        out.write_all(body)?;
        writeln!(out)?;
        return Ok(0);
    }
    let all: Value = serde_json::from_slice(body).context("read the agent's answer")?;
    let silences = all["silences"].as_array().map(Vec::as_slice).unwrap_or_default();
    if silences.is_empty() {
        writeln!(out, "no silences")?;
    }
    for silence in silences {
        writeln!(out, "{}", line(silence))?;
    }
    Ok(0)
}

/// A silence in words.
fn line(silence: &Value) -> String {
    let text = |name: &str| escape(silence[name].as_str().unwrap_or_default());
    let whose = silence["pid"].as_u64().map_or_else(
        || silence["component"].as_str().map_or_else(|| "this host".to_owned(), escape),
        |pid| format!("pid {pid}"),
    );
    let (id, rule, until, finding) = (text("id"), text("rule"), text("until"), text("finding"));
    let reason = match text("reason").as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("{id}: {rule} of {whose} (finding {finding}) until {until}{reason}")
}

/// A piece of a path.
fn encoded(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let letter = |byte: u8| {
        if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(letter).collect()
}

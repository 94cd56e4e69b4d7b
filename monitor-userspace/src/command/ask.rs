//! Commands that ask a running agent.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::serve::SOCKET;
use crate::client::{Address, Client};

/// Which agent is asked, and how it answers.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Agent {
    /// Ask the agent at this address (http://HOST:PORT) instead of the one of this host.
    #[arg(long, value_name = "URL")]
    pub host: Option<String>,

    /// The unix socket of the agent.
    #[arg(long, value_name = "PATH", default_value = SOCKET, conflicts_with = "host")]
    pub socket: PathBuf,

    /// Answer with a JSON object.
    #[arg(long)]
    pub json: bool,
}

impl Agent {
    pub(super) fn client(&self) -> Client {
        let address = match &self.host {
            Some(url) => {
                let host = url.trim_start_matches("http://").trim_end_matches('/');
                Address::Http(host.to_owned())
            }
            None => Address::Socket(self.socket.clone()),
        };
        Client::new(address, std::env::var("MEMWATCH_TOKEN").ok())
    }
}

pub(super) fn status(agent: &Agent) -> Result<u8> {
    let body = agent.client().get("/api/monitoring/agent").context(
        "start one with `memwatch-ebpf serve`, or look without one: memwatch-ebpf --all",
    )?;
    let mut out = io::stdout();
    if agent.json || !out.is_terminal() {
        out.write_all(&body)?;
        writeln!(out)?;
        return Ok(0);
    }
    let status: Value = serde_json::from_slice(&body).context("read the agent's answer")?;
    for (name, value) in status.as_object().into_iter().flatten() {
        writeln!(out, "{name}: {value}")?;
    }
    Ok(0)
}

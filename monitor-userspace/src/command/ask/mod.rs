//! Commands that ask a running agent. What they print is made of its JSON by pure functions, which take
//! what another version of the agent leaves out for unknown.

mod act;
mod figures;
mod health;
mod question;
mod status;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
pub use figures::Period;
pub(super) use question::{Form, has_colour, judged, look_yourself, question};
use serde_json::Value;

use super::{output_to, watch};
use crate::{
    cli::Cli,
    client::{Address, Client, NoAgent, Unknown},
    config::SOCKET,
    sink::Paint,
};

/// Which agent is asked.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Reach {
    /// Ask the agent at this address (http://HOST:PORT) instead of the one of this host.
    #[arg(long, value_name = "URL")]
    pub host: Option<String>,

    /// The unix socket of the agent, if it is not /run/memwatch-ebpf/memwatch-ebpf.sock.
    #[arg(long, value_name = "PATH", conflicts_with = "host")]
    pub socket: Option<PathBuf>,

    /// A file with the token that the agent wants; else MEMWATCH_TOKEN is taken.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Which agent is asked, and how it answers.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Agent {
    /// Which.
    #[command(flatten)]
    pub reach: Reach,

    /// Answer with a JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What a running agent is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// How it is itself.
    Status,
    /// How the host is; as a monitoring plugin says it.
    Health { plugin: bool },
    /// Memory, CPU and response times of the last so many minutes.
    Metrics(Period),
    /// How it went, in short.
    Performance,
    /// To judge now.
    LeakCheck,
    /// Which rules are on.
    Rules,
    /// To clean up what its policy allows.
    Cleanup,
    /// To have memory given back that programs hold and do not use.
    Gc,
    /// To act on its findings now.
    ForceCleanup,
}

impl Reach {
    /// Whether an agent is named.
    pub(super) fn is_named(&self) -> bool {
        self.host.is_some() || self.socket.is_some()
    }

    pub(super) fn client(&self) -> Result<Client> {
        let address = match (&self.host, &self.socket) {
            (Some(url), _) => Address::of_url(url)?,
            (None, Some(path)) => Address::Socket(path.clone()),
            (None, None) => Address::Socket(SOCKET.into()),
        };
        let token = match &self.token_file {
            Some(path) => {
                let text = fs::read_to_string(path);
                Some(text.with_context(|| format!("read the token in {}", path.display()))?)
            }
            None => std::env::var("MEMWATCH_TOKEN").ok(),
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        Ok(Client::new(address, token))
    }
}

/// What is printed, and the exit status.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    text: String,
    status: u8,
}

/// Asks a running agent and prints what it says; the exit status.
pub(super) fn ask(wish: Wish, agent: &Agent, cli: &Cli) -> Result<u8> {
    let output = cli.output.as_deref();
    if let Wish::Health { plugin: true } = wish {
        let asked = agent.reach.client().and_then(|client| health::asked(&client));
        return print(&health::plugin(asked), output);
    }
    let as_json = agent.json || cli.json;
    let is_shown = output.is_none() && io::stdout().is_terminal();
    let paint = if is_shown { watch::paint() } else { Paint::default() };
    let said = said(wish, &agent.reach.client()?, as_json, paint);
    let mut said = said.or_else(|error| unknown(error, as_json))?;
    if said.status == 0 {
        said.status = judged(&agent.reach, cli.fail_on, "")?;
    }
    print(&said, output)
}

fn said(wish: Wish, client: &Client, as_json: bool, paint: Paint) -> Result<Said> {
    let answer = match wish {
        Wish::Status => client.get_json("/api/monitoring/agent"),
        Wish::Health { .. } => client.get_json("/api/monitoring/health"),
        Wish::Metrics(Period(minutes)) => {
            client.get_json(&format!("/api/monitoring/metrics?period={minutes}"))
        }
        Wish::Performance => client
            .get_json("/api/monitoring/answers/report")
            .map(|mut report| report["performance"].take()),
        Wish::LeakCheck => client.post_json("/api/monitoring/leak-check"),
        Wish::Rules => client.get_json("/api/monitoring/rules"),
        Wish::Cleanup => client.post_json("/api/monitoring/cleanup"),
        Wish::Gc => client.post_json("/api/monitoring/gc"),
        Wish::ForceCleanup => client.post_json("/api/monitoring/leak-force-cleanup"),
    };
    let answer = answer.map_err(|error| match wish {
        Wish::LeakCheck => look_yourself("leak-check", error),
        _ => start_one(error),
    })?;
    let status = act::status(&answer);
    if as_json {
        return Ok(Said { text: format!("{answer}\n"), status });
    }
    let text = match wish {
        Wish::Status => status::status(&answer, paint),
        Wish::Health { .. } => health::health(&answer, paint),
        Wish::Metrics(_) => figures::metrics(&answer, paint),
        Wish::Performance => figures::performance(&answer, paint),
        Wish::LeakCheck => act::leak_check(&answer, paint),
        Wish::Rules => act::rules(&answer, paint),
        Wish::Cleanup => act::done("clean-up", &answer, paint),
        Wish::Gc => act::done("collection", &answer, paint),
        Wish::ForceCleanup => act::done("forced clean-up", &answer, paint),
    };
    Ok(Said { text, status })
}

/// Who finds no agent is told how to have one, and what needs none.
fn start_one(error: anyhow::Error) -> anyhow::Error {
    if error.is::<NoAgent>() {
        let words = "start one with `memwatch-ebpf serve`, or look without one: \
                     memwatch-ebpf --all";
        return anyhow::anyhow!("{error}: {words}");
    }
    error
}

/// What an agent of another version does not know is `null` in JSON, and a failure either way.
fn unknown(error: anyhow::Error, as_json: bool) -> Result<Said> {
    if as_json && let Some(unknown) = error.downcast_ref::<Unknown>() {
        // Standard output stays JSON; what is amiss is said beside it.
        let _ = writeln!(io::stderr(), "memwatch-ebpf: {unknown}");
        return Ok(Said { text: format!("{}\n", Value::Null), status: 1 });
    }
    Err(error)
}

fn print(said: &Said, output: Option<&Path>) -> Result<u8> {
    let mut out = output_to(output)?;
    match out.write_all(said.text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.context("write the answer")?,
    }
    Ok(said.status)
}

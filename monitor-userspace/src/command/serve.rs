//! `serve`: the agent as a service.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};

use super::watch;
use crate::{
    agent::Form,
    cli::{Cli, Scope, duration},
    config::TimeSpan,
    history::{self, FILE, STATE_DIR},
    serve::{self, Doors, Where},
};

/// Where the agent listens if nobody says.
pub(super) const SOCKET: &str = "/run/memwatch-ebpf/memwatch-ebpf.sock";
const LISTEN: &str = "127.0.0.1:9890";

/// How the service runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Whom to watch; the whole host if nobody is named.
    #[command(flatten)]
    pub scope: Scope,

    /// Listen for HTTP here; port 0 takes a free one. Can be repeated.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    pub listen: Vec<SocketAddr>,

    /// Listen on this unix socket.
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,

    /// Keep the history in this directory.
    #[arg(long, value_name = "DIR", default_value = STATE_DIR)]
    pub state: PathBuf,

    /// Keep no history.
    #[arg(long)]
    pub no_history: bool,

    /// Keep the state of all processes this often in the history.
    #[arg(long, value_name = "TIME", default_value = "30s", hide = true, value_parser = duration)]
    pub history_interval: Duration,

    /// Use /proc alone: coarser, and without the kernel's events.
    #[arg(long)]
    pub no_ebpf: bool,
}

pub(super) fn serve(serve: Serve, mut cli: Cli) -> Result<u8> {
    cli.scope.all |= serve.scope.all;
    cli.scope.follow |= serve.scope.follow;
    cli.scope.pid.extend(serve.scope.pid);
    cli.scope.comm = serve.scope.comm.or(cli.scope.comm);
    cli.scope.all |= !watch::is_scoped(&cli);
    cli.no_ebpf |= serve.no_ebpf;
    let history = (!serve.no_history).then(|| history::Options {
        path: serve.state.join(FILE),
        interval: TimeSpan(serve.history_interval),
        ..history::Options::default()
    });
    // What is kept is what is said.
    cli.interval = cli.interval.min(serve.history_interval);
    let place = Where { listen: serve.listen, socket: Some(serve.socket) };
    let doors = Doors::bind(&place)?;
    let addresses = doors.addresses();
    let run = watch::prepare(cli, Form::Findings { as_json: false })?;
    let mut out = std::io::stdout();
    for address in addresses {
        writeln!(out, "listening on http://{address}").context("say where it listens")?;
    }
    let outcome = run.serve(serve::attend(doors, history))?;
    Ok(outcome.status(None))
}

//! `serve`: the agent as a service.

use std::{io::Write as _, net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result};

use super::watch;
use crate::{
    agent::Form,
    api,
    cli::{Cli, Scope},
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

    /// A file with the token that calls over TCP need which change something, and all calls at addresses
    /// that are not loopback. Made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

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
    let place = Where { listen: serve.listen, socket: Some(serve.socket) };
    let options = api::Options { token_file: serve.token_file, ..<_>::default() };
    let doors = Doors::bind(&place, options)?;
    let addresses = doors.addresses();
    let run = watch::prepare(cli, Form::Findings { as_json: false })?;
    let mut out = std::io::stdout();
    for address in addresses {
        writeln!(out, "listening on http://{address}").context("say where it listens")?;
    }
    let outcome = run.serve(serve::attend(doors))?;
    Ok(outcome.status(None))
}

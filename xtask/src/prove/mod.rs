//! `cargo xtask prove`: proofs with real peers that take minutes, and so are no part of the tests.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::sh;

mod http;
mod metrics;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Debian's Prometheus scrapes a real agent while a program leaks; every query of the Grafana dashboard
    Metrics(metrics::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may load programs into the kernel; use `sudo -E cargo xtask prove`");
    }
    match &options.what {
        What::Metrics(options) => metrics::prove(options),
    }
}

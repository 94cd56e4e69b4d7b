//! `cargo xtask prove NAME`: proofs with real peers that take longer than CI has.

mod alerts;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Receivers of alerts are dead for two minutes while the agent is killed (four minutes)
    Alerts(alerts::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    match &options.what {
        What::Alerts(options) => alerts::prove(options),
    }
}

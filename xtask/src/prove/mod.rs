//! `cargo xtask prove`: proofs that take minutes, and so are no part of the tests.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::sh;

mod kills;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// An agent is killed again and again while it writes its history at full speed
    Kills(kills::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may watch the whole host; use `sudo -E cargo xtask prove`");
    }
    match &options.what {
        What::Kills(options) => kills::prove(options),
    }
}

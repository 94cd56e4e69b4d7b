//! `cargo xtask prove alerts`: the long test of alerts, with aiosmtpd and Debian's Alertmanager.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{setup, sh};

#[derive(Args)]
pub(super) struct Options {
    /// An agent that is built already
    #[arg(long, env = "MEMWATCH_BIN")]
    agent: Option<PathBuf>,
}

pub(super) fn prove(options: &Options) -> Result<()> {
    setup::alerts()?;
    let agent = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let mut test = sh::cargo()?;
    test.args(["test", "--locked", "--quiet", "--package", "memwatch-tests", "--test", "alerts"])
        .args(["--", "--ignored", "--nocapture", "--test-threads=1"])
        .env("MEMWATCH_BIN", agent);
    sh::run(&mut test)
}

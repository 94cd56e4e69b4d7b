//! `cargo xtask record-real` and `cargo xtask draws`: build the agent and have it watch the real programs
//! of the catalogue (`tests/src/real/catalogue.rs`): for the recordings in `tests/recordings`, or live.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Args;

use crate::{setup, sh};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What to hand to it; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn record(options: &Options) -> Result<()> {
    run("record-real", options)
}

pub(crate) fn draws(options: &Options) -> Result<()> {
    run("draws", options)
}

/// Runs one of the programs of the end-to-end tests, which bears the name of its command.
fn run(name: &str, options: &Options) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may load programs into the kernel; use `sudo -E cargo xtask {name}`");
    }
    setup::tests()?;
    let agent = sh::build_agent()?;
    let mut program = sh::cargo()?;
    program
        .args(["run", "--locked", "--quiet", "--package", "memwatch-tests"])
        .args(["--bin", name, "--"])
        .args(&options.args)
        .env("MEMWATCH_BIN", agent);
    sh::run(&mut program)
}

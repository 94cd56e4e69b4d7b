//! `cargo xtask record-real`: builds the agent and has it watch the real programs of the catalogue
//! (`tests/src/real/catalogue.rs`), for the recordings in `tests/recordings`.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Args;

use crate::{setup, sh};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What to hand to the recorder; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn record_real(options: &Options) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may load programs into the kernel; use `sudo -E cargo xtask record-real`");
    }
    setup::tests()?;
    let agent = sh::build_agent()?;
    let mut recorder = sh::cargo()?;
    recorder
        .args(["run", "--locked", "--quiet", "--package", "memwatch-tests"])
        .args(["--bin", "record-real", "--"])
        .args(&options.args)
        .env("MEMWATCH_BIN", agent);
    sh::run(&mut recorder)
}

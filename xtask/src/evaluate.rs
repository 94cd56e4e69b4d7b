//! `cargo xtask evaluate`: what the judge is worth, on synthetic series and on recorded ones.
//!
//! The program is an example of the agent's crate (`monitor-userspace/examples/evaluate`): it needs the
//! detector as a library, and this tool should not have to be built with it.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::sh;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What to hand to it; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn evaluate(options: &Options) -> Result<()> {
    let agent = sh::build_agent()?;
    let mut program = sh::cargo()?;
    program
        .args(["run", "--locked", "--quiet", "--release", "--package", "monitor-userspace"])
        .args(["--example", "evaluate", "--"])
        .args(&options.args)
        .env("MEMWATCH_BIN", agent);
    sh::run(&mut program)
}

//! `cargo xtask run`: builds the agent and becomes it.
//!
//! The agent replaces this process, so its exit status, its signals and its terminal are exactly
//! those of the command typed. Nothing here writes to stdout: that stream is the agent's product.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::sh;

#[derive(Args)]
pub(crate) struct Options {
    /// What to hand to the agent, after `--`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let agent = sh::build_agent()?;
    let mut command = if sh::is_root() {
        Command::new(agent)
    } else if let Some(sudo) = sh::find_on_path("sudo") {
        eprintln!("run: not root, so going through `sudo -E`");
        let mut command = Command::new(sudo);
        command.arg("-E").arg(agent);
        command
    } else {
        // The agent knows best what it lacks and says so itself.
        Command::new(agent)
    };
    let error = command.args(&options.args).exec();
    Err(anyhow!(error).context(format!("failed to run {}", sh::quoted(&command))))
}

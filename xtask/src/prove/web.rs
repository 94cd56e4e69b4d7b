//! `cargo xtask prove web`: a browser looks at the page, of a host that is made up or of a running agent.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{setup, sh, web};

#[derive(Args)]
pub(super) struct Options {
    /// Look at the page of this agent instead: http://127.0.0.1:9890
    #[arg(long, value_name = "URL")]
    agent: Option<String>,
    /// Start a program that leaks and compare the rate on the page with its own (with --agent; takes
    /// up to three minutes)
    #[arg(long, requires = "agent")]
    leak: bool,
    /// Write screenshots here
    #[arg(long, value_name = "DIR")]
    screenshots: Option<PathBuf>,
}

pub(super) fn prove(options: &Options) -> Result<()> {
    setup::browser()?;
    web::packages()?;
    let shots = match &options.screenshots {
        // npm runs elsewhere.
        Some(dir) => std::path::absolute(dir)?,
        None => sh::target_dir()?.join("page"),
    };
    let mut page = web::npm()?;
    page.args(["run", "--silent", "prove", "--", "--screenshots"]).arg(shots);
    if let Some(agent) = &options.agent {
        page.args(["--agent", agent]);
    }
    if options.leak {
        page.arg("--leak");
    }
    sh::run(&mut page)
}

//! `cargo xtask prove web`: a browser looks at the page, of a host that is made up or of a running agent.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::served::{Folder, Running, serve};
use crate::{setup, sh, web};

#[derive(Args)]
pub(super) struct Options {
    /// Look at the page of this agent instead: http://127.0.0.1:9890
    #[arg(long, value_name = "URL")]
    agent: Option<String>,
    /// Start a program that leaks and compare the rate on the page with its own (takes up to three
    /// minutes); without --agent an agent is built and started for it, which takes root
    #[arg(long)]
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
    let mut started = None;
    if options.leak {
        page.arg("--leak");
        if options.agent.is_none() {
            started = Some(start()?);
        }
    }
    let own = started.as_ref().map(|(_, _, url)| url);
    if let Some(url) = options.agent.as_ref().or(own) {
        page.args(["--agent", url]);
    }
    sh::run(&mut page)
}

/// An agent of the whole host, and where its page is.
fn start() -> Result<(Running, Folder, String)> {
    if !sh::is_root() {
        bail!(
            "only root may load programs into the kernel; use `sudo -E cargo xtask prove web --leak`"
        );
    }
    let dir = Folder::new("web")?;
    let (agent, address) = serve(&sh::build_agent()?, dir.path(), &[])?;
    Ok((agent, dir, format!("http://{address}")))
}

//! `cargo xtask prove api`: schemathesis asks a running agent whatever its description allows and much that it
//! does not. No answer may be an error of the server (5xx) or one that the description does not have, and what
//! is not allowed must be refused.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use super::served::{Folder, serve};
use crate::{setup, sh};

#[derive(Args)]
pub(crate) struct Options {
    /// Requests of each kind that are made up
    #[arg(short = 'n', long, default_value_t = 100)]
    examples: u32,
    /// Begin with another choice of them
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take this agent instead of building one
    #[arg(long, value_name = "FILE")]
    agent: Option<std::path::PathBuf>,
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    let schemathesis = setup::schemathesis()?;
    let agent = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let dir = Folder::new("api")?;
    let token_file = dir.path().join("token");
    let named = token_file.to_str().context("the folder has a name that is no text")?;
    let (_served, address) = serve(&agent, dir.path(), &["--no-ebpf", "--token-file", named])?;
    let token = fs::read_to_string(&token_file).context("read the token")?;
    // Events come without end: a test of their own asks for them (tests/tests/api.rs).
    sh::run(
        Command::new(schemathesis)
            .args(["run", &format!("http://{address}/api/openapi.json"), "--checks", "all"])
            // What the description has no words for is refused with 400, which it has: a day that no month
            // has, two parameters of which only one may be given.
            .args(["--exclude-checks", "positive_data_acceptance"])
            .args(["--exclude-path", "/api/monitoring/events", "--no-color"])
            .args(["--max-examples", &options.examples.to_string()])
            .args(["--seed", &options.seed.to_string()])
            .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
            .current_dir(dir.path()),
    )?;
    println!("prove api: no 5xx and no undocumented answer");
    Ok(())
}

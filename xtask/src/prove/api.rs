//! `cargo xtask prove api`: schemathesis asks a running agent whatever its description allows and much that it
//! does not. No answer may be an error of the server (5xx) or one that the description does not have, what is
//! allowed must be taken and what is not must be refused.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

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

/// An agent; killed when dropped.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    let schemathesis = setup::schemathesis()?;
    let agent = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let dir = sh::target_dir()?.join("prove").join("api");
    // What an earlier run left, its token above all.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let (_served, url) = serve(&agent, &dir)?;
    let token = fs::read_to_string(dir.join("token")).context("read the token")?;
    // Events come without end: a test of their own asks for them (tests/tests/api.rs).
    sh::run(
        Command::new(schemathesis)
            .args(["run", &format!("{url}/api/openapi.json"), "--checks", "all"])
            .args(["--exclude-path", "/api/monitoring/events", "--no-color"])
            .args(["--max-examples", &options.examples.to_string()])
            .args(["--seed", &options.seed.to_string()])
            .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
            .current_dir(&dir),
    )?;
    println!("prove api: no 5xx and no undocumented answer");
    Ok(())
}

/// Starts an agent that watches the host from /proc alone, at a free port.
fn serve(agent: &Path, dir: &Path) -> Result<(Served, String)> {
    let mut command = Command::new(agent);
    command.args(["serve", "--all", "--no-ebpf", "--listen", "127.0.0.1:0", "--socket"]);
    command.arg(dir.join("socket")).arg("--token-file").arg(dir.join("token"));
    command.arg("--state").arg(dir.join("state"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("failed to run {}", sh::quoted(&command)))?;
    let stdout = child.stdout.take();
    let served = Served(child);
    let mut line = String::new();
    if let Some(stdout) = stdout {
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line).context("read where it listens")?;
        // It tells of findings there, and ends when nobody reads them.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    }
    let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
    ensure!(url.is_some(), "the agent does not say where it listens, but {line:?}");
    Ok((served, url.unwrap_or_default()))
}

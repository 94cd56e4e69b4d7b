//! `cargo xtask bench`: what the agent costs, and how much it bears.
//!
//! Every measurement is a file; all give a table, which `--update-docs` puts into the documents.
//! Loads and agents end with their guards, also where a measurement fails.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::sh;

mod agent;
mod compile;
mod drain;
mod engine;
pub(crate) mod load;
mod report;
mod scale;
mod seed;
mod stats;
mod syscalls;
mod table;
pub(crate) mod workload;

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum, default_value_t = What::Syscalls)]
    what: What,
    /// Rounds of one bare and one watched run (syscalls; compile: at least 5), or of two readers (seed)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How long each load is watched (default: 10; scale: 20)
    #[arg(long)]
    seconds: Option<u32>,
    /// An agent that is built already
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Where the raw numbers of syscalls go (default: target/bench/syscalls.json)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the table between its markers in README.md or docs/benchmarks.md
    #[arg(long)]
    update_docs: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// What a system call costs more
    Syscalls,
    /// The most events a second without loss
    Drain,
    /// Events a second in a replay
    Engine,
    /// The agent's memory and CPU by processes, mappings and descriptors
    Scale,
    /// How much longer a build takes
    Compile,
    /// How long the descriptor tables of what runs already take to read
    Seed,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Syscalls => "syscalls",
            Self::Drain => "drain",
            Self::Engine => "engine",
            Self::Scale => "scale",
            Self::Compile => "compile",
            Self::Seed => "seed",
        }
    }
}

pub(crate) fn bench(options: &Options) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may load programs into the kernel; run: sudo -E cargo xtask bench");
    }
    let program = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let dir = sh::target_dir()?.join("bench");
    fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
    let seconds = |default: u32| f64::from(options.seconds.unwrap_or(default));
    let table = match options.what {
        What::Syscalls => syscalls::run(&program, &dir, options.runs, options.json.as_deref())?,
        What::Drain => drain::run(&program, &dir, seconds(10))?,
        What::Engine => engine::run(&program, &dir, seconds(10))?,
        What::Scale => scale::run(&program, &dir, seconds(20))?,
        What::Compile => compile::run(&program, &dir, options.runs)?,
        What::Seed => seed::run(&program, options.runs)?,
    };
    println!("\n{table}");
    if options.update_docs {
        table.update_docs(options.what.name())?;
    }
    Ok(())
}

//! `cargo xtask bench`: what the agent costs, and how much it bears.
//!
//! Every measurement is a file; all give tables, which `--update-docs` puts into the documents.
//! Loads and agents end with their guards, also where a measurement fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use self::table::Table;
use crate::sh;

mod agent;
mod compile;
mod deep;
mod drain;
mod engine;
mod judge;
pub(crate) mod load;
mod pairs;
mod report;
mod scale;
mod seed;
mod serve;
mod servers;
mod stats;
mod syscalls;
mod sysctl;
mod table;
pub(crate) mod workload;

/// Rounds of `syscalls`, and pairs of runs of what is compared in pairs, while nobody says.
const ROUNDS: u32 = 5;
const PAIRS: u32 = 15;

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum, default_value_t = What::Syscalls)]
    what: What,
    /// Rounds of syscalls and seed (default: 5); pairs of compile and servers (default: 15)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// How long each load is watched (default: drain 60, engine 10, judge 300, scale 15, serve 60,
    /// servers 3)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
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
    /// What a system call costs more (2 minutes)
    Syscalls,
    /// Steady events without loss, and the most there can be (4 minutes)
    Drain,
    /// Events a second in a replay (1 minute)
    Engine,
    /// What judging takes of a core by processes, half of them changing every second (1 minute)
    Judge,
    /// The agent's memory and CPU by processes, mappings and descriptors (6 minutes)
    Scale,
    /// How much longer a build takes (3 minutes)
    Compile,
    /// What the service answers beside many processes and events (6 minutes)
    Serve,
    /// How much slower redis, nginx and PostgreSQL are (8 minutes)
    Servers,
    /// How long the descriptor tables of what runs already take to read (1 minute)
    Seed,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Syscalls => "syscalls",
            Self::Drain => "drain",
            Self::Engine => "engine",
            Self::Judge => "judge",
            Self::Scale => "scale",
            Self::Compile => "compile",
            Self::Serve => "serve",
            Self::Servers => "servers",
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
    let started = Instant::now();
    let tables = measure(options, &program, &dir)?;
    println!("\n{}", table::text_of(&tables));
    println!("bench: {} took {:.0} s", options.what.name(), started.elapsed().as_secs_f64());
    if options.update_docs {
        table::update_docs(&tables, options.what.name())?;
    }
    Ok(())
}

fn measure(options: &Options, program: &Path, dir: &Path) -> Result<Vec<Table>> {
    let seconds = |default: u32| options.seconds.unwrap_or(default);
    let runs = |default: u32| options.runs.unwrap_or(default);
    Ok(match options.what {
        What::Syscalls => {
            vec![syscalls::run(program, dir, runs(ROUNDS), options.json.as_deref())?]
        }
        What::Drain => vec![drain::run(program, dir, f64::from(seconds(60)))?],
        What::Engine => vec![engine::run(program, dir, f64::from(seconds(10)))?],
        What::Judge => judge::run(seconds(300))?,
        What::Scale => scale::run(program, dir, f64::from(seconds(15)))?,
        What::Compile => vec![compile::run(program, dir, runs(PAIRS))?],
        What::Serve => serve::run(program, f64::from(seconds(60)))?,
        What::Servers => vec![servers::run(program, dir, runs(PAIRS), seconds(3))?],
        What::Seed => vec![seed::run(program, runs(ROUNDS))?],
    })
}

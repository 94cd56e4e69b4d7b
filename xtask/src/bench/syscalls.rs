//! `bench syscalls`: what system calls cost more while the agent watches the whole host, without
//! call stacks and with all of them.
//!
//! Bare and watched runs alternate, because a machine's speed drifts by more than what is measured.
//! The loop has a CPU to itself and the agent has the others. Raw numbers are kept, nothing fails
//! on a timing: a budget that is missed is printed, and judged by people.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use super::agent::{Agent, Events};
use super::deep::{ALL_FRAMES, FEW_FRAMES};
use super::report::{self, Row};
use super::table::Table;
use super::workload::{self, Kind, Measured};
use crate::sh;

/// One bare run and two with the agent, by kind of system call.
#[derive(Serialize)]
pub(super) struct Round {
    pub(super) bare: Vec<Measured>,
    /// `--stacks off`
    pub(super) plain: Vec<Measured>,
    /// `--stacks all`, of the calls that have one: with few frames, and with as many as are kept.
    pub(super) few_frames: Vec<Measured>,
    pub(super) all_frames: Vec<Measured>,
    pub(super) agents: [Counts; 2],
}

/// What the agent said of a run.
#[derive(Serialize)]
pub(super) struct Counts {
    /// How the agent attached, as its header says.
    pub(super) attach: Value,
    pub(super) events_seen: Option<u64>,
    pub(super) events_lost: Option<u64>,
}

#[derive(Serialize)]
struct Results<'a> {
    kernel: String,
    cpus: usize,
    rounds: &'a [Round],
    summary: &'a [Row],
}

/// Measures and keeps everything; the table is returned.
pub(super) fn run(program: &Path, dir: &Path, runs: u32, json: Option<&Path>) -> Result<Table> {
    let cpus = std::thread::available_parallelism().context("failed to count the CPUs")?.get();
    // The agent inherits this; the loop then goes to the CPU left free.
    let cpu = workload::measured_cpu()?;
    workload::stay_off(cpu)?;

    let mut rounds = Vec::new();
    for round in 1..=runs {
        println!("bench: round {round} of {runs}");
        rounds.push(measure_round(cpu, program, dir)?);
    }
    let rows: Vec<Row> = Kind::ALL.iter().filter_map(|&kind| Row::of(kind, &rounds)).collect();

    let file = json.map_or_else(|| dir.join("syscalls.json"), Path::to_owned);
    let kernel = sh::output(Command::new("uname").arg("-r"))?.trim().to_owned();
    let results = Results { kernel, cpus, rounds: &rounds, summary: &rows };
    fs::write(&file, serde_json::to_string_pretty(&results)? + "\n")
        .with_context(|| format!("failed to write {}", file.display()))?;
    println!("raw numbers in {}", file.display());
    Ok(report::table(&rows, &rounds))
}

fn measure_round(cpu: usize, program: &Path, dir: &Path) -> Result<Round> {
    let start = |stacks: &str| {
        let options = ["--stacks".as_ref(), stacks.as_ref()];
        Agent::start(program, dir, Events::Counted, &options)
    };
    let bare = measure_all(cpu)?;
    let agent = start("off")?;
    let plain = measure_all(cpu)?;
    let without = counts(agent)?;
    let agent = start("all")?;
    let with_stack = |frames| -> Result<Vec<Measured>> {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.has_stack());
        kinds.map(|kind| measure(kind, cpu, frames)).collect()
    };
    let (few_frames, all_frames) = (with_stack(FEW_FRAMES)?, with_stack(ALL_FRAMES)?);
    let agents = [without, counts(agent)?];
    Ok(Round { bare, plain, few_frames, all_frames, agents })
}

/// Ends an agent.
fn counts(agent: Agent) -> Result<Counts> {
    let counted = agent.stop()?;
    Ok(Counts {
        attach: counted.attach,
        events_seen: counted.events_seen,
        events_lost: counted.events_lost,
    })
}

fn measure_all(cpu: usize) -> Result<Vec<Measured>> {
    Kind::ALL.into_iter().map(|kind| measure(kind, cpu, ALL_FRAMES)).collect()
}

/// Runs the loop for one kind in a process of its own.
fn measure(kind: Kind, cpu: usize, frames: usize) -> Result<Measured> {
    let this = env::current_exe().context("failed to find this program's own file")?;
    let count = kind.default_count().to_string();
    let mut command = Command::new(this);
    command.args(["bench-loop", kind.name(), &count, "--cpu", &cpu.to_string()]);
    command.args(["--frames", &frames.to_string()]);
    let line = sh::output(&mut command)?;
    serde_json::from_str(&line)
        .with_context(|| format!("`{}` printed {line:?}", sh::quoted(&command)))
}

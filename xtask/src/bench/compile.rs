//! `bench compile`: what a build of many small programs costs more while every process of the host
//! is watched: nothing but fork, exec, mapping and exit.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::agent::Agent;
use super::stats::interval_of_mean;
use super::table::Table;
use crate::sh;

const FILES: u32 = 200;
const LEAST_PAIRS: u32 = 5;

pub(super) fn run(program: &Path, dir: &Path, runs: u32) -> Result<Table> {
    let source = dir.join("tiny.c");
    fs::write(&source, "int main(void) { return 0; }\n").context("failed to write a source")?;
    // What is read from disk the first time is not read again.
    build(&source)?;
    let pairs = runs.max(LEAST_PAIRS);
    let (mut bare, mut watched, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 1..=pairs {
        println!("bench: pair {pair} of {pairs}");
        let alone = build(&source)?;
        let agent = Agent::start(program, dir, &[])?;
        let beside = build(&source)?;
        agent.stop()?;
        bare.push(alone);
        watched.push(beside);
        ratios.push((beside / alone).ln());
    }
    let (low, middle, high) = interval_of_mean(&ratios);
    let row = vec![
        format!("{:.2}", super::stats::median(&bare)),
        format!("{:.2}", super::stats::median(&watched)),
        format!("{:.3}", middle.exp()),
        format!("{:.3} to {:.3}", low.exp(), high.exp()),
    ];
    let heading = vec!["bare, s", "with the agent, s", "ratio", "95 %"];
    let notes = vec![format!(
        "{FILES} times gcc -O0 on a program of one line, one after the other; {pairs} pairs in \
         turns, geometric mean of their ratios."
    )];
    Ok(Table { heading, rows: vec![row], notes })
}

/// Seconds that compiling takes.
fn build(source: &Path) -> Result<f64> {
    let script = format!(
        "i=0; while [ $i -lt {FILES} ]; do gcc -O0 -o \"$1.out\" \"$1\" || exit 1; i=$((i+1)); done"
    );
    let started = Instant::now();
    sh::run(Command::new("sh").args(["-c", &script, "sh"]).arg(source))?;
    Ok(started.elapsed().as_secs_f64())
}

//! `bench compile`: what a build of many small programs costs more while every process of the host
//! is watched: nothing but fork, exec, mapping and exit.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::pairs::{self, Unit};
use super::table::Table;
use crate::{setup, sh};

const FILES: u32 = 100;

pub(super) fn run(program: &Path, dir: &Path, pairs: u32) -> Result<Table> {
    setup::bench()?;
    let source = dir.join("tiny.c");
    fs::write(&source, "int main(void) { return 0; }\n").context("failed to write a source")?;
    // What is read from disk the first time is not read again.
    build(&source)?;
    let [seconds] = pairs::in_turns(program, dir, pairs, || Ok([build(&source)?]))?;
    let mut row = vec!["compile, s".to_owned()];
    row.extend(seconds.cells(Unit::Seconds));
    let notes = vec![format!(
        "{FILES} times gcc -O0 on a program of one line, one after the other; {pairs} pairs in \
         turns, medians, and the geometric mean of the pairs' ratios."
    )];
    let heading = std::iter::once("load").chain(pairs::HEADING).collect();
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

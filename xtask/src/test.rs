//! `cargo xtask test`: the tests that need nothing, then, as root, those that load programs into
//! the running kernel.
//!
//! Both halves run to their end, so that the last line counts everything there is.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{setup, sh};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the end-to-end tests
    #[arg(long)]
    unit: bool,
    /// Run only tests whose name contains this
    filter: Option<String>,
}

/// What `test result:` lines of libtest add up to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// A command that ended badly without counting a failure: it did not compile, or it crashed.
    broken: bool,
}

pub(crate) fn test(options: &Options) -> Result<()> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let filter = options.filter.as_slice();

    let not_run = if options.unit {
        Some("left out, as --unit asks")
    } else if !sh::is_root() {
        Some("NOT RUN: only root may load programs into the kernel; use `sudo -E cargo xtask test`")
    } else {
        None
    };
    if not_run.is_none() {
        setup::tests()?;
    }
    let mut unit = sh::cargo()?;
    unit.args(["test", "--locked", "--no-fail-fast"]).args(filter);
    tally.count(&mut unit)?;
    if not_run.is_none() {
        let mut end_to_end = sh::cargo()?;
        end_to_end
            .args(["test", "--locked", "--no-fail-fast", "--package", "memwatch-tests"])
            .args(filter)
            // One kernel, one agent at a time: each test sees the whole host.
            .args(["--", "--test-threads=1"])
            .env("MEMWATCH_BIN", sh::tested_agent()?);
        tally.count(&mut end_to_end)?;
    }

    let total = format!(
        "{tally} in {:.0} s; end-to-end tests {}",
        started.elapsed().as_secs_f64(),
        not_run.unwrap_or("run")
    );
    if tally.broken || tally.failed > 0 {
        bail!("tests failed: {total}");
    }
    if tally.passed == 0 {
        // A misspelt filter must not look like success.
        bail!("no test was run: {total}");
    }
    println!("\ntest: {total}");
    Ok(())
}

impl Tally {
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Runs a `cargo test`, passes its output on as it comes, and adds up its results.
    fn count(&mut self, command: &mut Command) -> Result<()> {
        let failed_before = self.failed;
        let failed = format!("failed to run {}", sh::quoted(command));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| failed.clone())?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.with_context(|| failed.clone())?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                self.add(&line);
            }
        }
        let status = child.wait().with_context(|| failed)?;
        self.broken |= !status.success() && self.failed == failed_before;
        Ok(())
    }

    /// Adds a line like `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; others add nothing.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_verdict, counts)| counts);
        for part in counts.split("; ") {
            let Some((count, what)) = part.split_once(' ') else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, ignored, broken } = self;
        write!(f, "{passed} passed, {failed} failed, {ignored} ignored")?;
        if *broken {
            write!(f, ", some did not run at all")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_add_up() {
        let mut tally = Tally::default();
        tally.add("running 3 tests");
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out");
        tally.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; finished in 1s");
        assert_eq!(tally, Tally { passed: 4, failed: 2, ignored: 1, broken: false });
    }
}

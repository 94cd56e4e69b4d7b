//! Runs a test executable against a mutant and says whether any test noticed.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::sh;

const POLL: Duration = Duration::from_millis(20);

/// What became of a mutant.
pub(super) enum Fate {
    /// The first test that failed, in the order of names.
    Killed(String),
    Survived,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(by) => write!(f, "killed by {by}"),
            Self::Survived => f.write_str("SURVIVED"),
        }
    }
}

/// Runs tests, their output in `log`, and judges how they ended.
pub(super) fn ask(tests: &mut Command, log: &Path, limit: Duration) -> Result<Fate> {
    let file = File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
    let stderr = file.try_clone().context("failed to share a file")?;
    tests.stdin(Stdio::null()).stdout(file).stderr(stderr);
    let status = run_within(tests, limit)?;
    let text = fs::read(log).with_context(|| format!("failed to read {}", log.display()))?;
    judged(status, &String::from_utf8_lossy(&text))
}

/// What the end of the tests and their output say.
fn judged(status: Option<ExitStatus>, output: &str) -> Result<Fate> {
    let killed = |by: &str| Ok(Fate::Killed(by.to_owned()));
    match status {
        None => killed("the time limit"),
        Some(status) if status.success() => {
            if output.contains("ok. 0 passed") {
                bail!("its filter picks no test at all");
            }
            Ok(Fate::Survived)
        }
        Some(status) => killed(&first_failure(output).unwrap_or_else(|| status.to_string())),
    }
}

/// Runs a command to its end; `None` if it had to be killed for taking too long.
fn run_within(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let failed = format!("failed to run {}", sh::quoted(command));
    let mut child = command.spawn().with_context(|| failed.clone())?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().with_context(|| failed.clone())? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill().with_context(|| failed.clone())?;
            child.wait().with_context(|| failed.clone())?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// The first failed test, by name, in what libtest printed.
fn first_failure(output: &str) -> Option<String> {
    let name = |line: &str| {
        let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(test.trim_end_matches(" - should panic").to_owned())
    };
    output.lines().filter_map(name).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_the_first_by_name() {
        let output = "test b::two ... FAILED\ntest c ... ok\ntest a::one ... FAILED\n";
        assert_eq!(first_failure(output).as_deref(), Some("a::one"));
        assert_eq!(first_failure("test c ... ok\n"), None);
    }

    #[test]
    fn a_mutant_is_killed_by_a_test_a_crash_or_time() {
        use std::os::unix::process::ExitStatusExt as _;
        let is_killed =
            |raw: i32, output: &str| match judged(Some(ExitStatus::from_raw(raw)), output) {
                Ok(Fate::Killed(by)) => by,
                _ => "nobody".to_owned(),
            };
        assert_eq!(is_killed(101 << 8, "test a ... FAILED\n"), "a");
        assert!(is_killed(6, "").contains("signal"));
        assert_eq!(is_killed(0, "test result: ok. 3 passed"), "nobody");
        assert!(judged(Some(ExitStatus::from_raw(0)), "test result: ok. 0 passed").is_err());
    }
}

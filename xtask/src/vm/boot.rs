//! One boot: the machine's console passes through, and what it says at the end is the result.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::sh;
use crate::test::Tally;

/// Said by the machine's init before it powers off.
const MARKER: &str = "VM-RESULT: ";

/// What the kernel is told. An emulated processor that waits for a busy host is no lockup, and
/// without expedited grace periods every end of an agent takes two seconds more.
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 nowatchdog \
    rcupdate.rcu_cpu_stall_suppress=1 rcupdate.rcu_expedited=1";

/// What the console told.
#[derive(Default)]
pub(super) struct Outcome {
    tally: Tally,
    skipped: u64,
    /// What stood behind the marker; nothing where the machine never got there.
    result: Option<String>,
    took: Duration,
    timed_out: bool,
}

impl Outcome {
    /// Takes note of a line of the console.
    fn add(&mut self, line: &str) {
        self.tally.add(line);
        self.skipped += u64::from(line.starts_with("SKIPPED: "));
        if let Some((_, result)) = line.split_once(MARKER) {
            self.result = Some(result.trim().to_owned());
        }
    }

    /// Whether everything passed, and anything ran.
    pub(super) fn verdict(&self) -> Result<()> {
        match self.result.as_deref() {
            Some("ok") if self.tally.passed() == self.skipped => bail!("no test was run"),
            Some("ok") => Ok(()),
            Some(other) => bail!("tests failed: {other}"),
            None if self.timed_out => bail!("it was not done within its time limit"),
            None => bail!("it ended without a result: look for a panic above"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = self.result.as_deref().unwrap_or("no result");
        let seconds = self.took.as_secs();
        write!(f, "{result}: {} ({} of them skipped) in {seconds} s", self.tally, self.skipped)
    }
}

/// A running machine; killed when dropped, whatever it is at.
pub(crate) struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots, prints what the machine says as it says it, and returns when it powers off.
pub(super) fn run(image: &Path, initramfs: &Path, limit: Duration) -> Result<Outcome> {
    let (_machine, console) = start(image, initramfs, "", |_| ())?;
    let started = Instant::now();
    let mut outcome = Outcome::default();
    loop {
        match console.recv_timeout(limit.saturating_sub(started.elapsed())) {
            Ok(line) => {
                println!("{line}");
                outcome.add(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                outcome.timed_out = true;
                break;
            }
        }
    }
    outcome.took = started.elapsed();
    Ok(outcome)
}

/// Starts a machine, whose kernel is told more; what its console says comes line by line.
pub(super) fn start(
    image: &Path,
    initramfs: &Path,
    more: &str,
    with: impl FnOnce(&mut Command),
) -> Result<(Machine, Receiver<String>)> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg", "-m", "3G", "-smp", "2", "-no-reboot"])
        .args(["-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-nic", "none", "-append", &format!("{COMMAND_LINE} {more}"), "-kernel"])
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    with(&mut qemu);
    let child = qemu.spawn().with_context(|| format!("failed to run {}", sh::quoted(&qemu)))?;
    let mut machine = Machine(child);
    let console = lines_of(&mut machine)?;
    Ok((machine, console))
}

/// The console, line by line; its end is the machine's.
fn lines_of(machine: &mut Machine) -> Result<Receiver<String>> {
    let console = machine.0.stdout.take().context("the machine has no console")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(lines: &[&str]) -> Outcome {
        let mut outcome = Outcome::default();
        for line in lines {
            outcome.add(line);
        }
        outcome
    }

    #[test]
    fn a_run_is_good_only_with_the_marker_and_tests_that_ran() {
        let passed = "test result: ok. 2 passed; 0 failed; 0 ignored";
        assert!(outcome(&[passed, "VM-RESULT: ok"]).verdict().is_ok());
        assert!(outcome(&[passed]).verdict().is_err());
        assert!(outcome(&[passed, "VM-RESULT: failed exact"]).verdict().is_err());
        assert!(outcome(&["VM-RESULT: ok"]).verdict().is_err());
        let skips = ["SKIPPED: gcc is not installed"; 2];
        assert!(outcome(&[passed, skips[0], skips[1], "VM-RESULT: ok"]).verdict().is_err());
    }
}

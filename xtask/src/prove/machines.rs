//! A whole machine is killed while an agent writes its history and tells of findings, with both on its disks:
//! what its kernel had not given to them is lost, as when the power fails. Each time the history must be whole,
//! have every look that the agent had said was written, and none missing but the one in flight; and over all
//! boots each finding is told once that it began, and once that it is over.
//!
//! The programs of a boot die with it, so that each boot ends what the one before had announced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use super::left::{self, Left};
use crate::vm::{Killed, copy_off};
use crate::{setup, sh};

/// How a line starts that has the machine's time in milliseconds and what its agent answers.
const SAYS: &str = "VM-AGENT: ";
/// How often the agent keeps the state of everything.
const STEP_MS: i64 = 1000;
/// How old the last look may be: the one before the one in flight, and what an emulated processor is late.
const MOST_BEHIND_MS: i64 = 4 * STEP_MS;
/// How long a machine may take to do what is waited for.
const LIMIT: Duration = Duration::from_mins(2);
/// Looks after which the last boot has seen that all programs are gone, and told so.
const LAST_LOOKS: usize = 8;

#[derive(Args)]
pub(crate) struct Options {
    /// How often it is killed
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Programs that only wait, each a row of every look
    #[arg(long, default_value_t = 1500)]
    waiting: u32,
    /// An agent that is built already
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
}

pub(super) fn prove(options: &Options) -> Result<()> {
    setup::vm()?;
    let agent = options.agent.clone().map_or_else(sh::build_agent, Ok)?;
    let dir = sh::target_dir()?.join("prove-machine-kills");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let machine = Killed::new(&dir, &agent)?;
    let (mut rows, mut worst, mut slowest) = (0, 0, f64::INFINITY);
    for kill in 1..=options.kills {
        // Anywhere in what it does: another time after the first finding at each kill.
        let more = Duration::from_millis(3000 + u64::from(kill) * 1777 % 5000);
        let is_due = |seen: &Seen, since: Instant| seen.is_busy() && since.elapsed() >= more;
        let left = once(&machine, &dir, &kill.to_string(), options.waiting, is_due)
            .with_context(|| format!("kill {kill}"))?;
        let told = Told::read(&dir.join("told"))?;
        println!(
            "kill {kill}: {} looks, {} rows, {:.0} rows a second; the last look was {} ms old; {told}",
            left.looks,
            left.rows,
            left.speed(),
            left.behind_ms,
        );
        rows += left.rows;
        worst = worst.max(left.behind_ms);
        slowest = slowest.min(left.speed());
    }
    let is_due = |seen: &Seen, _| seen.looks.len() >= LAST_LOOKS && seen.open_findings == 0;
    once(&machine, &dir, "last", options.waiting, is_due).context("the last boot")?;
    let told = Told::read(&dir.join("told"))?;
    let halves = told.halves();
    ensure!(halves.is_empty(), "not told to begin and to be over: {}; {told}", halves.join(", "));
    ensure!(!told.findings.is_empty(), "no finding was told");
    println!(
        "\nprove: {} kills of a machine while {rows} rows were written, {slowest:.0} and more a second: the database \
         opened each time, passed integrity_check, had every look that was said to be written, each whole; the \
         last was at most {worst} ms old, looks are {STEP_MS} ms apart; {told}, in all with the boot after",
        options.kills
    );
    fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}

/// One boot, from its start to its violent end and what it left on the disks.
fn once(
    machine: &Killed,
    dir: &Path,
    boot: &str,
    waiting: u32,
    is_due: impl Fn(&Seen, Instant) -> bool,
) -> Result<Left> {
    let state = dir.join("state");
    let runs_before = if state.exists() { left::last_run(&state)? } else { 0 };
    let (running, console) = machine.boot(boot, waiting)?;
    let (seen, at) = watch(&console, is_due)?;
    // By the machine's clock.
    let killed_ms = seen.now_ms + at.elapsed().as_millis() as i64;
    drop(running);
    for (disk, name) in [(&machine.state, "state"), (&machine.told, "told")] {
        copy_off(disk, &dir.join(name))?;
    }
    let written = seen.looks.last().context("no look was written")?;
    let left = left::look_at(&state, runs_before, written, killed_ms)?;
    let aside = state.join("alerts.damaged");
    ensure!(!aside.exists(), "the journal of alerts was set aside");
    ensure!(left.behind_ms <= MOST_BEHIND_MS, "the last look is {} ms old", left.behind_ms);
    Ok(left)
}

/// What a machine has said of its agent.
#[derive(Default)]
struct Seen {
    /// Looks that were said to be written.
    looks: Vec<String>,
    open_findings: u64,
    /// When it said the last of it, by its own clock.
    now_ms: i64,
}

impl Seen {
    fn is_busy(&self) -> bool {
        !self.looks.is_empty() && self.open_findings > 0
    }

    /// Takes note of what the agent answered.
    fn add(&mut self, now_ms: i64, status: &Value) -> Result<()> {
        self.now_ms = now_ms;
        self.open_findings = status["openFindings"].as_u64().context("no openFindings")?;
        let written = status["history"]["lastWrite"].as_str().and_then(|at| at.get(..23));
        if let Some(written) = written
            && self.looks.last().is_none_or(|last| last != written)
        {
            self.looks.push(written.to_owned());
        }
        let problem = &status["history"]["problem"];
        ensure!(problem.is_null(), "the history is not written: {problem}");
        Ok(())
    }
}

/// Hears what the machine says until it is to be killed; what it has said, and when it said the last of it.
/// The time that `is_due` is given is that of the first look with a finding.
fn watch(
    console: &Receiver<String>,
    is_due: impl Fn(&Seen, Instant) -> bool,
) -> Result<(Seen, Instant)> {
    let started = Instant::now();
    let (mut seen, mut busy) = (Seen::default(), None);
    loop {
        let line = console.recv_timeout(LIMIT.saturating_sub(started.elapsed()));
        let line = line.context("the machine ended, or did not do what it should in time")?;
        let at = Instant::now();
        let Some((now_ms, status)) = line.strip_prefix(SAYS).and_then(|it| it.split_once(' '))
        else {
            println!("  {line}");
            continue;
        };
        seen.add(now_ms.parse()?, &serde_json::from_str(status)?)?;
        if seen.is_busy() {
            busy.get_or_insert(at);
        }
        if is_due(&seen, busy.unwrap_or(at)) {
            return Ok((seen, at));
        }
    }
}

/// What was heard of alerts over all boots.
#[derive(Default)]
struct Told {
    /// How often each finding was told to begin, and to be over.
    findings: BTreeMap<String, (u32, u32)>,
    /// In which boots each message came.
    boots: BTreeMap<String, BTreeSet<String>>,
    /// Messages that came again after a kill, which their id tells.
    again: usize,
}

impl Told {
    /// Reads what was heard, a file for each message, which is called by its boot.
    fn read(dir: &Path) -> Result<Self> {
        let mut told = Self::default();
        for file in fs::read_dir(dir).context("list what was told")?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".json").and_then(|name| name.split_once('-'));
            let Some((boot, _)) = stem else { continue };
            let text = fs::read_to_string(file.path()).with_context(|| format!("read {name}"))?;
            let message = serde_json::from_str(&text).with_context(|| format!("read {name}"))?;
            told.add(boot, &message)?;
        }
        Ok(told)
    }

    /// Takes note of a message. The agent may be killed after it was taken and before it learns of that: then it
    /// comes again in the next boot, with the same id.
    fn add(&mut self, boot: &str, message: &Value) -> Result<()> {
        let id = message["messageId"].as_str().context("a message without an id")?;
        let boots = self.boots.entry(id.to_owned()).or_default();
        ensure!(boots.insert(boot.to_owned()), "message {id} came twice in boot {boot}");
        if boots.len() > 1 {
            self.again += 1;
            return Ok(());
        }
        for alert in message["alerts"].as_array().context("a message without alerts")? {
            let finding = alert["fingerprint"].as_str().context("an alert without a finding")?;
            let (began, over) = self.findings.entry(finding.to_owned()).or_default();
            match message["kind"].as_str() {
                Some("open") => *began += 1,
                Some("resolved") => *over += 1,
                kind => bail!("message {id} is of kind {kind:?}"),
            }
            ensure!(*began <= 1 && *over <= 1, "finding {finding} was told twice");
        }
        Ok(())
    }

    /// Findings that were told to be over or to begin, but not both.
    fn halves(&self) -> Vec<&str> {
        let half = self.findings.iter().filter(|(_, counts)| **counts != (1, 1));
        half.map(|(finding, _)| finding.as_str()).collect()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = self.findings.values().filter(|(_, over)| *over > 0).count();
        let (began, again) = (self.findings.len(), self.again);
        write!(f, "{began} findings told, {over} over, none twice ({again} messages again)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_may_come_again_in_another_boot_and_a_finding_in_no_other_message() {
        let message = |id: &str, kind: &str, finding: &str| json!({"messageId": id, "kind": kind, "alerts": [{"fingerprint": finding}]});
        let mut told = Told::default();
        told.add("1", &message("m", "open", "f")).unwrap();
        assert_eq!(told.halves(), ["f"]);
        told.add("2", &message("m", "open", "f")).unwrap();
        assert_eq!(told.again, 1);
        told.add("2", &message("n", "resolved", "f")).unwrap();
        assert!(told.halves().is_empty());
        assert!(told.add("2", &message("m", "open", "f")).is_err());
        assert!(told.add("2", &message("o", "open", "f")).is_err());
        assert!(told.add("3", &message("p", "resolved", "f")).is_err());
    }
}

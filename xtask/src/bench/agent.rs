//! The agent as the benchmark sees it: started, attached, stopped, and what it counted.
//!
//! Knows only its command line and a few types of NDJSON lines: the header comes first, once
//! everything is attached; statistics come last. A benchmark that fails leaves no agent, and none
//! leaves its output, which may be large.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::sh;

/// Attaching and seeding take well under a second; a loaded machine may be slow to start.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Detaching dozens of tracepoints takes the kernel seconds.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// What becomes of the events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Events {
    /// They are counted; printing them is another measurement. (Those of processes are printed.)
    Counted,
    /// Each is a line of the output.
    Printed,
}

/// Name of the process that the agent leaves behind while the kernel lets go of its probes.
const DETACHING: &str = "memwatch-detach";

/// A running agent that watches the whole host.
pub(super) struct Agent {
    child: Child,
    program: PathBuf,
    output: PathBuf,
    stderr: PathBuf,
    header: Value,
}

/// What the agent says about itself after a run.
pub(super) struct Counted {
    /// How each probe was attached, by the header.
    pub(super) attach: Value,
    pub(super) events_seen: Option<u64>,
    pub(super) events_lost: Option<u64>,
    pub(super) events_not_printed: Option<u64>,
    /// All lines of statistics, in order.
    pub(super) stats: Vec<Value>,
}

impl Agent {
    /// Starts the agent and waits until it is attached.
    pub(super) fn start(
        program: &Path,
        dir: &Path,
        events: Events,
        options: &[&OsStr],
    ) -> Result<Self> {
        let (output, stderr) = (dir.join("agent.ndjson"), dir.join("agent.stderr"));
        // A header of the run before would be taken for this one's.
        File::create(&output).with_context(|| format!("failed to empty {}", output.display()))?;
        let log = File::create(&stderr)
            .with_context(|| format!("failed to create {}", stderr.display()))?;
        let program = fs::canonicalize(program)
            .with_context(|| format!("there is no agent at {}", program.display()))?;
        let mut command = Command::new(&program);
        command.args(["--all", "--json", "--output"]).arg(&output).args(options);
        if events == Events::Counted {
            command.args(["--events", "process"]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to run {}", sh::quoted(&command)))?;
        let mut agent = Self { child, program, output, stderr, header: Value::Null };
        agent.header = agent.wait_for_header()?;
        Ok(agent)
    }

    fn wait_for_header(&mut self) -> Result<Value> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Some(header) = self.lines("header", "")?.pop() {
                return Ok(header);
            }
            if let Some(status) = self.try_wait()? {
                bail!("the agent ended with {status} before it was attached: {}", self.log());
            }
            std::thread::sleep(POLL);
        }
        bail!("the agent was not attached within {START_LIMIT:?}: {}", self.log());
    }

    /// Ends the agent as Ctrl-C would and returns what it counted.
    pub(super) fn stop(mut self) -> Result<Counted> {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, Signal::SIGINT).with_context(|| format!("failed to signal the agent {pid}"))?;
        let deadline = Instant::now() + STOP_LIMIT;
        let status = loop {
            if let Some(status) = self.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("the agent did not end within {STOP_LIMIT:?} of SIGINT: {}", self.log());
            }
            std::thread::sleep(POLL);
        };
        if !status.success() {
            bail!("the agent ended with {status} after SIGINT: {}", self.log());
        }
        wait_until_detached(&self.program, deadline)?;
        let stats = self.lines("stats", "")?;
        let number = |name: &str| stats.last().and_then(|last| last.get(name)?.as_u64());
        Ok(Counted {
            attach: self.header.get("attach").cloned().unwrap_or(Value::Null),
            events_seen: number("events_seen"),
            events_lost: number("events_lost"),
            events_not_printed: number("events_not_printed"),
            stats,
        })
    }

    /// CPU it has used so far, of all its threads.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds_of(self.child.id())
    }

    /// Its resident anonymous memory.
    pub(super) fn anon_bytes(&self) -> Result<f64> {
        anon_bytes_of(self.child.id())
    }

    fn try_wait(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.child.try_wait().context("failed to wait for the agent")
    }

    /// The lines of one type written so far that have this text. The last one may be half written
    /// and is then left out; others are not looked at, as there may be millions.
    pub(super) fn lines(&self, kind: &str, text: &str) -> Result<Vec<Value>> {
        let failed = || format!("failed to read {}", self.output.display());
        let start = format!("{{\"type\":\"{kind}\"");
        let mut lines = BufReader::with_capacity(1 << 20, File::open(&self.output)?);
        let (mut line, mut found) = (Vec::new(), Vec::new());
        while lines.read_until(b'\n', &mut line).with_context(failed)? > 0 {
            if line.starts_with(start.as_bytes()) && String::from_utf8_lossy(&line).contains(text) {
                found.extend(serde_json::from_slice::<Value>(&line).ok());
            }
            line.clear();
        }
        Ok(found)
    }

    /// The end of what the agent said on stderr.
    fn log(&self) -> String {
        let text = fs::read_to_string(&self.stderr).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        if last.is_empty() { "it said nothing on stderr".to_owned() } else { last }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Nothing better can be done with a failure here than to go on.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // A failure leaves a file in the build directory.
        let _ = fs::remove_file(&self.output);
    }
}

/// The agent leaves it to a child to wait until the kernel has let go of its probes. Until then
/// system calls still run them.
pub(super) fn wait_until_detached(agent: &Path, deadline: Instant) -> Result<()> {
    let is_left = || -> Result<bool> {
        for entry in fs::read_dir("/proc").context("failed to read /proc")? {
            let path = entry.context("failed to read /proc")?.path();
            // In this order: it has its name before it no longer has a program.
            let program = fs::read_link(path.join("exe")).ok();
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            if program.as_deref() == Some(agent) || name.trim_end() == DETACHING {
                return Ok(true);
            }
        }
        Ok(false)
    };
    while is_left()? {
        if Instant::now() > deadline {
            bail!("the kernel has not let go of the agent's probes after {STOP_LIMIT:?}");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// CPU that a process has used so far, of all its threads.
pub(super) fn cpu_seconds_of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    // The name, in parentheses, may have spaces; user and system time are fields 14 and 15.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    // USER_HZ, which is 100 wherever Linux runs.
    Ok(ticks as f64 / 100.0)
}

/// The resident anonymous memory of a process.
pub(super) fn anon_bytes_of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("no RssAnon in {path}"))? * 1024.0)
}

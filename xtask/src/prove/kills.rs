//! The agent is killed with -9 while it writes more than 1,000 rows a second, and each time its history must
//! be whole: it passes SQLite's own check, has every look that the agent said it had written, has each look
//! whole or not at all, and has none missing but the one in flight.
//!
//! `sqlite3` reads the file, so that it is not the agent's word for it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::left::{self, Left};
use crate::{setup, sh};

/// How often the agent keeps the state of everything: as often as its engine says it.
const STEP_MS: i64 = 1000;
/// Processes that wait, beside those of the host: enough for the rows wanted.
const WAITING: usize = 2000;
/// The least rows a second.
const LEAST_ROWS: f64 = 1000.0;
/// How long an agent may take to write its first rows.
const START_LIMIT: Duration = Duration::from_mins(1);

#[derive(Args)]
pub(crate) struct Options {
    /// How often it is killed
    #[arg(long, default_value_t = 30)]
    kills: u32,
    /// An agent that is built already
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    setup::tests()?;
    let agent = options.agent.clone().map_or_else(sh::build_agent, Ok)?;
    let dir = sh::target_dir()?.join("prove-kills");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let waiting: Vec<Guard> = (0..WAITING).map(|_| wait()).collect::<Result<_>>()?;
    let (mut rows, mut worst) = (0, 0);
    for kill in 1..=options.kills {
        let left = once(&agent, &dir, kill).with_context(|| format!("kill {kill}"))?;
        println!(
            "kill {kill}: {} looks, {} rows, {:.0} rows a second; the last look was {} ms old",
            left.looks,
            left.rows,
            left.speed(),
            left.behind_ms
        );
        rows += left.rows;
        worst = worst.max(left.behind_ms);
    }
    drop(waiting);
    println!(
        "\nprove: {} kills while {rows} rows were written: the database opened each time, passed integrity_check, \
         had every look that was said to be written, each whole; the last was at most {worst} ms old, looks are \
         {STEP_MS} ms apart",
        options.kills
    );
    fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}

/// A process that ends with us.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait() -> Result<Guard> {
    let child = Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn();
    child.map(Guard).context("start sleep")
}

/// One run, from its start to its violent end and what it left.
fn once(agent: &Path, dir: &Path, kill: u32) -> Result<Left> {
    let socket = dir.join("agent.sock");
    let log = fs::File::create(dir.join("log")).context("create the log")?;
    let runs_before = left::last_run(dir)?;
    let mut command = Command::new(agent);
    command
        .args(["serve", "--no-ebpf", "--listen", "127.0.0.1:0", "--history-interval"])
        .arg(format!("{STEP_MS}ms"))
        .arg("--state")
        .arg(dir)
        .arg("--socket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let mut agent = Guard(command.spawn().context("start the agent")?);
    let started = Instant::now();
    while said(&socket).unwrap_or_default().is_empty() {
        let ended = agent.0.try_wait().context("ask for the agent")?;
        ensure!(ended.is_none(), "the agent ended: {ended:?}, {}", read(&dir.join("log")));
        ensure!(started.elapsed() < START_LIMIT, "no look within {START_LIMIT:?}");
        thread::sleep(Duration::from_millis(50));
    }
    // Anywhere in what it does: another time after the start at each kill.
    thread::sleep(Duration::from_millis(2500 + u64::from(kill) * 379 % 1500));
    let written = said(&socket)?;
    let killed_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).context("the time")?.as_millis() as i64;
    agent.0.kill().context("kill the agent")?;
    agent.0.wait().context("wait for the agent")?;
    let left = left::look_at(dir, runs_before, &written, killed_ms)?;
    let speed = left.speed();
    ensure!(speed >= LEAST_ROWS, "only {speed:.0} rows a second were written");
    ensure!(left.behind_ms <= 2 * STEP_MS, "the last look is {} ms old", left.behind_ms);
    Ok(left)
}

/// When the agent says it has written last, as the API tells it; empty while it has not.
fn said(socket: &Path) -> Result<String> {
    let mut stream = UnixStream::connect(socket).context("connect to the agent")?;
    stream.write_all(
        b"GET /api/monitoring/agent HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("hear the agent")?;
    let at = answer.split("\"lastWrite\":\"").nth(1);
    Ok(at.and_then(|at| at.get(..23)).unwrap_or_default().to_owned())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

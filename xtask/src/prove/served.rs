//! An agent that serves while something is proven of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::http::get;
use crate::sh;

/// A program (Python) that grows by 2 MiB a second and says under which name.
pub(super) const LEAK: &str = "\
import time
open('/proc/self/comm', 'w').write('leaks-for-proof')
held = []
while True:
    held.append(bytearray(b'x') * (256 << 10))
    time.sleep(0.125)
";
/// How long it may take until it has seen processes.
const READY: Duration = Duration::from_mins(1);
/// How long a program may take to end when it is asked to.
const END: Duration = Duration::from_secs(20);

/// A program of a proof; ends with it.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let end = Instant::now() + END;
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let _ = self.0.kill();
            }
            sleep(Duration::from_millis(50));
        }
    }
}

/// A folder of a proof, which goes with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub(super) fn new(name: &str) -> Result<Self> {
        let dir = sh::target_dir()?.join("prove").join(name);
        // What an earlier run left, its token above all.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self(dir))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is removed before the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts an agent at a free port, with all that it keeps in this folder, and waits until it is ready; where it
/// listens, as HOST:PORT.
pub(super) fn serve(agent: &Path, dir: &Path, options: &[&str]) -> Result<(Running, String)> {
    let mut command = Command::new(agent);
    command.args(["serve", "--listen", "127.0.0.1:0", "--socket"]).arg(dir.join("socket"));
    command.arg("--state").arg(dir).args(options);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("failed to run {}", sh::quoted(&command)))?;
    let mut agent = Running(child);
    let stdout = agent.0.stdout.take().context("the agent has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let line = lines.next().context("the agent ended before it listened")??;
        if let Some(address) = line.strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    // It tells of findings there, and ends when nobody reads them.
    std::thread::spawn(move || lines.for_each(drop));
    let end = Instant::now() + READY;
    while get(&address, "/readyz").is_err() {
        ensure!(Instant::now() < end, "the agent was not ready within {READY:?}");
        sleep(Duration::from_millis(200));
    }
    Ok((agent, address))
}

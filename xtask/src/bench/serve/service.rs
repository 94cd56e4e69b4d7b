//! The agent as a service: started with its usual configuration, asked, looked at, stopped; and a
//! listener to its events.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::super::agent;
use crate::prove::http;
use crate::sh;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// An agent that shows the same view again for two seconds has made a new one after these.
const NEW_VIEW: Duration = Duration::from_millis(2500);

/// A running agent that watches the whole host and answers over HTTP; killed when dropped.
pub(super) struct Service {
    child: Child,
    program: PathBuf,
    /// HOST:PORT.
    pub(super) address: String,
}

/// What it counted of the kernel's events.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    /// How long it had watched by then.
    pub(super) seconds: f64,
    pub(super) seen: f64,
    pub(super) lost: f64,
    pub(super) processes: u64,
}

impl Service {
    /// Starts it in a directory of its own and waits until it has seen so many processes.
    pub(super) fn start(program: &Path, dir: &Path, processes: u64) -> Result<Self> {
        let program = fs::canonicalize(program)
            .with_context(|| format!("there is no agent at {}", program.display()))?;
        let log = File::create(dir.join("log")).context("failed to create the agent's log")?;
        let mut command = Command::new(&program);
        command.args(["serve", "--all", "--listen", "127.0.0.1:0", "--config"]);
        command.arg(dir.join("config")).arg("--state").arg(dir).arg("--socket");
        command.arg(dir.join("socket")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child =
            command.spawn().with_context(|| format!("failed to run {}", sh::quoted(&command)))?;
        let stdout = child.stdout.take();
        let mut service = Self { child, program, address: String::new() };
        let mut lines = BufReader::new(stdout.context("the agent has no output")?);
        let mut line = String::new();
        lines.read_line(&mut line).context("failed to read where the agent listens")?;
        let said = line.trim().strip_prefix("listening on http://");
        let Some(said) = said else {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            bail!("the agent does not listen: {line:?} {log:?}");
        };
        said.clone_into(&mut service.address);
        // It tells of findings there, and ends when nobody reads them.
        drop(thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink())));
        let deadline = Instant::now() + START_LIMIT;
        while service.counted().map_or(0, |it| it.processes) < processes {
            ensure!(Instant::now() < deadline, "the agent does not see {processes} processes");
            thread::sleep(NEW_VIEW);
        }
        Ok(service)
    }

    /// What it has counted so far, or had two seconds ago.
    pub(super) fn counted(&self) -> Result<Counted> {
        let text = http::get(&self.address, "/api/monitoring/agent")?;
        let status: Value = serde_json::from_str(&text).context("the agent's own figures")?;
        let number = |value: &Value| value.as_f64().context("a figure of the agent is missing");
        Ok(Counted {
            seconds: number(&status["uptime"])?,
            seen: number(&status["stats"]["events_seen"])?,
            lost: number(&status["stats"]["events_lost"])?,
            processes: number(&status["processes"])? as u64,
        })
    }

    /// What it has counted by now, losses of the last second too.
    pub(super) fn counted_now(&self) -> Result<Counted> {
        thread::sleep(NEW_VIEW);
        self.counted()
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        agent::cpu_seconds_of(self.child.id())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as the service manager would, and waits until the kernel has let go of its probes.
    pub(super) fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, Signal::SIGTERM).with_context(|| format!("failed to signal the agent {pid}"))?;
        let deadline = Instant::now() + STOP_LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().context("failed to wait for the agent")? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("the agent did not end within {STOP_LIMIT:?} of SIGTERM");
            }
            thread::sleep(POLL);
        };
        ensure!(status.success(), "the agent ended with {status} after SIGTERM");
        agent::wait_until_detached(&self.program, deadline)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When an interval of the agent was heard of, and the events it had seen by then.
type Heard = Arc<Mutex<Vec<(Instant, f64)>>>;

/// A listener to its events, on a connection that stays open.
pub(super) struct Listener {
    stream: TcpStream,
    heard: Heard,
    reading: JoinHandle<()>,
}

impl Listener {
    pub(super) fn open(service: &Service) -> Result<Self> {
        let address = &service.address;
        let failed = || format!("failed to listen to the events of {address}");
        let mut stream = TcpStream::connect(address).with_context(failed)?;
        write!(stream, "GET /api/monitoring/events HTTP/1.1\r\nHost: {address}\r\n\r\n")
            .with_context(failed)?;
        let lines = BufReader::new(stream.try_clone().with_context(failed)?);
        let heard = Heard::default();
        let kept = Arc::clone(&heard);
        let reading = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some(seen) = seen_in(&line) {
                    kept.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((Instant::now(), seen));
                }
            }
        });
        Ok(Self { stream, heard, reading })
    }

    /// Ends it: intervals heard, and the least events a second from one to the next. A stream that
    /// ended by itself is an error.
    pub(super) fn close(self) -> Result<(usize, f64)> {
        ensure!(!self.reading.is_finished(), "the stream of events broke off");
        // It has ended by itself meanwhile where this fails.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let _ = self.reading.join();
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((heard.len(), least_rate(&heard)))
    }
}

/// The events that the agent had seen, in a line of the stream that tells of an interval.
fn seen_in(line: &str) -> Option<f64> {
    let data: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
    data["stats"]["events_seen"].as_f64()
}

/// The least events a second from one interval to the next.
fn least_rate(heard: &[(Instant, f64)]) -> f64 {
    let rates = heard
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1) / pair[1].0.duration_since(pair[0].0).as_secs_f64());
    rates.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_interval_of_the_stream_counts() {
        let line = r#"data: {"timestamp":"t","host":null,"stats":{"events_seen":700}}"#;
        assert_eq!(seen_in(line), Some(700.0));
        assert_eq!(seen_in(r#"data: {"id":"aa"}"#), None);
        assert_eq!(seen_in("event: interval"), None);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let heard = [(at(0), 100.0), (at(10), 1100.0), (at(30), 2100.0), (at(40), 4100.0)];
        assert!((least_rate(&heard) - 50.0).abs() < 1e-9);
        assert!(least_rate(&heard[..1]).is_infinite());
    }
}

//! Real servers of our own, each in a directory of its own and at an address of its own, with the
//! clients that load them. Nothing of the host's own servers is touched or needed.

mod nginx;
mod postgres;
mod redis;
mod script;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub use nginx::{Nginx, WORKERS};
pub use postgres::Postgres;
pub use redis::Redis;
pub use script::{jvm, node, python};

use crate::agent::Agent;
use crate::held;
use crate::wait_until;
use crate::workload::Program;

/// How long a server may take to come up and a load may take, on a slow, busy host.
const LIMIT: Duration = Duration::from_mins(2);
/// How long a server may take to end once it is told to.
const FAREWELL: Duration = Duration::from_secs(10);

/// A server with all the processes it made; they end when it is dropped, and so does its directory.
#[derive(Debug)]
pub struct Server {
    /// The process that was started.
    pub program: Program,
    dir: TempDir,
    farewell: Signal,
}

impl Server {
    /// A directory for a server.
    fn dir() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    /// Starts a server in its directory. What it has to say goes to a file there.
    fn start(dir: TempDir, command: &mut Command, farewell: Signal) -> Self {
        let log = fs::File::create(dir.path().join("stderr")).unwrap();
        let program = Program::start(command.current_dir(dir.path()).stderr(log));
        Self { program, dir, farewell }
    }

    /// Asks again and again whether it answers.
    fn wait_until_up<T>(&mut self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        wait_until(LIMIT, what, || {
            let ended = self.program.status();
            assert!(ended.is_none(), "{what}: it ended with {ended:?}: {}", self.log());
            ask()
        })
    }

    /// Where it keeps its files.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What it said on its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("stderr")).unwrap_or_default()
    }

    /// Its processes that live, the first one first.
    pub fn pids(&self) -> Vec<u32> {
        let root = self.program.pid();
        let mut pids = held::family(root);
        pids.sort_by_key(|pid| (*pid != root, *pid));
        pids
    }

    /// Waits until it has exactly so many processes.
    pub fn wait_for_processes(&self, count: usize) -> Vec<u32> {
        wait_until(LIMIT, &format!("{count} processes"), || {
            Some(self.pids()).filter(|pids| pids.len() == count)
        })
    }

    /// An agent that follows all its processes and those they will make, and has read each once.
    pub fn attach(&self, options: &[&str]) -> Agent {
        let pids = self.pids();
        let list: Vec<String> = pids.iter().map(u32::to_string).collect();
        let list = list.join(",");
        let arguments = ["--pid", &list, "--follow", "--interval", "1s"];
        let agent = Agent::start(arguments.iter().chain(options));
        agent.wait_until_seeded(&pids);
        assert_eq!(
            pids,
            self.pids(),
            "it made processes or lost some when nothing was asked of it"
        );
        agent
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let send = |pid: u32, signal| kill(Pid::from_raw(pid as i32), signal);
        let pids = self.pids();
        // All of these fail only where it has already ended.
        let _ = send(self.program.pid(), self.farewell);
        let end = Instant::now() + FAREWELL;
        // Who has ended has no root directory, waited for or not.
        let is_left = |pid: &u32| Path::new(&format!("/proc/{pid}/root")).exists();
        while self.program.status().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        for pid in pids.into_iter().filter(is_left) {
            let _ = send(pid, Signal::SIGKILL);
        }
    }
}

/// An address that no other server on this host listens at: the whole of 127.0.0.0/8 is ours.
fn address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), middle, low)
}

/// Runs a client to its end and gives what it said; panics unless it ended well.
fn run(command: &mut Command) -> String {
    let dir = Server::dir();
    let file = |name| fs::File::create(dir.path().join(name)).unwrap();
    let (stdout, stderr) = (file("stdout"), file("stderr"));
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let status = Program::adopt(child).wait(LIMIT);
    let text = |name| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let (stdout, stderr) = (text("stdout"), text("stderr"));
    assert!(status.success(), "{command:?} ended with {status}: {stdout} {stderr}");
    stdout
}

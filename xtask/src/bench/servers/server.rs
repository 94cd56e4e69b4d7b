//! A server of others, in a directory of its own. Both are gone when their guards are dropped.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::bench::workload;
use crate::sh;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Where servers and their clients run: the scheduler would now put both on one CPU and now not,
/// which matters far more than what is to be measured.
pub(super) struct Cpus {
    server: String,
    client: String,
}

impl Cpus {
    /// One for the server, the others for its clients; the agent goes where it likes.
    pub(super) fn share() -> Result<Self> {
        let (server, mut others) = workload::measured_cpu_and_others()?;
        if others.is_empty() {
            others.push(server);
        }
        let others: Vec<String> = others.iter().map(usize::to_string).collect();
        Ok(Self { server: server.to_string(), client: others.join(",") })
    }

    pub(super) fn server(&self, program: impl AsRef<OsStr>) -> Command {
        Self::on(&self.server, program)
    }

    pub(super) fn client(&self, program: impl AsRef<OsStr>) -> Command {
        Self::on(&self.client, program)
    }

    /// A command that becomes the program.
    fn on(cpus: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", cpus]).arg(program);
        command
    }
}

/// A directory that everybody may enter.
pub(in crate::bench) struct Dir(PathBuf);

impl Dir {
    pub(in crate::bench) fn make(name: &str) -> Result<Self> {
        let name = format!("memwatch-bench-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let failed = || format!("failed to make {}", path.display());
        fs::create_dir(&path).with_context(failed)?;
        let dir = Self(path.clone());
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).with_context(failed)?;
        Ok(dir)
    }

    pub(in crate::bench) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("bench: remove {} by hand: {error}", self.0.display());
        }
    }
}

/// A running server with its children.
pub(super) struct Server(Child);

impl Server {
    /// Starts it and waits until it is ready.
    pub(super) fn start(command: &mut Command, is_ready: impl Fn() -> bool) -> Result<Self> {
        // A group of its own: Ctrl-C is for us alone, and its children end with it.
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to run {}", sh::quoted(command)))?;
        let mut server = Self(child);
        let deadline = Instant::now() + START_LIMIT;
        while !is_ready() {
            if let Some(status) = server.0.try_wait().context("failed to wait for a server")? {
                bail!("`{}` ended with {status}", sh::quoted(command));
            }
            if Instant::now() > deadline {
                bail!("`{}` is not ready after {START_LIMIT:?}", sh::quoted(command));
            }
            sleep(POLL);
        }
        Ok(server)
    }

    fn signal(&self, signal: Signal) {
        // Fails only where all have ended.
        let _ = killpg(Pid::from_raw(self.0.id() as i32), signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Each of them ends its children in an orderly way on this.
        self.signal(Signal::SIGINT);
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// A port of this machine that nobody listens at.
pub(super) fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to find a free port")?;
    Ok(listener.local_addr().context("failed to find a free port")?.port())
}

/// Whether somebody listens.
pub(super) fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The number behind a word, up to the next blank.
pub(super) fn number_after(text: &str, word: &str) -> Option<f64> {
    text.split_once(word)?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_and_its_directory_end_with_their_guards() {
        let dir = Dir::make("test").unwrap();
        let (path, file) = (dir.path().to_owned(), dir.path().join("ready"));
        let mut command = Command::new("sh");
        command.args(["-c", "touch \"$0\"; sleep 600"]).arg(&file);
        let server = Server::start(&mut command, || file.exists()).unwrap();
        let pid = server.0.id();
        drop(server);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_server_that_ends_is_an_error() {
        let error = Server::start(Command::new("sh").args(["-c", "exit 3"]), || false).err();
        assert!(error.unwrap().to_string().contains("exit status: 3"));
    }

    #[test]
    fn numbers_stand_behind_their_words() {
        let text = "Requests/sec:   1234.5\ntps = 77.25 (without initial connection time)\n";
        assert_eq!(number_after(text, "Requests/sec:"), Some(1234.5));
        assert_eq!(number_after(text, "tps = "), Some(77.25));
        assert_eq!(number_after(text, "rps"), None);
    }
}

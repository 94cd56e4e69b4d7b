//! The agent under test: started as a user would start it, read while it runs, stopped by Ctrl-C.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Run, parse_lines};
use crate::wait_until;

/// How long an agent may take to attach on a slow, busy host.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long an agent may take to end. Far more than it should; tests of that measure themselves.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The binary under test: `MEMWATCH_BIN`, else the release build of this workspace.
pub fn binary() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/memwatch-ebpf");
    let path = PathBuf::from(env::var_os("MEMWATCH_BIN").unwrap_or_else(|| built.into()));
    assert!(path.exists(), "no agent at {}; build it or set MEMWATCH_BIN", path.display());
    path
}

/// `MEMWATCH_SKIP_PROBE`: a probe that is left out to see whether the tests notice.
fn skipped_probe() -> Vec<OsString> {
    let name = env::var_os("MEMWATCH_SKIP_PROBE");
    name.map_or_else(Vec::new, |name| vec!["--skip-probe".into(), name])
}

/// A copy of the binary where every user may start it.
pub fn copy_for_everyone(dir: &Path) -> PathBuf {
    let path = dir.join("memwatch-ebpf");
    fs::copy(binary(), &path).unwrap();
    fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// A running agent that writes NDJSON to a file; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    dir: TempDir,
}

impl Agent {
    /// Starts the agent with these arguments beside `--json --output`, and waits until it has
    /// attached everything.
    pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_with(&[], arguments)
    }

    /// Starts the agent likewise, with more in its environment.
    pub fn start_with<S: AsRef<OsStr>>(
        environment: &[(&str, &str)],
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut agent = Self::spawn_with(environment, arguments);
        wait_until(START_LIMIT, "the header line", || {
            if agent.text().contains('\n') {
                return Some(());
            }
            let ended = agent.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before its header: {ended:?} {}", agent.stderr());
            None
        });
        let header = &agent.lines()[0];
        assert_eq!(header["type"], "header", "the first line is {header}");
        agent
    }

    /// Starts the agent likewise, without waiting for anything.
    pub fn spawn<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::spawn_with(&[], arguments)
    }

    fn spawn_with<S: AsRef<OsStr>>(
        environment: &[(&str, &str)],
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name| File::create(dir.path().join(name)).unwrap();
        let child = Command::new(binary())
            .args(["--json", "--output"])
            .arg(dir.path().join("lines"))
            .args(skipped_probe())
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    /// Waits for a line, reading each only once.
    pub fn wait_for_line(
        &self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait_for_line_with("", limit, what, wanted)
    }

    /// Waits likewise for a line that has this text: only those are parsed, as there may be many.
    pub fn wait_for_line_with(
        &self,
        text: &str,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut lines = BufReader::new(File::open(self.dir.path().join("lines")).unwrap());
        let mut line = String::new();
        wait_until(limit, what, || {
            // A line whose end is not written yet stays in `line` until it is.
            while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                let whole = std::mem::take(&mut line);
                if !whole.contains(text) {
                    continue;
                }
                let value = serde_json::from_str(&whole).unwrap();
                if wanted(&value) {
                    return Some(value);
                }
            }
            None
        })
    }

    /// Waits until it has read once what each of these processes holds: from then on events count.
    pub fn wait_until_seeded(&self, pids: &[u32]) {
        let is_read = |line: &Value| line["heap_bytes"].is_u64() && line["sockets"].is_u64();
        for pid in pids {
            self.wait_for_line(START_LIMIT * 2, &format!("the seed of {pid}"), |line| {
                line["type"] == "snapshot" && line["pid"] == *pid && is_read(line)
            });
        }
    }

    /// Process id of the agent.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, up to the last whole line.
    pub fn text(&self) -> String {
        let mut text = self.read("lines");
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// The whole lines written since `read` bytes of them were taken, which this moves on.
    pub fn new_lines(&self, read: &mut u64) -> String {
        let mut file = File::open(self.dir.path().join("lines")).unwrap();
        file.seek(SeekFrom::Start(*read)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        *read += whole as u64;
        String::from_utf8(bytes).unwrap()
    }

    /// The same, parsed.
    pub fn lines(&self) -> Vec<Value> {
        parse_lines(&self.text())
    }

    /// The last snapshot of a process so far. Only its lines are parsed: there may be many others.
    pub fn last_snapshot(&self, pid: u32) -> Option<Value> {
        let text = self.text();
        let wanted = format!("\"pid\":{pid},");
        let is_wanted =
            |line: &&str| line.starts_with("{\"type\":\"snapshot\"") && line.contains(&wanted);
        let mut values = text.lines().rev().filter(is_wanted).flat_map(parse_lines);
        values.find(|value| value["pid"] == pid)
    }

    /// Sends a signal to the agent alone.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Presses Ctrl-C and waits for the end.
    pub fn interrupt(self) -> Run {
        self.signal(Signal::SIGINT);
        self.finish(STOP_LIMIT)
    }

    /// Presses Ctrl-C, waits for a good end and hands out the lines one by one, as there may be more
    /// than memory holds.
    pub fn interrupt_and_stream(mut self) -> impl Iterator<Item = String> {
        let lines = BufReader::new(File::open(self.dir.path().join("lines")).unwrap()).lines();
        self.signal(Signal::SIGINT);
        let status = self.wait(STOP_LIMIT);
        assert!(status.success(), "the agent ended with {status}: {}", self.stderr());
        lines.map(Result::unwrap)
    }

    /// Waits for an end that comes by itself.
    pub fn finish(mut self, limit: Duration) -> Run {
        let status = self.wait(limit);
        let (stdout, stderr) = (self.read("stdout"), self.stderr());
        // Who is killed may leave half a line; who ends by itself may not.
        let text = if status.code().is_some() { self.read("lines") } else { self.text() };
        Run { status: status.code(), lines: parse_lines(&text), text, stdout, stderr }
    }

    fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_until(limit, "the agent's end", || self.child.try_wait().unwrap())
    }

    fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        match fs::read(self.dir.path().join(name)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the agent to its end with these arguments and nothing else, its stdout taken as NDJSON
/// where it is that.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    run_command(Command::new(binary()).args(arguments))
}

/// Runs a prepared command of the agent to its end.
pub fn run_command(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_json = text.starts_with("{\"type\":\"header\"");
    let lines = if is_json { parse_lines(&text) } else { Vec::new() };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Run { status: output.status.code(), stdout: text.clone(), text, lines, stderr }
}

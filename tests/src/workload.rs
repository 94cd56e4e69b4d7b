//! Programs to watch: small C programs of `workloads/`, compiled when first needed, and whatever
//! is installed. Each is killed when its guard is dropped.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::wait_until;

/// Directory of the sources and scripts.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workloads");

/// Environment variable that names a directory of compiled workloads, for machines without gcc.
pub const PREBUILT: &str = "MEMWATCH_WORKLOADS";

/// What this test process has compiled.
static COMPILED: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// A source or script by its file name.
pub fn source(name: &str) -> PathBuf {
    Path::new(SOURCES).join(name)
}

/// How the line of a source starts that names more options of gcc.
const OPTIONS: &str = "// gcc: ";

/// Compiles `workloads/NAME.c`, once per test process, beside the test binaries.
///
/// Where [`PREBUILT`] names a directory, its programs are taken instead.
pub fn compile(name: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os(PREBUILT) {
        return Path::new(&dir).join(name);
    }
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    if let Some(program) = compiled.get(name) {
        return program.clone();
    }
    let tests = std::env::current_exe().unwrap();
    let dir = tests.parent().unwrap().join("workloads");
    fs::create_dir_all(&dir).unwrap();
    let (program, fresh) = (dir.join(name), dir.join(format!("{name}.{}", std::process::id())));
    let source = source(&format!("{name}.c"));
    let text = fs::read_to_string(&source).unwrap();
    let more = text.lines().find_map(|line| line.strip_prefix(OPTIONS)).unwrap_or_default();
    let status = Command::new("gcc")
        .args(["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"])
        .args(more.split_whitespace())
        .arg("-o")
        .arg(&fresh)
        .arg(source)
        .status()
        .expect("gcc cannot be started");
    assert!(status.success(), "{name}.c does not compile");
    fs::rename(&fresh, &program).unwrap();
    compiled.insert(name.to_owned(), program.clone());
    program
}

/// A program beside the agent; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Program {
    /// Starts a command with pipes at both ends.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, output) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // Ends with the program, whose end of the pipe it reads.
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let stdin = child.stdin.take();
        Self { child, stdin, output }
    }

    /// Guards a child that was started otherwise.
    pub fn adopt(child: Child) -> Self {
        Self { child, stdin: None, output: channel().1 }
    }

    /// Starts a compiled workload.
    pub fn workload(name: &str, arguments: &[&str]) -> Self {
        Self::start(Command::new(compile(name)).args(arguments))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets a program go on that waits for a line.
    pub fn go(&mut self) {
        self.say("go\n");
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Lets a program go that waits for the end of its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until the program says exactly this.
    pub fn wait_for_line(&self, wanted: &str, limit: Duration) {
        self.wait_for_any(&[wanted], limit);
    }

    /// The next line the program says.
    pub fn line(&self, limit: Duration) -> String {
        self.output
            .recv_timeout(limit)
            .unwrap_or_else(|error| panic!("waiting for a line: {error}"))
    }

    /// Waits until the program says exactly one of these, and says which.
    pub fn wait_for_any(&self, wanted: &[&str], limit: Duration) -> String {
        loop {
            let line = self.output.recv_timeout(limit);
            let line = line.unwrap_or_else(|error| panic!("waiting for {wanted:?}: {error}"));
            if wanted.contains(&line.as_str()) {
                return line;
            }
        }
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGINT).unwrap();
    }

    /// How it ended; `None` while it runs.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; panics after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_until(limit, "a program's end", || self.child.try_wait().unwrap())
    }

    /// Kills and reaps it.
    pub fn kill(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program that leads a session; the whole group is killed when it is dropped.
#[derive(Debug)]
pub struct Session(pub Program);

impl Drop for Session {
    fn drop(&mut self) {
        // Fails only where all have ended.
        let _ = killpg(Pid::from_raw(self.0.pid() as i32), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_speaks_listens_and_ends_with_its_guard() {
        let mut cat = Program::start(&mut Command::new("cat"));
        let proc = format!("/proc/{}", cat.pid());
        cat.go();
        cat.wait_for_line("go", Duration::from_secs(10));
        assert!(Path::new(&proc).exists());
        drop(cat);
        assert!(!Path::new(&proc).exists());
    }
}

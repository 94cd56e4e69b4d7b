//! Building and starting a program of the catalogue.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;

use super::catalogue::{Entry, Source, Truth};
use super::load::Serving;
use crate::held;
use crate::workload::{Program, Session, source};

/// A heap that gives back what it does not need, as soon as nobody works: a sawtooth.
const JAVA_OPTIONS: &[&str] = &[
    "-Xms16m",
    "-Xmx320m",
    "-XX:+UseG1GC",
    "-XX:G1PeriodicGCInterval=2000",
    "-XX:-G1PeriodicGCInvokesConcurrent",
    "-XX:MinHeapFreeRatio=0",
    "-XX:MaxHeapFreeRatio=5",
    "-XX:TieredStopAtLevel=1",
];

/// What a program is told.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Units a second that it loses, or by which it fills.
    pub rate: f64,
    /// Seconds until the first unit is lost.
    pub onset: f64,
    /// Seconds until it ends by itself, should nobody end it.
    pub seconds: u64,
}

impl Settings {
    /// As the catalogue has them, for so many seconds.
    pub fn of(entry: &Entry, seconds: u64) -> Self {
        let onset = match entry.truth {
            Truth::Leak { onset, .. } => onset,
            Truth::Healthy => 0.0,
        };
        Self { rate: entry.rate, onset, seconds }
    }
}

/// A program of the catalogue that runs; it ends, with all its children, when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// What it is.
    pub entry: &'static Entry,
    /// When it was started.
    pub started: Instant,
    /// How it was started, without the paths of this host.
    pub command: String,
    progress: PathBuf,
    process: Process,
    // Last, so that it goes when nobody uses it.
    _dir: TempDir,
}

#[derive(Debug)]
enum Process {
    Program(Session),
    Server(Serving),
}

impl Running {
    /// Builds and starts one. Servers have no settings.
    pub fn start(entry: &'static Entry, settings: Settings) -> Self {
        Self::start_as(entry, entry.name, settings)
    }

    /// Starts one likewise, under another name where it is compiled.
    pub fn start_as(entry: &'static Entry, name: &str, settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let progress = dir.path().join("progress");
        let (process, command) = match entry.source {
            Source::Program(path) => start(entry, path, &dir.path().join(name), settings),
            Source::Redis => (Process::Server(Serving::redis()), "redis-server".to_owned()),
            Source::Postgres => (Process::Server(Serving::postgres()), "postgres".to_owned()),
            Source::Nginx => (Process::Server(Serving::nginx()), "nginx".to_owned()),
        };
        Self { entry, started: Instant::now(), command, progress, process, _dir: dir }
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Program(session) => session.0.pid(),
            Process::Server(server) => server.pid(),
        }
    }

    /// Its processes that live.
    pub fn pids(&self) -> Vec<u32> {
        held::family(self.pid())
    }

    /// How much it holds by its own account; `None` before it said so, and for servers.
    pub fn progress(&self) -> Option<u64> {
        fs::read_to_string(&self.progress).ok()?.trim().parse().ok()
    }

    /// Whether it still does what it should.
    pub fn runs(&mut self) -> bool {
        match &mut self.process {
            Process::Program(session) => session.0.status().is_none(),
            Process::Server(server) => server.runs(),
        }
    }
}

/// Starts the source at `path`, compiled to `program` where it must be.
fn start(entry: &Entry, path: &str, program: &Path, settings: Settings) -> (Process, String) {
    let source = source("real").join(path);
    let dir = program.parent().unwrap();
    let mut command = build(entry, &source, program);
    let words = format!("RATE={} ONSET={} {path}", settings.rate, settings.onset);
    command
        .env("RATE", settings.rate.to_string())
        .env("ONSET", settings.onset.to_string())
        .env("DURATION", settings.seconds.to_string())
        .env("PROGRESS", dir.join("progress"))
        .current_dir(dir)
        .process_group(0);
    (Process::Program(Session(Program::start(&mut command))), words)
}

/// The command that starts a program, compiled to `program`, or into its directory, where it must be.
fn build(entry: &Entry, source: &Path, program: &Path) -> Command {
    match entry.language() {
        "C" => {
            let options = ["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"];
            compile(Command::new("gcc").args(options).arg("-o").arg(program).arg(source), "-lm");
        }
        "C++" => {
            let options = ["-std=gnu++17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"];
            compile(Command::new("g++").args(options).arg("-o").arg(program).arg(source), "-lm");
        }
        "Rust" => {
            let options = ["--edition", "2024", "-O", "-o"];
            compile(Command::new("rustc").args(options).arg(program).arg(source), "-Dwarnings");
        }
        "Java" => {
            let dir = program.parent().unwrap();
            let shared = source.ancestors().nth(2).unwrap().join("Real.java");
            compile(Command::new("javac").arg("-d").arg(dir).arg(source).arg(shared), "-Xlint:all");
            let mut java = Command::new("java");
            java.args(JAVA_OPTIONS).arg("-cp").arg(dir).arg(source.file_stem().unwrap());
            return java;
        }
        "Python" => return interpreted("python3", source),
        "JavaScript" => return interpreted("node", source),
        _ => return Command::new(source),
    }
    Command::new(program)
}

fn interpreted(interpreter: &str, source: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(source);
    command
}

fn compile(command: &mut Command, last: &str) {
    let status = command.arg(last).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

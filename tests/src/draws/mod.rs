//! Leaks drawn at random, one draw after the other, beside programs that are healthy: are they named,
//! and nobody else? The draws are live and take minutes each, so they are no test that runs every time:
//! `cargo xtask draws`.

mod draw;
mod judge;

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource as Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use crate::agent::Agent;
use crate::real::catalogue::{ENTRIES, Entry, find};
use crate::real::{Running, Settings};
use crate::require::lacks_program;

pub use draw::{Draw, Limits, draw};
use draw::{NAMED_WITHIN, lost};
use judge::{Judge, RESOLVED_WITHIN};

/// What runs beside all draws: two that fill to a bound, a database at work, and a virtual machine.
const BACKGROUND: &[&str] = &["redis", "postgres", "java_sawtooth", "lru"];
/// Descriptors that each program may have: a leak of them runs into it within a day.
const MOST_DESCRIPTORS: u64 = 4096;
/// How often lines are read and programs asked.
const PAUSE: Duration = Duration::from_millis(500);
/// Longer than any draw takes: programs end by themselves should nobody end them.
const OUTLIVES_SECONDS: u64 = 600;
const BACKGROUND_SECONDS: u64 = 86_400;

/// The agent and the healthy programs, for as long as draws are made.
#[derive(Debug)]
pub struct Session {
    background: Vec<Running>,
    agent: Agent,
    /// How much of the agent's lines was read.
    read: u64,
}

/// What came of one draw.
#[derive(Debug)]
pub struct Outcome {
    /// A line for each leaker.
    pub lines: Vec<String>,
    /// What is wrong; nothing if all is as it should be.
    pub misses: BTreeSet<String>,
}

/// A leaker and what it said of itself.
struct Leaker {
    draw: Draw,
    running: Running,
    /// When, in seconds since its start, and how much it held.
    progress: Vec<(f64, f64)>,
}

/// The entries that can be drawn on this host.
pub fn candidates() -> Vec<&'static Entry> {
    let is_there = |name: &&str| lacks_program(name).is_none();
    let can_be = |entry: &&Entry| lost(entry).is_some() && entry.needs().iter().all(is_there);
    ENTRIES.iter().filter(can_be).collect()
}

/// The limits that leaks run into: what the host has left, and what this process lets its children have,
/// which it lowers.
pub fn limits() -> Limits {
    let (_, hard) = getrlimit(Rlimit::RLIMIT_NOFILE).unwrap();
    let most = MOST_DESCRIPTORS.min(hard);
    setrlimit(Rlimit::RLIMIT_NOFILE, most, hard).unwrap();
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = available.and_then(|text| text.split_whitespace().next());
    let kib: f64 = number.unwrap().parse().unwrap();
    Limits { bytes: kib * 1024.0, descriptors: most as f64 }
}

/// A healthy program in the language of a leaker, to go by the same name.
fn twin(leaker: &Entry) -> &'static Entry {
    let name = match leaker.language() {
        "Python" => "collected",
        "JavaScript" => "once",
        "Java" => "java_sawtooth",
        _ => "fragmentation",
    };
    find(name).unwrap()
}

fn start_twin(draw: &Draw) -> Running {
    let entry = twin(draw.entry);
    Running::start_as(entry, draw.entry.name, Settings::of(entry, OUTLIVES_SECONDS))
}

impl Session {
    /// Starts the healthy programs, and an agent that watches the whole host.
    pub fn start() -> Self {
        let start = |name: &&str| {
            let entry = find(name).unwrap();
            Running::start(entry, Settings::of(entry, BACKGROUND_SECONDS))
        };
        let background = BACKGROUND.iter().map(start).collect();
        let agent = Agent::start(["--all", "--events", "none", "--interval", "30s"]);
        Self { background, agent, read: 0 }
    }

    /// Starts the leakers of a draw with their healthy twins, watches, and ends them.
    pub fn run(&mut self, draws: &[Draw]) -> Outcome {
        let twins: Vec<Running> = draws.iter().map(start_twin).collect();
        let mut leakers: Vec<Leaker> = draws.iter().map(Leaker::start).collect();
        let whose = leakers.iter().filter_map(|it| Some((it.running.pid(), lost(it.draw.entry)?)));
        let mut judge = Judge::new(whose);
        let mut misses = BTreeSet::new();
        let started: Vec<Instant> = leakers.iter().map(|it| it.running.started).collect();
        while started.iter().any(|it| it.elapsed().as_secs_f64() < NAMED_WITHIN) {
            sleep(PAUSE);
            misses.extend(leakers.iter_mut().filter_map(Leaker::ask));
            self.listen(&mut judge, &started);
        }
        misses.extend(self.ended());
        let truths: Vec<_> = leakers.drain(..).map(|it| (it.draw, it.rate_per_min())).collect();
        let end = Instant::now();
        loop {
            self.listen(&mut judge, &started);
            let after = end.elapsed().as_secs_f64();
            if judge.settle(after) || after > RESOLVED_WITHIN {
                break;
            }
            sleep(PAUSE);
        }
        drop(twins);
        misses.extend(judge.accused());
        let mut lines = Vec::new();
        for ((draw, truth), told) in truths.into_iter().zip(&judge.leakers) {
            let Draw { entry, rate } = draw;
            let (text, wrong) = told.verdict(truth);
            misses.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}", entry.name)));
            let (language, class) = (entry.language(), entry.class);
            lines.push(format!("{} ({language}, {class}, {rate:.2} a second) {text}", entry.name));
        }
        Outcome { lines, misses }
    }

    /// Hears what the agent said since the last time.
    fn listen(&mut self, judge: &mut Judge, started: &[Instant]) {
        let lines = self.agent.new_lines(&mut self.read);
        for line in lines.lines().filter(|line| line.contains("\"type\":\"finding\"")) {
            let finding: Value = serde_json::from_str(line).unwrap();
            judge.take(&finding, |index| started[index].elapsed().as_secs_f64());
        }
    }

    /// Healthy programs that do not run any more.
    fn ended(&mut self) -> impl Iterator<Item = String> {
        let ended = self.background.iter_mut().filter_map(|it| (!it.runs()).then_some(it));
        ended.map(|it| format!("{} has ended", it.entry.name))
    }
}

impl Leaker {
    fn start(draw: &Draw) -> Self {
        let settings = Settings { rate: draw.rate, onset: 0.0, seconds: OUTLIVES_SECONDS };
        Self { draw: *draw, running: Running::start(draw.entry, settings), progress: Vec::new() }
    }

    /// Asks how much it holds; says when it has ended.
    fn ask(&mut self) -> Option<String> {
        if !self.running.runs() {
            return Some(format!("{} has ended by itself", self.draw.entry.name));
        }
        let held = self.running.progress()?;
        self.progress.push((self.running.started.elapsed().as_secs_f64(), held as f64));
        None
    }

    /// What it lost a minute, by its own account.
    fn rate_per_min(&self) -> Option<f64> {
        let (first, last) = (self.progress.first()?, self.progress.last()?);
        Some((last.1 - first.1) / (last.0 - first.0) * 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::catalogue::Source;

    #[test]
    fn what_runs_beside_is_healthy_and_each_leaker_has_a_twin_of_its_name() {
        let is_healthy = |entry: &Entry| !entry.leaks();
        assert!(BACKGROUND.iter().all(|name| is_healthy(find(name).unwrap())));
        for entry in ENTRIES.iter().filter(|entry| lost(entry).is_some()) {
            let twin = twin(entry);
            assert!(is_healthy(twin) && matches!(twin.source, Source::Program(_)));
            // A compiled program has the name of its file, an interpreted one that of what runs it.
            let compiled = ["C", "C++", "Rust"];
            let same = twin.language() == entry.language();
            assert!(same || [entry, twin].iter().all(|it| compiled.contains(&it.language())));
        }
    }
}

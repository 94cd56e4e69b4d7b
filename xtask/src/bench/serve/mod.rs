//! `bench serve`: what the agent answers while it watches: a page and monitoring go round their calls
//! as fast as they can, beside many processes and a storm of events, of which none may be lost.
//!
//! Callers, storm and agent share the machine's CPUs; every figure is of all of them together.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::service::{Counted, Listener, Service};
use self::wrk::Called;
use super::agent;
use super::load::Load;
use super::servers::server::Dir;
use super::table::{Table, met};
use crate::{setup, sh};

mod service;
mod wrk;

/// Processes that wait, beside those of the host.
const PROCESSES: u64 = 1_000;
/// Events a second that must be there the whole time, and those that the storm is asked for: callers take
/// CPU time from it, and it does not catch up when it was kept waiting.
const LEAST_EVENTS: f64 = 50_000.0;
const PACE_EVENTS: u64 = 150_000;
/// Events of a pair of calls.
const EVENTS_A_PAIR: u64 = 2;
/// How long the storm lasts beyond the calls, at most.
const SPARE: f64 = 60.0;
/// How long the storm goes on before anything is measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long nobody asks before the last look at memory.
const REST: Duration = Duration::from_secs(5);
/// How often its memory is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Each call alone takes this part of the time.
const PART: f64 = 1.0 / 20.0;

const MIB: f64 = 1_048_576.0;
/// Anonymous memory at most, whatever callers do.
const BUDGET_MIB: f64 = 64.0;
/// What the second half may take more than the first at most: what a few more rows of history take,
/// and the shape of what was freed.
const BUDGET_GROWTH_MIB: f64 = 4.0;

/// What a page and monitoring ask for.
const CALLS: [&str; 14] = [
    "/api/monitoring/health",
    "/api/monitoring/metrics?period=60",
    "/api/monitoring/report",
    "/api/monitoring/leaks",
    "/api/monitoring/processes?limit=50",
    "/api/monitoring/processes?fields=pid,comm,rss_anon_bytes,cpu_percent,descriptors,threads",
    "/api/monitoring/findings",
    "/api/monitoring/components",
    "/api/monitoring/rules",
    "/api/monitoring/history?minutes=60",
    "/api/monitoring/agent",
    "/metrics",
    "/healthz",
    "/readyz",
];

/// Callers at a time: a few, and more than have a place (`api.max_connections`).
const CALLERS: [(&str, u32); 3] = [("nobody asks", 0), ("8 callers", 8), ("400 callers", 400)];
/// Callers of each call alone.
const FEW: u32 = 8;

/// What a load of callers did to the agent.
struct Run {
    name: &'static str,
    called: Option<Called>,
    events_per_second: f64,
    least_events: f64,
    lost: f64,
    intervals: usize,
    memory: Memory,
    cpu_percent: f64,
}

/// Anonymous memory in bytes: before, at most in each half, and once nobody asked for a while.
#[derive(Clone, Copy, Default)]
struct Memory {
    before: f64,
    halves: [f64; 2],
    after: f64,
}

pub(super) fn run(program: &Path, seconds: f64) -> Result<Vec<Table>> {
    setup::bench()?;
    // Ctrl-C ends the loads, but not us before the directory is gone.
    sh::survive_interrupt()?;
    let mut waiting = Load::start(&["processes".to_owned(), PROCESSES.to_string()])?;
    waiting.line()?;
    let mut runs = Vec::new();
    for (name, connections) in CALLERS {
        println!("bench: {name} for {seconds} s");
        runs.push(measure(program, seconds, name, connections)?);
    }
    println!("bench: each call alone");
    let each = each(program, (seconds * PART).max(1.0))?;
    Ok(vec![table(&runs), budgets(&runs), each])
}

/// A service in a directory of its own.
fn start(program: &Path) -> Result<(Dir, Service)> {
    let dir = Dir::make("serve")?;
    fs::create_dir(dir.path().join("config")).context("failed to make a configuration")?;
    let service = Service::start(program, dir.path(), PROCESSES)?;
    Ok((dir, service))
}

fn storm(seconds: f64) -> Result<Load> {
    let threads = thread::available_parallelism().context("failed to count the CPUs")?;
    let pairs = PACE_EVENTS / EVENTS_A_PAIR;
    let length = seconds + SPARE;
    let arguments =
        ["storm".to_owned(), threads.to_string(), length.to_string(), pairs.to_string()];
    let storm = Load::start(&arguments)?;
    thread::sleep(WARM_UP);
    Ok(storm)
}

fn measure(program: &Path, seconds: f64, name: &'static str, connections: u32) -> Result<Run> {
    let (dir, service) = start(program)?;
    let storm = storm(seconds)?;
    let before = service.counted_now()?;
    let listener = Listener::open(&service)?;
    let (started, cpu_before) = (Instant::now(), service.cpu_seconds()?);
    let (called, mut memory) = watched(&service, seconds, || {
        if connections == 0 {
            thread::sleep(Duration::from_secs_f64(seconds));
            return Ok(None);
        }
        wrk::call(dir.path(), &service.address, connections, seconds, &CALLS).map(Some)
    })?;
    let cpu = service.cpu_seconds()? - cpu_before;
    let cpu_percent = cpu / started.elapsed().as_secs_f64() * 100.0;
    let (intervals, least_events) = listener.close()?;
    let during = service.counted_now()?;
    drop(storm);
    thread::sleep(REST);
    memory.after = agent::anon_bytes_of(service.pid())?;
    let after = service.counted_now()?;
    service.stop()?;
    Ok(Run {
        name,
        called,
        events_per_second: rate(before, during),
        least_events,
        lost: after.lost - before.lost,
        intervals,
        memory,
        cpu_percent,
    })
}

fn rate(before: Counted, after: Counted) -> f64 {
    (after.seen - before.seen) / (after.seconds - before.seconds)
}

/// Does something that takes so long, and looks at the agent's memory meanwhile.
fn watched<T>(
    service: &Service,
    seconds: f64,
    act: impl FnOnce() -> Result<T>,
) -> Result<(T, Memory)> {
    let is_over = AtomicBool::new(false);
    let pid = service.pid();
    let look = || -> Result<Memory> {
        let before = agent::anon_bytes_of(pid)?;
        let mut memory = Memory { before, ..Memory::default() };
        let started = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            let half = usize::from(started.elapsed().as_secs_f64() > seconds / 2.0);
            memory.halves[half] = memory.halves[half].max(agent::anon_bytes_of(pid)?);
            thread::sleep(POLL);
        }
        Ok(memory)
    };
    thread::scope(|scope| {
        let looking = scope.spawn(look);
        let done = act();
        is_over.store(true, Ordering::Relaxed);
        let Ok(memory) = looking.join() else { bail!("looking at the memory panicked") };
        Ok((done?, memory?))
    })
}

fn table(runs: &[Run]) -> Table {
    let heading = vec![
        "callers",
        "answers/s",
        "p50, ms",
        "p99, ms",
        "at most, ms",
        "4xx and 5xx",
        "broken",
        "events/s",
        "the least in 10 s",
        "lost",
        "told",
        "RssAnon before, MiB",
        "first half at most",
        "second half at most",
        "after",
        "agent, % of a core",
    ];
    let notes = vec![format!(
        "Callers ask on connections that stay open, one call after the other, without a pause: in turns {}. Beside \
         them one listens to the events (told: so many intervals), {PROCESSES} processes wait, and mmap and munmap make \
         {PACE_EVENTS} events a second or what they can. 256 callers have a place. Agent, callers and storm share the CPUs.",
        CALLS.map(|call| format!("`{}`", call.trim_start_matches("/api/monitoring"))).join(", ")
    )];
    Table { heading, rows: runs.iter().map(Run::row).collect(), notes }
}

impl Run {
    fn row(&self) -> Vec<String> {
        let mib = |bytes: f64| format!("{:.1}", bytes / MIB);
        let called = match &self.called {
            Some(called) => vec![
                format!("{:.0}", called.per_second()),
                format!("{:.1}", called.p50_ms),
                format!("{:.1}", called.p99_ms),
                format!("{:.0}", called.most_ms),
                format!("{:.0}", called.refused),
                format!("{:.0}", called.broken),
            ],
            None => vec![String::new(); 6],
        };
        let Memory { before, halves: [first, second], after } = self.memory;
        let mut cells = vec![self.name.to_owned()];
        cells.extend(called);
        cells.extend([
            format!("{:.0}", self.events_per_second),
            format!("{:.0}", self.least_events),
            format!("{:.0}", self.lost),
            self.intervals.to_string(),
        ]);
        cells.extend([before, first, second, after].map(mib));
        cells.push(format!("{:.0}", self.cpu_percent));
        cells
    }

    fn errors(&self) -> f64 {
        self.called.map_or(0.0, |called| called.refused + called.broken)
    }

    fn most_mib(&self) -> f64 {
        self.memory.halves.into_iter().fold(self.memory.before, f64::max) / MIB
    }

    fn growth_mib(&self) -> f64 {
        let [first, second] = self.memory.halves;
        (second - first) / MIB
    }
}

/// Whether what must be so was so in every run.
fn budgets(runs: &[Run]) -> Table {
    let worst = |of: fn(&Run) -> f64| runs.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let (errors, lost) = (worst(Run::errors), worst(|run| run.lost));
    let least = -worst(|run| -run.least_events.min(run.events_per_second));
    let (most, growth) = (worst(Run::most_mib), worst(Run::growth_mib));
    let row = |what: &str, measured: String, budget: String, is_met| {
        vec![what.to_owned(), measured, budget, met(is_met)]
    };
    let none = || "0".to_owned();
    let rows = vec![
        row("answers that failed", format!("{errors:.0}"), none(), errors <= 0.0),
        row("events lost", format!("{lost:.0}"), none(), lost <= 0.0),
        row(
            "events a second, the least in 10 s",
            format!("{least:.0}"),
            format!("≥ {LEAST_EVENTS:.0}"),
            least >= LEAST_EVENTS,
        ),
        row(
            "RssAnon at most",
            format!("{most:.1} MiB"),
            format!("≤ {BUDGET_MIB:.0} MiB"),
            most <= BUDGET_MIB,
        ),
        row(
            "of it more in the second half than in the first",
            format!("{growth:.1} MiB"),
            format!("≤ {BUDGET_GROWTH_MIB:.0} MiB"),
            growth <= BUDGET_GROWTH_MIB,
        ),
    ];
    let notes = vec!["The worst of the runs above.".to_owned()];
    Table { heading: vec!["", "measured", "budget", "met"], rows, notes }
}

/// What each call takes alone.
fn each(program: &Path, seconds: f64) -> Result<Table> {
    let (dir, service) = start(program)?;
    let storm = storm(seconds * CALLS.len() as f64)?;
    let mut rows = Vec::new();
    for call in CALLS {
        let cpu_before = service.cpu_seconds()?;
        let called = wrk::call(dir.path(), &service.address, FEW, seconds, &[call])?;
        let cpu = service.cpu_seconds()? - cpu_before;
        rows.push(vec![
            format!("`{call}`"),
            format!("{:.1}", called.bytes / called.requests.max(1.0) / 1024.0),
            format!("{:.0}", called.per_second()),
            format!("{:.1}", called.p50_ms),
            format!("{:.1}", called.p99_ms),
            format!("{:.0}", cpu / called.requests.max(1.0) * 1e6),
        ]);
    }
    drop(storm);
    service.stop()?;
    let heading =
        vec!["call", "KiB", "answers/s", "p50, ms", "p99, ms", "CPU of the agent, µs each"];
    let notes = vec![format!(
        "{FEW} callers, {seconds:.0} s each, beside the same processes and events, whose part of the CPU time is in it."
    )];
    Ok(Table { heading, rows, notes })
}

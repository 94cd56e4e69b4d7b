//! `bench drain`: how many events a second the agent takes without losing any: steadily, at the
//! paces of the budget, and at most.
//!
//! Threads map and unmap at a pace, or as fast as they can; where that loses events, ever slower.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::agent::{Agent, Events};
use super::load::Load;
use super::table::Table;

/// The paces that must be kept for as long as one likes, in events a second, and what becomes of
/// the events meanwhile.
const STEADY: [(u64, Events); 2] = [(300_000, Events::Counted), (50_000, Events::Printed)];
/// Events of a pair of calls.
const EVENTS_A_PAIR: u64 = 2;
/// Paces tried below what the threads can do.
const SLOWER: [f64; 7] = [0.9, 0.8, 0.65, 0.5, 0.35, 0.25, 0.1];
/// Looking for the most takes this part of the time that a steady pace is kept, for each try.
const PART: f64 = 1.0 / 12.0;

/// What the threads do.
#[derive(Clone, Copy)]
struct Pace {
    threads: usize,
    seconds: f64,
    /// 0 for what they can.
    pairs_per_second: u64,
    events: Events,
}

struct Run {
    seen: u64,
    lost: u64,
    not_printed: u64,
    pairs: u64,
    agent_cpu_percent: f64,
}

pub(super) fn run(program: &Path, dir: &Path, seconds: f64) -> Result<Table> {
    let cpus = std::thread::available_parallelism().context("failed to count the CPUs")?.get();
    let mut rows = Vec::new();
    for (per_second, events) in STEADY {
        let pairs_per_second = per_second / EVENTS_A_PAIR;
        let pace = Pace { threads: cpus, seconds, pairs_per_second, events };
        println!("bench: {per_second} events a second for {seconds} s");
        rows.push(row(&format!("steady {per_second}"), pace, &measure(program, dir, pace)?));
    }
    for threads in 1..=cpus {
        rows.extend(most(program, dir, threads, (seconds * PART).max(1.0))?);
    }
    let heading = vec![
        "pace, events a second",
        "threads",
        "s",
        "events",
        "events/s",
        "lost",
        "not printed",
        "agent, % of a core",
    ];
    let notes =
        vec![format!("mmap and munmap of one page on {cpus} CPUs; all events of the host.")];
    Ok(Table { heading, rows, notes })
}

/// Looks for the most that so many threads can make without loss.
fn most(program: &Path, dir: &Path, threads: usize, seconds: f64) -> Result<Vec<Vec<String>>> {
    let all = Pace { threads, seconds, pairs_per_second: 0, events: Events::Counted };
    println!("bench: as many as {threads} threads can make");
    let fastest = measure(program, dir, all)?;
    let mut rows = vec![row("all they can", all, &fastest)];
    if fastest.lost == 0 {
        return Ok(rows);
    }
    for part in SLOWER {
        let pairs_per_second = (fastest.pairs as f64 / seconds * part) as u64;
        let pace = Pace { pairs_per_second, ..all };
        println!("bench: {:.0} % of it", part * 100.0);
        let paced = measure(program, dir, pace)?;
        if paced.lost == 0 {
            rows.push(row(&format!("{:.0} % of it", part * 100.0), pace, &paced));
            break;
        }
    }
    Ok(rows)
}

fn measure(program: &Path, dir: &Path, pace: Pace) -> Result<Run> {
    let Pace { threads, seconds, pairs_per_second, events } = pace;
    let agent = Agent::start(program, dir, events, &[])?;
    let cpu_before = agent.cpu_seconds()?;
    let arguments = [
        "storm".to_owned(),
        threads.to_string(),
        seconds.to_string(),
        pairs_per_second.to_string(),
    ];
    let pairs = Load::start(&arguments)?.line()?.parse().context("the storm said no number")?;
    let cpu = agent.cpu_seconds()? - cpu_before;
    let counted = agent.stop()?;
    Ok(Run {
        seen: counted.events_seen.context("the agent counted nothing")?,
        lost: counted.events_lost.context("the agent counted no loss")?,
        not_printed: counted.events_not_printed.context("the agent counted no lines")?,
        pairs,
        agent_cpu_percent: cpu / seconds * 100.0,
    })
}

fn row(label: &str, pace: Pace, run: &Run) -> Vec<String> {
    let printed = match pace.events {
        Events::Counted => String::new(),
        Events::Printed => ", each a line of a file".to_owned(),
    };
    let not_printed = match pace.events {
        // Nobody asked for them.
        Events::Counted => String::new(),
        Events::Printed => run.not_printed.to_string(),
    };
    vec![
        label.to_owned() + &printed,
        pace.threads.to_string(),
        format!("{:.0}", pace.seconds),
        run.seen.to_string(),
        format!("{:.0}", (run.pairs * EVENTS_A_PAIR) as f64 / pace.seconds),
        run.lost.to_string(),
        not_printed,
        format!("{:.0}", run.agent_cpu_percent),
    ]
}

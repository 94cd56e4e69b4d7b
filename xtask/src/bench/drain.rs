//! `bench drain`: the most events a second that the agent takes without losing any.
//!
//! Threads map and unmap as fast as they can; where that loses events, ever slower.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::agent::Agent;
use super::load::Load;
use super::table::Table;

/// Paces tried below what the threads can do.
const SLOWER: [f64; 7] = [0.9, 0.8, 0.65, 0.5, 0.35, 0.25, 0.1];

struct Run {
    events: u64,
    lost: u64,
    pairs: u64,
    agent_cpu_percent: f64,
}

pub(super) fn run(program: &Path, dir: &Path, seconds: f64) -> Result<Table> {
    let cpus = std::thread::available_parallelism().context("failed to count the CPUs")?.get();
    let mut rows = Vec::new();
    for threads in 1..=cpus {
        let fastest = measure(program, dir, threads, seconds, 0)?;
        rows.push(row(threads, "all they can", seconds, &fastest));
        if fastest.lost == 0 {
            continue;
        }
        for pace in SLOWER {
            let pairs_per_second = (fastest.pairs as f64 / seconds * pace) as u64;
            let paced = measure(program, dir, threads, seconds, pairs_per_second)?;
            if paced.lost == 0 {
                let label = format!("{:.0} % of it", pace * 100.0);
                rows.push(row(threads, &label, seconds, &paced));
                break;
            }
        }
    }
    let heading = vec!["threads", "pace", "events/s", "lost", "agent, % of a core"];
    let notes = vec![format!("mmap and munmap of one page, {seconds} s each, on {cpus} CPUs.")];
    Ok(Table { heading, rows, notes })
}

fn measure(program: &Path, dir: &Path, threads: usize, seconds: f64, pace: u64) -> Result<Run> {
    let agent = Agent::start(program, dir, &[])?;
    let cpu_before = agent.cpu_seconds()?;
    let arguments =
        ["storm".to_owned(), threads.to_string(), seconds.to_string(), pace.to_string()];
    let pairs = Load::start(&arguments)?.line()?.parse().context("the storm said no number")?;
    let cpu = agent.cpu_seconds()? - cpu_before;
    let counted = agent.stop()?;
    Ok(Run {
        events: counted.events_seen.context("the agent counted nothing")?,
        lost: counted.events_lost.context("the agent counted no loss")?,
        pairs,
        agent_cpu_percent: cpu / seconds * 100.0,
    })
}

fn row(threads: usize, pace: &str, seconds: f64, run: &Run) -> Vec<String> {
    vec![
        threads.to_string(),
        pace.to_owned(),
        format!("{:.0}", run.events as f64 / seconds),
        run.lost.to_string(),
        format!("{:.0}", run.agent_cpu_percent),
    ]
}

//! `bench seed`: reading the descriptor tables of processes that are there already, from /proc and
//! by the kernel's iterator, in turns and by the agent's own readers.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::load::{self, Load};
use super::stats::median;
use super::sysctl::OpenFiles;
use super::table::Table;
use crate::sh;

/// Processes, and how many eventfds and sockets each has.
const HOLDERS: [(u64, u64, u64); 8] = [
    (10, 5, 5),
    (100, 5, 5),
    (1_000, 5, 5),
    (1, 1_000, 0),
    (1, 10_000, 0),
    (1, 100_000, 0),
    (1, 0, 1_000),
    (1, 0, 10_000),
];

/// What the agent says of its readers.
#[derive(Deserialize)]
struct Timed {
    proc_descriptors: u64,
    iter_descriptors: u64,
    proc_ns: Vec<f64>,
    iter_ns: Vec<f64>,
}

pub(super) fn run(program: &Path, rounds: u32) -> Result<Table> {
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "Medians of {rounds} rounds in turns. A reading is a whole one: who the process is and its \
         timers are read from /proc by both."
    )];
    for (processes, eventfds, sockets) in HOLDERS {
        let what = format!("{processes} x ({eventfds} eventfds, {sockets} sockets)");
        let wanted = eventfds + sockets + load::OWN_DESCRIPTORS;
        let Some(_raised) = OpenFiles::raise(wanted)? else {
            notes.push(format!("{what}: left out, a process may not open so many here."));
            continue;
        };
        println!("bench: {what}");
        let numbers = [processes, eventfds, sockets].map(|number| number.to_string());
        let mut arguments = vec!["holders".to_owned()];
        arguments.extend(numbers);
        let mut load = Load::start(&arguments)?;
        let pids = load.line()?;
        let timed = measure(program, &pids, rounds)?;
        let least = processes * (eventfds + sockets);
        if timed.proc_descriptors != timed.iter_descriptors || timed.iter_descriptors < least {
            let Timed { proc_descriptors, iter_descriptors, .. } = timed;
            bail!("{what}: /proc has {proc_descriptors} of them, the iterator {iter_descriptors}");
        }
        let (by_proc, by_iter) = (median(&timed.proc_ns), median(&timed.iter_ns));
        let ms = |ns: f64| format!("{:.2}", ns / 1e6);
        let ratio = format!("{:.1}", by_proc / by_iter);
        let count = timed.iter_descriptors.to_string();
        rows.push(vec![what, count, ms(by_proc), ms(by_iter), ratio]);
    }
    let heading = vec!["held", "descriptors", "/proc, ms", "iterator, ms", "times as fast"];
    Ok(Table { heading, rows, notes })
}

fn measure(program: &Path, pids: &str, rounds: u32) -> Result<Timed> {
    let mut command = Command::new(program);
    command.args(["bench-seed", "--rounds", &rounds.to_string(), pids]);
    let text = sh::output(&mut command)?;
    serde_json::from_str(&text).with_context(|| format!("the agent said {text:?}"))
}

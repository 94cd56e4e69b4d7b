//! Times both readers of descriptor tables on living processes, for `cargo xtask bench seed`. A
//! reading is a whole one, as the agent takes it: who the process is and its timers included.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::watch;
use crate::{
    cli::Cli,
    event::ReadDescriptor,
    host::{HostFacts, Proc, Scratch},
    kernel::TablePass,
};

/// Reads all these tables so many times with either reader, in turns; the times are in the order of
/// the rounds.
pub(super) fn measure(cli: &Cli, pids: &[u32], rounds: u32) -> Result<u8> {
    watch::check_host(&HostFacts::probe().context("ask the host")?)?;
    let pass = watch::load(cli)?.take_table_pass();
    let mut pass = pass.context("this kernel has no iterator over the files of one thread")?;
    let mut by_pass = |tid| read(&mut pass, tid);
    let (mut proc_ns, mut iter_ns) = (Vec::new(), Vec::new());
    let (mut proc_count, mut iter_count) = (0, 0);
    for _ in 0..rounds {
        let (ns, count) = time(pids, &mut |_| None)?;
        proc_ns.push(ns);
        proc_count = count;
        let (ns, count) = time(pids, &mut by_pass)?;
        iter_ns.push(ns);
        iter_count = count;
    }
    let line = json!({
        "proc_descriptors": proc_count,
        "iter_descriptors": iter_count,
        "proc_ns": proc_ns,
        "iter_ns": iter_ns,
    });
    writeln!(std::io::stdout(), "{line}").context("write the result")?;
    Ok(0)
}

fn read(pass: &mut TablePass, tid: u32) -> Option<Vec<ReadDescriptor>> {
    pass.read(tid).inspect_err(|error| tracing::warn!("the table of {tid}: {error}")).ok()
}

/// Reads every table once: nanoseconds, and how many descriptors that were.
fn time(
    pids: &[u32],
    list: &mut dyn FnMut(u32) -> Option<Vec<ReadDescriptor>>,
) -> Result<(u64, usize)> {
    // A fresh one knows no socket yet, as at the start of a round of the agent.
    let (proc, mut scratch) = (Proc::default(), Scratch::default());
    let started = Instant::now();
    let mut count = 0;
    for &pid in pids {
        count += proc.read_table(pid, list, &mut scratch)?.open.len();
    }
    Ok((u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), count))
}

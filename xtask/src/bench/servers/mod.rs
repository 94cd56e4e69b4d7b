//! `bench servers`: what real servers lose of their speed while the agent watches the host: redis
//! without pipelining, nginx with keep-alive under wrk, PostgreSQL under pgbench, reading only and
//! with its usual transactions.
//!
//! All run for the whole of it and one is loaded at a time. Servers have a CPU, their clients the
//! others, and the agent takes its time where it likes.

use std::path::Path;

use anyhow::Result;

use self::nginx::Nginx;
use self::postgres::Postgres;
use self::redis::Redis;
use self::server::Cpus;
use super::pairs::{self, Unit};
use super::table::Table;
use crate::{setup, sh};

mod nginx;
mod postgres;
mod redis;
pub(super) mod server;

const LOADS: [&str; 4] = [
    "redis, SET and GET, no pipelining",
    "nginx, keep-alive, a small file",
    "PostgreSQL, pgbench -S",
    "PostgreSQL, pgbench",
];

pub(super) fn run(program: &Path, dir: &Path, pairs: u32, seconds: u32) -> Result<Table> {
    setup::bench()?;
    // Ctrl-C ends the servers and the agent, but not us before their directories are gone.
    sh::survive_interrupt()?;
    let cpus = Cpus::share()?;
    let mut redis = Redis::start(&cpus)?;
    let nginx = Nginx::start(&cpus)?;
    let postgres = Postgres::start(&cpus)?;
    let mut measure = || -> Result<[f64; LOADS.len()]> {
        Ok([
            redis.requests_per_second(&cpus, seconds)?,
            nginx.requests_per_second(&cpus, seconds)?,
            postgres.transactions_per_second(&cpus, seconds, &["-S"])?,
            postgres.transactions_per_second(&cpus, seconds, &[])?,
        ])
    };
    println!("bench: warming up");
    measure()?;
    let loads = pairs::in_turns(program, dir, pairs, measure)?;
    let row = |(name, load): (&&str, &pairs::Pairs)| {
        std::iter::once((*name).to_owned()).chain(load.cells(Unit::PerSecond)).collect()
    };
    let rows = LOADS.iter().zip(&loads).map(row).collect();
    let heading = std::iter::once("a second").chain(pairs::HEADING).collect();
    let notes = vec![format!(
        "{pairs} pairs in turns, {seconds} s each; medians, and the geometric mean of the pairs' \
         ratios. Servers have one CPU, clients the others. PostgreSQL does not wait for the disk (fsync=off)."
    )];
    Ok(Table { heading, rows, notes })
}

//! Records real programs of the catalogue, all at once, into a directory of labelled recordings. Run by
//! `cargo xtask record-real`; needs root, as the agent does.
#![expect(clippy::print_stdout, reason = "the output of this tool is for the terminal")]

use std::path::PathBuf;

use clap::Parser;
use memwatch_tests::real::catalogue::{ENTRIES, Entry, find};
use memwatch_tests::real::{Plan, record, recordings};

/// Records what the agent sees of programs whose truth is known.
#[derive(Parser)]
#[command(name = "cargo xtask record-real", bin_name = "cargo xtask record-real")]
struct Options {
    /// How long to watch
    #[arg(long, default_value_t = 840, value_name = "SECONDS")]
    seconds: u64,
    /// Directory to write to [default: tests/recordings]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many programs run at once; the next ones follow when these are done
    #[arg(long, default_value_t = 24, value_name = "COUNT")]
    at_once: usize,
    /// Names of the programs; all of them if none is named
    #[arg(value_parser = known)]
    names: Vec<&'static Entry>,
}

fn known(name: &str) -> Result<&'static Entry, String> {
    let names = || ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    find(name).ok_or_else(|| format!("there is no such program; there are {}", names()))
}

fn main() {
    let options = Options::parse();
    let entries = if options.names.is_empty() { ENTRIES.iter().collect() } else { options.names };
    let out = options.out.unwrap_or_else(recordings);
    for batch in entries.chunks(options.at_once.max(1)) {
        let plan = Plan { entries: batch.to_vec(), seconds: options.seconds, out: out.clone() };
        println!("recording {} programs for {} s", batch.len(), plan.seconds);
        print!("{}", record(&plan));
    }
}

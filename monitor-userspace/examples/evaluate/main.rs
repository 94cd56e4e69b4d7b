//! Fits the detector's model and shows what it is worth: `cargo xtask evaluate`.

#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "a program, not a library")]

mod baseline;
mod cost;
mod early;
mod fit;
mod forecast;
mod goal;
mod heard;
mod measured;
mod network;
mod print;
mod quality;
mod random;
mod report;
mod run;
mod score;
mod series;
mod synthetic;
mod tally;
mod wilson;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    action: Option<Action>,
    /// Series of each class
    #[arg(long, default_value_t = 60)]
    per_class: u64,
    /// First seed; those of fitting lie below 1,000,000
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    recorded: series::Options,
}

#[derive(Subcommand)]
enum Action {
    /// Fits the model on series that no test uses and writes its weights
    Fit(fit::Options),
    /// Measures what judging takes of one core, by the number of processes
    Cost(cost::Options),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.action {
        Some(Action::Fit(options)) => return fit::fit(options),
        Some(Action::Cost(options)) => return cost::cost(options),
        None => {}
    }
    if let (Some(dir), Some(labels)) = (&cli.recorded.series, &cli.recorded.labels) {
        return series::evaluate(dir, labels, &cli.recorded, cli.json.as_deref());
    }
    score::evaluate(cli.per_class, cli.seed, cli.json.as_deref())
}

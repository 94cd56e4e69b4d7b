//! Fits the detector's model and shows what it is worth: `cargo xtask evaluate`.

#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "a program, not a library")]

mod fit;
mod network;
mod random;
mod run;
mod score;
mod synthetic;

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
    /// Weights to judge with instead of those in the repository
    #[arg(long)]
    weights: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Fits the model on series that no test uses and writes its weights
    Fit(fit::Options),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.action {
        Some(Action::Fit(options)) => fit::fit(&options),
        None => {
            score::evaluate(cli.per_class, cli.seed);
            Ok(())
        }
    }
}

//! Draws leaks at random and sees whether the agent names them and nobody else. Run by
//! `cargo xtask draws`; needs root, as the agent does, and a host that is quiet otherwise.
#![expect(clippy::print_stdout, reason = "the output of this tool is for the terminal")]

use std::process::ExitCode;

use clap::Parser;
use memwatch_tests::draws::{Session, candidates, draw, limits};

/// Sees whether leaks drawn at random are named within three minutes, and nothing else.
#[derive(Parser)]
#[command(name = "cargo xtask draws", bin_name = "cargo xtask draws")]
struct Options {
    /// How many draws, one after the other
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    runs: usize,
    /// How many leakers of different kinds run at once
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    at_once: usize,
    /// Draws the same again
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("--seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (limits, candidates) = (limits(), candidates());
    let mut session = Session::start();
    let mut right = 0;
    for number in 1..=options.runs {
        let drawn = draw(&mut rng, &candidates, options.at_once, limits);
        let outcome = session.run(&drawn);
        for line in outcome.lines {
            println!("{number}: {line}");
        }
        if outcome.misses.is_empty() {
            right += 1;
        } else {
            println!("{number}: MISS: {}", Vec::from_iter(outcome.misses).join("; "));
        }
    }
    println!("{right} of {} draws are right", options.runs);
    if right == options.runs { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Everything that is done to this repository, as one command: `cargo xtask --help`.
//!
//! This file owns the command line and nothing else; each subcommand has its module. What CI does
//! is `cargo xtask ci`, so a green run here is a green run there.
#![expect(clippy::print_stdout, reason = "the output of this tool is for the terminal")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod ebpf;
mod evaluate;
mod mutate;
mod prove;
mod real;
mod run;
mod setup;
mod sh;
mod test;
mod testbin;
mod vm;
mod web;

/// Builds, runs and checks memwatch-ebpf.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Cmd,
}

#[derive(Subcommand)]
enum Cmd {
    /// Install what building the kernel object and the end-to-end tests need (Debian and Ubuntu)
    Setup(setup::Options),
    /// Build the kernel object and record what built it; with --check, compare with the record
    Ebpf(ebpf::Options),
    /// Build the web page; with --check, test it and compare it with what is committed
    Web(web::Options),
    /// Build the agent and run it: `cargo xtask run -- --all`
    Run(run::Options),
    /// Run the tests; as root, the end-to-end tests too
    Test(test::Options),
    /// Do everything that CI does
    Ci,
    /// Run end-to-end tests on other kernels, in a virtual machine (Debian 12)
    Vm(vm::Options),
    /// Break one thing at a time and see whether any test notices
    Mutate(mutate::Options),
    /// Measure what the agent costs: `syscalls` while nothing else is named
    Bench(bench::Options),
    /// Show what the judge is worth, or fit it anew: `cargo xtask evaluate -- --help`
    Evaluate(evaluate::Options),
    /// Record real programs, leaking and healthy, for the judge
    RecordReal(real::Options),
    /// Prove with real peers what takes longer than the tests have: `cargo xtask prove --help`
    Prove(prove::Options),
    /// Let leaks drawn at random run beside healthy programs and see who is named
    Draws(real::Options),
    /// The measured loop of `bench`, in a process of its own
    #[command(hide = true)]
    BenchLoop(bench::workload::Options),
    /// The loads of `bench`, in a process of their own
    #[command(hide = true)]
    BenchLoad(bench::load::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Cmd::Setup(options) => setup::setup(&options),
        Cmd::Ebpf(options) => ebpf::ebpf(&options),
        Cmd::Web(options) => web::web(&options),
        Cmd::Run(options) => run::run(&options),
        Cmd::Test(options) => test::test(&options),
        Cmd::Ci => ci::ci(),
        Cmd::Vm(options) => vm::vm(&options),
        Cmd::Mutate(options) => mutate::mutate(&options),
        Cmd::Bench(options) => bench::bench(&options),
        Cmd::Evaluate(options) => evaluate::evaluate(&options),
        Cmd::RecordReal(options) => real::record(&options),
        Cmd::Prove(options) => prove::prove(&options),
        Cmd::Draws(options) => real::draws(&options),
        Cmd::BenchLoop(options) => bench::workload::run(&options),
        Cmd::BenchLoad(options) => bench::load::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // In one line: a backtrace of this tool, which RUST_BACKTRACE would add, helps nobody.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! What the command line asks for, one module each, and the statuses they end with.

mod answer;
mod ask;
mod ended;
mod exported;
mod exported_wholes;
mod given_objects;
mod leak_check;
mod leak_rules;
mod replay;
mod reset;
mod seeding;
mod serve;
mod since;
mod watch;

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::Path,
};

pub use answer::Look;
use anyhow::{Context as _, Result};
pub use ask::Agent;
use clap::CommandFactory as _;
pub use leak_rules::LeakRules;
pub use reset::Reset;
pub use serve::Serve;

use crate::{
    agent::exec_gate,
    cli::{Action, Cli},
    sink::answer::Question,
};

/// A refusal with an exit status of its own.
#[derive(Debug)]
pub struct Refusal {
    /// The exit status.
    pub status: u8,
    /// What is wrong and what to do.
    pub message: String,
}

impl Refusal {
    /// Bad use of the command line.
    pub const USAGE: u8 = 2;
    /// Not allowed to.
    pub const PRIVILEGE: u8 = 4;
    /// This kernel cannot.
    pub const KERNEL: u8 = 5;

    /// With one of the statuses above.
    pub fn new(status: u8, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Where a command prints to: this file, else standard output.
fn output_to(path: Option<&Path>) -> Result<Box<dyn io::Write>> {
    let Some(path) = path else { return Ok(Box::new(io::stdout())) };
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    Ok(Box::new(file))
}

/// Whether nobody reads what is printed any more: who has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Does what the command line says; the exit status.
pub fn run(cli: Cli) -> Result<u8> {
    match &cli.action {
        Some(Action::Completions { shell }) => {
            let mut command = Cli::command();
            let name = command.get_name().to_owned();
            clap_complete::generate(*shell, &mut command, name, &mut io::stdout());
            Ok(0)
        }
        Some(Action::Schema) => {
            writeln!(io::stdout(), "{:#}", crate::output::schema())?;
            Ok(0)
        }
        Some(Action::Serve(serve)) => serve::serve(serve.clone(), cli),
        Some(Action::Status(agent)) => ask::status(agent),
        Some(Action::Reset(asked)) => reset::reset(asked),
        Some(Action::LeakRules(asked)) => leak_rules::leak_rules(asked),
        Some(Action::LeakCheck(look)) => answer::leak_check(look.clone(), cli),
        Some(Action::Leaks(look)) => answer::answer(&Question::Leaks, look.clone(), cli),
        Some(Action::Trends(look)) => answer::answer(&Question::Trends, look.clone(), cli),
        Some(Action::Report(look)) => answer::answer(&Question::Report, look.clone(), cli),
        Some(Action::Optimize(look)) => answer::answer(&Question::Optimize, look.clone(), cli),
        Some(Action::Explain { finding, look }) => {
            answer::answer(&Question::Explain(finding.clone()), look.clone(), cli)
        }
        Some(Action::ExecGate { argv }) => {
            let (status, message) = exec_gate(argv)?;
            Err(Refusal::new(status, message).into())
        }
        Some(Action::BenchSeed { pids, rounds }) => seeding::measure(&cli, pids, *rounds),
        None if cli.replay.is_some() => replay::replay(&cli),
        None => watch::watch(cli),
    }
}

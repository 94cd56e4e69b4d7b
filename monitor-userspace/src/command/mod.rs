//! What the command line asks for, one module each, and the statuses they end with.

mod leak_check;
mod leak_rules;
mod replay;
mod seeding;
mod watch;

use std::{fmt, io::Write as _};

use anyhow::Result;
use clap::CommandFactory as _;
pub use leak_rules::LeakRules;

use crate::{
    agent::exec_gate,
    cli::{Action, Cli},
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

/// Does what the command line says; the exit status.
pub fn run(cli: Cli) -> Result<u8> {
    match &cli.action {
        Some(Action::Completions { shell }) => {
            let mut command = Cli::command();
            let name = command.get_name().to_owned();
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            Ok(0)
        }
        Some(Action::Schema) => {
            writeln!(std::io::stdout(), "{:#}", crate::output::schema())?;
            Ok(0)
        }
        Some(Action::LeakRules(asked)) => leak_rules::leak_rules(asked),
        Some(Action::LeakCheck { from }) => leak_check::leak_check(from, cli.fail_on),
        Some(Action::ExecGate { argv }) => {
            let (status, message) = exec_gate(argv)?;
            Err(Refusal::new(status, message).into())
        }
        Some(Action::BenchSeed { pids, rounds }) => seeding::measure(&cli, pids, *rounds),
        None if cli.replay.is_some() => replay::replay(&cli),
        None => watch::watch(cli),
    }
}

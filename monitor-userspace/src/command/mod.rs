//! What the command line asks for, one module each, and the statuses they end with.

mod replay;
mod watch;

use std::fmt;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::{
    agent::{Outcome, exec_gate},
    cli::{Action, Cli},
    output::Severity,
};

/// Findings at or above `--fail-on`.
const FINDINGS: u8 = 3;

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
        Some(Action::ExecGate { argv }) => exec_gate(argv),
        None if cli.replay.is_some() => replay::replay(&cli),
        None => watch::watch(cli),
    }
}

/// The status a run ends with: the command's own when that is not 0, then the findings'.
pub fn exit_status(outcome: Outcome, fail_on: Option<Severity>) -> u8 {
    match outcome.command_status {
        Some(status) if status != 0 => u8::try_from(status).unwrap_or(1),
        _ if fail_on.is_some_and(|limit| outcome.worst >= Some(limit)) => FINDINGS,
        _ => 0,
    }
}

/// The last line of JSON of a run with a command; `None` without one.
pub fn exit_line(outcome: Outcome, fail_on: Option<Severity>) -> Option<String> {
    let command = outcome.command_status?;
    let status = exit_status(outcome, fail_on);
    Some(format!(r#"{{"type":"exit","command_status":{command},"status":{status}}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_own_status_comes_first() {
        let outcome = |worst, command_status| Outcome { worst, command_status };
        let medium = Some(Severity::Medium);
        assert_eq!(exit_status(outcome(medium, Some(7)), medium), 7);
        assert_eq!(exit_status(outcome(medium, Some(0)), medium), FINDINGS);
        assert_eq!(exit_status(outcome(medium, None), Some(Severity::High)), 0);
        assert_eq!(exit_status(outcome(None, None), Some(Severity::Low)), 0);
        assert_eq!(exit_status(outcome(medium, None), None), 0);
    }
}

//! What the command line asks for, one module each, and the statuses they end with.

mod alert;
mod answer;
mod ask;
mod config;
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
mod setup;
mod since;
mod top;
mod watch;

use std::{
    fmt,
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

pub use alert::{Alert, Silence};
pub use answer::Look;
use anyhow::{Context as _, Result};
use ask::Wish;
pub use ask::{Agent, Period, Reach};
use clap::CommandFactory as _;
pub use config::Configure;
pub use leak_rules::LeakRules;
pub use reset::Reset;
pub use serve::Serve;
pub use setup::Setup;
pub use top::Top;

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

/// Asks on a terminal whether to go on; `None` where there is nobody to ask.
fn confirm(question: &str) -> Result<Option<bool>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
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
        Some(Action::Serve(serve)) => serve::serve(&serve.clone(), cli),
        Some(Action::Config(asked)) => config::config(asked),
        Some(Action::Setup(asked)) => setup::setup(asked),
        Some(Action::Alert(asked)) => alert::alert(asked),
        Some(Action::Silence(asked)) => alert::silence(asked),
        Some(Action::Status(agent)) => ask::ask(Wish::Status, agent, &cli),
        Some(Action::Health { agent, plugin }) => {
            ask::ask(Wish::Health { plugin: *plugin }, agent, &cli)
        }
        Some(Action::Metrics { agent, period }) => ask::ask(Wish::Metrics(*period), agent, &cli),
        Some(Action::Performance(agent)) => ask::ask(Wish::Performance, agent, &cli),
        Some(Action::Top(asked)) => top::top(asked, &cli),
        Some(Action::Cleanup(agent)) => ask::ask(Wish::Cleanup, agent, &cli),
        Some(Action::Gc(agent)) => ask::ask(Wish::Gc, agent, &cli),
        Some(Action::LeakForceCleanup(agent)) => ask::ask(Wish::ForceCleanup, agent, &cli),
        Some(Action::Reset(asked)) => reset::reset(asked),
        Some(Action::LeakRules(asked)) => leak_rules::leak_rules(asked, &cli),
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

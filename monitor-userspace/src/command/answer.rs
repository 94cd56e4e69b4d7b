//! Commands that look for a while, or at what was seen before, and then answer: `leaks`, `trends`,
//! `report`, `optimize`, `explain`; and `leak-check`, which tells findings as they come.
//!
//! Where the view comes from (a live run, a recording, exported lines) and what is made of it are
//! apart.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    Refusal,
    ask::{self, Agent, Reach, Wish},
    is_broken_pipe, leak_check, output_to, replay, since, watch,
};
use crate::{
    agent::{Form, Outcome},
    cli::{Cli, Scope, duration},
    output::answer::UnknownFinding,
    sink::{Paint, answer::Question},
};

/// How long is watched where nobody says: a strong leak is named within that time (15 to 21 rising floors of
/// 5 s, a look at pages of a minute, then two passes).
const WATCHED: Duration = Duration::from_mins(4);

/// Where to look, and for how long.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Look {
    /// Whom to watch.
    #[command(flatten)]
    pub scope: Scope,

    /// Watch for this long (30s, 5m, 2h); 3m if not given. With a command, until it ends.
    #[arg(long, short, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// Look at this recording instead of watching. Needs no privilege.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["all", "pid", "comm", "follow", "argv", "duration", "from", "record", "rules", "no_ebpf"]
    )]
    pub replay: Option<PathBuf>,

    /// Look at lines as --json prints them instead of watching; of a snapshot only ts, pid,
    /// start_time, comm and one measure are needed. `-` reads standard input.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["all", "pid", "comm", "follow", "argv", "duration", "record", "rules", "no_ebpf"]
    )]
    pub from: Option<PathBuf>,

    /// Which running agent is asked where nothing is said of where to look.
    #[command(flatten)]
    pub reach: Reach,

    /// Ask the running agent for the time since then: 2h, 3d, 2026-01-17T10:30:00Z. For leaks, trends and
    /// report.
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with_all = ["all", "pid", "comm", "follow", "argv", "duration", "from", "replay", "record", "rules", "no_ebpf"]
    )]
    pub since: Option<String>,

    /// Keep all inputs of this run in a file, for --replay.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Add this file of rules to the built-in ones; it may also change them. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,

    /// Use /proc alone: coarser, and without the kernel's events.
    #[arg(long)]
    pub no_ebpf: bool,

    /// Answer with a JSON object.
    #[arg(long)]
    pub json: bool,

    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Start this command and watch it from its first instruction until it ends.
    #[arg(last = true, value_name = "COMMAND")]
    pub argv: Vec<String>,
}

/// Looks, answers, and judges the answer by `--fail-on`; the exit status.
pub(super) fn answer(question: &Question, look: Look, cli: Cli) -> Result<u8> {
    if let Some(since) = &look.since {
        return since::answer(question, since, &look, &cli);
    }
    if asks_an_agent(&look, &cli)? {
        return answer_of_agent(question, &look, &cli);
    }
    let (mut cli, from) = merge(look, cli)?;
    let (fail_on, as_json, output) = (cli.fail_on, cli.json, cli.output.take());
    // What cannot be written is said before somebody waits for it.
    let mut out = output_to(output.as_deref())?;
    let is_plain = output.is_some() || !io::stdout().is_terminal();
    let paint = if is_plain { Paint::default() } else { watch::paint() };
    // A command's own output makes way for JSON where both would go to one place.
    cli.json &= output.is_none();
    let outcome = outcome_of(cli, from)?;
    let view = outcome.view.as_deref().context("the run ended without a view")?;
    let text = question
        .answer(view, as_json, paint)
        .map_err(|UnknownFinding(message)| Refusal::new(Refusal::USAGE, message))?;
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.context("write the answer")?,
    }
    Ok(outcome.status(fail_on))
}

/// The answer of a running agent.
fn answer_of_agent(question: &Question, look: &Look, cli: &Cli) -> Result<u8> {
    let output = look.output.as_deref().or(cli.output.as_deref());
    let mut form = ask::Form {
        as_json: look.json || cli.json,
        has_colour: output.is_none() && ask::has_colour(),
        fail_on: cli.fail_on,
        out: &mut *output_to(output)?,
    };
    ask::question(question, &look.reach, &mut form)
}

/// Whether nothing is said of where to look, so that a running agent is asked.
fn asks_an_agent(look: &Look, cli: &Cli) -> Result<bool> {
    let looks = look.scope.all
        || !look.scope.pid.is_empty()
        || look.scope.comm.is_some()
        || !look.argv.is_empty()
        || look.replay.is_some()
        || look.from.is_some()
        || cli.replay.is_some()
        || watch::is_scoped(cli);
    let is_of_a_look = look.duration.or(cli.duration).is_some()
        || look.record.is_some()
        || cli.record.is_some()
        || !look.rules.is_empty()
        || !cli.rules.is_empty()
        || look.scope.follow
        || cli.scope.follow
        || look.no_ebpf
        || cli.no_ebpf;
    match (looks, look.reach.is_named()) {
        (true, true) => {
            let message =
                "either ask a running agent (--host, --socket) or look yourself: not both";
            Err(Refusal::new(Refusal::USAGE, message).into())
        }
        // An agent has its own duration, rules and so on: they are of a look, which is not said where.
        (false, true) if is_of_a_look => Err(nowhere()),
        (looks, is_named) => Ok(is_named || !(looks || is_of_a_look)),
    }
}

fn nowhere() -> anyhow::Error {
    let message = "say where to look: --all, --pid PID, --comm REGEX or -- COMMAND to watch, \
                   --replay FILE for a recording, --from FILE for exported lines";
    Refusal::new(Refusal::USAGE, message).into()
}

/// Watches, or goes through what was seen before.
fn outcome_of(cli: Cli, from: Option<PathBuf>) -> Result<Outcome> {
    let fail_on = cli.fail_on;
    match (from, &cli.replay) {
        (Some(from), _) => leak_check::view_of(&from),
        (None, Some(path)) => replay::replay_as(path, &Form::View, io::sink(), fail_on),
        (None, None) => watch::prepare(cli, Form::View)?.go(fail_on),
    }
}

/// Tells findings as they come; the exit status.
pub(super) fn leak_check(look: Look, mut cli: Cli) -> Result<u8> {
    if asks_an_agent(&look, &cli)? {
        cli.output = look.output.or(cli.output);
        let agent = Agent { reach: look.reach, json: look.json };
        return ask::ask(Wish::LeakCheck, &agent, &cli);
    }
    let (cli, from) = merge(look, cli)?;
    match check(cli, from) {
        Err(error) if is_broken_pipe(&error) => Ok(0),
        other => other,
    }
}

fn check(cli: Cli, from: Option<PathBuf>) -> Result<u8> {
    let fail_on = cli.fail_on;
    let form = Form::Findings { as_json: cli.json };
    let out = || output_to(cli.output.as_deref());
    let outcome = match (from, &cli.replay) {
        (Some(from), _) => return leak_check::leak_check(&from, out()?, fail_on),
        (None, Some(path)) => replay::replay_as(path, &form, out()?, fail_on)?,
        (None, None) => watch::prepare(cli, form)?.go(fail_on)?,
    };
    Ok(outcome.status(fail_on))
}

/// The command line as if the options of the command stood before it, and the exported lines to
/// judge instead.
fn merge(look: Look, mut cli: Cli) -> Result<(Cli, Option<PathBuf>)> {
    cli.scope.all |= look.scope.all;
    cli.scope.follow |= look.scope.follow;
    cli.scope.pid.extend(look.scope.pid);
    cli.scope.comm = look.scope.comm.or(cli.scope.comm);
    cli.duration = look.duration.or(cli.duration);
    cli.replay = look.replay.or(cli.replay);
    cli.record = look.record.or(cli.record);
    cli.rules.extend(look.rules);
    cli.no_ebpf |= look.no_ebpf;
    cli.json |= look.json;
    cli.output = look.output.or(cli.output);
    cli.argv.extend(look.argv);
    let sources = usize::from(watch::is_scoped(&cli))
        + usize::from(cli.replay.is_some())
        + usize::from(look.from.is_some());
    match sources {
        1 => {}
        0 => return Err(nowhere()),
        _ => {
            let message = "either watch, or look at a recording (--replay) or at exported lines \
                           (--from): not at two at once";
            return Err(Refusal::new(Refusal::USAGE, message).into());
        }
    }
    if watch::is_scoped(&cli) && cli.duration.is_none() && cli.argv.is_empty() {
        cli.duration = Some(WATCHED);
    }
    if watch::is_scoped(&cli) {
        announce(&cli);
    }
    Ok((cli, look.from))
}

/// Who waits at a terminal is told for how long.
fn announce(cli: &Cli) {
    if !io::stderr().is_terminal() {
        return;
    }
    let until = cli.duration.map_or("until the command ends".to_owned(), |time| {
        format!("for {} s", time.as_secs_f64().round())
    });
    // Nothing is lost if nobody can read it.
    let _ = writeln!(io::stderr(), "watching {until}; Ctrl-C ends it and answers");
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Action;

    /// The command line that a command's options amount to.
    fn merged(arguments: &str) -> Result<Cli> {
        let cli = Cli::parse_from(format!("memwatch-ebpf {arguments}").split_whitespace());
        let Some(Action::Leaks(look)) = cli.action.clone() else { unreachable!("{arguments}") };
        merge(look, cli).map(|(cli, _)| cli)
    }

    #[test]
    fn options_mean_the_same_before_and_after_the_command() {
        for arguments in ["--pid 3 --json -o x leaks", "leaks --pid 3 --json -o x"] {
            let cli = merged(arguments).unwrap();
            assert_eq!((cli.scope.pid, cli.json), (vec![3], true), "{arguments}");
            assert_eq!((cli.output, cli.duration), (Some("x".into()), Some(WATCHED)));
        }
    }

    #[test]
    fn a_command_is_watched_to_its_end_and_everything_else_for_a_while() {
        assert_eq!(merged("leaks -- ./server --all").unwrap().duration, None);
        assert_eq!(merged("leaks --all").unwrap().duration, Some(WATCHED));
        let short = merged("leaks --all --duration 7s").unwrap();
        assert_eq!(short.duration, Some(Duration::from_secs(7)));
        assert_eq!(merged("leaks --replay x").unwrap().duration, None);
    }

    #[test]
    fn there_is_one_place_to_look_at() {
        for arguments in
            ["leaks --duration 3s", "--all leaks --from x", "--replay y leaks --from x"]
        {
            let error = merged(arguments).unwrap_err();
            let status = error.downcast_ref::<Refusal>().map(|refusal| refusal.status);
            assert_eq!(status, Some(Refusal::USAGE), "{arguments}");
        }
    }

    #[test]
    fn a_running_agent_is_asked_where_nothing_is_said_of_where_to_look() {
        let asks = |arguments: &str| {
            let cli = Cli::parse_from(format!("memwatch-ebpf {arguments}").split_whitespace());
            let Some(Action::Leaks(look)) = cli.action.clone() else { unreachable!("{arguments}") };
            asks_an_agent(&look, &cli).ok()
        };
        for arguments in ["leaks", "--json leaks --fail-on low", "leaks --host x -o y"] {
            assert_eq!(asks(arguments), Some(true), "{arguments}");
        }
        for arguments in
            ["leaks --all", "--pid 3 leaks", "leaks -- x", "--replay x leaks", "leaks -d 3s"]
        {
            assert_eq!(asks(arguments), Some(false), "{arguments}");
        }
        for arguments in ["leaks --all --host x", "leaks --socket x -d 3s"] {
            assert_eq!(asks(arguments), None, "{arguments}");
        }
    }
}

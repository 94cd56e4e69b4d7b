//! `--replay`: judges a recording again. Pure but for the file and standard output.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter},
    path::Path,
};

use anyhow::{Context as _, Result, bail};

use super::{Refusal, is_broken_pipe, output_to, watch::form_of};
use crate::{
    agent::{Form, Outcome},
    cli::Cli,
    engine::{CommPattern, Engine},
    event::{Input, RecordingError, RecordingReader},
    output::Severity,
    rule::Rules,
};

/// Text is handed to the output at this size.
const BATCH_BYTES: usize = 64 << 10;

pub(super) fn replay(cli: &Cli) -> Result<u8> {
    let path = cli.replay.as_deref().context("no recording")?;
    // A recording is not live: on a terminal too it is plain lines.
    let form = match form_of(cli) {
        Form::Live { .. } => Form::Plain,
        form => form,
    };
    let out = output_to(cli.output.as_deref())?;
    match replay_as(path, &form, out, cli.fail_on) {
        Ok(outcome) => Ok(outcome.status(cli.fail_on)),
        Err(error) if is_broken_pipe(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Judges a recording again and prints what is said of it.
pub(super) fn replay_as(
    path: &Path,
    form: &Form,
    out: impl io::Write,
    fail_on: Option<Severity>,
) -> Result<Outcome> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("open {shown}"))?;
    let mut recording = RecordingReader::new(BufReader::with_capacity(1 << 20, file))
        .with_context(|| format!("read {shown}"))?;
    play(&mut recording, form, fail_on, BufWriter::new(out))
        .with_context(|| format!("replay {shown}"))
}

fn play(
    recording: &mut RecordingReader<impl io::Read>,
    form: &Form,
    fail_on: Option<Severity>,
    mut out: impl io::Write,
) -> Result<Outcome> {
    let Some(Input::Start(start)) = recording.next_input()? else {
        bail!("the recording does not begin with its start");
    };
    let comm = CommPattern::compile(&start.filters)?;
    let rules = Rules::load(&start.rules).map_err(|faults| {
        Refusal::new(1, format!("the rules in the recording are wrong for this version\n{faults}"))
    })?;
    let wants_events = form.wants_events();
    let (is_json, wants_view) = (form.is_json(), form.wants_view());
    let mut sink = form.sink();
    let mut text = Vec::new();
    let mut engine = Engine::start(*start, comm, rules, wants_events, &mut |output| {
        sink.write(&output, &mut text);
    });
    loop {
        match recording.next_input() {
            Ok(Some(input)) => engine.apply(&input, &mut |output| sink.write(&output, &mut text)),
            Ok(None) => break,
            Err(error @ RecordingError::Cut { .. }) => {
                tracing::warn!("{error}: the agent that wrote it was killed; replayed up to there");
                break;
            }
            Err(error) => return Err(error.into()),
        }
        // What it would read of the host it reads from the recording.
        drop(engine.take_requests());
        if text.len() >= BATCH_BYTES {
            out.write_all(&text)?;
            text.clear();
        }
    }
    out.write_all(&text)?;
    let view = wants_view.then(|| Box::new(engine.view()));
    let outcome =
        Outcome { worst: engine.worst_severity(), command_status: engine.command_status(), view };
    if let Some(line) = outcome.exit_line(fail_on).filter(|_| is_json) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(outcome)
}

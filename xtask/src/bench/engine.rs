//! `bench engine`: how fast events are judged when nothing has to be read from the kernel: the
//! replay of a recording that is made on the spot.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::agent::{Agent, Events};
use super::load::Load;
use super::table::Table;
use crate::sh;

const REPLAYS: usize = 3;

pub(super) fn run(program: &Path, dir: &Path, seconds: f64) -> Result<Table> {
    let recording = dir.join("engine.mwr");
    let options = ["--record".as_ref(), recording.as_os_str()];
    let agent = Agent::start(program, dir, Events::Counted, &options)?;
    Load::start(&["mixed".to_owned(), seconds.to_string()])?.line()?;
    let counted = agent.stop()?;
    let events = counted.events_seen.context("the agent counted nothing")?;
    let bytes = fs::metadata(&recording).context("there is no recording")?.len();
    let mut best = f64::INFINITY;
    for _ in 0..REPLAYS {
        let (seconds, replayed) = replay(program, &recording, &dir.join("engine.ndjson"))?;
        if replayed != events {
            bail!("the replay had {replayed} events, the recording {events}");
        }
        best = best.min(seconds);
    }
    fs::remove_file(&recording).context("failed to remove the recording")?;
    let row = vec![
        events.to_string(),
        format!("{:.1}", bytes as f64 / events.max(1) as f64),
        format!("{best:.2}"),
        format!("{:.0}", events as f64 / best),
    ];
    let heading = vec!["events", "bytes an event, recorded", "replay, s", "events/s"];
    let lost = counted.events_lost.unwrap_or_default();
    let notes = vec![format!(
        "Mapping and unmapping beside starting programs for {seconds} s ({lost} events lost); \
         best of {REPLAYS} replays, start to end."
    )];
    Ok(Table { heading, rows: vec![row], notes })
}

/// Seconds that a replay takes, and how many events it had; they are not printed.
fn replay(program: &Path, recording: &Path, output: &Path) -> Result<(f64, u64)> {
    let mut replay = Command::new(program);
    replay.args(["--json", "--events", "none", "--output"]).arg(output);
    replay.arg("--replay").arg(recording).stdout(Stdio::null());
    let started = Instant::now();
    sh::run(&mut replay)?;
    let seconds = started.elapsed().as_secs_f64();
    let text = fs::read_to_string(output).context("the replay wrote nothing")?;
    let stats = text.lines().rev().find(|line| line.starts_with("{\"type\":\"stats\""));
    let stats: Value = serde_json::from_str(stats.context("the replay counted nothing")?)
        .context("the statistics of the replay cannot be read")?;
    Ok((seconds, stats["events_seen"].as_u64().context("the replay counted no events")?))
}

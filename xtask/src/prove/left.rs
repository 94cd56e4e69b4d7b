//! What a killed agent left of its history: SQLite's own check of the file, and whether every look that was
//! said to be written is there, whole, with none missing in between.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::sh;

/// What one run left behind.
pub(super) struct Left {
    pub(super) rows: i64,
    pub(super) looks: i64,
    seconds: f64,
    pub(super) behind_ms: i64,
}

impl Left {
    /// Rows a second, from the first look to the last.
    pub(super) fn speed(&self) -> f64 {
        let first = self.rows as f64 / self.looks.max(1) as f64;
        (self.rows as f64 - first) / self.seconds
    }
}

/// The last run in the file, 0 where there is none.
pub(super) fn last_run(dir: &Path) -> Result<i64> {
    if dir.join("history.db").exists() {
        number(dir, "SELECT coalesce(max(id), 0) FROM run")
    } else {
        Ok(0)
    }
}

/// Looks at the file below a folder: the run after `runs_before` was killed at `killed_ms`, after it had said
/// that the look at `written` (a time to the millisecond) was written.
pub(super) fn look_at(dir: &Path, runs_before: i64, written: &str, killed_ms: i64) -> Result<Left> {
    let check = ask(dir, "PRAGMA integrity_check")?;
    ensure!(check == "ok", "integrity_check says {check}");
    let strangers = fs::read_dir(dir).context("list the files")?.flatten();
    for file in strangers {
        let name = file.file_name();
        ensure!(
            !name.to_string_lossy().contains("damaged"),
            "{}: a file was set aside",
            name.display()
        );
    }
    let run = number(dir, "SELECT max(id) FROM run")?;
    ensure!(run == runs_before + 1, "run {run} after {runs_before}: the history was not continued");
    let of = format!("FROM look WHERE run = {run}");
    let is_there = number(
        dir,
        &format!(
            "SELECT count(*) {of} AND strftime('%Y-%m-%dT%H:%M:', ts_ms / 1000, 'unixepoch') || \
                  printf('%06.3f', ts_ms / 1000 % 60 + ts_ms % 1000 / 1000.0) = '{written}'"
        ),
    )?;
    ensure!(is_there == 1, "the look at {written} was said to be written and is not there");
    let torn = "SELECT count(*) FROM look LEFT JOIN (SELECT look, count(*) AS samples FROM recent GROUP BY look) AS \
                kept ON kept.look = look.id WHERE ts_ms / 3600000 = (SELECT max(ts_ms) / 3600000 FROM look) \
                AND coalesce(samples, 0) <> processes + components";
    let torn = number(dir, torn)?;
    ensure!(torn == 0, "{torn} looks are not whole");
    let figures = ask(
        dir,
        &format!(
            "SELECT count(*), sum(processes + components), min(ts_ms), max(ts_ms), max(id) - min(id) + 1 {of}"
        ),
    )?;
    let figures: Vec<i64> = figures.split('|').map(str::parse).collect::<Result<_, _>>()?;
    let [looks, rows, first, last, span] = figures[..] else { bail!("sqlite3 said {figures:?}") };
    ensure!(span == looks, "{} looks in between are missing", span - looks);
    let seconds = (last - first).max(1) as f64 / 1e3;
    Ok(Left { rows, looks, seconds, behind_ms: killed_ms - last })
}

pub(super) fn number(dir: &Path, sql: &str) -> Result<i64> {
    let answer = ask(dir, sql)?;
    answer.parse().with_context(|| format!("sqlite3 said {answer:?} to {sql}"))
}

fn ask(dir: &Path, sql: &str) -> Result<String> {
    Ok(sh::output(Command::new("sqlite3").arg(dir.join("history.db")).arg(sql))?.trim().to_owned())
}

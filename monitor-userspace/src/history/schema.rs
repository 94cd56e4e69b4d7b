//! The tables and views of the history, and how an older file becomes a newer one. docs/history.md
//! describes them to those who read them with `sqlite3`.

use std::fmt::Write as _;

use rusqlite::{Connection, Result};

use super::measure::{CPU, MEASURES, told};

/// The version of these tables, kept as the file's `user_version`.
pub(super) const VERSION: i64 = 2;

/// Says in the file's header whose it is: "memw".
const APPLICATION_ID: i64 = 0x6d65_6d77;

/// Tables that do not depend on what is measured.
const TABLES: &str = "
CREATE TABLE run (
  id INTEGER PRIMARY KEY, version TEXT NOT NULL,
  started_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, ended_ms INTEGER);
CREATE TABLE look (
  id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, run INTEGER NOT NULL,
  processes INTEGER NOT NULL, components INTEGER NOT NULL,
  memory_used_bytes INTEGER, mem_total_bytes INTEGER, swap_used_bytes INTEGER,
  cpu_hundredths INTEGER);
CREATE INDEX look_by_time ON look (ts_ms);
CREATE TABLE series (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('process', 'component')),
  pid INTEGER, started_ms INTEGER, name TEXT NOT NULL, cmdline TEXT, component TEXT, cgroup TEXT,
  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL);
CREATE INDEX series_by_pid ON series (pid, started_ms) WHERE kind = 'process';
CREATE INDEX series_by_name ON series (name) WHERE kind = 'component';
CREATE TABLE finding (
  id TEXT PRIMARY KEY, rule TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,
  verdict TEXT NOT NULL, pid INTEGER, started_ms INTEGER, comm TEXT, component TEXT,
  resource TEXT NOT NULL, rate_per_min REAL, rate_unit TEXT, confidence REAL,
  since_ms INTEGER NOT NULL, opened_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
  resolved_ms INTEGER, run INTEGER NOT NULL, line TEXT NOT NULL);
CREATE INDEX finding_by_time ON finding (updated_ms);
CREATE TABLE finding_change (
  id INTEGER PRIMARY KEY, finding TEXT NOT NULL, ts_ms INTEGER NOT NULL, state TEXT NOT NULL,
  severity TEXT NOT NULL, verdict TEXT NOT NULL, rate_per_min REAL, confidence REAL);
";

/// Views that do not depend on what is measured.
const VIEWS: &str = "
CREATE VIEW host AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', ts_ms / 1000, 'unixepoch') AS ts, ts_ms, processes, components,
  memory_used_bytes, mem_total_bytes, swap_used_bytes, cpu_hundredths / 100.0 AS cpu_percent
  FROM look;
CREATE VIEW open_finding AS SELECT id, rule, severity, verdict, pid, comm, component, resource,
  rate_per_min, rate_unit, confidence,
  strftime('%Y-%m-%dT%H:%M:%SZ', since_ms / 1000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', updated_ms / 1000, 'unixepoch') AS updated,
  run = (SELECT max(id) FROM run) AS is_of_this_run
  FROM finding WHERE state <> 'resolved';
";

/// Version 2: a finding says what ended it. No run but the last has findings that are open.
const ENDED_BY: &str = "
ALTER TABLE finding ADD COLUMN ended_by TEXT;
UPDATE finding SET ended_by = 'observed' WHERE state = 'resolved';
DROP VIEW open_finding;
CREATE VIEW open_finding AS SELECT id, rule, severity, verdict, pid, comm, component, resource,
  rate_per_min, rate_unit, confidence,
  strftime('%Y-%m-%dT%H:%M:%SZ', since_ms / 1000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', updated_ms / 1000, 'unixepoch') AS updated
  FROM finding WHERE state <> 'resolved';
";

/// A coarser table: its name and the length of its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    pub(super) table: &'static str,
    pub(super) step_ms: i64,
}

/// Steps of five minutes and of an hour.
pub(super) const FIVE_MINUTES: Tier = Tier { table: "five_minutes", step_ms: 300_000 };
pub(super) const ONE_HOUR: Tier = Tier { table: "one_hour", step_ms: 3_600_000 };
pub(super) const TIERS: [Tier; 2] = [FIVE_MINUTES, ONE_HOUR];

/// The names of the measures, each as `form` has it, after commas.
pub(super) fn each(form: impl Fn(&'static str) -> String) -> String {
    MEASURES.iter().fold(String::new(), |mut all, measure| {
        // Writing to a String cannot fail.
        let _ = write!(all, ", {}", form(measure));
        all
    })
}

impl Tier {
    /// Least, mean and greatest of each measure of the samples not rolled up yet, step by step.
    pub(super) fn of_recent(self, condition: &str) -> String {
        let step = self.step_ms;
        let figures = each(|it| {
            format!("min(recent.{it}), CAST(round(avg(recent.{it})) AS INTEGER), max(recent.{it})")
        });
        format!(
            "SELECT look.ts_ms / {step} * {step}, series, count(*){figures} \
             FROM recent JOIN look ON look.id = recent.look {condition} GROUP BY 1, 2"
        )
    }

    fn create(self) -> String {
        let Self { table, .. } = self;
        let columns = each(|it| format!("{it}_min INTEGER, {it}_mean INTEGER, {it}_max INTEGER"));
        let given = each(|it| {
            let (by, name) = (divisor(it), told(it));
            format!(
                "steps.{it}_min{by} AS {name}_min, steps.{it}_mean{by} AS {name}_mean, \
                 steps.{it}_max{by} AS {name}_max"
            )
        });
        format!(
            "CREATE TABLE {table}_step (ts_ms INTEGER NOT NULL, series INTEGER NOT NULL, \
             samples INTEGER NOT NULL{columns}, PRIMARY KEY (ts_ms, series)) WITHOUT ROWID;
             CREATE VIEW {table} AS SELECT {WHO}, steps.ts_ms, steps.samples{given} \
             FROM (SELECT * FROM {table}_step UNION ALL {}) AS steps \
             JOIN series ON series.id = steps.series;",
            self.of_recent("")
        )
    }
}

/// Who and when, of a view over samples that are called `steps`.
const WHO: &str = "strftime('%Y-%m-%dT%H:%M:%SZ', steps.ts_ms / 1000, 'unixepoch') AS ts, \
    series.kind, series.pid, series.name, series.component, steps.series";

/// What turns a kept measure into the one that is told.
fn divisor(measure: &str) -> &'static str {
    if measure == CPU { " / 100.0" } else { "" }
}

fn samples() -> String {
    let columns = each(|it| format!("{it} INTEGER"));
    let blobs = each(|it| format!("{it} BLOB"));
    let kept = each(|it| format!("recent.{it}"));
    let given = each(|it| format!("steps.{it}{} AS {}", divisor(it), told(it)));
    format!(
        "CREATE TABLE recent (series INTEGER NOT NULL, look INTEGER NOT NULL{columns});
         CREATE TABLE chunk (hour INTEGER NOT NULL, series INTEGER NOT NULL, samples INTEGER NOT NULL, \
         looks BLOB NOT NULL{blobs}, PRIMARY KEY (hour, series)) WITHOUT ROWID;
         CREATE VIEW sample AS SELECT {WHO}, steps.ts_ms{given} \
         FROM (SELECT recent.series, look.ts_ms{kept} FROM recent JOIN look ON look.id = recent.look) AS steps \
         JOIN series ON series.id = steps.series;"
    )
}

/// Makes the tables of a new file, or brings those of an older version up to this one.
pub(super) fn migrate(db: &mut Connection) -> Result<()> {
    migrate_to(VERSION, db)
}

pub(super) fn migrate_to(version: i64, db: &mut Connection) -> Result<()> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found >= version {
        return Ok(());
    }
    let all = db.transaction()?;
    // Each version adds what is new since the one before; a file stands at `found`.
    if found < 1 {
        all.execute_batch(TABLES)?;
        all.execute_batch(&samples())?;
        for tier in TIERS {
            all.execute_batch(&tier.create())?;
        }
        all.execute_batch(VIEWS)?;
        all.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if found < 2 && version >= 2 {
        all.execute_batch(ENDED_BY)?;
    }
    all.pragma_update(None, "user_version", version)?;
    all.commit()
}

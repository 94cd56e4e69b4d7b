//! The file as everybody else has it: read-only, a connection for each question.

use std::{collections::HashMap, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::{
    StoreError,
    measure::{COUNT, CPU, MEASURES, OF_PROCESS, Values, told},
    roll,
    schema::{FIVE_MINUTES, ONE_HOUR, Tier, each},
};
use crate::output::Timestamp;

/// How long a reader waits for a writer that is in the way, which in WAL mode it hardly ever is.
const BUSY: Duration = Duration::from_secs(2);
/// The start of a process as others tell it may differ by so much: see `Store`.
const SAME_START_MS: i64 = 1000;

/// Whose history is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// The host's.
    Host,
    /// That of a process; of several with that pid the last, if nobody says when it started.
    Process {
        /// Its pid.
        pid: u32,
        /// When it started.
        started: Option<Timestamp>,
    },
    /// That of the group of processes with this name.
    Component(String),
}

/// Which figure of a coarser step is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The least.
    Min,
    /// The mean.
    #[default]
    Mean,
    /// The greatest.
    Max,
}

impl Value {
    const fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Length of a step in milliseconds; `None` of samples as they were taken.
    pub step_ms: Option<i64>,
    /// Columns after the time.
    pub columns: Vec<&'static str>,
    /// Time in milliseconds since 1970, and the columns; unknown is `None`.
    pub rows: Vec<(i64, Vec<Option<f64>>)>,
}

/// A finding as it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The line.
    pub line: String,
    /// What ended it: `observed`, `agent_stopped` or `agent_killed`; `None` while it is open.
    pub ended_by: Option<String>,
}

/// A read-only connection.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Connection,
}

impl Reader {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        Ok(Self { db })
    }

    /// What was kept of somebody from `from_ms` to `to_ms`, as fine as that gives at most some three thousand
    /// rows; `None` where nobody of that name is known.
    pub fn rows(
        &self,
        of: &Of,
        from_ms: i64,
        to_ms: i64,
        value: Value,
    ) -> Result<Option<Rows>, StoreError> {
        let tier = tier_of(to_ms - from_ms);
        if *of == Of::Host {
            return self.host(tier, from_ms, to_ms, value).map(Some);
        }
        let Some(series) = self.series(of)? else { return Ok(None) };
        let mut found: Vec<(i64, Values)> = Vec::new();
        for series in series {
            found.extend(match tier {
                None => self.samples(series, from_ms, to_ms)?,
                Some(tier) => self.steps(tier, series, from_ms, to_ms, value)?,
            });
        }
        found.sort_by_key(|(at, _)| *at);
        let count = if matches!(of, Of::Process { .. }) { OF_PROCESS } else { COUNT };
        let told_of = |values: Values| {
            let named = MEASURES.iter().zip(values).take(count);
            named.map(|(name, value)| told_value(name, value)).collect()
        };
        Ok(Some(Rows {
            step_ms: tier.map(|tier| tier.step_ms),
            columns: MEASURES.iter().take(count).map(|name| told(name)).collect(),
            rows: found.into_iter().map(|(at, values)| (at, told_of(values))).collect(),
        }))
    }

    /// The series of somebody. A component has several where its cgroup was another one later.
    fn series(&self, of: &Of) -> Result<Option<Vec<i64>>, StoreError> {
        let found: Vec<i64> = match of {
            Of::Host => Vec::new(),
            Of::Process { pid, started } => {
                let started = started.map(Timestamp::millis);
                let (from, to) = started
                    .map_or((i64::MIN, i64::MAX), |at| (at - SAME_START_MS, at + SAME_START_MS));
                let sql = "SELECT id FROM series WHERE kind = 'process' AND pid = ? \
                           AND coalesce(started_ms, 0) BETWEEN ? AND ? ORDER BY last_ms DESC, id DESC LIMIT 1";
                let one = |row: &rusqlite::Row<'_>| row.get(0);
                self.db
                    .query_row(sql, params![pid, from, to], one)
                    .optional()?
                    .into_iter()
                    .collect()
            }
            Of::Component(name) => {
                let sql = "SELECT id FROM series WHERE kind = 'component' AND name = ?";
                let mut select = self.db.prepare(sql)?;
                select.query_map([name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
            }
        };
        Ok(if found.is_empty() { None } else { Some(found) })
    }

    /// Samples of a series as they were taken: of hours that are packed, and of the one that goes on.
    pub(super) fn samples(
        &self,
        series: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<(i64, Values)>, StoreError> {
        let times = self.look_times(from_ms, to_ms)?;
        let mut found = Vec::new();
        let hour = |at: i64| at.div_euclid(ONE_HOUR.step_ms);
        let mut select = self.db.prepare_cached(&format!(
            "SELECT {} FROM chunk WHERE hour = ? AND series = ?",
            roll::packed_columns()
        ))?;
        for hour in hour(from_ms)..=hour(to_ms) {
            let mut rows = select.query([hour, series])?;
            if let Some(row) = rows.next()? {
                found.extend(roll::unpack(row)?);
            }
        }
        let columns = each(ToOwned::to_owned);
        let sql = format!("SELECT look{columns} FROM recent WHERE series = ? ORDER BY look");
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query([series])?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, values_of(row, 1)?));
        }
        let timed = found.into_iter();
        Ok(timed.filter_map(|(look, values)| Some((*times.get(&look)?, values))).collect())
    }

    fn look_times(&self, from_ms: i64, to_ms: i64) -> Result<HashMap<i64, i64>, StoreError> {
        let sql = "SELECT id, ts_ms FROM look WHERE ts_ms BETWEEN ? AND ?";
        let mut select = self.db.prepare_cached(sql)?;
        let pairs = select.query_map([from_ms, to_ms], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(pairs.collect::<rusqlite::Result<_>>()?)
    }

    /// Coarser steps of a series: those kept, and those of the hour that goes on.
    pub(super) fn steps(
        &self,
        tier: Tier,
        series: i64,
        from_ms: i64,
        to_ms: i64,
        value: Value,
    ) -> Result<Vec<(i64, Values)>, StoreError> {
        let of = value.name();
        let columns = each(|it| format!("{it}_{of}"));
        // One look-up for each step: the table is ordered by time, to be forgotten in that order.
        let sql = format!(
            "WITH RECURSIVE step (at) AS (SELECT ?1 UNION ALL SELECT at + ?2 FROM step WHERE at + ?2 <= ?3) \
             SELECT at{columns} FROM step CROSS JOIN {}_step AS kept ON kept.ts_ms = step.at AND kept.series = ?4",
            tier.table
        );
        let mut found = Vec::new();
        let first = from_ms.div_euclid(tier.step_ms) * tier.step_ms;
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query([first, tier.step_ms, to_ms, series])?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, values_of(row, 1)?));
        }
        let figure = match value {
            Value::Min => each(|it| format!("min(recent.{it})")),
            Value::Mean => each(|it| format!("CAST(round(avg(recent.{it})) AS INTEGER)")),
            Value::Max => each(|it| format!("max(recent.{it})")),
        };
        let sql = format!(
            "SELECT look.ts_ms / {step} * {step}{figure} FROM recent JOIN look ON look.id = recent.look \
             WHERE series = ? AND look.ts_ms BETWEEN ? AND ? GROUP BY 1",
            step = tier.step_ms
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query([series, first, to_ms])?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, values_of(row, 1)?));
        }
        Ok(found)
    }

    fn host(
        &self,
        tier: Option<Tier>,
        from_ms: i64,
        to_ms: i64,
        value: Value,
    ) -> Result<Rows, StoreError> {
        let names = ["memory_used_bytes", "mem_total_bytes", "swap_used_bytes", CPU];
        let step = tier.map_or(1, |tier| tier.step_ms);
        let figure = match value {
            Value::Min => "min",
            Value::Mean => "avg",
            Value::Max => "max",
        };
        let columns: Vec<String> = names.iter().map(|it| format!("{figure}({it})")).collect();
        let sql = format!(
            "SELECT ts_ms / {step} * {step}, {} FROM look WHERE ts_ms BETWEEN ? AND ? GROUP BY 1 ORDER BY 1",
            columns.join(", ")
        );
        let mut rows = Vec::new();
        let mut select = self.db.prepare(&sql)?;
        let mut found = select.query([from_ms, to_ms])?;
        while let Some(row) = found.next()? {
            let mut values = Vec::with_capacity(names.len());
            for (at, name) in names.iter().enumerate() {
                let value: Option<f64> = row.get(1 + at)?;
                values.push(
                    value.map(|value| if *name == CPU { value / 100.0 } else { value.round() }),
                );
            }
            rows.push((row.get(0)?, values));
        }
        let columns = names.iter().map(|name| told(name)).collect();
        Ok(Rows { step_ms: tier.map(|tier| tier.step_ms), columns, rows })
    }

    /// Findings that were written since then, the oldest first, as they were last written.
    pub fn findings_since(&self, since_ms: i64) -> Result<Vec<Kept>, StoreError> {
        let sql =
            "SELECT line, ended_by FROM finding WHERE updated_ms >= ? ORDER BY updated_ms, id";
        let mut select = self.db.prepare(sql)?;
        let kept = |row: &rusqlite::Row<'_>| Ok(Kept { line: row.get(0)?, ended_by: row.get(1)? });
        let all = select.query_map([since_ms], kept)?;
        Ok(all.collect::<rusqlite::Result<_>>()?)
    }
}

/// As fine as gives at most 2,880 rows for a day, ten days and above.
pub(super) fn tier_of(over_ms: i64) -> Option<Tier> {
    match over_ms / ONE_HOUR.step_ms {
        ..=24 => None,
        25..=240 => Some(FIVE_MINUTES),
        _ => Some(ONE_HOUR),
    }
}

fn values_of(row: &rusqlite::Row<'_>, first: usize) -> Result<Values, StoreError> {
    let mut values: Values = [None; COUNT];
    for (at, value) in values.iter_mut().enumerate() {
        *value = row.get(first + at)?;
    }
    Ok(values)
}

fn told_value(name: &str, value: Option<i64>) -> Option<f64> {
    value.map(|value| if name == CPU { value as f64 / 100.0 } else { value as f64 })
}

//! The file as its one writer has it: opened, checked, replaced where it is damaged, and written.

use std::{collections::HashMap, fs::File, io, os::unix::fs::FileExt as _, time::Duration};

use rusqlite::{
    Connection, OptionalExtension as _, Transaction, params, params_from_iter, types::Value as Sql,
};

use super::{
    Options, StoreError, aside, finding,
    measure::{COUNT, Values, of_component, of_host, of_process},
    schema::{self, each},
};
use crate::output::{ComponentSnapshot, Finding, Interval, Snapshot, Timestamp};

/// How long a writer waits for a reader that is in the way.
const BUSY: Duration = Duration::from_secs(5);
/// The start of a process is the time of boot, which is read anew by each run, plus what the kernel says:
/// starts of one pid that are nearer to each other are one.
const SAME_START_MS: i64 = 1000;
/// How every SQLite database begins.
const HEAD: &[u8; 16] = b"SQLite format 3\0";

/// The file as its writer has it.
#[derive(Debug)]
pub struct Store {
    pub(super) db: Connection,
    /// The file itself, to see what became of its beginning. It is closed after `db` and never before: the
    /// kernel takes the locks of a file from a process that closes it anywhere.
    head: File,
    pub(super) options: Options,
    run: i64,
    known: HashMap<Who, Known>,
    /// The hour of the samples that are not rolled up yet.
    pub(super) hour: Option<i64>,
}

/// Whose samples a series has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Process { pid: u32, started_ms: Option<i64> },
    Component { cgroup: String },
}

#[derive(Debug)]
struct Known {
    series: i64,
    name: String,
    look: i64,
}

impl Store {
    /// Opens the file, or makes it, and begins the run of the agent that started then, or goes on with it. A
    /// damaged file is an error.
    pub fn open(options: &Options, started: Timestamp) -> Result<Self, StoreError> {
        let path = &options.path;
        aside::make(path)?;
        let head = File::open(path);
        let head = head.map_err(|error| StoreError::File { path: path.clone(), error })?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > schema::VERSION {
            return Err(StoreError::Newer { path: path.clone(), found });
        }
        // Takes effect in a file without tables only.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        // NORMAL syncs the log at checkpoints only: a power cut took several looks that were said to be written.
        // Each look costs a sync for this, which is little at one every 30 seconds.
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "journal_size_limit", 16 << 20)?;
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(StoreError::Damaged(check));
        }
        schema::migrate(&mut db)?;
        let hour =
            "SELECT look.ts_ms / 3600000 FROM recent JOIN look ON look.id = recent.look LIMIT 1";
        let hour = db.query_row(hour, [], |row| row.get(0)).optional()?;
        let run = begin(&mut db, started.millis())?;
        Ok(Self { db, head, options: options.clone(), run, known: HashMap::new(), hour })
    }

    /// Keeps the state of all processes, whole or not at all; how many samples that was.
    pub fn look(&mut self, interval: &Interval) -> Result<u64, StoreError> {
        let at_ms = interval.ts.millis();
        let hour = at_ms.div_euclid(schema::ONE_HOUR.step_ms);
        // All that may fail comes before the look: a look that is there is not written again.
        self.keep_to_size()?;
        if self.hour.is_some_and(|old| old != hour) {
            self.roll(at_ms)?;
            self.drop_old(at_ms)?;
        }
        let written = self.try_look(interval, at_ms);
        if written.is_err() {
            // What was rolled back is not there.
            self.known.clear();
        }
        let written = written?;
        self.hour = Some(hour);
        Ok(written)
    }

    fn try_look(&mut self, interval: &Interval, at_ms: i64) -> Result<u64, StoreError> {
        let all = self.db.transaction()?;
        let look = insert_look(&all, interval, self.run)?;
        let mut scribe = Scribe { all: &all, known: &mut self.known, look, at_ms };
        for snapshot in &interval.snapshots {
            let series = scribe.process(snapshot)?;
            scribe.sample(series, &of_process(snapshot))?;
        }
        for component in &interval.components {
            let series = scribe.component(component)?;
            scribe.sample(series, &of_component(component))?;
        }
        all.execute("UPDATE run SET last_ms = ? WHERE id = ?", params![at_ms, self.run])?;
        all.commit()?;
        // Who is not there any more will not come back; a few looks are for those left out of one.
        self.known.retain(|_, known| known.look + 10 > look);
        Ok((interval.snapshots.len() + interval.components.len()) as u64)
    }

    /// Keeps lines of findings.
    pub fn findings<'a>(
        &mut self,
        findings: impl IntoIterator<Item = &'a Finding>,
    ) -> Result<(), StoreError> {
        let all = self.db.transaction()?;
        for finding in findings {
            finding::insert(&all, finding, self.run)?;
        }
        Ok(all.commit()?)
    }

    /// Keeps findings that are open and that the file does not have from this run, because it is another
    /// file now or their lines were lost.
    pub fn restate(&mut self, open: &[Finding]) -> Result<(), StoreError> {
        let all = self.db.transaction()?;
        for finding in open {
            if !finding::is_of_run(&all, &finding.id, self.run)? {
                finding::insert(&all, finding, self.run)?;
            }
        }
        Ok(all.commit()?)
    }

    /// An error where something else was written over the file, which SQLite finds only when it reads it.
    pub fn check_head(&self) -> Result<(), StoreError> {
        let mut head = [0; HEAD.len()];
        match self.head.read_exact_at(&mut head, 0) {
            Ok(()) if head == *HEAD => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(StoreError::File { path: self.options.path.clone(), error })
            }
            _ => Err(StoreError::Damaged("something else was written over it".to_owned())),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        let all = self.db.transaction()?;
        for table in ["look", "series", "recent", "chunk", "finding", "finding_change"] {
            all.execute_batch(&format!("DELETE FROM {table}"))?;
        }
        for tier in schema::TIERS {
            all.execute_batch(&format!("DELETE FROM {}_step", tier.table))?;
        }
        all.execute("DELETE FROM run WHERE id <> ?", [self.run])?;
        all.commit()?;
        self.known.clear();
        self.hour = None;
        self.give_back(None)?;
        Ok(())
    }

    /// Ends the run and the findings that are open, which nobody watches any more; closing the file moves what
    /// is in its log into it.
    pub fn end(mut self, now: Timestamp) -> Result<(), StoreError> {
        let all = self.db.transaction()?;
        let sql = "UPDATE run SET ended_ms = ? WHERE id = ?";
        all.execute(sql, params![now.millis(), self.run])?;
        finding::end_open(&all)?;
        all.commit()?;
        self.db.close().map_err(|(_, error)| error.into())
    }
}

/// The run that started then: the one that goes on with a file that was opened again, or a new one, before
/// which everything that earlier runs left open ends.
fn begin(db: &mut Connection, started_ms: i64) -> Result<i64, StoreError> {
    let all = db.transaction()?;
    let known =
        "SELECT id FROM run WHERE started_ms = ? AND ended_ms IS NULL ORDER BY id DESC LIMIT 1";
    let known = all.query_row(known, [started_ms], |row| row.get(0)).optional()?;
    let run = if let Some(run) = known {
        run
    } else {
        finding::end_open(&all)?;
        all.execute(
            "INSERT INTO run (version, started_ms, last_ms) VALUES (?, ?, ?2)",
            params![env!("CARGO_PKG_VERSION"), started_ms],
        )?;
        all.last_insert_rowid()
    };
    all.commit()?;
    Ok(run)
}

/// Writes the samples of one look.
struct Scribe<'a> {
    all: &'a Transaction<'a>,
    known: &'a mut HashMap<Who, Known>,
    look: i64,
    at_ms: i64,
}

impl Scribe<'_> {
    fn process(&mut self, it: &Snapshot) -> rusqlite::Result<i64> {
        let started_ms = it.start_time.map(Timestamp::millis);
        let find = |all: &Transaction<'_>| {
            all.prepare_cached(
                "SELECT id FROM series WHERE kind = 'process' AND pid = ?1 AND started_ms BETWEEN ?2 AND ?3 \
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(
                params![
                    it.pid,
                    started_ms.map(|at| at - SAME_START_MS),
                    started_ms.map(|at| at + SAME_START_MS)
                ],
                |row| row.get(0),
            )
            .optional()
        };
        let insert = |all: &Transaction<'_>, at_ms: i64| {
            all.prepare_cached(
                "INSERT INTO series (kind, pid, started_ms, name, cmdline, component, first_ms, last_ms) \
                 VALUES ('process', ?, ?, ?, ?, ?, ?6, ?6)",
            )?
            .insert(params![it.pid, started_ms, it.comm, it.cmdline, it.component, at_ms])
        };
        let who = Who::Process { pid: it.pid, started_ms };
        self.series(who, &it.comm, it.cmdline.as_deref(), find, insert)
    }

    fn component(&mut self, it: &ComponentSnapshot) -> rusqlite::Result<i64> {
        let find = |all: &Transaction<'_>| {
            all.prepare_cached(
                "SELECT id FROM series WHERE kind = 'component' AND name = ? AND cgroup = ? LIMIT 1",
            )?
            .query_row(params![it.component, it.cgroup], |row| row.get(0))
            .optional()
        };
        let insert = |all: &Transaction<'_>, at_ms: i64| {
            all.prepare_cached(
                "INSERT INTO series (kind, name, component, cgroup, first_ms, last_ms) \
                 VALUES ('component', ?, ?1, ?, ?3, ?3)",
            )?
            .insert(params![it.component, it.cgroup, at_ms])
        };
        let who = Who::Component { cgroup: it.cgroup.clone() };
        self.series(who, &it.component, None, find, insert)
    }

    /// The series of somebody: remembered, found in the file, or made.
    fn series(
        &mut self,
        who: Who,
        name: &str,
        cmdline: Option<&str>,
        find: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Option<i64>>,
        insert: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<i64> {
        if let Some(known) = self.known.get_mut(&who) {
            known.look = self.look;
            if known.name != name {
                // It became another program.
                let sql = "UPDATE series SET name = ?, cmdline = ? WHERE id = ?";
                self.all.execute(sql, params![name, cmdline, known.series])?;
                name.clone_into(&mut known.name);
            }
            return Ok(known.series);
        }
        let series = match find(self.all)? {
            Some(series) => series,
            None => insert(self.all, self.at_ms)?,
        };
        self.known.insert(who, Known { series, name: name.to_owned(), look: self.look });
        Ok(series)
    }

    fn sample(&self, series: i64, values: &Values) -> rusqlite::Result<()> {
        let columns = each(ToOwned::to_owned);
        let marks = ", ?".repeat(COUNT);
        let sql = format!("INSERT INTO recent (series, look{columns}) VALUES (?, ?{marks})");
        let values = values.iter().map(|value| value.map_or(Sql::Null, Sql::Integer));
        let all = [Sql::Integer(series), Sql::Integer(self.look)].into_iter().chain(values);
        self.all.prepare_cached(&sql)?.execute(params_from_iter(all))?;
        Ok(())
    }
}

fn insert_look(all: &Transaction<'_>, interval: &Interval, run: i64) -> rusqlite::Result<i64> {
    let [used, total, swap, cpu] = interval.host.as_ref().map_or([None; 4], of_host);
    all.prepare_cached(
        "INSERT INTO look (ts_ms, run, processes, components, memory_used_bytes, mem_total_bytes, \
         swap_used_bytes, cpu_hundredths) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .insert(params![
        interval.ts.millis(),
        run,
        interval.snapshots.len() as i64,
        interval.components.len() as i64,
        used,
        total,
        swap,
        cpu
    ])
}

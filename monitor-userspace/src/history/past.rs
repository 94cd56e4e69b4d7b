//! What was seen since a time that may lie before this run: a view whose findings and trends are those that
//! were kept.

use std::collections::{HashMap, HashSet};

use super::{
    Of, Reader, StoreError, Value,
    measure::{MEASURES, OF_PROCESS, Values},
};
use crate::{
    cli,
    engine::moved,
    output::{Evidence, Finding, FindingState, Snapshot, Timestamp, Trend, View, Viewed},
};

/// Processes that ended since then and are shown; of more, those seen last.
const ENDED: usize = 64;
/// The least change that is one: bytes, items and percent of a core.
const LEAST: [f64; 3] = [1_048_576.0, 1.0, 1.0];

/// Since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub Timestamp);

impl Since {
    /// Reads `2h` or `2026-01-17T10:30:00Z`; `now` is what the first counts from.
    pub fn read(text: &str, now: Timestamp) -> Result<Self, String> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            let at = i64::try_from(at.as_nanosecond()).map_err(|error| error.to_string())?;
            return if at <= now.0 {
                Ok(Self(Timestamp(at)))
            } else {
                Err(format!("{text} is yet to come"))
            };
        }
        let span = cli::duration(text)
            .map_err(|why| format!("{why}, or a time such as 2026-01-17T10:30:00Z"))?;
        Ok(Self(Timestamp(now.0.saturating_sub(span.as_nanos() as i64))))
    }
}

impl Reader {
    /// The view of now, with the findings and the trends of all the time since then.
    pub fn since(&self, view: &View, since: Since) -> Result<View, StoreError> {
        let (from_ms, to_ms) = (since.0.millis(), view.to.millis());
        let mut view = view.clone();
        view.findings = self.findings_with(&view, from_ms)?;
        let host = self.rows(&Of::Host, from_ms, to_ms, Value::Mean)?.unwrap_or_default();
        let of_host =
            |at: usize| host.rows.iter().filter_map(move |(ts, row)| Some((ns(*ts), row[at]?)));
        view.host_memory = moved("memory in use", "bytes", LEAST[0], false, of_host(0));
        view.host_cpu = moved("CPU", "percent", LEAST[2], true, of_host(3));
        let first = host.rows.first().map_or(view.from, |(ts, _)| Timestamp::from_millis(*ts));
        view.from = first.max(since.0).min(view.from.max(since.0));
        view.seconds = view.to.0.saturating_sub(view.from.0) as f64 / 1e9;
        self.processes_since(&mut view, from_ms, to_ms)?;
        Ok(view)
    }

    /// Findings of this run and those kept of earlier ones. How one went on that was open when its run ended
    /// is not known: it is no longer open.
    fn findings_with(&self, view: &View, from_ms: i64) -> Result<Vec<Finding>, StoreError> {
        let ours: HashSet<&str> = view.findings.iter().map(|it| it.id.as_str()).collect();
        let mut findings = Vec::new();
        for kept in self.findings_since(from_ms)? {
            let read = serde_json::from_str::<Finding>(&kept.line);
            let mut finding = read.map_err(|error| StoreError::Damaged(error.to_string()))?;
            if ours.contains(finding.id.as_str()) {
                continue;
            }
            finding.state = FindingState::Resolved;
            finding.evidence.extend(unwatched(kept.ended_by.as_deref()));
            findings.push(finding);
        }
        let is_since =
            |it: &&Finding| it.state != FindingState::Resolved || it.ts.millis() >= from_ms;
        findings.extend(view.findings.iter().filter(is_since).cloned());
        Ok(findings)
    }

    fn processes_since(&self, view: &mut View, from_ms: i64, to_ms: i64) -> Result<(), StoreError> {
        let mut select = self.db.prepare(
            "SELECT id, pid, started_ms, name, cmdline, component FROM series WHERE kind = 'process' \
             AND (last_ms >= ? OR id IN (SELECT series FROM recent)) ORDER BY last_ms DESC, id DESC",
        )?;
        let mut rows = select.query([from_ms])?;
        let mut living: HashMap<(u32, i64), usize> = HashMap::new();
        for (at, viewed) in view.processes.iter().enumerate() {
            let started = viewed.snapshot.start_time.map_or(0, Timestamp::millis);
            // To the second: each run reads the time of boot anew.
            living.insert((viewed.snapshot.pid, started / 1000), at);
        }
        let mut ended = 0;
        while let Some(row) = rows.next()? {
            let (pid, started): (u32, Option<i64>) = (row.get(1)?, row.get(2)?);
            let second = started.unwrap_or(0) / 1000;
            let at = (second - 1..=second + 1).find_map(|it| living.get(&(pid, it)).copied());
            if at.is_none() && ended == ENDED {
                continue;
            }
            let (trends, constant) = self.moved(row.get(0)?, from_ms, to_ms)?;
            match at {
                // What this run saw itself is finer while nothing longer is kept.
                Some(at) if !trends.is_empty() => view.processes[at].trends = trends,
                Some(_) => {}
                None if trends.is_empty() && constant == 0 => {}
                None => {
                    ended += 1;
                    let snapshot = Snapshot {
                        pid,
                        start_time: started.map(Timestamp::from_millis),
                        comm: row.get(3)?,
                        cmdline: row.get(4)?,
                        component: row.get(5)?,
                        is_final: true,
                        ..Snapshot::default()
                    };
                    view.processes.push(Viewed { snapshot, trends, constant });
                }
            }
        }
        Ok(())
    }

    /// How the measures of a series moved, and how many never did.
    fn moved(
        &self,
        series: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<(Vec<Trend>, usize), StoreError> {
        let looks = self.looks_of(series, from_ms, to_ms)?;
        let (mut trends, mut constant) = (Vec::new(), 0);
        for (at, measure) in MEASURES.iter().enumerate().take(OF_PROCESS) {
            let Some((resource, unit)) = words(measure) else { continue };
            let known =
                || looks.iter().filter_map(|(ts, values)| Some((ns(*ts), values[at]? as f64)));
            let Some((_, first)) = known().next() else { continue };
            if known().all(|(_, value)| value.total_cmp(&first).is_eq()) {
                constant += 1;
                continue;
            }
            let least = LEAST[usize::from(unit != "bytes")];
            trends.extend(moved(resource, unit, least, false, known()));
        }
        Ok((trends, constant))
    }

    fn looks_of(
        &self,
        series: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<(i64, Values)>, StoreError> {
        match super::read::tier_of(to_ms - from_ms) {
            None => self.samples(series, from_ms, to_ms),
            Some(tier) => self.steps(tier, series, from_ms, to_ms, Value::Min),
        }
    }
}

/// What is said of a finding that ended because its agent did.
fn unwatched(ended_by: Option<&str>) -> Option<Evidence> {
    let why = match ended_by {
        Some("observed") => return None,
        Some("agent_killed") => "was killed",
        _ => "stopped",
    };
    let text = format!("its agent {why} while it was open: how it went on is not known");
    Some(Evidence { name: "unwatched".into(), value: 1.0, says: "process", text })
}

/// What a measure is called among trends; swap is no growth of a process, and CPU no level.
fn words(measure: &str) -> Option<(&'static str, &'static str)> {
    Some(match measure {
        "rss_anon_bytes" => ("resident memory", "bytes"),
        "heap_bytes" => ("heap", "bytes"),
        "anon_mapped_bytes" => ("anonymous mappings", "bytes"),
        "descriptors" => ("descriptors", "items"),
        "sockets" => ("sockets", "items"),
        "timers" => ("timers", "items"),
        "threads" => ("threads", "items"),
        _ => return None,
    })
}

fn ns(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or_default().saturating_mul(1_000_000)
}

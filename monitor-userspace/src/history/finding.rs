//! A line of a finding, and how it changes what is kept of it.

use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::output::{Finding, FindingState, Timestamp};

/// Why a finding is over: the agent saw that it is.
const OBSERVED: &str = "observed";

/// Findings that are open, when their agent last knew of them, and what became of it.
const OPEN: &str = "SELECT finding.id, max(finding.updated_ms, coalesce(run.ended_ms, run.last_ms, 0)) AS at, \
    iif(run.id IS NOT NULL AND run.ended_ms IS NULL, 'agent_killed', 'agent_stopped') AS ended_by \
    FROM finding LEFT JOIN run ON run.id = finding.run WHERE finding.state <> 'resolved'";

/// Whether a finding was last written by this run.
pub(super) fn is_of_run(all: &Transaction<'_>, id: &str, run: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM finding WHERE id = ? AND run = ?";
    all.prepare_cached(sql)?.exists(params![id, run])
}

/// Ends all findings that are open, whose agents are gone: nobody knows how they went on.
pub(super) fn end_open(all: &Transaction<'_>) -> rusqlite::Result<()> {
    all.execute_batch(&format!(
        "INSERT INTO finding_change (finding, ts_ms, state, severity, verdict, rate_per_min, confidence) \
         SELECT finding.id, ends.at, 'resolved', severity, verdict, rate_per_min, confidence \
         FROM finding JOIN ({OPEN}) AS ends ON ends.id = finding.id;
         UPDATE finding SET state = 'resolved', resolved_ms = ends.at, updated_ms = ends.at, \
         ended_by = ends.ended_by, \
         line = iif(json_valid(line), json_set(line, '$.state', 'resolved'), line) \
         FROM ({OPEN}) AS ends WHERE ends.id = finding.id;"
    ))
}

/// Keeps a line; what changed of the finding is kept for itself.
pub(super) fn insert(all: &Transaction<'_>, it: &Finding, run: i64) -> rusqlite::Result<()> {
    let name = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    // Our own types always serialize.
    let line = serde_json::to_value(it).unwrap_or_default();
    let state = name(&line["state"]);
    let (severity, verdict) = (it.severity.name(), it.verdict.name());
    let before: Option<(String, String, String)> = all
        .prepare_cached("SELECT state, severity, verdict FROM finding WHERE id = ?")?
        .query_row([&it.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let is_open = |state: &str| state != "resolved";
    let has_changed = before.is_none_or(|(was, severe, taken)| {
        is_open(&was) != is_open(&state) || severe != severity || taken != verdict
    });
    let at_ms = it.ts.millis();
    let is_over = it.state == FindingState::Resolved;
    let (resolved_ms, ended_by) = (is_over.then_some(at_ms), is_over.then_some(OBSERVED));
    all.prepare_cached(
        "INSERT INTO finding (id, rule, state, severity, verdict, pid, started_ms, comm, component, resource, \
         rate_per_min, rate_unit, confidence, since_ms, opened_ms, updated_ms, resolved_ms, ended_by, run, line) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?15, ?15, ?16, ?17, ?18, ?19) ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, severity = excluded.severity, verdict = excluded.verdict, comm = excluded.comm, \
         rate_per_min = excluded.rate_per_min, confidence = excluded.confidence, since_ms = excluded.since_ms, \
         updated_ms = excluded.updated_ms, resolved_ms = excluded.resolved_ms, \
         ended_by = excluded.ended_by, run = excluded.run, line = excluded.line",
    )?
    .execute(params![
        it.id,
        it.rule,
        state,
        severity,
        verdict,
        it.pid,
        it.start_time.map(Timestamp::millis),
        it.comm,
        it.component,
        it.resource,
        it.rate_per_min,
        it.rate_unit,
        it.confidence,
        it.since.millis(),
        at_ms,
        resolved_ms,
        ended_by,
        run,
        line.to_string()
    ])?;
    if has_changed {
        all.prepare_cached(
            "INSERT INTO finding_change (finding, ts_ms, state, severity, verdict, rate_per_min, confidence) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![it.id, at_ms, state, severity, verdict, it.rate_per_min, it.confidence])?;
    }
    Ok(())
}

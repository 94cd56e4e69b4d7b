//! A line of a finding, and how it changes what is kept of it.

use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::output::{Finding, FindingState, Timestamp};

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
    let resolved_ms = (it.state == FindingState::Resolved).then_some(at_ms);
    all.prepare_cached(
        "INSERT INTO finding (id, rule, state, severity, verdict, pid, started_ms, comm, component, resource, \
         rate_per_min, rate_unit, confidence, since_ms, opened_ms, updated_ms, resolved_ms, run, line) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?15, ?15, ?16, ?17, ?18) ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, severity = excluded.severity, verdict = excluded.verdict, comm = excluded.comm, \
         rate_per_min = excluded.rate_per_min, confidence = excluded.confidence, since_ms = excluded.since_ms, \
         updated_ms = excluded.updated_ms, resolved_ms = excluded.resolved_ms, run = excluded.run, \
         line = excluded.line",
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

//! `leak-check --from FILE`: judges exported snapshots with the same series and detector, offline.
//!
//! The input is NDJSON as `--json` prints it. Of a snapshot only `ts`, `pid`, `start_time`, `comm` and
//! one measure are required; what is missing is unknown. Other lines are passed over.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Refusal;
use crate::{
    detect::LookAtPages,
    engine::{Subject, growth_finding, state_of},
    event::{ProcessId, TICK_NS},
    output::{FindingState, FindingVerdict, Line, Severity, WallClock},
    rule::{Change, Growths, Quanta, Report, Sample, Signal, Values},
};

/// The steps in which memory moves where the lines do not say how many CPUs there were.
const QUANTA: Quanta = Quanta { mapped: 4096.0, resident: 524_288.0 };

/// A line, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    r#type: Option<String>,
    ts: Option<jiff::Timestamp>,
    pid: Option<u32>,
    start_time: Option<jiff::Timestamp>,
    comm: Option<String>,
    component: Option<String>,
    rss_bytes: Option<u64>,
    rss_anon_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    lazyfree_bytes: Option<u64>,
    heap_bytes: Option<u64>,
    anon_mapped_bytes: Option<u64>,
    shared_mapped_bytes: Option<u64>,
    descriptors: Option<u64>,
    files: Option<u64>,
    pipes: Option<u64>,
    eventfds: Option<u64>,
    sockets: Option<u64>,
    timerfds: Option<u64>,
    memfds: Option<u64>,
    connections: Option<GivenConnections>,
    timers: Option<u64>,
    epoll_watches: Option<u64>,
    inotify_watches: Option<u64>,
    shm_segments: Option<u64>,
    threads: Option<u64>,
    children: Option<u64>,
    zombies: Option<u64>,
    cpu_percent: Option<f64>,
    access: Option<GivenAccess>,
    r#final: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenConnections {
    close_wait: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenAccess {
    at: Option<jiff::Timestamp>,
    window_seconds: Option<u64>,
    held_bytes: Option<u64>,
    touched_bytes: Option<u64>,
}

/// A process of the file.
struct Known {
    growths: Growths,
    /// When the last look at its accessed pages was that the judge was told of.
    looked_at: Option<jiff::Timestamp>,
    comm: String,
    component: Option<String>,
}

/// Judges the lines of `from` (`-` for standard input); the exit status.
pub(super) fn leak_check(from: &Path, fail_on: Option<Severity>) -> Result<u8> {
    let input: Box<dyn BufRead> = if from.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(from).with_context(|| format!("open {}", from.display()))?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut judge = Judge::default();
    for (number, line) in input.lines().enumerate() {
        let place = || format!("{}:{}", from.display(), number + 1);
        let line = line.with_context(|| format!("read {}", place()))?;
        if line.trim().is_empty() {
            continue;
        }
        let given: Given = serde_json::from_str(&line).map_err(|error| {
            let message = format!("{}: not a line of --json: {error}", place());
            Refusal::new(Refusal::USAGE, message)
        })?;
        judge.take(&given, &mut out)?;
    }
    out.flush().context("write the findings")?;
    if judge.processes.is_empty() && judge.ended == 0 {
        tracing::warn!("{}: no snapshots in it", from.display());
    }
    let reached = fail_on.is_some_and(|least| judge.worst >= Some(least));
    Ok(if reached { 3 } else { 0 })
}

#[derive(Default)]
struct Judge {
    processes: HashMap<ProcessId, Known>,
    ended: u64,
    worst: Option<Severity>,
}

impl Judge {
    fn take(&mut self, given: &Given, out: &mut impl Write) -> Result<()> {
        let is_snapshot = given.r#type.as_deref().is_none_or(|kind| kind == "snapshot");
        let (Some(ts), Some(pid), Some(comm)) = (given.ts, given.pid, &given.comm) else {
            return Ok(());
        };
        let Ok(at_ns) = u64::try_from(ts.as_nanosecond()) else { return Ok(()) };
        if !is_snapshot {
            return Ok(());
        }
        let start = given.start_time.and_then(|start| u64::try_from(start.as_nanosecond()).ok());
        let id = ProcessId { pid, start_ticks: start.unwrap_or(0) / TICK_NS };
        let known = self.processes.entry(id).or_insert_with(|| Known {
            growths: Growths::new(id, QUANTA),
            looked_at: None,
            comm: comm.clone(),
            component: None,
        });
        known.comm.clone_from(comm);
        known.component.clone_from(&given.component);
        if given.r#final {
            let open: Vec<Report> = known.growths.open().collect();
            for report in open {
                self.print(id, at_ns, None, &report, out)?;
            }
            self.processes.remove(&id);
            self.ended += 1;
            return Ok(());
        }
        known.look(given.access.as_ref());
        let load = given.cpu_percent.unwrap_or(0.0);
        for (change, report) in
            known.growths.observe(&Sample { at_ns, load, values: values(given) })
        {
            self.print(id, at_ns, Some(change), &report, out)?;
        }
        Ok(())
    }

    /// Prints a finding after a `change`; `None` when its process has ended.
    fn print(
        &mut self,
        id: ProcessId,
        at_ns: u64,
        change: Option<Change>,
        report: &Report,
        out: &mut impl Write,
    ) -> Result<()> {
        let Some(known) = self.processes.get(&id) else { return Ok(()) };
        let state = change.map_or(FindingState::Resolved, state_of);
        let subject = Subject { id, comm: &known.comm, component: known.component.clone() };
        let clock = WallClock::new(0);
        let mut finding = growth_finding(&subject, clock, at_ns, report, state, Vec::new());
        // What ends with its process is called what it was.
        if change == Some(Change::Ended) {
            finding.verdict = FindingVerdict::Stopped;
        }
        self.worst = self.worst.max(Some(finding.severity));
        serde_json::to_writer(&mut *out, &Line::Finding(&finding)).context("print a finding")?;
        writeln!(out).context("print a finding")
    }
}

impl Known {
    /// Tells the judge what a look at accessed pages found, once for each look.
    fn look(&mut self, access: Option<&GivenAccess>) {
        let Some(&GivenAccess { at: Some(at), window_seconds, held_bytes, touched_bytes }) = access
        else {
            return;
        };
        let (Some(held), Some(touched)) = (held_bytes, touched_bytes) else { return };
        if self.looked_at < Some(at) {
            self.looked_at = Some(at);
            self.growths.set_touched(&LookAtPages {
                window_ns: window_seconds.unwrap_or(0) * 1_000_000_000,
                held: held as f64,
                touched: touched as f64,
            });
        }
    }
}

fn values(given: &Given) -> Values {
    let mut values = Values::default();
    // Where nothing else is given, all resident memory is better than nothing.
    let resident = given.rss_anon_bytes.or(given.rss_bytes);
    let touched = resident.map(|bytes| {
        bytes.saturating_sub(given.lazyfree_bytes.unwrap_or(0)) + given.swap_bytes.unwrap_or(0)
    });
    let close_wait = given.connections.as_ref().and_then(|it| it.close_wait);
    for (signal, value) in [
        (Signal::Touched, touched),
        (Signal::Heap, given.heap_bytes),
        (Signal::Anon, given.anon_mapped_bytes),
        (Signal::Shared, given.shared_mapped_bytes),
        (Signal::Segments, given.shm_segments),
        (Signal::Memfds, given.memfds),
        (Signal::Descriptors, given.descriptors),
        (Signal::Files, given.files),
        (Signal::Pipes, given.pipes),
        (Signal::Eventfds, given.eventfds),
        (Signal::Sockets, given.sockets),
        (Signal::CloseWait, close_wait),
        (Signal::Timerfds, given.timerfds),
        (Signal::Timers, given.timers),
        (Signal::EpollWatches, given.epoll_watches),
        (Signal::InotifyWatches, given.inotify_watches),
        (Signal::Threads, given.threads),
        (Signal::Children, given.children),
        (Signal::Zombies, given.zombies),
    ] {
        values.set(signal, value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[String]) -> Vec<serde_json::Value> {
        let (mut judge, mut out) = (Judge::default(), Vec::new());
        for line in lines {
            judge.take(&serde_json::from_str(line).unwrap(), &mut out).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn line(second: u64, signal: &str, value: u64) -> String {
        let ts = jiff::Timestamp::from_second(1_768_645_800 + second as i64).unwrap();
        format!(
            r#"{{"ts":"{ts}","pid":7,"start_time":"2026-01-17T10:00:00Z","comm":"api","{signal}":{value}}}"#
        )
    }

    #[test]
    fn five_fields_are_enough_and_the_finding_is_named_after_the_one_that_grows() {
        let lines: Vec<String> = (0..4000).map(|at| line(at * 10, "sockets", 5 + at / 3)).collect();
        let findings = judged(&lines);
        assert_eq!(findings[0]["state"], "open");
        let last = findings.last().unwrap();
        assert_eq!((&last["rule"], &last["pid"]), (&"socket_growth".into(), &7.into()), "{last}");
        let rate = last["rate_per_min"].as_f64().unwrap();
        assert!((1.9..2.1).contains(&rate), "{last}");
        assert!(judged(&lines) == findings, "the same lines give the same findings");
    }

    /// Memory that grows evenly beside a little that is used, with what looks at it find or without.
    fn growing(touched_bytes: Option<u64>, last: &str) -> Vec<serde_json::Value> {
        let held = |at: u64| 60_000_000 + at * 700_000;
        let mut lines: Vec<String> = (0..90)
            .map(|at| {
                let line = line(at * 5, "rss_anon_bytes", held(at));
                // Looked at every 20 s: in between the snapshots repeat what was found last.
                let looked = at / 4 * 4;
                let ts = jiff::Timestamp::from_second(1_768_645_800 + looked as i64 * 5).unwrap();
                let held = held(looked);
                touched_bytes.map_or(line.clone(), |touched| {
                    let access = format!(
                        r#","access":{{"at":"{ts}","window_seconds":60,"held_bytes":{held},"touched_bytes":{touched}}}}}"#
                    );
                    line.replace('}', &access)
                })
            })
            .collect();
        lines.push(line(450, "rss_anon_bytes", held(89)).replace('}', last));
        judged(&lines)
    }

    #[test]
    fn what_looks_at_accessed_pages_found_decides_as_it_does_live() {
        let confidence = |findings: &[serde_json::Value]| {
            findings.last().and_then(|it| it["confidence"].as_f64()).unwrap_or(0.0)
        };
        let (bare, unused) = (growing(None, "}"), growing(Some(400_000), "}"));
        assert!(confidence(&bare) < 0.95, "{bare:?}");
        assert!(
            confidence(&unused) > 0.95 && confidence(&unused) > confidence(&bare),
            "{unused:?}"
        );
        let share = |it: &serde_json::Value| it["name"] == "touched_share";
        let last = unused.last().unwrap();
        assert!(last["evidence"].as_array().unwrap().iter().any(share), "{last}");
    }

    #[test]
    fn a_finding_that_ends_with_its_process_keeps_its_verdict() {
        let findings = growing(Some(400_000), r#","final":true}"#);
        let last = findings.last().unwrap();
        assert_eq!(
            (&last["state"], &last["verdict"]),
            (&"resolved".into(), &"leak".into()),
            "{last}"
        );
    }

    #[test]
    fn what_is_flat_or_of_another_type_says_nothing() {
        let mut lines: Vec<String> =
            (0..500).map(|at| line(at * 10, "rss_bytes", 1 << 30)).collect();
        lines.push(r#"{"type":"stats","ts":"2026-01-17T10:30:00Z"}"#.to_owned());
        assert!(judged(&lines).is_empty());
    }
}

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

use super::{Refusal, exported::Past, given_objects::GivenObjects};
use crate::{
    agent::Outcome,
    detect::LookAtPages,
    engine::{Limit, Subject, growth_finding, state_of, viewed},
    event::{ProcLimits, ProcessId, TICK_NS},
    output::{
        Connections, Finding, FindingState, FindingVerdict, Line, Severity, Snapshot, View,
        WallClock, start_time,
    },
    rule::{Change, Growths, Quanta, Report, Sample, Signal, Values},
};

/// Times of lines count from 1970.
pub(super) const CLOCK: WallClock = WallClock::UNIX;

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
    virtual_bytes: Option<u64>,
    thp_bytes: Option<u64>,
    mappings: Option<u32>,
    limits: Option<ProcLimits>,
    access: Option<GivenAccess>,
    objects: Option<Vec<GivenObjects>>,
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
    /// The same of its objects.
    objects_at: Option<jiff::Timestamp>,
    comm: String,
    component: Option<String>,
    last: Snapshot,
}

/// Judges the lines of `from` (`-` for standard input); the exit status.
pub(super) fn leak_check(from: &Path, out: impl Write, fail_on: Option<Severity>) -> Result<u8> {
    let mut out = BufWriter::new(out);
    let mut judge = Judge::default();
    judge.read(from, &mut |finding| print(finding, &mut out))?;
    out.flush().context("write the findings")?;
    let reached = fail_on.is_some_and(|least| judge.worst >= Some(least));
    Ok(if reached { 3 } else { 0 })
}

/// What the lines of `from` show, for the commands that answer from that.
pub(super) fn view_of(from: &Path) -> Result<Outcome> {
    let mut judge = Judge::default();
    judge.read(from, &mut |_| Ok(()))?;
    let worst = judge.worst;
    Ok(Outcome { worst, command_status: None, view: Some(Box::new(judge.view())) })
}

fn print(finding: &Finding, out: &mut impl Write) -> Result<()> {
    let line = serde_json::to_string(&Line::Finding(finding)).context("make JSON of a finding")?;
    writeln!(out, "{line}").context("print a finding")
}

/// Hears of findings.
type Tell<'a> = &'a mut dyn FnMut(&Finding) -> Result<()>;

/// Goes through the lines of a file.
fn each_line(from: &Path, take: &mut dyn FnMut(&Given, &str) -> Result<()>) -> Result<()> {
    let input: Box<dyn BufRead> = if from.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(from).with_context(|| format!("open {}", from.display()))?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
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
        take(&given, &line)?;
    }
    Ok(())
}

#[derive(Default)]
struct Judge {
    processes: HashMap<ProcessId, Known>,
    past: Past,
    worst: Option<Severity>,
}

impl Judge {
    fn read(&mut self, from: &Path, tell: Tell<'_>) -> Result<()> {
        each_line(from, &mut |given, line| {
            if given.r#type.as_deref() == Some("host")
                && let Ok(host) = serde_json::from_str(line)
            {
                self.past.host(host);
            }
            self.take(given, tell)
        })?;
        if self.processes.is_empty() && self.past.is_empty() {
            tracing::warn!("{}: no snapshots in it", from.display());
        }
        Ok(())
    }

    fn take(&mut self, given: &Given, tell: Tell<'_>) -> Result<()> {
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
            objects_at: None,
            comm: comm.clone(),
            component: None,
            last: Snapshot::default(),
        });
        known.comm.clone_from(comm);
        known.component.clone_from(&given.component);
        let load = given.cpu_percent.unwrap_or(0.0);
        known.last = snapshot(given, known, id, at_ns);
        self.past.look(at_ns);
        if given.r#final {
            return self.end(id, at_ns, tell);
        }
        known.look(given.access.as_ref());
        let objects = given.objects.as_deref().unwrap_or_default();
        known.objects_at = GivenObjects::tell(objects, known.objects_at, &mut known.growths);
        for (change, report) in
            known.growths.observe(&Sample { at_ns, load, values: values(given) })
        {
            let mut finding = known.finding(id, at_ns, &report, state_of(change));
            if change == Change::Ended {
                finding.verdict = FindingVerdict::Stopped;
            }
            self.worst = self.worst.max(Some(finding.severity));
            tell(&finding)?;
            if change == Change::Ended {
                self.past.resolved(finding);
            }
        }
        Ok(())
    }

    /// Ends what is open of a process; it is called what it was.
    fn end(&mut self, id: ProcessId, at_ns: u64, tell: Tell<'_>) -> Result<()> {
        let Some(known) = self.processes.remove(&id) else { return Ok(()) };
        let over = |report| known.finding(id, at_ns, &report, FindingState::Resolved);
        let findings: Vec<Finding> = known.growths.open().map(over).collect();
        for finding in &findings {
            self.worst = self.worst.max(Some(finding.severity));
            tell(finding)?;
        }
        let viewed = viewed(known.last, &known.growths.drifts());
        self.past.ended(at_ns, viewed, findings);
        Ok(())
    }

    /// All that was seen, at the time of the last line.
    fn view(self) -> View {
        let Self { processes, past, .. } = self;
        let mut living: Vec<_> = processes.into_iter().collect();
        living.sort_by_key(|(id, _)| (id.pid, id.start_ticks));
        let at_ns = past.end_ns();
        let living = living.into_iter().map(|(id, known)| {
            let found = |report| known.finding(id, at_ns, &report, FindingState::Open);
            let findings = known.growths.open().map(found).collect();
            (viewed(known.last, &known.growths.drifts()), findings)
        });
        past.view(living.collect())
    }
}

impl Known {
    fn finding(&self, id: ProcessId, at_ns: u64, report: &Report, state: FindingState) -> Finding {
        let subject = Subject { id, comm: &self.comm, component: self.component.clone() };
        let Snapshot { limits, descriptors, virtual_bytes, .. } = &self.last;
        let own = limits
            .as_ref()
            .and_then(|limits| Limit::own(report.rated, limits, *descriptors, *virtual_bytes));
        growth_finding(&subject, CLOCK, at_ns, report, state, own.as_slice())
    }
}

/// The state of a process, as far as the line tells it.
fn snapshot(given: &Given, known: &Known, id: ProcessId, at_ns: u64) -> Snapshot {
    let close_wait = given.connections.as_ref().and_then(|it| it.close_wait);
    Snapshot {
        ts: CLOCK.at(at_ns),
        pid: id.pid,
        start_time: start_time(CLOCK, id),
        comm: known.comm.clone(),
        component: known.component.clone(),
        rss_bytes: given.rss_bytes,
        rss_anon_bytes: given.rss_anon_bytes,
        swap_bytes: given.swap_bytes,
        lazyfree_bytes: given.lazyfree_bytes,
        thp_bytes: given.thp_bytes,
        virtual_bytes: given.virtual_bytes,
        mappings: given.mappings,
        limits: given.limits,
        heap_bytes: given.heap_bytes,
        anon_mapped_bytes: given.anon_mapped_bytes,
        shared_mapped_bytes: given.shared_mapped_bytes,
        descriptors: given.descriptors,
        sockets: given.sockets,
        connections: close_wait
            .map(|close_wait| Connections { close_wait, ..Connections::default() }),
        timers: given.timers,
        inotify_watches: given.inotify_watches,
        threads: given.threads.and_then(|threads| u32::try_from(threads).ok()),
        zombies: given.zombies.unwrap_or(0),
        cpu_percent: given.cpu_percent,
        is_final: given.r#final,
        ..Snapshot::default()
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
#[path = "leak_check_tests.rs"]
mod tests;

//! `leak-check --from FILE`: judges exported snapshots with the same series and detector, offline.
//!
//! The input is NDJSON as `--json` prints it. Of a snapshot only `ts`, `pid`, `start_time`, `comm` and
//! one measure are required, of a component `ts`, `component` and its memory; what is missing is unknown.
//! Lines of the host are judged whole. Other lines are passed over.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Refusal, exported::Past, exported_wholes::Wholes, given_objects::GivenObjects};
use crate::{
    agent::Outcome,
    detect::LookAtPages,
    engine::{Limit, OtherRuns, Subject, grow_alike, growth_finding, state_of, viewed},
    event::{ProcLimits, ProcessId, TICK_NS},
    output::{
        Connections, Finding, FindingState, FindingVerdict, Line, Severity, Snapshot, View,
        WallClock, start_time,
    },
    rule::{
        Cause, Change, Growths, Known as KnownBy, Quanta, Report, Sample, Service, Services,
        Signal, Values,
    },
};

/// Times of lines count from 1970.
pub(super) const CLOCK: WallClock = WallClock::UNIX;

/// The steps in which memory moves where the lines do not say how many CPUs there were.
pub(super) const QUANTA: Quanta = Quanta { mapped: 4096.0, resident: 524_288.0 };

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
    cmdline: Option<String>,
    unit: Option<String>,
    container: Option<String>,
    pod: Option<String>,
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

/// What tells lines apart.
#[derive(Debug, Deserialize)]
struct Typed {
    r#type: Option<String>,
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
pub(super) struct Known {
    pub(super) growths: Growths,
    /// When the last look at its accessed pages was that the judge was told of.
    looked_at: Option<jiff::Timestamp>,
    /// The same of its objects.
    objects_at: Option<jiff::Timestamp>,
    pub(super) comm: String,
    pub(super) component: Option<String>,
    last: Snapshot,
    /// Times of its first and its last line, and the longest time between two of them, ns.
    pub(super) first_ns: u64,
    pub(super) heard_ns: u64,
    pub(super) longest_pause_ns: u64,
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
pub(super) type Tell<'a> = &'a mut dyn FnMut(&Finding) -> Result<()>;

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
        let given = given(&line).map_err(|error| {
            let message = format!("{}: not a line of --json: {error}", place());
            Refusal::new(Refusal::USAGE, message)
        })?;
        take(&given, &line)?;
    }
    Ok(())
}

/// A line; of one that is no snapshot only its type, since others mean other things by the same names.
fn given(line: &str) -> serde_json::Result<Given> {
    let Typed { r#type } = serde_json::from_str(line)?;
    match r#type.as_deref() {
        None | Some("snapshot") => serde_json::from_str(line),
        Some(_) => Ok(Given { r#type, ..Given::default() }),
    }
}

#[derive(Default)]
pub(super) struct Judge {
    pub(super) processes: HashMap<ProcessId, Known>,
    services: Services,
    /// When it is asked next who has ended without a last line, ns.
    pub(super) next_check_ns: u64,
    pub(super) wholes: Wholes,
    pub(super) past: Past,
    pub(super) worst: Option<Severity>,
}

impl Judge {
    fn read(&mut self, from: &Path, tell: Tell<'_>) -> Result<()> {
        each_line(from, &mut |given, line| match given.r#type.as_deref() {
            Some("header") => {
                self.wholes.header(line);
                Ok(())
            }
            Some("host") => self.take_host(line, tell),
            Some("component") => self.take_component(line, tell),
            _ => self.take(given, tell),
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
        self.end_replaced(id, tell)?;
        self.end_silent(at_ns, tell)?;
        let known = self.processes.entry(id).or_insert_with(|| Known::new(given, id, at_ns));
        known.hear(at_ns);
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
        self.services.tell(&mut known.growths);
        let changes = known.growths.observe(&Sample { at_ns, load, values: values(given) });
        for (change, report) in changes {
            let Some(mut finding) = self.finding(id, at_ns, &report, state_of(change)) else {
                continue;
            };
            if change == Change::Ended {
                finding.verdict = FindingVerdict::Stopped;
            }
            self.publish(finding, tell)?;
        }
        Ok(())
    }

    /// Tells a finding, and keeps it once it is over.
    pub(super) fn publish(&mut self, finding: Finding, tell: Tell<'_>) -> Result<()> {
        self.worst = self.worst.max(Some(finding.severity));
        tell(&finding)?;
        if finding.state == FindingState::Resolved {
            self.past.resolved(finding);
        }
        Ok(())
    }

    /// Ends what is open of a process; it is called what it was.
    pub(super) fn end(&mut self, id: ProcessId, at_ns: u64, tell: Tell<'_>) -> Result<()> {
        let Some(known) = self.processes.get(&id) else { return Ok(()) };
        let mut ids = [const { None }; Cause::ALL.len()];
        let mut findings = Vec::new();
        for report in known.growths.open() {
            if let Some(finding) = self.finding(id, at_ns, &report, FindingState::Resolved) {
                ids[report.cause as usize] = Some(finding.id.clone());
                findings.push(finding);
            }
        }
        for finding in &findings {
            self.worst = self.worst.max(Some(finding.severity));
            tell(finding)?;
        }
        let Some(mut known) = self.processes.remove(&id) else { return Ok(()) };
        self.services.remember(&mut known.growths, at_ns, ids);
        let viewed = viewed(known.last, &known.growths.drifts());
        self.past.ended(at_ns, viewed, findings);
        Ok(())
    }

    fn finding(
        &self,
        id: ProcessId,
        at_ns: u64,
        report: &Report,
        state: FindingState,
    ) -> Option<Finding> {
        let known = self.processes.get(&id)?;
        let others = self.processes.iter().filter(|(other, _)| **other != id);
        let alike = others.filter(|(_, it)| grow_alike(&known.growths, &it.growths, report));
        let runs = OtherRuns { earlier: known.growths.earlier(), siblings: alike.count() };
        Some(known.finding(id, at_ns, report, state, runs))
    }

    /// All that was seen, at the time of the last line.
    fn view(self) -> View {
        let at_ns = self.past.end_ns();
        let mut living: Vec<_> = self.processes.keys().copied().collect();
        living.sort_unstable_by_key(|id| (id.pid, id.start_ticks));
        let shown = |id: &ProcessId| {
            let known = self.processes.get(id)?;
            let found = |report| self.finding(*id, at_ns, &report, FindingState::Open);
            let findings = known.growths.open().filter_map(found).collect();
            Some((viewed(known.last.clone(), &known.growths.drifts()), findings))
        };
        let living = living.iter().filter_map(shown).collect();
        let mut view = self.past.view(living);
        view.findings.extend(self.wholes.findings(at_ns));
        view
    }
}

impl Known {
    /// A process of which `given` is the first line.
    fn new(given: &Given, id: ProcessId, at_ns: u64) -> Self {
        let mut growths = Growths::new(id, QUANTA);
        let began_ns = if id.start_ticks == 0 { at_ns } else { id.start_ticks * TICK_NS };
        growths.set_service(service(given), began_ns);
        Self {
            growths,
            looked_at: None,
            objects_at: None,
            comm: given.comm.clone().unwrap_or_default(),
            component: None,
            last: Snapshot::default(),
            first_ns: at_ns,
            heard_ns: at_ns,
            longest_pause_ns: 0,
        }
    }

    fn finding(
        &self,
        id: ProcessId,
        at_ns: u64,
        report: &Report,
        state: FindingState,
        runs: OtherRuns<'_>,
    ) -> Finding {
        let (comm, component) = (&self.comm, self.component.clone());
        let subject = Subject { id, comm, component, runs };
        let Snapshot { limits, descriptors, virtual_bytes, .. } = &self.last;
        let own = limits
            .as_ref()
            .and_then(|limits| Limit::own(report.rated, limits, *descriptors, *virtual_bytes));
        growth_finding(&subject, CLOCK, at_ns, report, state, own.as_slice())
    }
}

/// The service that a line is about.
fn service(given: &Given) -> Service {
    Service::of(&KnownBy {
        comm: given.comm.as_deref().unwrap_or_default(),
        cmdline: given.cmdline.as_deref(),
        pod: given.pod.as_deref(),
        container: given.container.as_deref(),
        unit: given.unit.as_deref(),
        cgroup: given.component.as_deref(),
    })
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
        (Signal::Swapped, given.swap_bytes),
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

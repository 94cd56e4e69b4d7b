//! Watching programs of the catalogue with the agent, and keeping what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::catalogue::{Entry, Resource, Truth};
use super::recording::{Label, Recording, merge_labels};
use super::start::{Running, Settings};
use crate::agent::{self, Agent};
use crate::servers::Postgres;

/// How often the agent prints, and the programs are asked.
const INTERVAL: Duration = Duration::from_secs(5);
/// Programs outlive the recording by so much.
const MARGIN_SECONDS: u64 = 120;
/// Programs are started in an interval of this, so that not all of them do the same at once.
const STAGGER: Duration = Duration::from_millis(300);

/// What is to be recorded.
#[derive(Debug)]
pub struct Plan {
    /// Which programs, all at once.
    pub entries: Vec<&'static Entry>,
    /// For how many seconds.
    pub seconds: u64,
    /// Into which directory.
    pub out: PathBuf,
}

/// A program while it is recorded.
struct Watched {
    running: Running,
    /// When it was started, by the agent's clock.
    since: jiff::Timestamp,
    /// When, in seconds since its start, and how much it held.
    progress: Vec<(f64, f64)>,
}

impl Watched {
    fn start(entry: &'static Entry, seconds: u64) -> Self {
        let running = Running::start(entry, Settings::of(entry, seconds + MARGIN_SECONDS));
        Self { running, since: jiff::Timestamp::now(), progress: Vec::new() }
    }

    fn ask(&mut self) {
        let runs = self.running.runs();
        assert!(runs, "{} has ended while it was recorded", self.running.entry.name);
        if let Some(held) = self.running.progress() {
            self.progress.push((self.running.started.elapsed().as_secs_f64(), held as f64));
        }
    }

    /// What it really lost a minute, by its own account, from the onset on.
    fn rate_per_min(&self, onset: f64) -> Option<f64> {
        let mut leaking = self.progress.iter().filter(|(at, _)| *at >= onset);
        let (first, last) = (leaking.next()?, leaking.next_back()?);
        Some((last.1 - first.1) / (last.0 - first.0) * 60.0)
    }

    /// A time of its, in seconds since its start, as the lines write it.
    fn time(&self, seconds: f64) -> String {
        let offset = jiff::SignedDuration::from_secs_f64(seconds);
        self.since.saturating_add(offset).unwrap().to_string()
    }

    fn file(&self) -> String {
        format!("{}.ndjson.zst", self.running.entry.name)
    }

    fn label(&self) -> Label {
        let entry = self.running.entry;
        let mut label = json!({"file": self.file(), "label": "healthy", "class": entry.class,
                               "onset": null, "rate_per_min": null, "limit_at": null});
        if let Truth::Leak { resource, onset, limit } = entry.truth {
            let rate = self.rate_per_min(onset);
            label["label"] = "leak".into();
            label["resource"] = resource.name().into();
            label["onset"] = self.time(onset).into();
            label["rate_per_min"] = rate.map(f64::round).into();
            let reached = limit.zip(rate).map(|(limit, rate)| onset + limit / rate * 60.0);
            label["limit_at"] = reached.map(|seconds| self.time(seconds)).into();
        }
        Label(label)
    }
}

/// Records the programs of a plan, all at once, and prints what can be compared.
pub fn record(plan: &Plan) -> String {
    // Without an agent nothing needs to be started.
    agent::binary();
    std::fs::create_dir_all(&plan.out).unwrap();
    let start = |entry: &&'static Entry| {
        sleep(STAGGER);
        Watched::start(entry, plan.seconds)
    };
    let mut all: Vec<Watched> = plan.entries.iter().map(start).collect();
    // Children come and go: the agent follows them, and finds those that are there.
    let pids: Vec<String> = all.iter().map(|one| one.running.pid().to_string()).collect();
    let interval = format!("{}s", INTERVAL.as_secs());
    let agent = Agent::start([
        "--pid",
        &pids.join(","),
        "--follow",
        "--events",
        "none",
        "--interval",
        &interval,
    ]);
    let families = Families::of(&all);
    let end = Instant::now() + Duration::from_secs(plan.seconds);
    while Instant::now() < end {
        sleep(INTERVAL);
        all.iter_mut().for_each(Watched::ask);
    }
    let Seen { header, stats, snapshots } = families.sort(agent.interrupt_and_stream());
    let mut report = format!("{} of {} events lost\n", stats["events_lost"], stats["events_seen"]);
    let mut labels = Vec::new();
    for watched in all {
        let pid = watched.running.pid();
        let header = header_line(&header, &watched);
        let snapshots = snapshots.get(&pid).cloned().unwrap_or_default();
        let recording = Recording { header, snapshots };
        report += &summary(&watched, &recording);
        recording.write(&plan.out.join(watched.file()));
        labels.push(watched.label());
    }
    merge_labels(&plan.out, labels);
    report
}

/// Which process belongs to which program.
struct Families(BTreeMap<u32, u32>);

impl Families {
    fn of(all: &[Watched]) -> Self {
        let family = |one: &Watched| {
            let root = one.running.pid();
            one.running.pids().into_iter().map(move |pid| (pid, root))
        };
        Self(all.iter().flat_map(family).collect())
    }

    /// Sorts what the agent wrote. A child belongs where its parent does; one whose parent was gone
    /// before anybody looked is left out.
    fn sort(mut self, lines: impl Iterator<Item = String>) -> Seen {
        let mut seen = Seen::default();
        for line in lines {
            let value: Value = serde_json::from_str(&line).unwrap();
            match value["type"].as_str() {
                Some("header") => seen.header = value,
                Some("stats") => seen.stats = value,
                Some("snapshot") => {
                    let Some(root) = self.root(&value) else { continue };
                    seen.snapshots.entry(root).or_default().push(value);
                }
                _ => {}
            }
        }
        seen
    }

    fn root(&mut self, snapshot: &Value) -> Option<u32> {
        let id = |name: &str| snapshot[name].as_u64().and_then(|id| u32::try_from(id).ok());
        let pid = id("pid")?;
        let root = self.0.get(&pid).or_else(|| self.0.get(&id("ppid")?)).copied()?;
        self.0.insert(pid, root);
        Some(root)
    }
}

/// What the agent wrote.
#[derive(Default)]
struct Seen {
    header: Value,
    /// The last of its accounts of itself.
    stats: Value,
    /// By the process of a program that was started.
    snapshots: BTreeMap<u32, Vec<Value>>,
}

fn header_line(agent: &Value, watched: &Watched) -> Value {
    let entry = watched.running.entry;
    // Beyond its version a kernel's name tells of the host.
    let kernel = agent["kernel"].as_str().and_then(|kernel| kernel.split('-').next());
    json!({"type": "header", "v": agent["v"], "version": agent["version"], "kernel": kernel,
           "started": watched.time(0.0), "interval_seconds": INTERVAL.as_secs(),
           "program": entry.name, "pid": watched.running.pid(), "language": entry.language(),
           "program_version": version(entry), "command": watched.running.command})
}

/// What a program's compiler, interpreter or server says that it is.
fn version(entry: &Entry) -> String {
    let program = match entry.language() {
        "PostgreSQL" => Postgres::programs().join("postgres"),
        _ => entry.needs()[0].into(),
    };
    let option = if entry.language() == "nginx" { "-v" } else { "--version" };
    let said = Command::new(&program).arg(option).output();
    let said = said.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // nginx answers on its standard error.
    let text = [said.stdout, said.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}

/// One program in one line: its processes, then its signal and its own account at the start, after a
/// quarter, in the middle and at the end, and both rates a minute.
fn summary(watched: &Watched, recording: &Recording) -> String {
    let entry = watched.running.entry;
    let (resource, onset) = match entry.truth {
        Truth::Leak { resource, onset, .. } => (resource, onset),
        Truth::Healthy => (Resource::Touched, 0.0),
    };
    let pids: BTreeSet<_> = recording.snapshots.iter().map(|line| line["pid"].as_u64()).collect();
    let signal = recording.signal(resource.pointer());
    let rate = rate_per_min(signal.iter().filter(|(at, _)| *at >= onset + 30.0));
    let own = watched.rate_per_min(onset);
    format!(
        "{:<16} {:>5} lines {:>4} processes  {:<16} {}  own {}  rate {:.1}, in truth {:.1}\n",
        entry.name,
        recording.snapshots.len(),
        pids.len(),
        resource.name(),
        quarters(&signal),
        quarters(&watched.progress),
        rate.unwrap_or(f64::NAN),
        own.unwrap_or(f64::NAN),
    )
}

fn rate_per_min<'a>(mut series: impl DoubleEndedIterator<Item = &'a (f64, f64)>) -> Option<f64> {
    let (first, last) = (series.next()?, series.next_back()?);
    Some((last.1 - first.1) / (last.0 - first.0) * 60.0)
}

fn quarters(series: &[(f64, f64)]) -> String {
    let at = |share: usize| series.get(series.len().saturating_sub(1) * share / 4);
    let text =
        |point: Option<&(f64, f64)>| point.map_or("-".to_owned(), |(_, value)| short(*value));
    [0, 1, 2, 4].map(|share| text(at(share))).join(" ")
}

fn short(value: f64) -> String {
    if value < 10_000.0 { format!("{value}") } else { format!("{:.1}M", value / 1_048_576.0) }
}

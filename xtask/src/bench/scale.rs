//! `bench scale`: what the agent takes on hosts with much to watch, and how that grows: with
//! processes, and with what one process holds; and whether that is within its budget.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::agent::{Agent, Events};
use super::load::{DESCRIPTORS_EACH, Load};
use super::stats::slope;
use super::sysctl::Sysctl;
use super::table::{Table, met};

const PROCESSES: &str = "processes";
const MAPPINGS: &str = "mappings";
const DESCRIPTORS: &str = "descriptors";
/// What there is much of, and how many of it.
const LOADS: [(&str, &[u64]); 3] = [
    (PROCESSES, &[10, 100, 1_000, 5_000]),
    (MAPPINGS, &[10_000, 100_000, 1_000_000]),
    (DESCRIPTORS, &[10_000, 100_000, 1_000_000]),
];
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";
/// Mappings of the program itself, and to spare.
const OWN_MAPPINGS: u64 = 10_000;
const PAGE: u64 = 4096;
/// How often the agent prints, and so says what it knows.
const INTERVAL: &str = "5s";
/// So that the agent has measured itself.
const AT_LEAST: f64 = 12.0;
/// How long it may take to read all there is.
const KNOWN_WITHIN: Duration = Duration::from_mins(3);
/// How often its output is looked through for that.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often its memory is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The idle host of the budget, printed at the usual pace.
const IDLE_PROCESSES: u64 = 300;
const IDLE_INTERVAL: &str = "10s";
const IDLE_AT_LEAST: f64 = 60.0;

const MIB: f64 = 1_048_576.0;
/// Anonymous memory with this many idle processes, and how much that may be.
const BUDGET_PROCESSES: u64 = 1_000;
const BUDGET_ANON_MIB: f64 = 32.0;
const BUDGET_MAPPING_BYTES: f64 = 64.0;
const BUDGET_IDLE_CPU_PERCENT: f64 = 0.5;

/// What is to be measured.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    count: u64,
    interval: &'static str,
    /// After everything is known.
    seconds: f64,
}

struct Point {
    case: Case,
    /// Anonymous memory: the most there was, and once everything was known for a while.
    most_anon: f64,
    settled_anon: f64,
    kernel: f64,
    /// While nothing happened.
    cpu_percent: f64,
}

pub(super) fn run(program: &Path, dir: &Path, seconds: f64) -> Result<Vec<Table>> {
    let seconds = seconds.max(AT_LEAST);
    let mut points = Vec::new();
    for (name, counts) in LOADS {
        for &count in counts {
            let case = Case { name, count, interval: INTERVAL, seconds };
            points.push(measure(program, dir, case)?);
        }
    }
    let (name, count) = (PROCESSES, IDLE_PROCESSES);
    let seconds = seconds.max(IDLE_AT_LEAST);
    let idle = measure(program, dir, Case { name, count, interval: IDLE_INTERVAL, seconds })?;
    let heading = vec![
        "load",
        "s",
        "RssAnon at most, MiB",
        "settled, MiB",
        "kernel, MiB",
        "CPU, % of a core",
    ];
    let notes = vec![format!(
        "Printed every 5 s; CPU once everything is known and nothing happens. \
         Descriptors are eventfds, {DESCRIPTORS_EACH} in each process."
    )];
    let rows = points.iter().chain([&idle]).map(Point::row).collect();
    let all = Table { heading, rows, notes };
    Ok(vec![all, budgets(&points, &idle)])
}

impl Point {
    fn row(&self) -> Vec<String> {
        let mib = |bytes: f64| format!("{:.1}", bytes / MIB);
        let Case { name, count, interval, seconds } = self.case;
        let often = if interval == INTERVAL { "" } else { ", printed every 10 s" };
        vec![
            format!("{count} {name}{often}"),
            format!("{seconds:.0}"),
            mib(self.most_anon),
            mib(self.settled_anon),
            mib(self.kernel),
            format!("{:.2}", self.cpu_percent),
        ]
    }
}

/// What one more of each takes, and what is within its budget.
fn budgets(points: &[Point], idle: &Point) -> Table {
    let of = |name: &str| {
        let wanted = points.iter().filter(|it| it.case.name == name);
        slope(&wanted.map(|it| (it.case.count as f64, it.settled_anon)).collect::<Vec<_>>())
    };
    let bytes = |figure: f64| format!("{figure:.0} bytes");
    let no_budget = |what: &str, figure: f64| {
        vec![what.to_owned(), bytes(figure), String::new(), String::new()]
    };
    let mut rows = vec![no_budget("one more process", of(PROCESSES))];
    let mapping = of(MAPPINGS);
    rows.push(vec![
        "one more mapping".to_owned(),
        bytes(mapping),
        format!("≤ {BUDGET_MAPPING_BYTES:.0} bytes"),
        met(mapping <= BUDGET_MAPPING_BYTES),
    ]);
    rows.push(no_budget("one more descriptor", of(DESCRIPTORS)));
    let is_budgets = |it: &&Point| it.case.name == PROCESSES && it.case.count == BUDGET_PROCESSES;
    if let Some(point) = points.iter().find(is_budgets) {
        let mib = point.most_anon / MIB;
        rows.push(vec![
            format!("{BUDGET_PROCESSES} idle processes, RssAnon at most"),
            format!("{mib:.1} MiB"),
            format!("≤ {BUDGET_ANON_MIB:.0} MiB"),
            met(mib <= BUDGET_ANON_MIB),
        ]);
    }
    rows.push(vec![
        format!("{IDLE_PROCESSES} idle processes, CPU"),
        format!("{:.2} %", idle.cpu_percent),
        format!("≤ {BUDGET_IDLE_CPU_PERCENT} %"),
        met(idle.cpu_percent <= BUDGET_IDLE_CPU_PERCENT),
    ]);
    let notes = vec!["One more of each: the slope of the settled memory above.".to_owned()];
    Table { heading: vec!["", "measured", "budget", "met"], rows, notes }
}

fn measure(program: &Path, dir: &Path, case: Case) -> Result<Point> {
    let Case { name, count, interval, seconds } = case;
    println!("bench: {count} {name} for {seconds} s");
    // Put back even where the load fails.
    let _raised = match name {
        MAPPINGS => Some(Sysctl::raise(MAX_MAP_COUNT, count + OWN_MAPPINGS)?),
        _ => None,
    };
    let mut load = Load::start(&[name.to_owned(), count.to_string()])?;
    load.line()?;
    let options = ["--interval".as_ref(), interval.as_ref()];
    let agent = Agent::start(program, dir, Events::Counted, &options)?;
    let mut memory = Memory::default();
    wait_until_known(&agent, case, load.pid(), &mut memory)?;
    let (started, before) = (Instant::now(), agent.cpu_seconds()?);
    memory.watch(&agent, Duration::from_secs_f64(seconds))?;
    let cpu = agent.cpu_seconds()? - before;
    let cpu_percent = cpu / started.elapsed().as_secs_f64() * 100.0;
    let stats = agent.stop()?.stats;
    let kernel = stats.iter().rev().find_map(|line| line.get("agent_kernel_bytes")?.as_f64());
    Ok(Point {
        case,
        most_anon: memory.most,
        settled_anon: memory.last,
        // Nothing known must not look like nothing taken.
        kernel: kernel.context("the agent did not measure itself; give it more --seconds")?,
        cpu_percent,
    })
}

/// The agent's anonymous memory as /proc shows it.
#[derive(Default)]
struct Memory {
    most: f64,
    last: f64,
}

impl Memory {
    /// Looks at it for so long.
    fn watch(&mut self, agent: &Agent, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.last = agent.anon_bytes()?;
            self.most = self.most.max(self.last);
            sleep(POLL);
        }
        Ok(())
    }
}

/// Waits until the agent has read all that the load holds, which it prints.
fn wait_until_known(agent: &Agent, case: Case, pid: u32, memory: &mut Memory) -> Result<()> {
    let Case { name, count, .. } = case;
    let number = |line: &Value, field: &str| line.get(field).and_then(Value::as_u64).unwrap_or(0);
    let of_load = format!("\"pid\":{pid},");
    let is_known = || -> Result<bool> {
        let (kind, text, field, wanted) = match name {
            PROCESSES => ("stats", "", "processes", count),
            MAPPINGS => ("snapshot", of_load.as_str(), "anon_mapped_bytes", count * PAGE),
            _ => ("host", "", "tracked_descriptors", count),
        };
        Ok(agent.lines(kind, text)?.iter().any(|line| number(line, field) >= wanted))
    };
    let deadline = Instant::now() + KNOWN_WITHIN;
    while !is_known()? {
        if Instant::now() > deadline {
            bail!("the agent does not know of {count} {name} after {KNOWN_WITHIN:?}");
        }
        memory.watch(agent, ASK_EVERY)?;
    }
    Ok(())
}

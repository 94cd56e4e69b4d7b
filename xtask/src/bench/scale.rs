//! `bench scale`: what the agent takes on hosts with much to watch, and how that grows: with
//! processes, and with what one process holds; and whether that is within its budget.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::agent::{Agent, Events};
use super::load::{self, Load};
use super::stats::slope;
use super::sysctl::{OpenFiles, Sysctl};
use super::table::Table;

const PROCESSES: &str = "processes";
const MAPPINGS: &str = "mappings";
const DESCRIPTORS: &str = "descriptors";
/// What there is much of, and how many of it. More mappings than 65,530 need a setting of the
/// kernel, and above 65,536 the agent joins neighbours.
const LOADS: [(&str, &[u64]); 3] = [
    (PROCESSES, &[10, 100, 1_000, 5_000]),
    (MAPPINGS, &[10_000, 60_000, 100_000, 1_000_000]),
    (DESCRIPTORS, &[10_000, 100_000, 1_000_000]),
];
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";
const NR_OPEN: &str = "/proc/sys/fs/nr_open";
/// Mappings of the program itself, and to spare.
const OWN_MAPPINGS: u64 = 10_000;
const PAGE: u64 = 4096;
/// How often the agent prints: often enough to see the most it takes.
const INTERVAL: &str = "5s";
/// How long it may take to read all there is.
const KNOWN_WITHIN: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(200);

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
    let notes = vec![
        "What the agent says of itself; CPU once everything is known and nothing happens."
            .to_owned(),
    ];
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
    let of = |name: &str, most: u64| {
        let wanted = points.iter().filter(|it| it.case.name == name && it.case.count <= most);
        slope(&wanted.map(|it| (it.case.count as f64, it.settled_anon)).collect::<Vec<_>>())
    };
    let bytes = |figure: f64| format!("{figure:.0} bytes");
    let no_budget = |what: &str, figure: f64| {
        vec![what.to_owned(), bytes(figure), String::new(), String::new()]
    };
    let met = |is_met: bool| if is_met { "yes" } else { "**no**" }.to_owned();
    let mut rows = vec![no_budget("one more process", of(PROCESSES, u64::MAX))];
    // Above this the agent joins neighbours, and one more takes next to nothing.
    let mapping = of(MAPPINGS, 60_000);
    rows.push(vec![
        "one more mapping, up to 60,000".to_owned(),
        bytes(mapping),
        format!("≤ {BUDGET_MAPPING_BYTES:.0} bytes"),
        met(mapping <= BUDGET_MAPPING_BYTES),
    ]);
    rows.push(no_budget("one more mapping, up to 1,000,000", of(MAPPINGS, u64::MAX)));
    rows.push(no_budget("one more descriptor", of(DESCRIPTORS, u64::MAX)));
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
    let _raised = raise(case)?;
    let mut load = Load::start(&[name.to_owned(), count.to_string()])?;
    load.line()?;
    let options = ["--interval".as_ref(), interval.as_ref()];
    let agent = Agent::start(program, dir, Events::Counted, &options)?;
    wait_until_known(&agent, case, load.pid())?;
    let (started, before) = (Instant::now(), agent.cpu_seconds()?);
    sleep(Duration::from_secs_f64(seconds));
    let cpu = agent.cpu_seconds()? - before;
    let cpu_percent = cpu / started.elapsed().as_secs_f64() * 100.0;
    let stats = agent.stop()?.stats;
    // The last line is of the end, which takes a last look at everything.
    let running = &stats[..stats.len().saturating_sub(1)];
    let figures = |name: &str| -> Result<Vec<f64>> {
        let values: Vec<f64> =
            running.iter().filter_map(|line| line.get(name).and_then(Value::as_f64)).collect();
        // Nothing known must not look like nothing taken.
        anyhow::ensure!(!values.is_empty(), "the agent did not measure itself: more --seconds");
        Ok(values)
    };
    let anon = figures("agent_rss_anon_bytes")?;
    Ok(Point {
        case,
        most_anon: anon.iter().copied().fold(0.0, f64::max),
        settled_anon: anon.last().copied().context("no figure")?,
        kernel: figures("agent_kernel_bytes")?.into_iter().fold(0.0, f64::max),
        cpu_percent,
    })
}

/// Raises the limits that a load meets.
fn raise(case: Case) -> Result<(Option<Sysctl>, Option<OpenFiles>)> {
    Ok(match case.name {
        MAPPINGS => (Some(Sysctl::raise(MAX_MAP_COUNT, case.count + OWN_MAPPINGS)?), None),
        DESCRIPTORS => {
            let wanted = case.count + load::OWN_DESCRIPTORS;
            (Some(Sysctl::raise(NR_OPEN, wanted)?), Some(OpenFiles::raise(wanted)?))
        }
        _ => (None, None),
    })
}

/// Waits until the agent has read all that the load holds.
fn wait_until_known(agent: &Agent, case: Case, pid: u32) -> Result<()> {
    let Case { name, count, .. } = case;
    let number = |line: &Value, field: &str| line.get(field).and_then(Value::as_u64).unwrap_or(0);
    let of_load = format!("\"pid\":{pid},");
    let is_known = || -> Result<bool> {
        let (kind, text, field, wanted) = match name {
            PROCESSES => ("stats", "", "processes", count),
            MAPPINGS => ("snapshot", of_load.as_str(), "anon_mapped_bytes", count * PAGE),
            _ => ("snapshot", of_load.as_str(), "eventfds", count),
        };
        Ok(agent.lines(kind, text)?.iter().any(|line| number(line, field) >= wanted))
    };
    let deadline = Instant::now() + KNOWN_WITHIN;
    while !is_known()? {
        if Instant::now() > deadline {
            bail!("the agent does not know of {count} {name} after {KNOWN_WITHIN:?}");
        }
        sleep(POLL);
    }
    Ok(())
}

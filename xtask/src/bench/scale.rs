//! `bench scale`: what the agent takes on hosts with much to watch, and how that grows: with
//! processes, and with what one process holds. All figures are the agent's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use super::agent::Agent;
use super::load::{self, Load};
use super::stats::{mean, slope};
use super::table::Table;
use crate::sh;

/// What there is much of, and how many of it.
const LOADS: [(&str, &[u64]); 3] = [
    ("processes", &[10, 100, 1_000, 5_000]),
    ("mappings", &[10_000, 100_000, 1_000_000]),
    ("descriptors", &[1_000, 10_000, 100_000]),
];
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";
/// Mappings of the program itself, and to spare.
const OWN_MAPPINGS: u64 = 10_000;

struct Point {
    count: u64,
    rss_anon: f64,
    kernel: f64,
    cpu_percent: f64,
}

pub(super) fn run(program: &Path, dir: &Path, seconds: f64) -> Result<Table> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for (name, counts) in LOADS {
        let mut points = Vec::new();
        for &count in counts {
            if name == "descriptors" && !may_open(count)? {
                notes.push(format!("{count} {name}: left out, this process may not open so many."));
                continue;
            }
            println!("bench: {count} {name}");
            let point = measure(program, dir, name, count, seconds)?;
            rows.push(row(name, &point));
            points.push(point);
        }
        let of = |figure: fn(&Point) -> f64| {
            slope(
                &points.iter().map(|point| (point.count as f64, figure(point))).collect::<Vec<_>>(),
            )
        };
        notes.push(format!(
            "One more of {name}: {:.1} bytes of the agent's anonymous memory, {:.1} in the kernel.",
            of(|point| point.rss_anon),
            of(|point| point.kernel)
        ));
    }
    let heading = vec!["load", "RssAnon, MiB", "kernel, MiB", "CPU, % of a core"];
    Ok(Table { heading, rows, notes })
}

fn measure(program: &Path, dir: &Path, name: &str, count: u64, seconds: f64) -> Result<Point> {
    // Restored even where the load fails.
    let _raised = match name {
        "mappings" => Some(Sysctl::raise(MAX_MAP_COUNT, count + OWN_MAPPINGS)?),
        _ => None,
    };
    let mut load = Load::start(&[name.to_owned(), count.to_string()])?;
    load.line()?;
    let agent = Agent::start(program, dir, &["--interval".as_ref(), "2s".as_ref()])?;
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let stats = agent.stop()?.stats;
    let figures = |name: &str| -> Result<Vec<f64>> {
        let values: Vec<f64> =
            stats.iter().filter_map(|line| line.get(name).and_then(Value::as_f64)).collect();
        if values.is_empty() {
            // Nothing known must not look like nothing taken.
            bail!("the agent did not measure itself in {seconds} s; give it more --seconds");
        }
        Ok(values)
    };
    let largest = |name: &str| Ok::<_, Error>(figures(name)?.into_iter().fold(0.0, f64::max));
    Ok(Point {
        count,
        rss_anon: largest("agent_rss_anon_bytes")?,
        kernel: largest("agent_kernel_bytes")?,
        cpu_percent: mean(&figures("agent_cpu_percent")?),
    })
}

/// Whether a load may hold so many descriptors; raises the limit where that is allowed.
pub(super) fn may_open(count: u64) -> Result<bool> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("failed to read the limit of open files")?;
    let wanted = count + load::OWN_DESCRIPTORS;
    // Only the hard limit is raised, for the loads to come.
    Ok(hard >= wanted || setrlimit(Resource::RLIMIT_NOFILE, soft, wanted).is_ok())
}

fn row(name: &str, point: &Point) -> Vec<String> {
    let mib = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
    vec![
        format!("{} {name}", point.count),
        mib(point.rss_anon),
        mib(point.kernel),
        format!("{:.1}", point.cpu_percent),
    ]
}

/// A setting of the kernel that is put back when this goes.
struct Sysctl {
    path: PathBuf,
    before: String,
}

impl Sysctl {
    /// Raises a number, unless it is high enough.
    fn raise(path: &str, wanted: u64) -> Result<Self> {
        let before = fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        let now: u64 = before.trim().parse().with_context(|| format!("{path} is no number"))?;
        // Ctrl-C ends the load and the agent, but not us before the setting is put back.
        sh::survive_interrupt()?;
        let guard = Self { path: path.into(), before };
        if now < wanted {
            fs::write(path, wanted.to_string()).with_context(|| format!("failed to set {path}"))?;
        }
        Ok(guard)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.before) {
            let (path, before) = (self.path.display(), self.before.trim());
            eprintln!("bench: put {path} back to {before} by hand: {error}");
        }
    }
}

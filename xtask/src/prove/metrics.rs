//! Debian's Prometheus scrapes a real agent while a program leaks: the page passes promtool, queries name the
//! program, and each query of the Grafana dashboard has an answer.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::http::{free_port, get, query};
use crate::{setup, sh};

#[derive(Args)]
pub(crate) struct Options {
    /// For how long Prometheus scrapes before it is asked, in seconds
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// An agent that is built already
    #[arg(long, env = "MEMWATCH_BIN")]
    agent: Option<PathBuf>,
}

/// Grows by 2 MiB a second and says under which name.
const LEAK: &str = "\
import time
open('/proc/self/comm', 'w').write('leaks-for-proof')
held = []
while True:
    held.append(bytearray(b'x') * (256 << 10))
    time.sleep(0.125)
";
/// Who grew all the time, fastest: whoever came meanwhile, as compilers do, is left out.
const GROWS: &str = "topk(1, min_over_time(deriv(memwatch_process_memory_bytes[30s])[90s:5s]) \
                     and on (pid) memwatch_process_memory_bytes offset 100s)";
/// How long a judgement may take after that: four minutes in all.
const JUDGED: Duration = Duration::from_mins(6);

/// A program of this proof; ends with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(20);
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let _ = self.0.kill();
            }
            sleep(Duration::from_millis(50));
        }
    }
}

pub(super) fn prove(options: &Options) -> Result<()> {
    setup::prove()?;
    let agent = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let dir = std::env::temp_dir().join(format!("memwatch-prove-{}", std::process::id()));
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let proven = proven(&agent, &dir, Duration::from_secs(options.seconds));
    fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    proven
}

fn proven(agent: &Path, dir: &Path, scraped: Duration) -> Result<()> {
    let (_agent, target) = start_agent(agent, dir)?;
    println!("the agent listens on http://{target}");
    let python = Command::new("python3").args(["-c", LEAK]).stdin(Stdio::null()).spawn();
    let leak = Running(python.context("start the leaking program")?);
    let pid = leak.0.id().to_string();
    let (_prometheus, server) = start_prometheus(dir, &target)?;
    println!("Prometheus on http://{server} scrapes it for {} s", scraped.as_secs());
    sleep(scraped);
    check_page(&target)?;
    let up = one(&server, "min_over_time(up[2m])")?;
    ensure!(value(&up) == "1", "a scrape failed: {up}");
    let count = one(&server, "count_over_time(up[10m])")?;
    let samples = one(&server, "scrape_samples_scraped")?;
    println!("{} scrapes, none failed; {} samples in the last", value(&count), value(&samples));
    let fastest = one(&server, GROWS)?;
    ensure!(fastest["metric"]["pid"] == pid.as_str(), "{GROWS} names {fastest}, not {pid}");
    println!("{GROWS}\n  {}", shown(&fastest));
    let finding = wait_for(&server, &format!("memwatch_finding_info{{pid=\"{pid}\"}}"))?;
    println!("memwatch_finding_info{{pid=\"{pid}\"}}\n  {}", shown(&finding));
    wait_for(&server, "memwatch_finding_limit_reached_timestamp_seconds")?;
    dashboard(&server)
}

/// Starts the service on a port of its own; where it listens.
fn start_agent(agent: &Path, dir: &Path) -> Result<(Running, String)> {
    let child = Command::new(agent)
        .args(["serve", "--listen", "127.0.0.1:0", "--socket"])
        .arg(dir.join("agent.sock"))
        .arg("--state")
        .arg(dir.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the agent")?;
    let mut agent = Running(child);
    let stdout = agent.0.stdout.take().context("the agent has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let line = lines.next().context("the agent ended before it listened")??;
        if let Some(address) = line.strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    // Whatever else it says must be read, or it would wait.
    std::thread::spawn(move || lines.for_each(drop));
    let end = Instant::now() + Duration::from_mins(1);
    while get(&address, "/readyz").is_err() {
        ensure!(Instant::now() < end, "the agent was not ready within a minute");
        sleep(Duration::from_millis(200));
    }
    Ok((agent, address))
}

fn start_prometheus(dir: &Path, target: &str) -> Result<(Running, String)> {
    let config = dir.join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 5s }}\n\
         scrape_configs:\n- job_name: memwatch\n  static_configs: [ {{ targets: [ '{target}' ] }} ]\n"
    );
    fs::write(&config, text).context("write the configuration of Prometheus")?;
    let server = format!("127.0.0.1:{}", free_port()?);
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
        .arg(format!("--web.listen-address={server}"))
        .arg("--log.level=warn")
        .stdin(Stdio::null())
        .spawn()
        .context("start prometheus")?;
    Ok((Running(child), server))
}

/// What promtool says of the page.
fn check_page(target: &str) -> Result<()> {
    let page = get(target, "/metrics")?;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .context("start promtool")?;
    promtool.stdin.take().context("promtool reads nothing")?.write_all(page.as_bytes())?;
    let status = promtool.wait()?;
    ensure!(status.success(), "promtool check metrics: {status}");
    println!("promtool check metrics: {} lines, nothing wrong", page.lines().count());
    Ok(())
}

/// The first series of a query that must have one.
fn one(server: &str, expression: &str) -> Result<Value> {
    let mut all = query(server, expression)?;
    ensure!(!all.is_empty(), "{expression} has no answer");
    Ok(all.swap_remove(0))
}

/// Asks until there is an answer.
fn wait_for(server: &str, expression: &str) -> Result<Value> {
    let end = Instant::now() + JUDGED;
    loop {
        if let Some(found) = query(server, expression)?.into_iter().next() {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("{expression} had no answer within {} s", JUDGED.as_secs());
        }
        sleep(Duration::from_secs(2));
    }
}

fn value(series: &Value) -> &str {
    series["value"][1].as_str().unwrap_or("?")
}

fn shown(series: &Value) -> String {
    format!("{} = {}", series["metric"], value(series))
}

/// Every query of the dashboard, with its variables filled in as Grafana does, has an answer.
fn dashboard(server: &str) -> Result<()> {
    let path = sh::root()?.join("monitor-userspace/grafana/memwatch.json");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let page: Value = serde_json::from_str(&text).context("the dashboard is no JSON")?;
    let panels = page["panels"].as_array().context("a dashboard without panels")?;
    let mut empty = Vec::new();
    for panel in panels {
        let targets = panel["targets"].as_array().context("a panel without queries")?;
        for target in targets {
            let expression = target["expr"].as_str().context("a query without an expression")?;
            let filled = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
            let count = query(server, &filled)?.len();
            println!("dashboard: {:>4} series  {}: {filled}", count, panel["title"]);
            if count == 0 {
                empty.push(filled);
            }
        }
    }
    ensure!(empty.is_empty(), "these queries of the dashboard have no answer: {empty:?}");
    println!("every query of the dashboard's {} panels has an answer", panels.len());
    Ok(())
}

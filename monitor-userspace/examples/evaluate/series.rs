//! `--series DIR --labels FILE`: recorded series with labels, judged by the agent's own command.
//!
//! Each file is one program, a leak if any of its processes is called one. The agent sees the lines
//! and never a label.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::wilson::wilson;

#[derive(Args)]
pub struct Options {
    /// Directory of NDJSON series (.ndjson, .ndjson.zst), one program a file
    #[arg(long, requires = "labels")]
    pub series: Option<PathBuf>,
    /// What each of them is: NDJSON with file and label (leak or healthy), and perhaps class,
    /// rate_per_min and more
    #[arg(long, requires = "series")]
    pub labels: Option<PathBuf>,
    /// The agent that judges
    #[arg(long, env = "MEMWATCH_BIN", default_value = "target/release/memwatch-ebpf")]
    pub agent: PathBuf,
    /// End with status 1 unless every leak is found and nothing else is called one
    #[arg(long)]
    pub strict: bool,
}

#[derive(Deserialize)]
struct Label {
    file: String,
    #[serde(rename = "label")]
    kind: Kind,
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    rate_per_min: Option<f64>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Leak,
    Healthy,
}

/// What the agent said of a file.
#[derive(Default)]
struct Said {
    /// Rules under which a leak was called at any time.
    ever: Vec<String>,
    /// Worst probability of anything that was open.
    suspicion: f64,
    /// Whether one was still open at the end, or ended with its process.
    at_end: bool,
    /// The finding that was the first to be called a leak.
    first: Option<String>,
    /// Its last rate: what else grows along is counted otherwise.
    rate: Option<f64>,
}

pub fn evaluate(dir: &Path, labels: &Path, options: &Options) -> Result<()> {
    let text = fs::read_to_string(labels).with_context(|| format!("read {}", labels.display()))?;
    let mut wrong = 0;
    let mut counts = [[0_u64; 2]; 2];
    println!("{:<28} {:<8} {:<8} {:>8} {:>9}  under", "file", "label", "called", "P", "rate");
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let label: Label = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: not a label", labels.display(), number + 1))?;
        let said = judge(&dir.join(&label.file), &options.agent)?;
        let called = !said.ever.is_empty();
        let is_leak = label.kind == Kind::Leak;
        counts[usize::from(is_leak)][usize::from(called)] += 1;
        wrong += u64::from(called != is_leak);
        let rate = label.rate_per_min.zip(said.rate).map(|(truth, rate)| rate / truth - 1.0);
        println!(
            "{:<28} {:<8} {:<8} {:>8.3} {:>9}  {}{}",
            label.file.trim_end_matches(".zst").trim_end_matches(".ndjson"),
            if is_leak { "leak" } else { "healthy" },
            if called { if said.at_end { "at end" } else { "once" } } else { "-" },
            said.suspicion,
            rate.map_or(String::new(), |error| format!("{:+.1} %", error * 100.0)),
            said.ever.join(", "),
            label.class.map_or(String::new(), |class| format!("  ({class})")),
        );
    }
    let [[right_healthy, wrong_healthy], [missed, found]] = counts;
    print_share("precision", found, found + wrong_healthy);
    print_share("recall", found, found + missed);
    print_share("healthy ever called a leak", wrong_healthy, wrong_healthy + right_healthy);
    if options.strict && wrong > 0 {
        bail!("{wrong} of {} are judged wrongly", counts.iter().flatten().sum::<u64>());
    }
    Ok(())
}

fn print_share(name: &str, part: u64, whole: u64) {
    let [low, high] = wilson(part, whole);
    println!("{name}: {part} of {whole} (95 %: {:.1} to {:.1} %)", low * 100.0, high * 100.0);
}

/// Has the agent judge a file.
fn judge(path: &Path, agent: &Path) -> Result<Said> {
    let open = || format!("open {}", path.display());
    let file = File::open(path).with_context(open)?;
    let mut lines: Box<dyn Read + Send> = if path.extension().is_some_and(|end| end == "zst") {
        Box::new(zstd::Decoder::new(file).with_context(open)?)
    } else {
        Box::new(file)
    };
    let mut child = Command::new(agent)
        .args(["leak-check", "--from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}: build it or name it with --agent", agent.display()))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let said = std::thread::scope(|scope| {
        scope.spawn(move || {
            // An agent that ends early says so itself.
            let mut stdin = stdin?;
            io::copy(&mut lines, &mut stdin).ok()?;
            stdin.flush().ok()
        });
        stdout.map_or_else(|| Ok(Said::default()), |out| hear(BufReader::new(out)))
    })?;
    let status = child.wait().context("wait for the agent")?;
    if !status.success() {
        bail!("{}: the agent ended with {status}", path.display());
    }
    Ok(said)
}

fn hear(findings: impl io::BufRead) -> Result<Said> {
    let mut said = Said::default();
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for line in findings.lines() {
        let finding: Value = serde_json::from_str(&line?).context("a finding")?;
        let confidence = finding["confidence"].as_f64().unwrap_or(0.0);
        said.suspicion = said.suspicion.max(confidence);
        let id = finding["id"].as_str().unwrap_or_default().to_owned();
        if finding["severity"] != "low" {
            let rule = finding["rule"].as_str().unwrap_or_default().to_owned();
            if !said.ever.contains(&rule) {
                said.ever.push(rule);
            }
            if said.first.get_or_insert_with(|| id.clone()) == &id {
                said.rate = finding["rate_per_min"].as_f64();
            }
            // What ends with its process keeps its verdict.
            let has_stopped = finding["state"] == "resolved" && finding["verdict"] == "stopped";
            open.insert(id, !has_stopped);
        }
    }
    said.at_end = open.values().any(|is_open| *is_open);
    Ok(said)
}

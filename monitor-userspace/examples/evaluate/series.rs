//! `--series DIR --labels FILE`: recorded series with labels, judged by the agent's own command.
//!
//! Each file is one program, a leak if any of its processes is called one. The agent sees the lines
//! and never a label.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::baseline::{Baseline, Said};
use super::heard::{Heard, hear};
use super::measured::Measured;
use super::print;
use super::quality::Quality;
use super::report::Compared;
use super::score::write_json;
use super::tally::{Share, median};

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
    /// A time; what is none is as good as not known.
    #[serde(default)]
    onset: Value,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Leak,
    Healthy,
}

/// All figures of a directory of series: what `--json` writes. What was not measured is null.
#[derive(Serialize)]
struct Report {
    files: Vec<Judged>,
    /// What stands at the end of a file, medium or above.
    end: Quality,
    /// What was medium or above at any time.
    ever: Quality,
    /// Healthy files with any finding at any time, suspicions too.
    healthy_ever_low: Share,
    /// Findings of medium or above in healthy files.
    false_findings: u64,
    /// The same a day of one process.
    false_findings_per_day: Option<f64>,
    /// Median of the minutes until a leak was called.
    minutes_to_verdict: Option<f64>,
    /// Median relative error of the last rate.
    rate_error: Option<f64>,
    /// How often its 95 % interval held the truth.
    rate_covered: Share,
    /// What others make of the same series.
    baselines: Vec<Compared>,
}

/// A file and what was made of it.
#[derive(Serialize)]
struct Judged {
    file: String,
    label: Kind,
    class: Option<String>,
    /// Rules under which a leak was called at any time.
    called_under: Vec<String>,
    is_suspected: bool,
    is_called_at_end: bool,
    findings: u64,
    /// Worst probability of a leak.
    probability: f64,
    /// Since the onset, or the first line where that is not known.
    minutes_to_verdict: Option<f64>,
    /// Relative error of the last rate; above 0 is too fast.
    rate_error: Option<f64>,
    is_rate_covered: Option<bool>,
    /// Summed time of its processes.
    days: f64,
    #[serde(skip)]
    baselines: [Said; Baseline::ALL.len()],
}

pub fn evaluate(dir: &Path, labels: &Path, options: &Options, json: Option<&Path>) -> Result<()> {
    let text = fs::read_to_string(labels).with_context(|| format!("read {}", labels.display()))?;
    println!(
        "{:<28} {:<8} {:<8} {:>8} {:>8} {:>9}  under",
        "file", "label", "called", "P", "minutes", "rate"
    );
    let mut files = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let label: Label = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: not a label", labels.display(), number + 1))?;
        let (heard, measured) = judge(&dir.join(&label.file), &options.agent)?;
        let judged = Judged::new(label, heard, &measured);
        judged.print();
        files.push(judged);
    }
    let report = Report::of(files);
    report.print();
    json.map_or(Ok(()), |path| write_json(&report, path))?;
    let wrong = report.files.iter().filter(|it| it.is_called() != it.is_leak()).count();
    if options.strict && wrong > 0 {
        bail!("{wrong} of {} are judged wrongly", report.files.len());
    }
    Ok(())
}

impl Judged {
    fn new(label: Label, heard: Heard, measured: &Measured) -> Self {
        let onset = label.onset.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let from = onset.or_else(|| measured.first());
        let waited = heard.called_at.zip(from).map(|(at, from)| at.duration_since(from));
        let rates = label.rate_per_min.zip(heard.rate);
        let covered = label.rate_per_min.zip(heard.rate_interval);
        Self {
            file: label.file,
            label: label.kind,
            class: label.class,
            called_under: heard.ever,
            is_suspected: heard.is_suspected,
            is_called_at_end: heard.at_end,
            findings: heard.findings,
            probability: heard.suspicion,
            minutes_to_verdict: waited.map(|waited| waited.as_secs_f64() / 60.0),
            rate_error: rates.map(|(truth, rate)| rate / truth - 1.0),
            is_rate_covered: covered.map(|(truth, [low, high])| (low..=high).contains(&truth)),
            days: measured.days(),
            baselines: measured.judge(),
        }
    }

    fn is_leak(&self) -> bool {
        self.label == Kind::Leak
    }

    fn is_called(&self) -> bool {
        !self.called_under.is_empty()
    }

    fn print(&self) {
        println!(
            "{:<28} {:<8} {:<8} {:>8.3} {:>8} {:>9}  {}{}",
            self.file.trim_end_matches(".zst").trim_end_matches(".ndjson"),
            if self.is_leak() { "leak" } else { "healthy" },
            match (self.is_called(), self.is_called_at_end) {
                (true, true) => "at end",
                (true, false) => "once",
                (false, _) => "-",
            },
            self.probability,
            self.minutes_to_verdict.map_or_else(String::new, |minutes| format!("{minutes:.1}")),
            self.rate_error.map_or_else(String::new, |error| format!("{:+.1} %", error * 100.0)),
            self.called_under.join(", "),
            self.class.as_ref().map_or_else(String::new, |class| format!("  ({class})")),
        );
    }
}

impl Report {
    fn of(files: Vec<Judged>) -> Self {
        let healthy = || files.iter().filter(|it| !it.is_leak());
        let suspected = healthy().filter(|it| it.is_suspected).count();
        let false_findings = healthy().map(|it| it.findings).sum();
        let days: f64 = healthy().map(|it| it.days).sum();
        let covered: Vec<_> = files.iter().filter_map(|it| it.is_rate_covered).collect();
        let baseline = |(at, name): (usize, Baseline)| Compared {
            name,
            end: quality(&files, |it| it.baselines[at].at_end),
            ever: quality(&files, |it| it.baselines[at].ever),
        };
        let leaks = || files.iter().filter(|it| it.is_leak());
        Self {
            end: quality(&files, |it| it.is_called_at_end),
            ever: quality(&files, Judged::is_called),
            healthy_ever_low: Share::new(suspected as u64, healthy().count() as u64),
            false_findings,
            false_findings_per_day: (days > 0.0).then(|| false_findings as f64 / days),
            minutes_to_verdict: median(leaks().filter_map(|it| it.minutes_to_verdict)),
            rate_error: median(leaks().filter_map(|it| it.rate_error.map(f64::abs))),
            rate_covered: Share::new(
                covered.iter().filter(|is_covered| **is_covered).count() as u64,
                covered.len() as u64,
            ),
            baselines: Baseline::ALL.into_iter().enumerate().map(baseline).collect(),
            files,
        }
    }

    fn print(&self) {
        print::quality("end", &self.end);
        print::quality("ever", &self.ever);
        println!(
            "healthy ever low or above: {}; false findings: {}, {} a process-day",
            print::bounded(&self.healthy_ever_low),
            self.false_findings,
            print::number(self.false_findings_per_day)
        );
        println!(
            "median minutes to verdict {}; median error of the rate {}, held by its interval {}",
            print::number(self.minutes_to_verdict),
            print::number(self.rate_error),
            print::bounded(&self.rate_covered)
        );
        print::compared(&self.baselines, &[("this", &self.end, &self.ever)]);
    }
}

fn quality(files: &[Judged], is_called: impl Fn(&Judged) -> bool) -> Quality {
    Quality::of(files.iter().map(|it| (it.is_leak(), is_called(it))))
}

/// Has the agent judge a file, and keeps what a baseline would see of it.
fn judge(path: &Path, agent: &Path) -> Result<(Heard, Measured)> {
    let open = || format!("open {}", path.display());
    let file = File::open(path).with_context(open)?;
    let lines: Box<dyn Read + Send> = if path.extension().is_some_and(|end| end == "zst") {
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
    let (measured, heard) = std::thread::scope(|scope| {
        let told = scope.spawn(move || -> std::io::Result<Measured> {
            let mut measured = Measured::default();
            let mut stdin = stdin;
            for line in BufReader::new(lines).split(b'\n') {
                let mut line = line?;
                measured.take(&line);
                line.push(b'\n');
                // An agent that ends early says so itself.
                stdin = stdin.filter(|mut stdin| stdin.write_all(&line).is_ok());
            }
            Ok(measured)
        });
        let heard = stdout.map_or_else(|| Ok(Heard::default()), |out| hear(BufReader::new(out)));
        (told.join(), heard)
    });
    let status = child.wait().context("wait for the agent")?;
    if !status.success() {
        bail!("{}: the agent ended with {status}", path.display());
    }
    let Ok(measured) = measured else { bail!("{}: reading it failed", path.display()) };
    Ok((heard?, measured.with_context(|| format!("read {}", path.display()))?))
}

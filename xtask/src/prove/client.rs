//! Every command that asks a running agent, on this host as it is and with a program that leaks: both
//! outputs, to be read and compared, and a check that they differ where they should.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::http::get;
use super::served::{Folder, LEAK, Running, serve};
use crate::sh;

#[derive(Args)]
pub(super) struct Options {
    /// For how long the host is watched before it is asked for the first time, in seconds
    #[arg(long, default_value_t = 240)]
    seconds: u64,
    /// An agent that is built already
    #[arg(long, env = "MEMWATCH_BIN")]
    agent: Option<PathBuf>,
}

/// How long the agent may take to call it a leak, and be sure of it.
const JUDGED: Duration = Duration::from_mins(6);

/// What is asked, and whether a leak changes what is answered.
const ASKED: &[(&[&str], bool)] = &[
    (&["status"], true),
    (&["health"], true),
    (&["health", "--plugin"], true),
    (&["metrics", "--period", "10"], true),
    (&["performance"], true),
    (&["leaks"], true),
    (&["trends"], true),
    (&["leak-check"], true),
    (&["report"], true),
    (&["optimize"], true),
    (&["explain"], true),
    (&["leak-rules", "--running"], false),
    (&["cleanup"], false),
    (&["gc"], false),
    (&["leak-force-cleanup"], false),
    (&["silence"], false),
];

/// What a command printed, and how it ended.
#[derive(PartialEq)]
struct Said {
    text: String,
    status: Option<i32>,
}

pub(super) fn prove(options: &Options) -> Result<()> {
    let agent = options.agent.clone().map_or_else(sh::build_agent, Ok)?;
    let dir = Folder::new("client")?;
    let (_served, address) = serve(&agent, dir.path(), &[])?;
    let socket = dir.path().join("socket");
    println!("the host is watched for {} s", options.seconds);
    sleep(Duration::from_secs(options.seconds));
    let before = ask_all(&agent, &socket, "on the host as it is")?;
    let python = Command::new("python3").args(["-c", LEAK]).stdin(Stdio::null()).spawn();
    let leak = Running(python.context("start the leaking program")?);
    let pid = leak.0.id();
    let found = wait_for_leak(&address, pid)?;
    println!("\npid {pid} leaks, finding {found}");
    let after = ask_all(&agent, &socket, "with a program that leaks")?;
    for (((command, differs), before), after) in ASKED.iter().zip(&before).zip(&after) {
        let name = command.join(" ");
        ensure!(!differs || before != after, "{name} says the same with a leak and without");
    }
    let named = ["leaks", "trends", "report", "optimize", "explain"];
    for ((command, _), after) in
        ASKED.iter().zip(&after).filter(|((it, _), _)| named.contains(&it[0]))
    {
        ensure!(after.text.contains(&pid.to_string()), "{} does not name pid {pid}", command[0]);
    }
    println!(
        "\nprove: {} commands twice; those that should differ do, and name pid {pid}",
        ASKED.len()
    );
    Ok(())
}

fn ask_all(agent: &Path, socket: &Path, when: &str) -> Result<Vec<Said>> {
    println!("\n== {when}");
    ASKED.iter().map(|(command, _)| ask(agent, socket, command)).collect()
}

fn ask(agent: &Path, socket: &Path, command: &[&str]) -> Result<Said> {
    let mut asked = Command::new(agent);
    asked.args(command).arg("--socket").arg(socket).stdin(Stdio::null());
    let out = asked.output().with_context(|| format!("failed to run {}", sh::quoted(&asked)))?;
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    let status = out.status.code();
    let shown = status.filter(|it| *it != 0).map_or(String::new(), |it| format!("[{it}]\n"));
    print!("$ memwatch-ebpf {}\n{text}{shown}", command.join(" "));
    Ok(Said { text: text.into_owned(), status })
}

/// Waits until the agent calls the process a leak; the id of the finding.
fn wait_for_leak(address: &str, pid: u32) -> Result<String> {
    let end = Instant::now() + JUDGED;
    loop {
        // All of them: of a process that was not seen yet the agent knows nothing to tell.
        let answer = get(address, "/api/monitoring/findings?state=open")?;
        let answer: Value = serde_json::from_str(&answer).context("the list of findings")?;
        let findings = answer["findings"].as_array().context("a list of findings")?;
        let is_ours = |it: &&Value| it["pid"] == pid && it["verdict"] == "leak";
        if let Some(leak) = findings.iter().find(is_ours) {
            return Ok(leak["id"].as_str().unwrap_or_default().to_owned());
        }
        ensure!(Instant::now() < end, "pid {pid} was not called a leak within {JUDGED:?}");
        sleep(Duration::from_secs(2));
    }
}

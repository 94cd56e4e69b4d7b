//! `cargo xtask ci`: every check there is, in the order in which they fail fastest.
//!
//! The hosted workflow only calls this, so what it finds can be found, and mended, without it.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::ebpf::{self, Toolchain};
use crate::{setup, sh, web};

/// The host's crates; the kernel crate builds for its own target only.
const HOST: &[&str] = &["--locked", "--workspace", "--exclude", "monitor-ebpf"];

/// How a step ended that did not fail.
enum Outcome {
    Passed,
    /// Not done, and why.
    Skipped(String),
}

struct Step {
    name: &'static str,
    run: fn() -> Result<Outcome>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", run: fmt },
    Step { name: "typos", run: typos },
    Step { name: "deny", run: deny },
    Step { name: "clippy", run: clippy },
    Step { name: "clippy-ebpf", run: clippy_ebpf },
    Step { name: "doc", run: doc },
    Step { name: "ebpf --check", run: ebpf_check },
    Step { name: "web --check", run: web_check },
    Step { name: "test", run: test },
];

pub(crate) fn ci() -> Result<()> {
    let mut summary = Vec::new();
    let mut failure = None;
    for step in STEPS {
        println!("\n==> {}", step.name);
        let started = Instant::now();
        let outcome = (step.run)();
        let took = started.elapsed();
        let verdict = match &outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(_) => "FAILED".to_owned(),
        };
        println!("<== {}: {verdict} ({:.1} s)", step.name, took.as_secs_f64());
        summary.push((step.name, took, verdict));
        if let Err(error) = outcome {
            failure = Some((step.name, error));
            break;
        }
    }
    print_summary(&summary);
    match failure {
        Some((name, error)) => Err(error.context(format!("ci failed at step `{name}`"))),
        None => Ok(()),
    }
}

fn print_summary(summary: &[(&str, Duration, String)]) {
    println!("\n{:<14} {:>8}  result", "step", "seconds");
    for (name, took, verdict) in summary {
        println!("{name:<14} {:>8.1}  {verdict}", took.as_secs_f64());
    }
}

fn fmt() -> Result<Outcome> {
    sh::run(sh::cargo()?.args(["fmt", "--all", "--check"]))
        .context("run `cargo fmt --all` and look at what it changed")?;
    Ok(Outcome::Passed)
}

fn typos() -> Result<Outcome> {
    optional("typos", "typos-cli", &[])
}

fn deny() -> Result<Outcome> {
    // No advisories: their database is on the network and changes by itself.
    optional(
        "cargo-deny",
        "cargo-deny",
        &["--all-features", "check", "licenses", "bans", "sources"],
    )
}

/// Runs a tool of others where it is installed; building it would take longer than all the rest.
fn optional(tool: &str, package: &str, args: &[&str]) -> Result<Outcome> {
    let Some(program) = sh::find_on_path(tool) else {
        return Ok(Outcome::Skipped(format!(
            "{tool} is not installed (cargo install --locked {package})"
        )));
    };
    sh::run(std::process::Command::new(program).args(args).current_dir(sh::root()?))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    let mut clippy = sh::cargo()?;
    clippy.arg("clippy").args(HOST).args(["--all-targets", "--", "-D", "warnings"]);
    sh::run(&mut clippy)?;
    Ok(Outcome::Passed)
}

fn clippy_ebpf() -> Result<Outcome> {
    let toolchain = match setup::ebpf().and_then(|()| Toolchain::installed()) {
        Ok(toolchain) => toolchain,
        Err(error) if env::var_os("CI").is_some() => return Err(error),
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    toolchain.clippy()?;
    Ok(Outcome::Passed)
}

fn doc() -> Result<Outcome> {
    let mut doc = sh::cargo()?;
    doc.arg("doc").args(HOST).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings");
    sh::run(&mut doc)?;
    Ok(Outcome::Passed)
}

fn ebpf_check() -> Result<Outcome> {
    ebpf::ebpf(&ebpf::Options { check: true })?;
    Ok(Outcome::Passed)
}

fn web_check() -> Result<Outcome> {
    Ok(web::check()?.map_or(Outcome::Passed, Outcome::Skipped))
}

/// As a child, because that is the command people are told to run.
fn test() -> Result<Outcome> {
    sh::run(sh::cargo()?.args(["xtask", "test"]))?;
    Ok(Outcome::Passed)
}

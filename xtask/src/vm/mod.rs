//! `cargo xtask vm`: the end-to-end tests on other kernels, each booted in an emulated machine that
//! has nothing but the tests and what they run.
//!
//! Needs no virtualisation: QEMU translates every instruction. That is slow, so by default only the
//! tests run that tell most about a kernel; `--full` runs all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::{setup, sh};

mod archive;
mod boot;
mod kernel;
mod kills;
mod rootfs;
mod systemd;

pub(crate) use kills::{Killed, copy_off};

/// A test executable and what picks its tests: parts of names, or `--skip` and one; none pick all.
type Tests<'a> = (&'a str, Vec<&'a str>);

/// What tells most in least time: every traced call with all its arguments, address spaces byte by
/// byte, what a process holds kind by kind, who owns it, what was there before, who it is, what
/// its cgroup takes, where the host's memory is, what a full ring costs, and a command from its
/// first instruction.
const USUAL: &[(&str, &[&str])] = &[
    (
        "exact",
        &[
            "random_changes_of_an_address_space",
            "a_child_that_goes_its_own_way",
            "an_agent_that_misses_releases",
        ],
    ),
    ("strace", &["every_form_of_every_call"]),
    ("kinds", &["every_form_of_every_kind"]),
    ("held", &["what_a_killed_program_held"]),
    // What is left out shows that the cases are as the others expect, who check it too.
    ("own", &["--skip", "every_case_holds_still"]),
    ("seed", &[]),
    ("sampled", &[]),
    ("who", &[]),
    ("component", &[]),
    ("host", &[]),
    ("loss", &[]),
    ("life", &["a_commands_own_status", "from_its_first_instruction"]),
];
const ALL: &[&str] = &[
    "exact",
    "strace",
    "kinds",
    "held",
    "own",
    "seed",
    "sampled",
    "who",
    "component",
    "host",
    "loss",
    "life",
    "filter",
    "replay",
    "storm",
];

#[derive(Args)]
pub(crate) struct Options {
    /// `systemd`: install the service, use it and take it away, where systemd is the first process
    #[arg(value_enum, conflicts_with_all = ["full", "filters"])]
    scenario: Option<Scenario>,
    /// Which kernel
    #[arg(long, value_enum, default_value_t = Choice::All)]
    kernel: Choice,
    /// All tests whose programs are there, with all their seeds
    #[arg(long, conflicts_with = "filters")]
    full: bool,
    /// An agent that is built already
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Run the tests whose name contains any of these
    #[arg(last = true, value_name = "TEST_FILTER")]
    filters: Vec<String>,
}

/// Something other than the end-to-end tests.
#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    Systemd,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Choice {
    /// Debian 12
    #[value(name = "6.1")]
    V6_1,
    /// Debian 12, backports
    #[value(name = "6.12")]
    V6_12,
    All,
}

impl Choice {
    fn kernels(self) -> &'static [kernel::Series] {
        match self {
            Self::V6_1 => &kernel::SERIES[..1],
            Self::V6_12 => &kernel::SERIES[1..],
            Self::All => &kernel::SERIES,
        }
    }
}

pub(crate) fn vm(options: &Options) -> Result<()> {
    let tests = chosen(options)?;
    setup::vm()?;
    let dir = sh::target_dir()?.join("vm");
    fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
    let agent = match &options.agent {
        Some(agent) => agent.clone(),
        None => sh::build_agent()?,
    };
    let initramfs = match options.scenario {
        Some(Scenario::Systemd) => systemd::build(&dir, &agent)?,
        None => rootfs::build(&dir, &agent, &tests, options.full)?,
    };
    let limit = if options.full { Duration::from_hours(1) } else { Duration::from_mins(20) };
    let mut failed = Vec::new();
    for series in options.kernel.kernels() {
        if let Err(error) = run_on(series, &dir, &initramfs, limit) {
            println!("vm: Linux {}: {error:#}", series.name);
            failed.push(series.name);
        }
    }
    if !failed.is_empty() {
        bail!("the tests did not pass on Linux {}", failed.join(" and "));
    }
    Ok(())
}

fn run_on(series: &kernel::Series, dir: &Path, initramfs: &Path, limit: Duration) -> Result<()> {
    let image = kernel::fetch(series, dir)?;
    println!("\nvm: booting {}", image.display());
    let outcome = boot::run(&image, initramfs, limit)?;
    println!("vm: Linux {}: {outcome}", series.name);
    outcome.verdict()
}

/// The tests to run, by executable.
fn chosen(options: &Options) -> Result<Vec<Tests<'_>>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if let Some(odd) = options.filters.iter().find(|filter| !filter.chars().all(is_plain)) {
        bail!("{odd:?} cannot be part of a test's name");
    }
    Ok(if options.full || !options.filters.is_empty() {
        let filters: Vec<&str> = options.filters.iter().map(String::as_str).collect();
        ALL.iter().map(|&name| (name, filters.clone())).collect()
    } else {
        USUAL.iter().map(|&(name, filters)| (name, filters.to_vec())).collect()
    })
}

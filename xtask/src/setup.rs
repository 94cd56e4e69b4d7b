//! What has to be installed, and installing it: the pinned toolchain of the kernel object, and the
//! programs that the end-to-end tests watch and the benchmarks load.
//!
//! Asking comes first and changes nothing, so that a machine that has everything is left alone
//! without a word and without a network. Only root installs packages; anybody else is told what to
//! run.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::sh;

/// Debian's rustc for the web browsers: the only distribution of a `core` for the BPF target, and
/// what bpf-linker is built against. Clippy is that of the same compiler.
const EBPF_PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-clippy",
    "rust-web-llvm",
    "libstd-rust-web-dev-bpf",
    "llvm-22-dev",
    "libpolly-22-dev",
    "zlib1g-dev",
    "libzstd-dev",
];

/// Programs that the end-to-end tests compile, run and ask; servers with what loads them.
const TEST_PACKAGES: &[&str] = &[
    "strace",
    "gcc",
    "g++",
    "libc6-dev",
    "bpftool",
    "redis-server",
    "redis-tools",
    "postgresql",
    "nginx-light",
    "wrk",
    "nodejs",
    "python3",
    "sqlite3",
    "default-jdk-headless",
];

/// What shows the page to its proofs.
const BROWSER_PACKAGES: &[&str] = &["chromium", "fonts-dejavu-core"];
/// Receivers of alerts.
const ALERT_PACKAGES: &[&str] = &["gcc", "python3", "python3-aiosmtpd", "prometheus-alertmanager"];

/// Programs that benchmarks load, and what loads them.
const BENCH_PACKAGES: &[&str] =
    &["gcc", "libc6-dev", "redis-server", "redis-tools", "nginx-light", "wrk", "postgresql-15"];

/// Peers of the proofs.
const PROVE_PACKAGES: &[&str] = &["prometheus", "python3"];

/// An emulator, what fills the machine, and what the tests run inside.
const VM_PACKAGES: &[&str] = &[
    "qemu-system-x86",
    "busybox-static",
    "strace",
    "gcc",
    "libc6-dev",
    "util-linux",
    "redis-server",
    "bpftool",
    "systemd",
    "passwd",
    "e2fsprogs",
    "sqlite3",
];

/// What asks an API whatever its description allows (PyPI), and what installs it.
const SCHEMATHESIS_VERSION: &str = "4.32.5";
const VENV_PACKAGES: &[&str] = &["python3", "python3-venv"];

const BPF_LINKER_VERSION: &str = "0.13.0";

/// The tools of exactly the LLVM that Debian's rustc uses.
pub(crate) const LLVM_BIN: &str = "/usr/lib/llvm-22/bin";

/// Asked by every maintainer script before it starts a service; exit status 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

#[derive(Args)]
pub(crate) struct Options {
    /// Only what `cargo xtask ebpf` needs
    #[arg(long)]
    ebpf: bool,
    /// Only what the end-to-end tests need
    #[arg(long)]
    tests: bool,
}

pub(crate) fn setup(options: &Options) -> Result<()> {
    let everything = !options.ebpf && !options.tests;
    if options.ebpf || everything {
        ebpf()?;
    }
    if options.tests || everything {
        tests()?;
    }
    Ok(())
}

/// Makes sure that the kernel object can be built.
pub(crate) fn ebpf() -> Result<()> {
    packages(EBPF_PACKAGES)?;
    bpf_linker()
}

/// Makes sure that the end-to-end tests find their programs.
pub(crate) fn tests() -> Result<()> {
    packages(TEST_PACKAGES)
}

/// Makes sure that the page can be built. Node of others comes with its own npm, beside which Debian's
/// cannot be installed.
pub(crate) fn web() -> Result<()> {
    let is_there = |name: &str| sh::find_on_path(name).is_some();
    if is_there("node") && is_there("npm") { Ok(()) } else { packages(&["nodejs", "npm"]) }
}

/// Makes sure that there is a browser.
pub(crate) fn browser() -> Result<()> {
    packages(BROWSER_PACKAGES)
}

/// Makes sure that there are receivers of alerts.
pub(crate) fn alerts() -> Result<()> {
    packages(ALERT_PACKAGES)
}

/// Makes sure that benchmarks find the programs that they load.
pub(crate) fn bench() -> Result<()> {
    packages(BENCH_PACKAGES)
}

/// Makes sure that proofs find their peers.
pub(crate) fn prove() -> Result<()> {
    packages(PROVE_PACKAGES)
}

/// Makes sure that test machines can be filled and booted.
pub(crate) fn vm() -> Result<()> {
    packages(VM_PACKAGES)
}

/// schemathesis, in a place of its own below what cargo builds; installed where it is missing.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let name = format!("schemathesis-{SCHEMATHESIS_VERSION}");
    let dir = sh::target_dir()?.join("prove").join(name);
    let program = dir.join("bin/schemathesis");
    if program.is_file() {
        return Ok(program);
    }
    let mut has_venv = Command::new("python3");
    has_venv.args(["-c", "import ensurepip, venv"]).stderr(Stdio::null());
    if sh::output(&mut has_venv).is_err() {
        packages(VENV_PACKAGES)?;
    }
    println!("setup: installing schemathesis {SCHEMATHESIS_VERSION}");
    sh::run(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    let wanted = format!("schemathesis=={SCHEMATHESIS_VERSION}");
    sh::run(Command::new(dir.join("bin/pip")).args(["install", "--quiet", &wanted]))?;
    Ok(program)
}

/// bpf-linker, wherever cargo or the administrator put it.
pub(crate) fn find_bpf_linker() -> Option<PathBuf> {
    let installed = || Some(sh::cargo_home().ok()?.join("bin/bpf-linker")).filter(|p| p.is_file());
    sh::find_on_path("bpf-linker").or_else(installed)
}

/// The version of a bpf-linker, without its name.
pub(crate) fn bpf_linker_version(linker: &Path) -> Result<String> {
    let text = sh::output(Command::new(linker).arg("--version"))?;
    Ok(text.trim().trim_start_matches("bpf-linker").trim().to_owned())
}

fn bpf_linker() -> Result<()> {
    if let Some(linker) = find_bpf_linker() {
        let version = bpf_linker_version(&linker)?;
        if version == BPF_LINKER_VERSION {
            return Ok(());
        }
        println!("setup: {} is version {version}, not {BPF_LINKER_VERSION}", linker.display());
    }
    println!("setup: building bpf-linker {BPF_LINKER_VERSION} (about a minute)");
    let mut path = vec![PathBuf::from(LLVM_BIN)];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    sh::run(
        sh::cargo()?
            .args(["install", "bpf-linker", "--locked", "--force"])
            .args(["--version", BPF_LINKER_VERSION])
            .args(["--no-default-features", "--features", "llvm-22"])
            .env("PATH", env::join_paths(path).context("PATH cannot be extended")?)
            // The linker is no part of this workspace: its build belongs elsewhere.
            .env_remove("CARGO_TARGET_DIR"),
    )?;
    println!("setup: installed bpf-linker {BPF_LINKER_VERSION}");
    Ok(())
}

/// Installs those of `wanted` that are missing.
fn packages(wanted: &[&str]) -> Result<()> {
    let missing = missing(wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install --no-install-recommends --yes {}", missing.join(" "));
    if !sh::is_root() {
        bail!("packages are missing and only root can install them; run: sudo {install}");
    }
    println!("setup: installing {}", missing.join(" "));
    let _quiet = NoServices::begin()?;
    let apt = || {
        let mut apt = Command::new("apt-get");
        // dpkg counts files on stdout; what goes wrong is on stderr.
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2").stdout(Stdio::null());
        apt
    };
    sh::run(apt().arg("update"))?;
    sh::run(apt().args(["install", "--no-install-recommends", "--yes"]).args(&missing))?;
    println!("setup: installed {}", missing.join(" "));
    Ok(())
}

/// Those of `wanted` that dpkg does not call installed.
fn missing<'a>(wanted: &[&'a str]) -> Result<Vec<&'a str>> {
    if sh::find_on_path("dpkg-query").is_none() {
        bail!(
            "this is no Debian or Ubuntu, whose packages are known here; install the equivalents \
             of these by hand, or work in a debian:12 container: {}",
            wanted.join(" ")
        );
    }
    // The exit status only says that something is unknown, which is what is being asked.
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"]).args(wanted);
    let out = query
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {}", sh::quoted(&query)))?;
    Ok(not_installed(wanted, &String::from_utf8_lossy(&out.stdout)))
}

/// Pure half of [`missing`]: `listing` has a line `package status` for each package dpkg knows.
fn not_installed<'a>(wanted: &[&'a str], listing: &str) -> Vec<&'a str> {
    let installed: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    wanted.iter().copied().filter(|name| !installed.contains(name)).collect()
}

/// While it lives, packages install without starting their services: a test brings up its own
/// servers, and this machine asked for none.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(POLICY);
        let mut file = match opened {
            Ok(file) => file,
            // The administrator, or a container image, already decides; it is not ours to replace.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Ok(Self { ours: false });
            }
            Err(error) => return Err(error).context(format!("failed to create {POLICY}")),
        };
        let guard = Self { ours: true };
        // Ctrl-C ends apt-get, but must not end us before the guard has undone its file.
        sh::survive_interrupt()?;
        file.write_all(b"#!/bin/sh\nexit 101\n")
            .with_context(|| format!("failed to write {POLICY}"))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!(
                "setup: remove {POLICY} by hand, or no package will start its service: {error}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_status_installed_counts() {
        let listing = "gcc installed\nstrace config-files\nredis-server not-installed\n";
        let wanted = ["gcc", "strace", "redis-server", "bpftool"];
        assert_eq!(not_installed(&wanted, listing), ["strace", "redis-server", "bpftool"]);
        assert!(not_installed(&["gcc"], listing).is_empty());
    }
}

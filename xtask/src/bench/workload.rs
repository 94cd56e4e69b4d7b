//! The measured loop: one kind of system call, as fast as one pinned thread can make it.
//!
//! It runs in a process of its own (`cargo xtask bench-loop`), so that the agent sees an ordinary
//! program, and prints one JSON line. The calls are made raw: the C library's allocator and caches
//! must not decide how many there are.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Timed separately, so that one interruption shows as one slow batch and not in the median.
const BATCHES: u64 = 20;

const PAGE: usize = 4096;

#[derive(Args)]
pub(crate) struct Options {
    /// Which system call
    #[arg(value_enum)]
    kind: Kind,
    /// How many calls (of a pair of calls) in all
    count: u64,
    /// The CPU to run on (default: the second)
    #[arg(long)]
    cpu: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Map one anonymous page and unmap it
    Mmap,
    /// Move the program break up by one page and down again
    Brk,
    /// Ask for the parent's id, which nobody traces
    Getppid,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Mmap, Self::Brk, Self::Getppid];

    /// Name on the command line and in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mmap => "mmap",
            Self::Brk => "brk",
            Self::Getppid => "getppid",
        }
    }

    /// Traced system calls in one turn of the loop.
    pub(crate) const fn events_per_call(self) -> u32 {
        match self {
            Self::Mmap | Self::Brk => 2,
            Self::Getppid => 0,
        }
    }

    /// Turns that take a few tenths of a second.
    pub(crate) const fn default_count(self) -> u64 {
        match self {
            Self::Mmap | Self::Brk => 200_000,
            Self::Getppid => 4_000_000,
        }
    }
}

/// What one run of the loop measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    pub(crate) count: u64,
    /// Over the whole run.
    pub(crate) ns_per_call: f64,
    /// Of the batches' averages.
    pub(crate) ns_per_call_median: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match options.cpu {
        Some(cpu) => pin(cpu)?,
        None => pin(measured_cpu()?)?,
    }
    let per_batch = options.count.div_ceil(BATCHES).max(1);
    batch(options.kind, per_batch.min(1000))?;
    let mut averages = Vec::new();
    for _ in 0..BATCHES {
        let started = Instant::now();
        batch(options.kind, per_batch)?;
        averages.push(started.elapsed().as_nanos() as f64 / per_batch as f64);
    }
    let measured = Measured {
        kind: options.kind,
        count: per_batch * BATCHES,
        ns_per_call: averages.iter().sum::<f64>() / averages.len() as f64,
        ns_per_call_median: super::stats::median(&averages),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// The second CPU this process may use, as the first one takes most of a machine's interrupts; the
/// only one where there is no second.
pub(crate) fn measured_cpu() -> Result<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).context("failed to read our CPU affinity")?;
    let mut cpus = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    let first = cpus.next().context("our CPU affinity allows no CPU at all")?;
    Ok(cpus.next().unwrap_or(first))
}

/// Keeps this process on one CPU.
fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu).with_context(|| format!("there is no CPU {cpu}"))?;
    set_affinity(&set)
}

/// Keeps this process and the children it will have off one CPU, if any other remains.
pub(crate) fn stay_off(cpu: usize) -> Result<()> {
    let mut set = sched_getaffinity(Pid::from_raw(0)).context("failed to read our CPU affinity")?;
    set.unset(cpu).with_context(|| format!("there is no CPU {cpu}"))?;
    let any_left = (0..CpuSet::count()).any(|cpu| set.is_set(cpu).unwrap_or(false));
    if any_left { set_affinity(&set) } else { Ok(()) }
}

fn set_affinity(set: &CpuSet) -> Result<()> {
    sched_setaffinity(Pid::from_raw(0), set).context("failed to set our CPU affinity")
}

fn batch(kind: Kind, calls: u64) -> Result<()> {
    match kind {
        Kind::Mmap => mmap_munmap(calls),
        Kind::Brk => brk_up_down(calls),
        Kind::Getppid => {
            getppid(calls);
            Ok(())
        }
    }
}

fn mmap_munmap(calls: u64) -> Result<()> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    for _ in 0..calls {
        // SAFETY: the kernel chooses the place, so no memory in use is replaced.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            bail!("mmap of one page failed: {}", std::io::Error::last_os_error());
        }
        // SAFETY: the page was mapped one line up and nothing points into it.
        unsafe { libc::munmap(page, PAGE) };
    }
    Ok(())
}

fn brk_up_down(calls: u64) -> Result<()> {
    // SAFETY: a break of 0 is refused, and the answer is where it is.
    let low = unsafe { libc::syscall(libc::SYS_brk, 0) };
    let high = low + PAGE as libc::c_long;
    for _ in 0..calls {
        // SAFETY: the page above the break is given back before anybody could use it; the
        // allocator is not called in between.
        let (raised, lowered) =
            unsafe { (libc::syscall(libc::SYS_brk, high), libc::syscall(libc::SYS_brk, low)) };
        if raised != high || lowered != low {
            bail!("brk to {high:#x} gave {raised:#x}, back to {low:#x} gave {lowered:#x}");
        }
    }
    Ok(())
}

fn getppid(calls: u64) {
    for _ in 0..calls {
        // SAFETY: this call has no arguments and cannot fail.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
}

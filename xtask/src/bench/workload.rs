//! The measured loop: one kind of system call, as fast as one pinned thread can make it.
//!
//! It runs in a process of its own (`cargo xtask bench-loop`), so that the agent sees an ordinary
//! program, and prints one JSON line. The calls are made raw: the C library's allocator and caches
//! must not decide how many there are. A few are made in a row and timed together; what undoes them
//! is not part of it.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::deep::{ALL_FRAMES, Caller};

/// Timed separately, so that one interruption shows as one slow batch and not in the median.
const BATCHES: u64 = 20;
/// Calls in a row.
const ROW: usize = 64;
const PAGE: usize = 4096;
/// The smallest mapping of which the agent takes a call stack.
const LARGE: usize = 128 << 10;

#[derive(Args)]
pub(crate) struct Options {
    /// Which system call
    #[arg(value_enum)]
    kind: Kind,
    /// How many calls in all
    count: u64,
    /// From how many functions deep they seem to be made
    #[arg(long, default_value_t = ALL_FRAMES)]
    frames: usize,
    /// The CPU to run on (default: the second)
    #[arg(long)]
    cpu: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Map one anonymous page
    Mmap,
    /// Unmap it
    Munmap,
    /// Map anonymous memory that is large enough for a call stack
    LargeMmap,
    /// Move the program break up by one page
    Brk,
    /// Make an eventfd
    Eventfd,
    /// Copy a descriptor
    Dup,
    /// Close an eventfd
    Close,
    /// Close a plain file, which makes no event
    PlainClose,
    /// Ask for the parent's id, which nobody traces
    Getppid,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Mmap,
        Self::Munmap,
        Self::LargeMmap,
        Self::Brk,
        Self::Eventfd,
        Self::Dup,
        Self::Close,
        Self::PlainClose,
        Self::Getppid,
    ];

    /// Name on the command line and in the raw numbers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mmap => "mmap",
            Self::Munmap => "munmap",
            Self::LargeMmap => "large-mmap",
            Self::Brk => "brk",
            Self::Eventfd => "eventfd",
            Self::Dup => "dup",
            Self::Close => "close",
            Self::PlainClose => "plain-close",
            Self::Getppid => "getppid",
        }
    }

    /// Whether a program of the agent runs when it is called.
    pub(crate) const fn is_traced(self) -> bool {
        !matches!(self, Self::Getppid)
    }

    /// Whether the agent takes its call stack when asked for all.
    pub(crate) const fn has_stack(self) -> bool {
        matches!(self, Self::LargeMmap | Self::Brk | Self::Eventfd | Self::Dup)
    }

    /// Calls that take a few tenths of a second.
    pub(crate) const fn default_count(self) -> u64 {
        match self {
            Self::Getppid => 2_000_000,
            _ => 200_000,
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
    let rows = options.count.div_ceil(BATCHES * ROW as u64).max(1);
    let bench = Bench::new(options.frames)?;
    bench.batch(options.kind, rows.min(1000 / ROW as u64))?;
    let mut averages = Vec::new();
    for _ in 0..BATCHES {
        let spent = bench.batch(options.kind, rows)?;
        averages.push(spent.as_nanos() as f64 / (rows * ROW as u64) as f64);
    }
    let measured = Measured {
        kind: options.kind,
        count: rows * ROW as u64 * BATCHES,
        ns_per_call: averages.iter().sum::<f64>() / averages.len() as f64,
        ns_per_call_median: super::stats::median(&averages),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// The second CPU this process may use, as the first one takes most of a machine's interrupts; the
/// only one where there is no second.
pub(crate) fn measured_cpu() -> Result<usize> {
    Ok(measured_cpu_and_others()?.0)
}

/// The same, and the others that this process may use.
pub(crate) fn measured_cpu_and_others() -> Result<(usize, Vec<usize>)> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).context("failed to read our CPU affinity")?;
    let is_allowed = |cpu: &usize| allowed.is_set(*cpu).unwrap_or(false);
    let mut cpus: Vec<usize> = (0..CpuSet::count()).filter(is_allowed).collect();
    anyhow::ensure!(!cpus.is_empty(), "our CPU affinity allows no CPU at all");
    let measured = cpus.remove(1.min(cpus.len() - 1));
    Ok((measured, cpus))
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

/// What the calls need.
struct Bench {
    caller: Caller,
    plain: File,
}

impl Bench {
    fn new(frames: usize) -> Result<Self> {
        let plain = File::open("/proc/self/exe").context("failed to open our own program")?;
        Ok(Self { caller: Caller::new(frames), plain })
    }

    /// The time that so many rows of calls took.
    fn batch(&self, kind: Kind, rows: u64) -> Result<Duration> {
        (0..rows).map(|_| self.row(kind)).sum()
    }

    fn row(&self, kind: Kind) -> Result<Duration> {
        match kind {
            Kind::Mmap => Ok(self.map_and_unmap(PAGE)?.0),
            Kind::Munmap => Ok(self.map_and_unmap(PAGE)?.1),
            Kind::LargeMmap => Ok(self.map_and_unmap(LARGE)?.0),
            Kind::Brk => self.move_break(),
            Kind::Eventfd => Ok(self.make_and_close(Self::eventfd)?.0),
            Kind::Close => Ok(self.make_and_close(Self::eventfd)?.1),
            Kind::Dup => self.copy(),
            Kind::PlainClose => Ok(self.make_and_close(|it| it.dup(it.plain.as_raw_fd()))?.1),
            Kind::Getppid => Ok(timed(|_| {
                // SAFETY: this call changes nothing.
                unsafe { self.caller.call(libc::SYS_getppid, [0; 6]) }
            })?
            .1),
        }
    }

    /// The times of making mappings and of giving them back.
    fn map_and_unmap(&self, length: usize) -> Result<(Duration, Duration)> {
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        let arguments = [0, length, protection, flags, usize::MAX, 0];
        // SAFETY: the kernel chooses the place, so no memory in use is replaced.
        let (made, making) = timed(|_| unsafe { self.caller.call(libc::SYS_mmap, arguments) })?;
        // SAFETY: these were mapped three lines up and nothing points into them.
        let (_, giving_back) = timed(|index| unsafe {
            self.caller.call(libc::SYS_munmap, [made[index], length, 0, 0, 0, 0])
        })?;
        Ok((making, giving_back))
    }

    /// The time of moving the break up; it is then where it was.
    fn move_break(&self) -> Result<Duration> {
        let to = |end: usize| {
            // SAFETY: the memory above the break is given back before anybody could use it; the
            // allocator is not called in between.
            unsafe { self.caller.call(libc::SYS_brk, [end, 0, 0, 0, 0, 0]) }
        };
        // A break of 0 is refused, and the answer is where it is.
        let low = to(0)?;
        let (ends, spent) = timed(|index| to(low + (index + 1) * PAGE))?;
        let back = to(low)?;
        anyhow::ensure!(
            ends[ROW - 1] == low + ROW * PAGE && back == low,
            "the break cannot be moved from {low:#x}"
        );
        Ok(spent)
    }

    /// The times of making descriptors and of closing them.
    fn make_and_close(
        &self,
        make: impl Fn(&Self) -> Result<usize>,
    ) -> Result<(Duration, Duration)> {
        let (made, making) = timed(|_| make(self))?;
        let (_, closing) = timed(|index| self.close(made[index]))?;
        Ok((making, closing))
    }

    /// The time of copying the descriptor of an eventfd.
    fn copy(&self) -> Result<Duration> {
        let original = self.eventfd()?;
        let (copying, _) = self.make_and_close(|it| it.dup(original as i32))?;
        self.close(original)?;
        Ok(copying)
    }

    fn eventfd(&self) -> Result<usize> {
        // SAFETY: it makes a descriptor and changes no memory.
        unsafe { self.caller.call(libc::SYS_eventfd2, [0; 6]) }
    }

    fn dup(&self, fd: i32) -> Result<usize> {
        // SAFETY: it makes a descriptor and changes no memory.
        unsafe { self.caller.call(libc::SYS_dup, [fd as usize, 0, 0, 0, 0, 0]) }
    }

    /// Closes what was made here.
    fn close(&self, fd: usize) -> Result<usize> {
        // SAFETY: only descriptors that the loop has made, and that nothing else knows, come here.
        unsafe { self.caller.call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]) }
    }
}

/// Makes a row of calls: what they returned, and how long they took together.
fn timed(mut call: impl FnMut(usize) -> Result<usize>) -> Result<([usize; ROW], Duration)> {
    let mut results = [0; ROW];
    let started = Instant::now();
    for (index, result) in results.iter_mut().enumerate() {
        *result = call(index)?;
    }
    Ok((results, started.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_called_and_gives_back_what_it_took() {
        let bench = Bench::new(ALL_FRAMES).unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Brk) {
            assert!(bench.row(kind).unwrap() > Duration::ZERO, "{kind:?}");
        }
        // Other tests of this process open files meanwhile, but not dozens.
        assert!(open() < before + ROW / 2);
    }
}

//! What the agent is measured against: one program that makes events, or holds things, and ends
//! with whoever started it (`cargo xtask bench-load`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::sh;

const PAGE: usize = 4096;
/// Descriptors that one process is to hold where many are held: fewer than most hosts allow, whose
/// limit only CAP_SYS_RESOURCE may raise.
pub(super) const DESCRIPTORS_EACH: u64 = 10_000;
/// Room for what a load has open besides what it is to hold.
pub(super) const OWN_DESCRIPTORS: u64 = 64;
/// Calls between two looks at the clock.
const BATCH: u64 = 64;
/// How far behind its pace a load may fall and still make up for it.
const MOST_BEHIND: Duration = Duration::from_millis(10);

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Map and unmap a page in each of so many threads; says how many pairs that were
    Storm { threads: usize, seconds: f64, pairs_per_second: u64 },
    /// Map and unmap, and start programs, for so long
    Mixed { seconds: f64 },
    /// So many processes that do nothing
    Processes { count: u64 },
    /// So many mappings of a page, none beside another
    Mappings { count: u64 },
    /// So many eventfds, 10,000 in each process
    Descriptors { count: u64 },
    /// So many processes, each with eventfds and sockets; says their pids
    Holders { processes: u64, eventfds: u64, sockets: u64 },
}

/// A running load; killed when dropped.
pub(super) struct Load {
    child: Child,
    /// Its end tells the load to go.
    _stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Load {
    pub(super) fn start(arguments: &[String]) -> Result<Self> {
        let this = std::env::current_exe().context("failed to find this program's own file")?;
        let mut command = Command::new(this);
        command.arg("bench-load").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("failed to run {}", sh::quoted(&command)))?;
        let stdout = child.stdout.take().context("the load has no output")?;
        let stdin = child.stdin.take();
        Ok(Self { child, _stdin: stdin, stdout: BufReader::new(stdout) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line: that everything is held, or how much was done.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).context("failed to read from the load")?;
        if line.is_empty() {
            bail!("the load failed; see above");
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match options.kind {
        Kind::Storm { threads, seconds, pairs_per_second } => {
            say(&storm(threads, Duration::from_secs_f64(seconds), pairs_per_second)?.to_string())
        }
        Kind::Mixed { seconds } => mixed(Duration::from_secs_f64(seconds)),
        Kind::Processes { count } => {
            (0..count).try_for_each(|_| idle_child(|| {}).map(drop))?;
            hold()
        }
        Kind::Mappings { count } => {
            islands(count)?;
            hold()
        }
        Kind::Descriptors { count } => {
            let shares = (0..count).step_by(DESCRIPTORS_EACH as usize);
            holders(shares.map(|start| (DESCRIPTORS_EACH.min(count - start), 0)))?;
            hold()
        }
        Kind::Holders { processes, eventfds, sockets } => {
            let pids = holders((0..processes).map(|_| (eventfds, sockets)))?;
            hold_saying(&pids.join(","))
        }
    }
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("nobody listens to the load")
}

/// Until whoever started this closes its end of the pipe, or is no more.
fn hold() -> Result<()> {
    hold_saying("ready")
}

fn hold_saying(line: &str) -> Result<()> {
    say(line)?;
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing).context("failed to wait")?;
    Ok(())
}

fn map(length: usize) -> Result<*mut libc::c_void> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the kernel chooses the place, so no memory in use is replaced.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        bail!("mmap of {length} bytes failed: {}", std::io::Error::last_os_error());
    }
    Ok(start)
}

/// Pages with a hole behind each: neither the kernel nor the agent can join them.
fn islands(count: u64) -> Result<()> {
    let count = usize::try_from(count).context("more than fit into an address space")?;
    let start = map(2 * count * PAGE)?;
    for index in 0..count {
        let hole = start.wrapping_byte_add((2 * index + 1) * PAGE);
        // SAFETY: the page is part of what was mapped above, and nothing points into it.
        if unsafe { libc::munmap(hole, PAGE) } != 0 {
            bail!("munmap failed after {index}: {}", std::io::Error::last_os_error());
        }
    }
    Ok(())
}

fn map_and_unmap(times: u64) -> Result<()> {
    for _ in 0..times {
        let page = map(PAGE)?;
        // SAFETY: the page was mapped one line up and nothing points into it.
        unsafe { libc::munmap(page, PAGE) };
    }
    Ok(())
}

/// Pairs made; all threads together make `pairs_per_second`, or what they can where that is 0. Who
/// was kept waiting does not hurry to catch up: the pace is never much more than asked for.
fn storm(threads: usize, length: Duration, pairs_per_second: u64) -> Result<u64> {
    let rate = pairs_per_second as f64 / threads as f64;
    let one = move || -> Result<u64> {
        let started = Instant::now();
        let (mut pairs, mut due) = (0, Duration::ZERO);
        while started.elapsed() < length {
            map_and_unmap(BATCH)?;
            pairs += BATCH;
            if pairs_per_second > 0 {
                due += Duration::from_secs_f64(BATCH as f64 / rate);
                let now = started.elapsed();
                due = due.max(now.saturating_sub(MOST_BEHIND));
                thread::sleep(due.saturating_sub(now));
            }
        }
        Ok(pairs)
    };
    let running: Vec<_> = (0..threads).map(|_| thread::spawn(one)).collect();
    let mut pairs = 0;
    for thread in running {
        let Ok(made) = thread.join() else { bail!("a thread of the load panicked") };
        pairs += made?;
    }
    Ok(pairs)
}

fn mixed(length: Duration) -> Result<()> {
    let memory = thread::spawn(move || storm(1, length, 0));
    let started = Instant::now();
    while started.elapsed() < length {
        sh::run(&mut Command::new("true"))?;
    }
    let Ok(pairs) = memory.join() else { bail!("a thread of the load panicked") };
    say(&pairs?.to_string())
}

/// A child that sleeps until its parent ends; its pid. `first` may make system calls only.
fn idle_child(first: impl FnOnce()) -> Result<i32> {
    // SAFETY: this process has one thread, and the child only makes system calls.
    match unsafe { libc::fork() } {
        -1 => bail!("fork failed: {}", std::io::Error::last_os_error()),
        // SAFETY: prctl and pause take no memory of ours, _exit does not return.
        0 => unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            first();
            libc::pause();
            libc::_exit(0)
        },
        pid => Ok(pid),
    }
}

/// Children with so many eventfds and sockets each; their pids, once they have them.
fn holders(shares: impl Iterator<Item = (u64, u64)>) -> Result<Vec<String>> {
    let (_, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("failed to read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        .context("failed to set the limit of open files")?;
    let (mut ready, to_parent) = std::io::pipe().context("failed to make a pipe")?;
    let mut pids = Vec::new();
    for (eventfds, sockets) in shares {
        pids.push(idle_child(|| open_and_say(eventfds, sockets, &to_parent))?.to_string());
    }
    drop(to_parent);
    let mut said = vec![0; pids.len()];
    ready.read_exact(&mut said).context("a child ended early")?;
    if said.contains(&b'!') {
        bail!("a child could not open what it was to hold; it may open {hard} files");
    }
    Ok(pids)
}

/// In the child: no memory of the parent's is changed.
fn open_and_say(eventfds: u64, sockets: u64, mut to_parent: &std::io::PipeWriter) {
    let opens = |count: u64, open: fn() -> i32| (0..count).all(|_| open() >= 0);
    // SAFETY: takes no memory.
    let eventfd = || unsafe { libc::eventfd(0, 0) };
    // SAFETY: takes no memory.
    let socket = || unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let is_done = opens(eventfds, eventfd) && opens(sockets, socket);
    // The parent notices that nothing comes.
    let _ = to_parent.write_all(if is_done { b"." } else { b"!" });
}

//! Readings of processes from /proc. The files are parsed by hand: a round over every process of
//! a host is the agent's largest own cost. Names and command lines are any process's to choose, so
//! they are bytes until they have been found, and text only afterwards.

mod access;
mod cgroup;
mod deleted;
mod identity;
mod limits;
mod links;
mod maps;
mod memory;
mod meter;
mod objects;
#[cfg(test)]
mod oracle;
mod redact;
mod rollup;
mod scratch;
mod sockets;
mod space;
pub(super) mod stat;
mod table;
#[cfg(test)]
mod tests;
mod users;

use std::io;
use std::path::PathBuf;

use nix::unistd::{SysconfVar, sysconf};

pub(super) use self::memory::unescape;
pub use self::meter::SelfMeter;
pub use self::scratch::Scratch;
use self::scratch::Target;
pub(super) use self::scratch::read_start;
pub(super) use self::stat::decimal;
use self::stat::{Stat, Status};
use super::clock::boot_ns;
use crate::event::{ProcDetail, ProcReading, ProcessId};

/// Most bytes read of a small file. Only the supplementary groups of /proc/PID/status grow, to
/// 65,536 numbers.
const SMALL_FILE_BYTES: usize = 1 << 20;
/// Flag of a kernel thread in field 9 of /proc/PID/stat (`PF_KTHREAD`, include/linux/sched.h).
const PF_KTHREAD: u64 = 0x0020_0000;

/// A file of /proc that could not be read, for another reason than that its process is gone.
#[derive(Debug, thiserror::Error)]
pub enum ProcError {
    /// The kernel refused.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("cannot understand {}: {what}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What is missing or wrong.
        what: &'static str,
    },
}

/// What a reading of a process contains beyond stat and statm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the reading")]
pub struct Want {
    /// What only /proc/PID/status tells. It costs more than all the rest.
    pub detail: bool,
    /// What only /proc/PID/smaps_rollup tells. It walks every page table under the space's lock:
    /// milliseconds for hundreds of MiB, so for suspects only.
    pub rollup: bool,
    /// Who it is beyond its name, command line, user and cgroup, and its limits.
    pub identity: bool,
    /// How many descriptors it has also where the kernel does not count them, before Linux 6.2, if
    /// they are few. Listing them costs a microsecond each.
    pub listing: bool,
}

/// A mounted /proc.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
    page_bytes: u64,
    counts_descriptors: bool,
}

impl Default for Proc {
    fn default() -> Self {
        Self::new("/proc")
    }
}

impl Proc {
    /// The /proc mounted at `root`. No process but this is looked at yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let counts_descriptors = table::counts_descriptors(&root);
        Self { root, page_bytes: page_bytes(), counts_descriptors }
    }

    /// Fills `out` with the pids of every process there is, in the order of the directory.
    pub fn pids(&self, out: &mut Vec<u32>) -> Result<(), ProcError> {
        out.clear();
        numbers_in(&self.root, out)
            .map_err(|source| ProcError::Read { path: self.root.clone(), source })
    }

    /// The directory of a process.
    pub(super) fn folder_of(&self, pid: u32) -> PathBuf {
        self.root.join(pid.to_string())
    }

    /// One look at a process; `None` when it is gone. A process whose first thread has ended
    /// while others run is read through one of these: /proc/PID shows it without memory.
    pub fn read_process(
        &self,
        pid: u32,
        want: Want,
        scratch: &mut Scratch,
    ) -> Result<Option<ProcReading>, ProcError> {
        let Some((stat, comm)) = self.read_stat(Target::process(pid), scratch)? else {
            return Ok(None);
        };
        let (target, shown) = match self.living_thread(pid, &stat, scratch)? {
            Some((target, thread)) => (target, thread),
            None => (Target::process(pid), stat),
        };
        let at_ns = boot_ns();
        let Some(bytes) = scratch.read(&self.root, target, "statm", SMALL_FILE_BYTES)? else {
            return Ok(None);
        };
        let Some(pages) = stat::parse_statm(bytes) else {
            return Err(scratch.parse_error("not the seven numbers of statm"));
        };
        let mut reading = ProcReading {
            process: ProcessId { pid, start_ticks: stat.start_ticks },
            at_ns,
            ppid: stat.ppid as u32,
            comm,
            state: char::from(shown.state),
            threads: stat.threads as u32,
            cpu_ticks: stat.user_ticks.saturating_add(stat.system_ticks),
            virtual_bytes: shown.virtual_bytes,
            rss_bytes: pages.resident.saturating_mul(self.page_bytes),
            rss_anon_bytes: pages.resident_anon().saturating_mul(self.page_bytes),
            detail: None,
            rollup: if want.rollup { self.rollup(pid) } else { None },
            descriptors: self.count_descriptors(target, want.listing, scratch),
            read_bytes: None,
            identity: None,
            limits: None,
            kernel_thread: pages.size == 0 && !shown.ended() && stat.flags & PF_KTHREAD != 0,
        };
        if !reading.kernel_thread {
            reading.read_bytes = self.read_bytes(target, scratch);
        }
        let asks_who = want.identity && !reading.kernel_thread;
        if want.detail || asks_who {
            let Some(detail) = self.detail(target, scratch)? else { return Ok(None) };
            reading.detail = want.detail.then_some(detail);
            if asks_who {
                reading.identity = Some(Box::new(self.identity(target, detail.uid, scratch)));
                reading.limits = self.limits(target, scratch);
            }
        }
        Ok(Some(reading))
    }

    /// What only status tells; `None` when the process is gone.
    fn detail(
        &self,
        target: Target,
        scratch: &mut Scratch,
    ) -> Result<Option<ProcDetail>, ProcError> {
        let Some(bytes) = scratch.read(&self.root, target, "status", SMALL_FILE_BYTES)? else {
            return Ok(None);
        };
        match stat::parse_status(bytes) {
            Some(Status(detail)) => Ok(Some(detail)),
            None => Err(scratch.parse_error("no line Uid")),
        }
    }

    /// Stat and name of a task; `None` when it is gone.
    fn read_stat(
        &self,
        target: Target,
        scratch: &mut Scratch,
    ) -> Result<Option<(Stat, String)>, ProcError> {
        let Some(bytes) = scratch.read(&self.root, target, "stat", SMALL_FILE_BYTES)? else {
            return Ok(None);
        };
        match stat::parse(bytes) {
            Some((stat, comm)) => Ok(Some((stat, String::from_utf8_lossy(comm).into_owned()))),
            None => Err(scratch.parse_error("not a stat line")),
        }
    }

    /// Where to read a process whose first thread has ended and left others running.
    fn living_thread(
        &self,
        pid: u32,
        leader: &Stat,
        scratch: &mut Scratch,
    ) -> Result<Option<(Target, Stat)>, ProcError> {
        if !leader.ended() || leader.threads < 2 {
            return Ok(None);
        }
        let mut tids = Vec::new();
        // A directory that vanishes meanwhile is a process that does.
        let _gone = numbers_in(&self.root.join(pid.to_string()).join("task"), &mut tids);
        for tid in tids {
            let target = Target { pid, tid: Some(tid) };
            if let Some((stat, _)) = self.read_stat(target, scratch)?
                && !stat.ended()
            {
                return Ok(Some((target, stat)));
            }
        }
        Ok(None)
    }
}

/// Appends the entries of a directory that are numbers.
fn numbers_in(path: &std::path::Path, out: &mut Vec<u32>) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let number = decimal(name.as_encoded_bytes());
        out.extend(number.and_then(|number| u32::try_from(number).ok()));
    }
    Ok(())
}

/// Bytes of a page.
pub(super) fn page_bytes() -> u64 {
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

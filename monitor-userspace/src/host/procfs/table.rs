//! One look at a descriptor table. Neither the kernel's iterator nor /proc/PID/fd is taken at one
//! instant, so the reading carries the instants around it; who the process was is checked on both
//! sides.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, readlinkat};
use nix::sys::stat::{Mode, fstatat};

use super::scratch::Target;
use super::space::is_hidden;
use super::{Proc, ProcError, Scratch, links, numbers_in};
use crate::event::{DescriptorKind, ProcessId, ReadDescriptor, TableReading};
use crate::host::clock::boot_ns;

/// Most bytes read of the fdinfo of an epoll and of the list of timers: some hundred thousand lines.
const LONG_FILE_BYTES: usize = 32 << 20;

/// How many descriptors are worth listing only to count them: what the kernel gives in one piece.
const MOST_LISTED: usize = 1000;

impl Proc {
    /// One look at a descriptor table and at the timers of its process. `found` is false when the
    /// process is gone or may not be read. `list` knows a faster way to the descriptors of a thread
    /// than /proc, or says `None`; what epolls and inotifies watch is always /proc's to tell.
    pub fn read_table(
        &self,
        pid: u32,
        list: &mut dyn FnMut(u32) -> Option<Vec<ReadDescriptor>>,
        scratch: &mut Scratch,
    ) -> Result<TableReading, ProcError> {
        let mut look =
            TableReading { process: ProcessId { pid, start_ticks: 0 }, ..<_>::default() };
        (look.t0_ns, look.t1_ns) = (boot_ns(), boot_ns());
        let Some((leader, _)) = self.read_stat(Target::process(pid), scratch)? else {
            return Ok(look);
        };
        look.process.start_ticks = leader.start_ticks;
        let target = match self.living_thread(pid, &leader, scratch)? {
            Some((target, _)) => target,
            None if leader.ended() => return Ok(look),
            None => Target::process(pid),
        };
        look.t0_ns = boot_ns();
        // Kernels before 6.7 find no other thread than the first (kernel/bpf/task_iter.c).
        let listed = if target.tid.is_none() { list(pid) } else { None };
        let is_listed = listed.is_some();
        let open = match listed {
            Some(open) => Some(open),
            None => self.open_descriptors(target)?,
        };
        let Some(mut open) = open else { return Ok(look) };
        let has_ring = self.has_ring(target, &open);
        self.add_watches(target, &mut open, scratch)?;
        let timers = self.timers(pid, scratch)?;
        look.t1_ns = boot_ns();
        // The tables of a namespace may have been read before: they are no part of the instant.
        if !is_listed {
            self.add_sockets(target, &mut open, scratch);
        }
        let after = self.read_stat(target, scratch)?;
        let leader_after = self.read_stat(Target::process(pid), scratch)?;
        let is_same = leader_after.is_some_and(|(it, _)| it.start_ticks == leader.start_ticks);
        if is_same && after.is_some_and(|(after, _)| !after.ended()) {
            (look.open, look.timers, look.has_ring, look.found) = (open, timers, has_ring, true);
        }
        Ok(look)
    }

    /// Every open descriptor, ascending; `None` when the process is gone or hidden. One that is
    /// closed meanwhile is left out.
    fn open_descriptors(&self, target: Target) -> Result<Option<Vec<ReadDescriptor>>, ProcError> {
        let path = target.path(&self.root, &["fd"]);
        let mut numbers = Vec::new();
        let listed = numbers_in(&path, &mut numbers).and_then(|()| File::open(&path));
        let directory = match listed {
            Ok(directory) => directory,
            Err(error) if is_hidden(&error) => return Ok(None),
            Err(source) => return Err(ProcError::Read { path, source }),
        };
        numbers.sort_unstable();
        let mut open = Vec::with_capacity(numbers.len());
        for fd in numbers {
            match look_at(&directory, fd) {
                Ok(descriptor) => open.push(descriptor),
                Err(Errno::ENOENT) => {}
                Err(errno) if is_hidden(&errno.into()) => return Ok(None),
                Err(errno) => return Err(ProcError::Read { path, source: errno.into() }),
            }
        }
        Ok(Some(open))
    }

    /// Whether an io_uring is among these descriptors: of those of no kind its link tells.
    fn has_ring(&self, target: Target, open: &[ReadDescriptor]) -> bool {
        let path = target.path(&self.root, &["fd"]);
        let is_ring = |fd: u32| {
            let link = std::fs::read_link(path.join(fd.to_string()));
            link.is_ok_and(|link| link.as_os_str().as_encoded_bytes() == links::RING)
        };
        open.iter().any(|it| it.kind == DescriptorKind::Other && is_ring(it.fd))
    }

    /// Adds to each epoll and inotify what it watches.
    fn add_watches(
        &self,
        target: Target,
        open: &mut [ReadDescriptor],
        scratch: &mut Scratch,
    ) -> Result<(), ProcError> {
        for descriptor in open {
            let parse = match descriptor.kind {
                DescriptorKind::Epoll => links::epoll_watches,
                DescriptorKind::Inotify => links::inotify_watches,
                _ => continue,
            };
            let file = format!("fdinfo/{}", descriptor.fd);
            // One that is closed after it was listed was open then.
            let info = scratch.read_long(&self.root, target, &file, LONG_FILE_BYTES)?;
            descriptor.watches = info.map(parse).unwrap_or_default();
        }
        Ok(())
    }

    /// The process's POSIX timers; `None` where the kernel does not list them. The list is that of
    /// the whole process and has no file for each thread; an ended first thread still shows it.
    fn timers(&self, pid: u32, scratch: &mut Scratch) -> Result<Option<Vec<i32>>, ProcError> {
        let target = Target::process(pid);
        match scratch.read_long(&self.root, target, "timers", LONG_FILE_BYTES) {
            Ok(bytes) => Ok(bytes.map(links::timer_ids)),
            Err(ProcError::Read { source, .. }) if is_hidden(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds to each socket what its namespace's tables say.
    fn add_sockets(&self, target: Target, open: &mut [ReadDescriptor], scratch: &mut Scratch) {
        let sockets = || open.iter().filter(|it| it.kind == DescriptorKind::Socket);
        let wanted: Vec<u64> = sockets().map(|it| it.inode).collect();
        if wanted.is_empty() {
            return;
        }
        let facts = scratch.nets.look_up(&self.root, target, &wanted);
        let sockets = open.iter_mut().filter(|it| it.kind == DescriptorKind::Socket);
        for (descriptor, fact) in sockets.zip(facts) {
            descriptor.socket = fact;
        }
    }

    /// How many descriptors a process has open; `None` where that is hidden. Asking the kernel
    /// costs one call, whatever their number. Where it does not count them, they are listed if
    /// `may_list`, and `None` if they are many.
    pub(super) fn count_descriptors(
        &self,
        target: Target,
        may_list: bool,
        scratch: &mut Scratch,
    ) -> Option<u64> {
        if self.counts_descriptors {
            scratch.aim(&self.root, target, "fd");
            return scratch.metadata().ok().map(|metadata| metadata.len());
        }
        if !may_list {
            return None;
        }
        let entries = std::fs::read_dir(target.path(&self.root, &["fd"])).ok()?;
        let count = |sum: u64, entry: io::Result<_>| entry.map(|_| sum + 1);
        let sum = entries.take(MOST_LISTED + 1).try_fold(0, count).ok()?;
        (sum <= MOST_LISTED as u64).then_some(sum)
    }
}

/// What a descriptor is, from its link alone.
fn look_at(directory: &File, fd: u32) -> Result<ReadDescriptor, Errno> {
    let mut digits = [0; 10];
    let name = digits_of(fd, &mut digits);
    let (kind, inode) = match readlinkat(directory, name) {
        Ok(link) => links::classify(link.as_encoded_bytes()),
        // Only a path can be longer than the kernel shows.
        Err(Errno::ENAMETOOLONG) => (DescriptorKind::File, 0),
        Err(errno) => return Err(errno),
    };
    // The mode of the link is how the descriptor was opened.
    let writes = kind == DescriptorKind::Pipe && {
        let link = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Mode::from_bits_truncate(link.st_mode).contains(Mode::S_IWUSR)
    };
    Ok(ReadDescriptor { fd, kind, inode, writes, socket: None, watches: Vec::new(), file: 0 })
}

/// The decimal digits of a number, without an allocation for each descriptor.
fn digits_of(mut number: u32, buffer: &mut [u8; 10]) -> &[u8] {
    let mut start = buffer.len();
    for digit in buffer.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    &buffer[start..]
}

/// Whether this kernel counts open descriptors as the size of /proc/PID/fd (since Linux 6.2): no
/// process that can ask has none open.
pub(super) fn counts_descriptors(root: &std::path::Path) -> bool {
    let size = |it: io::Result<std::fs::Metadata>| it.map_or(0, |metadata| metadata.len());
    size(std::fs::metadata(root.join("self/fd"))) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 7, 10, 255, 4_294_967_295] {
            assert_eq!(digits_of(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }
}

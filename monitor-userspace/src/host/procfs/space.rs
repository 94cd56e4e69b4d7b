//! One look at an address space. /proc/PID/maps is not taken at one instant, so the reading carries
//! the instants around it; who the process was is checked on both sides.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use super::maps::Layout;
use super::scratch::{Target, is_gone, read_some};
use super::stat::Stat;
use super::{Proc, ProcError, Scratch};
use crate::event::{ProcessId, Reconcile};
use crate::host::clock::boot_ns;

/// Bytes read before they are parsed. Holds the whole file for all but the largest address spaces,
/// and many times the longest line (a path of 4 KiB, each byte escaped to four).
const LARGE_BYTES: usize = 256 << 10;

impl Proc {
    /// One look at an address space. `found` is false when the process is gone, has no address
    /// space, may not be read, or became another program while it was read.
    pub fn read_space(&self, pid: u32, scratch: &mut Scratch) -> Result<Reconcile, ProcError> {
        let mut look = Reconcile { process: ProcessId { pid, start_ticks: 0 }, ..<_>::default() };
        (look.t0_ns, look.t1_ns) = (boot_ns(), boot_ns());
        let Some((leader, _)) = self.read_stat(Target::process(pid), scratch)? else {
            return Ok(look);
        };
        look.process.start_ticks = leader.start_ticks;
        let (target, before) = match self.living_thread(pid, &leader, scratch)? {
            Some(thread) => thread,
            None if leader.ended() => return Ok(look),
            None => (Target::process(pid), leader),
        };
        let start_brk = before.start_brk.checked_next_multiple_of(self.page_bytes);
        look.start_brk = start_brk.filter(|&start| start != 0);
        let mut layout = Layout { start_brk: look.start_brk, ..Layout::default() };

        scratch.large.resize(LARGE_BYTES, 0);
        scratch.aim(&self.root, target, "maps");
        look.t0_ns = boot_ns();
        let complete = match scratch.open() {
            Ok(file) => read_lines(file, &mut layout, scratch)?,
            Err(error) if is_hidden(&error) => false,
            Err(source) => return Err(scratch.read_error(source)),
        };
        look.t1_ns = boot_ns();

        if !complete || layout.vmas == 0 {
            return Ok(look);
        }
        let after = self.read_stat(target, scratch)?;
        if after.is_some_and(|(after, _)| same_program(&before, &after)) {
            look.ranges = layout.ranges;
            look.vmas = layout.vmas;
            look.found = true;
        }
        Ok(look)
    }
}

/// Whether two looks at a task saw one that lives and runs one program. An exec during the reading cuts
/// the file short; it also moves the stack and the heap.
fn same_program(before: &Stat, after: &Stat) -> bool {
    before.start_ticks == after.start_ticks
        && before.start_stack == after.start_stack
        && before.start_brk == after.start_brk
        && !after.ended()
}

/// Feeds every line of the file to `layout`; false when the process ended or is hidden. The buffer
/// is filled before it is parsed, and never grows: a process can make this file as long as it likes.
fn read_lines(
    mut file: File,
    layout: &mut Layout,
    scratch: &mut Scratch,
) -> Result<bool, ProcError> {
    let mut buffer = std::mem::take(&mut scratch.large);
    let result = feed(&mut file, layout, &mut buffer);
    scratch.large = buffer;
    match result {
        Ok(true) => Ok(true),
        Ok(false) => Err(scratch.parse_error("not a line of maps")),
        Err(error) if is_hidden(&error) => Ok(false),
        Err(source) => Err(scratch.read_error(source)),
    }
}

/// Reads to the end; false when a line is not one of maps.
fn feed(file: &mut File, layout: &mut Layout, buffer: &mut [u8]) -> io::Result<bool> {
    let mut len = 0;
    loop {
        let read = read_some(file, &mut buffer[len..])?;
        len += read;
        if read != 0 && len < buffer.len() {
            continue;
        }
        let end = if read == 0 { len } else { last_line_end(&buffer[..len]) };
        let lines = buffer[..end].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            if layout.take(line).is_none() {
                return Ok(false);
            }
        }
        if read == 0 {
            return Ok(true);
        }
        if end == 0 {
            return Ok(false);
        }
        buffer.copy_within(end..len, 0);
        len -= end;
    }
}

/// One past the last newline; 0 where there is none.
fn last_line_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
}

/// Whether an error says that the process is gone or may not be read.
pub(super) fn is_hidden(error: &io::Error) -> bool {
    let refused = [Errno::EACCES as i32, Errno::EPERM as i32];
    is_gone(error) || error.raw_os_error().is_some_and(|code| refused.contains(&code))
}

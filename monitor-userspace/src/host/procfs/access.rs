//! Which pages of a process were accessed: /proc/PID/clear_refs and smaps.
//! (Documentation/filesystems/proc.rst, "clear_refs" and "Referenced".)
//!
//! The kernel does not flush the TLBs when it takes the marks away, so what a CPU uses all the time and
//! still knows the address of may stay without a mark: less is counted than is used, by as much as a TLB
//! reaches (some MiB, more with huge pages), until something flushes it.

use std::fs::OpenOptions;
use std::io::Write as _;

use procfs::process::{MMapPath, MemoryMap, Process};

use super::{Proc, ProcError, Scratch, Target};
use crate::{event::AccessReading, event::ProcessId, host::clock::boot_ns};

/// Takes the marks of all pages of a process away.
const ALL_PAGES: &[u8] = b"1\n";

impl Proc {
    /// With `begin`, takes the marks of accessed pages away; without, counts those that are back.
    /// `None` where the process is gone, has no memory or may not be asked.
    pub fn read_access(
        &self,
        pid: u32,
        begin: bool,
        scratch: &mut Scratch,
    ) -> Result<Option<AccessReading>, ProcError> {
        let Some((stat, _)) = self.read_stat(Target::process(pid), scratch)? else {
            return Ok(None);
        };
        let dir = self.root.join(pid.to_string());
        if begin {
            let path = dir.join("clear_refs");
            let written = OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|mut it| it.write_all(ALL_PAGES));
            written.map_err(|source| ProcError::Read { path, source })?;
        }
        let Some((held_bytes, touched_bytes)) = anonymous(&dir) else { return Ok(None) };
        Ok(Some(AccessReading {
            process: ProcessId { pid, start_ticks: stat.start_ticks },
            at_ns: boot_ns(),
            begins: begin,
            held_bytes,
            touched_bytes: if begin { 0 } else { touched_bytes },
        }))
    }
}

/// Resident and accessed bytes of anonymous memory.
fn anonymous(dir: &std::path::Path) -> Option<(u64, u64)> {
    let maps = Process::new_with_root(dir.to_owned()).ok()?.smaps().ok()?;
    let of = |map: &MemoryMap, name: &str| map.extension.map.get(name).copied().unwrap_or(0);
    let own = maps.into_iter().filter(|map| {
        !matches!(
            map.pathname,
            MMapPath::Path(_) | MMapPath::Vsys(_) | MMapPath::Vdso | MMapPath::Vvar
        )
    });
    Some(own.fold((0, 0), |(held, touched), map| {
        (held + of(&map, "Anonymous"), touched + of(&map, "Referenced"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_after_the_marks_were_taken_away_is_counted() {
        let (proc, mut scratch) = (Proc::default(), Scratch::default());
        let mut pages = vec![1_u8; 8 << 20];
        let pid = std::process::id();
        // Other tests of this process touch memory and give it back meanwhile, and may take the
        // marks away too: in one of some looks nothing does.
        let mut seen = Vec::new();
        let is_counted = (0..50).any(|_| {
            let before = proc.read_access(pid, true, &mut scratch);
            // Returning this to the kernel makes all CPUs forget what they know of our pages: a page
            // that they still know is not marked again.
            drop(std::hint::black_box(vec![1_u8; 16 << 20]));
            pages.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(1));
            std::hint::black_box(&pages);
            let after = proc.read_access(pid, false, &mut scratch);
            let is_right = matches!((&before, &after), (Ok(Some(before)), Ok(Some(after)))
                if before.touched_bytes == 0 && after.touched_bytes >= 8 << 20);
            seen.push((before, after));
            is_right
        });
        assert!(is_counted, "{:?}", seen.last());
    }

    #[test]
    fn who_sleeps_touches_nothing() {
        let (proc, mut scratch) = (Proc::default(), Scratch::default());
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // It is done with starting when it has been asleep in two looks, one after the other.
        let is_quiet = (0..200).any(|_| {
            let begun = proc.read_access(sleeper.id(), true, &mut scratch);
            std::thread::sleep(std::time::Duration::from_millis(20));
            let ended = proc.read_access(sleeper.id(), false, &mut scratch);
            let (Ok(Some(begun)), Ok(Some(ended))) = (begun, ended) else { return false };
            begun.held_bytes > 0 && ended.held_bytes == begun.held_bytes && ended.touched_bytes == 0
        });
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(is_quiet);
    }
}

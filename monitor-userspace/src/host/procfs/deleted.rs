//! Files that a process has open and that no name reaches any more: their disk space comes back only
//! when it closes them. A look costs a microsecond for each descriptor, and more for what was deleted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::fcntl::readlinkat;
use nix::sys::statvfs::fstatvfs;

use super::scratch::Target;
use super::space::is_hidden;
use super::{Proc, ProcError, Scratch, numbers_in};
use crate::event::{DeletedFile, DeletedReading, ProcessId};
use crate::host::clock::boot_ns;

/// Descriptors that are looked at, the lowest first.
const MOST_LOOKED_AT: usize = 16_384;
/// Bytes in a block of `st_blocks` (stat(2)).
const BLOCK_BYTES: u64 = 512;
/// How the kernel shows the path of what was deleted (fs/d_path.c).
const DELETED: &[u8] = b" (deleted)";
/// Shared memory, which has a path without being on any disk.
const SHARED: [&[u8]; 3] = [b"/memfd:", b"/SYSV", b"/dev/zero"];
/// File systems in memory, and those behind a server that may be gone, which must not be asked.
const LEFT_OUT: [&str; 12] = [
    "tmpfs",
    "ramfs",
    "devtmpfs",
    "hugetlbfs",
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "9p",
    "afs",
    "fuse",
];

impl Proc {
    /// One look at the deleted files that a process has open. `found` is false when it is gone or may
    /// not be looked at.
    pub fn read_deleted(
        &self,
        pid: u32,
        scratch: &mut Scratch,
    ) -> Result<DeletedReading, ProcError> {
        let mut look = DeletedReading {
            process: ProcessId { pid, start_ticks: 0 },
            at_ns: boot_ns(),
            ..DeletedReading::default()
        };
        let target = Target::process(pid);
        let Some((stat, _)) = self.read_stat(target, scratch)? else { return Ok(look) };
        look.process.start_ticks = stat.start_ticks;
        let path = target.path(&self.root, &["fd"]);
        let mut numbers = Vec::new();
        let listed = numbers_in(&path, &mut numbers).and_then(|()| File::open(&path));
        let directory = match listed {
            Ok(directory) => directory,
            Err(error) if is_hidden(&error) => return Ok(look),
            Err(source) => return Err(ProcError::Read { path, source }),
        };
        look.found = true;
        numbers.truncate(MOST_LOOKED_AT);
        let mut on_disk = None;
        let mut seen = BTreeMap::new();
        for fd in numbers {
            // What was closed meanwhile is not open.
            let Ok(link) = readlinkat(&directory, fd.to_string().as_str()) else { continue };
            let Some(name) = deleted_name(link.as_encoded_bytes()) else { continue };
            let mounts = on_disk.get_or_insert_with(|| self.disk_mounts(target));
            if !self.mount_of(target, fd, scratch).is_some_and(|mount| mounts.contains(&mount)) {
                continue;
            }
            if let Ok(Some((identity, bytes))) = plain_file(&path.join(fd.to_string())) {
                seen.insert(identity, (bytes, fd, String::from_utf8_lossy(name).into_owned()));
            }
        }
        look.files = seen.len() as u64;
        look.disk_bytes = seen.values().map(|(bytes, ..)| *bytes).sum();
        let largest = seen.into_values().max_by_key(|(bytes, ..)| *bytes);
        look.largest = largest.map(|(disk_bytes, fd, name)| DeletedFile {
            path: name,
            disk_bytes,
            file_system_bytes: file_system_bytes(&path.join(fd.to_string())).unwrap_or(0),
        });
        Ok(look)
    }

    /// The mounts that a process sees and that are on disks, by their ids.
    fn disk_mounts(&self, target: Target) -> Vec<u64> {
        let text = self.long_text(&format!("{}/mountinfo", target.pid));
        text.lines().filter_map(disk_mount).collect()
    }

    /// The id of the mount that a descriptor's file is on.
    fn mount_of(&self, target: Target, fd: u32, scratch: &mut Scratch) -> Option<u64> {
        let file = format!("fdinfo/{fd}");
        let info = scratch.read(&self.root, target, &file, 4096).ok()??;
        let line = super::stat::line_value(info, "mnt_id:")?;
        super::decimal(line.trim_ascii())
    }
}

/// The path that a file had before it was deleted, of its link in /proc/PID/fd.
fn deleted_name(link: &[u8]) -> Option<&[u8]> {
    let name = link.strip_suffix(DELETED).filter(|name| name.starts_with(b"/"))?;
    let is_shared = SHARED.iter().any(|shared| name.starts_with(shared));
    (!is_shared).then_some(name)
}

/// The id in a line of mountinfo, unless its file system is left out:
/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
fn disk_mount(line: &str) -> Option<u64> {
    let (first, rest) = line.split_once(' ')?;
    let kind = rest.split_once(" - ")?.1.split(' ').next()?;
    // `fuse.sshfs` is one of fuse; fuseblk is on a disk, and behind a server all the same.
    let is_left_out = LEFT_OUT.contains(&kind) || kind.starts_with("fuse");
    if is_left_out { None } else { first.parse().ok() }
}

/// The device and inode number of a plain file without a name, and what it takes on disk.
fn plain_file(link: &std::path::Path) -> io::Result<Option<((u64, u64), u64)>> {
    let file = std::fs::metadata(link)?;
    let is_nameless = file.is_file() && file.nlink() == 0;
    let bytes = file.blocks().saturating_mul(BLOCK_BYTES);
    Ok(is_nameless.then_some(((file.dev(), file.ino()), bytes)))
}

fn file_system_bytes(link: &std::path::Path) -> io::Result<u64> {
    // A path alone opens nothing: no device, no lease and no permission is touched.
    let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC;
    let file = nix::fcntl::open(link, flags, nix::sys::stat::Mode::empty())?;
    let sizes = fstatvfs(&file)?;
    Ok(sizes.blocks().saturating_mul(sizes.fragment_size()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_what_was_on_a_disk_counts_as_deleted() {
        for (link, name) in [
            ("/var/log/a b (deleted)", Some("/var/log/a b")),
            ("/var/log/a", None),
            ("/memfd:x (deleted)", None),
            ("/SYSV00000000 (deleted)", None),
            ("/dev/zero (deleted)", None),
            ("anon_inode:x (deleted)", None),
            (" (deleted)", None),
        ] {
            assert_eq!(deleted_name(link.as_bytes()), name.map(str::as_bytes), "{link}");
        }
        for (line, id) in [
            ("36 35 98:0 /a /b rw,noatime master:1 - ext3 /dev/root rw,errors=continue", Some(36)),
            ("37 35 0:5 / /c rw - overlay overlay rw,lowerdir=/x", Some(37)),
            ("38 35 0:6 / /d rw shared:5 - tmpfs tmpfs rw", None),
            ("39 35 0:7 / /e rw - fuse.sshfs host: rw", None),
            ("40 35 0:8 / /f rw - nfs4 host:/ rw", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(disk_mount(line), id, "{line}");
        }
    }

    #[test]
    fn the_space_of_a_deleted_file_counts_once_and_the_largest_is_named() {
        // The build is on a disk; /tmp may be in memory.
        let exe = std::env::current_exe().unwrap();
        let dir = tempfile::tempdir_in(exe.parent().unwrap()).unwrap();
        let held = |name: &str, kib: usize| {
            let path = dir.path().join(name);
            let mut file = File::create(&path).unwrap();
            file.write_all(&vec![1; kib << 10]).unwrap();
            file.sync_all().unwrap();
            std::fs::remove_file(path).unwrap();
            file
        };
        let mut scratch = Scratch::default();
        let mut look = || Proc::default().read_deleted(std::process::id(), &mut scratch).unwrap();
        let before = look();
        assert!(before.found);
        let (small, large) = (held("small", 64), held("large\n", 4096));
        let copy = large.try_clone().unwrap();
        let kept = File::create(dir.path().join("kept")).unwrap();
        let found = look();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        if mounts.lines().find_map(disk_mount).is_none() {
            return;
        }
        // Other tests of this process may delete files meanwhile, but none so large.
        let largest = found.largest.clone().unwrap();
        assert!(largest.path.ends_with("/large\n"), "{largest:?}");
        assert!((4 << 20..5 << 20).contains(&largest.disk_bytes), "{largest:?}");
        assert!(largest.file_system_bytes > largest.disk_bytes);
        assert!(found.files >= 2 && found.disk_bytes >= (4 << 20) + (64 << 10), "{found:?}");
        assert!(found.disk_bytes < before.disk_bytes + (8 << 20), "a copy counts once: {found:?}");
        drop((small, large, copy, kept));
        assert_ne!(look().largest.map(|it| it.disk_bytes), Some(largest.disk_bytes));
        let gone = Proc::default().read_deleted(u32::MAX >> 2, &mut Scratch::default()).unwrap();
        assert!(!gone.found);
    }
}

//! What takes up the memory of the host beyond /proc/meminfo: the CPUs' own free pages, socket
//! buffers, tmpfs mounts and System V segments. The parsers are pure; a file that is missing has nothing to add.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nix::sys::stat::makedev;
use nix::sys::statvfs::statvfs;

use super::scratch::{read_start, read_whole};
use super::stat::{decimal, kib_field, line_value};
use super::{Proc, SMALL_FILE_BYTES};
use crate::event::{HostReading, SysvSegment};

/// Most bytes read of one of these files: tens of thousands of mounts or segments.
const LONG_FILE_BYTES: usize = 16 << 20;

impl Proc {
    /// What /proc/net/sockstat tells of this network namespace.
    pub(super) fn sockstat(&self) -> String {
        self.long_text("net/sockstat")
    }

    /// CPU time since boot, of all CPUs, in clock ticks: what was not idle, and all of it.
    pub(super) fn cpu_ticks(&self) -> Option<(u64, u64)> {
        let mut buffer = Vec::new();
        let len = read_start(&self.root.join("stat"), &mut buffer, SMALL_FILE_BYTES).ok()?;
        cpu_ticks_of(&buffer[..len])
    }

    /// Free pages that each CPU keeps for itself, in bytes. MemFree leaves them out, and they may be
    /// some hundredths of the memory.
    pub(super) fn cpu_free_bytes(&self) -> u64 {
        cpu_free_pages(&self.long_text("zoneinfo")).saturating_mul(self.page_bytes)
    }

    /// What is in the tmpfs mounts that this process sees, each file system once.
    pub(super) fn tmpfs_bytes(&self) -> u64 {
        let mut seen = Vec::new();
        let mut total = 0_u64;
        for (device, path) in tmpfs_mounts(&self.long_text("self/mountinfo")) {
            // Another mount may lie over this one: then the path leads elsewhere.
            let is_there = std::fs::metadata(&path).is_ok_and(|it| it.dev() == device);
            if seen.contains(&device) || !is_there {
                continue;
            }
            let Ok(sizes) = statvfs(&path) else { continue };
            seen.push(device);
            let used = sizes.blocks().saturating_sub(sizes.blocks_free());
            total = total.saturating_add(used.saturating_mul(sizes.fragment_size()));
        }
        total
    }

    /// The System V segments of this IPC namespace, by id.
    pub(super) fn segments(&self) -> Vec<SysvSegment> {
        parse_segments(&self.long_text("sysvipc/shm"))
    }

    pub(in crate::host) fn long_text(&self, file: &str) -> String {
        let mut bytes = Vec::new();
        // A kernel without the feature has no such file.
        let _missing = read_whole(&self.root.join(file), &mut bytes, LONG_FILE_BYTES);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The parts of the host's memory as /proc/meminfo has them; a line that this kernel does not have
/// is 0. Stacks of tasks are part of vmalloc (`VMAP_STACK`), and have a line of their own.
pub(super) fn parts_of(meminfo: &[u8]) -> HostReading {
    let value = |name: &str| kib_field(meminfo, name).unwrap_or(0);
    let sum =
        |names: &[&str]| names.iter().fold(0_u64, |sum, name| sum.saturating_add(value(name)));
    let other_reclaimable = value("KReclaimable:").saturating_sub(value("SReclaimable:"));
    let cached = sum(&["Buffers:", "Cached:", "SwapCached:"]);
    HostReading {
        anon_bytes: value("AnonPages:"),
        file_cache_bytes: cached.saturating_sub(value("Shmem:")),
        shmem_bytes: value("Shmem:"),
        slab_reclaimable_bytes: value("SReclaimable:"),
        slab_unreclaimable_bytes: value("SUnreclaim:"),
        kernel_stack_bytes: value("KernelStack:"),
        page_table_bytes: sum(&["PageTables:", "SecPageTables:"]),
        percpu_bytes: value("Percpu:"),
        vmalloc_bytes: value("VmallocUsed:").saturating_sub(value("KernelStack:")),
        hugetlb_bytes: value("Hugetlb:"),
        other_kernel_bytes: other_reclaimable.saturating_add(sum(&[
            "Bounce:",
            "WritebackTmp:",
            "Zswap:",
            "Balloon:",
        ])),
        ..HostReading::default()
    }
}

/// `cpu user nice system idle iowait irq softirq steal guest guest_nice`: guests are part of user and
/// nice.
fn cpu_ticks_of(stat: &[u8]) -> Option<(u64, u64)> {
    let fields = line_value(stat, "cpu ")?.split(u8::is_ascii_whitespace);
    let ticks: Vec<u64> =
        fields.filter(|field| !field.is_empty()).take(8).map_while(decimal).collect();
    let all = ticks.iter().sum::<u64>();
    let idle = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or(0));
    Some((all.saturating_sub(idle), all))
}

/// The `count:` of every CPU's list (`pageset`) of every zone, in pages.
fn cpu_free_pages(zoneinfo: &str) -> u64 {
    let counts = zoneinfo.lines().filter_map(|line| line.trim_start().strip_prefix("count:"));
    counts.filter_map(|count| count.trim().parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// Memory of socket buffers of a network namespace and of reassembly, in bytes, of a sockstat:
/// `TCP: … mem PAGES`, `UDP: … mem PAGES` and `FRAG: … memory BYTES`. The pages of TCP and UDP are
/// counted for all namespaces together.
pub(super) fn sockstat_bytes(text: &str, page_bytes: u64) -> u64 {
    text.lines().fold(0, |total, line| {
        let (wanted, unit) = match line.split_once(':').map(|it| it.0) {
            Some("TCP" | "UDP") => ("mem", page_bytes),
            Some("FRAG") => ("memory", 1),
            _ => return total,
        };
        let value = line.split_whitespace().skip_while(|word| *word != wanted).nth(1);
        let value = value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        value.saturating_mul(unit).saturating_add(total)
    })
}

/// Device number and mount point of every tmpfs in a mountinfo.
fn tmpfs_mounts(text: &str) -> Vec<(u64, PathBuf)> {
    text.lines().filter_map(tmpfs_mount).collect()
}

fn tmpfs_mount(line: &str) -> Option<(u64, PathBuf)> {
    let (mount, file_system) = line.split_once(" - ")?;
    if file_system.split(' ').next() != Some("tmpfs") {
        return None;
    }
    let mut fields = mount.split(' ').skip(2);
    let (major, minor) = fields.next()?.split_once(':')?;
    let path = unescape(fields.nth(1)?);
    Some((makedev(major.parse().ok()?, minor.parse().ok()?), path))
}

/// A path of mountinfo, in which blanks, newlines and backslashes stand as three octal digits.
pub(in crate::host) fn unescape(text: &str) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(escaped) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(escaped);
            rest = &after[3..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

/// The lines of /proc/sysvipc/shm, whose columns its heading names.
fn parse_segments(text: &str) -> Vec<SysvSegment> {
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let mut segments: Vec<_> = lines.filter_map(|line| parse_segment(&heading, line)).collect();
    segments.sort_unstable_by_key(|segment| segment.id);
    segments
}

fn parse_segment(heading: &[&str], line: &str) -> Option<SysvSegment> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let value = |name: &str| {
        let at = heading.iter().position(|column| *column == name)?;
        fields.get(at)?.parse::<u64>().ok()
    };
    Some(SysvSegment {
        id: i32::try_from(value("shmid")?).ok()?,
        bytes: value("size")?,
        rss_bytes: value("rss").unwrap_or(0),
        swap_bytes: value("swap").unwrap_or(0),
        attached: value("nattch")?,
        creator: u32::try_from(value("cpid")?).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_meminfo() {
        let text = "Buffers: 1 kB\nCached: 20 kB\nSwapCached: 3 kB\nShmem: 4 kB\nAnonPages: 5 kB\n\
                    KReclaimable: 9 kB\nSReclaimable: 6 kB\nSUnreclaim: 7 kB\nKernelStack: 8 kB\n\
                    PageTables: 9 kB\nSecPageTables: 1 kB\nVmallocUsed: 18 kB\nPercpu: 2 kB\n\
                    Hugetlb: 2048 kB\nBounce: 1 kB\nZswap: 1 kB\n";
        let parts = parts_of(text.as_bytes());
        assert_eq!((parts.file_cache_bytes, parts.shmem_bytes), (20 << 10, 4 << 10));
        assert_eq!((parts.page_table_bytes, parts.vmalloc_bytes), (10 << 10, 10 << 10));
        assert_eq!((parts.hugetlb_bytes, parts.other_kernel_bytes), (2 << 20, 5 << 10));
        assert_eq!((parts.anon_bytes, parts.percpu_bytes), (5 << 10, 2 << 10));
        assert_eq!(parts_of(b"\xff\nVmallocUsed: 1 kB\nKernelStack: 2 kB").vmalloc_bytes, 0);
    }

    #[test]
    fn the_free_pages_of_every_cpu_and_zone_count() {
        let text = "Node 0, zone      DMA\n  pages free     3840\n  pagesets\n    cpu: 0\n\
                    \x20             count:    7\n              high:     14\n\
                    Node 0, zone   Normal\n    cpu: 0\n              count:    100\n    cpu: 1\n\
                    \x20             count: 2000\n              count:    x\n";
        assert_eq!(cpu_free_pages(text), 2107);
        assert_eq!(cpu_free_pages(""), 0);
    }

    #[test]
    fn cpu_time_is_busy_or_idle() {
        let text = b"cpu  10 1 5 100 20 2 3 4 9 9\ncpu0 1 2 3 4\n";
        assert_eq!(cpu_ticks_of(text), Some((25, 145)));
        assert_eq!(cpu_ticks_of(b"cpu  1 2\n"), None);
        assert_eq!(cpu_ticks_of(b"intr 1\n"), None);
    }

    #[test]
    fn socket_buffers_are_pages_and_fragments() {
        let text = "sockets: used 26\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 151\n\
                    UDP: inuse 0 mem 2\nUDPLITE: inuse 0\nFRAG: inuse 1 memory 77\n";
        assert_eq!(sockstat_bytes(text, 4096), 153 * 4096 + 77);
        assert_eq!(sockstat_bytes("TCP: mem\nFRAG: memory x\n:\n", 4096), 0);
    }

    #[test]
    fn only_tmpfs_mounts_are_listed() {
        let text = "25 24 0:23 / /a\\040b\\134 rw shared:1 - tmpfs tmpfs rw\n\
                    26 24 8:1 / /c - rw - ext4 tmpfs rw\n27 24 0:x / /d rw - tmpfs t rw\nx\n\n";
        assert_eq!(tmpfs_mounts(text), [(makedev(0, 23), PathBuf::from("/a b\\"))]);
        assert_eq!(unescape("a\\9\\04"), PathBuf::from("a\\9\\04"));
    }

    #[test]
    fn segments_are_found_by_the_names_of_their_columns() {
        let heading = "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime \
                       rss swap\n";
        let lines = " 0 9 1600 4096 12 13 2 0 0 0 0 1 1 1 8192 1\n-1 0 666 5 7 7 0 0 0 0 0 0 0 0 0 0\n\
                     0 x\n";
        let found = parse_segments(&format!("{heading}{lines}"));
        let first = SysvSegment { id: 0, bytes: 5, creator: 7, ..SysvSegment::default() };
        let (bytes, rss_bytes, swap_bytes) = (4096, 8192, 1);
        let second = SysvSegment { id: 9, bytes, rss_bytes, swap_bytes, attached: 2, creator: 12 };
        assert_eq!(found, [first, second]);
        assert!(parse_segments("").is_empty());
    }
}

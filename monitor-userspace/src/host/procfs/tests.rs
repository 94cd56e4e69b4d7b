//! Fake trees, for what a host shows seldom.

use std::fmt::Write as _;
use std::fs;

use super::*;
use crate::event::MappingClass::{Anonymous, File, Heap, Shared};
use crate::event::ReadRange;

/// A stat line whose start_brk is not at a page boundary.
fn stat_line(comm: &str, state: char, flags: u64, threads: u32) -> String {
    let tail = "17 0 0 0 0 0 0 10 20 100001 0 0 0 0 0 0";
    format!(
        "7 ({comm}) {state} 3 7 7 0 -1 {flags} 9 9 9 9 40 2 0 0 20 0 {threads} 0 555 8192000 \
         300 18446744073709551615 1 1 140736 0 0 0 0 0 0 0 0 0 {tail}\n"
    )
}

/// A /proc with one process, 7, and the directories of no process.
struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { dir: tempfile::tempdir().unwrap() };
        tree.write("7/stat", stat_line("a) R 1 (b", 'S', 0x0040_0000, 3));
        tree.write("7/statm", "2000 300 100 1 0 50 0\n");
        let status = "Name:\ta) R 1 (b\nUid:\t1000\t0\t0\t0\nRssAnon:\t9 kB\nRssFile:\t  \
                      24 kB\nRssShmem:\t    8 kB\nVmSwap:\t   16 kB\n";
        tree.write("7/status", status);
        tree.write("self/stat", "");
        tree
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.dir.path().join(path)).unwrap();
    }

    fn proc(&self) -> Proc {
        Proc { root: self.dir.path().to_owned(), page_bytes: 4096, counts_descriptors: false }
    }

    fn process(&self) -> Option<ProcReading> {
        let want = Want { detail: true, identity: true, ..Want::default() };
        self.proc().read_process(7, want, &mut Scratch::default()).unwrap()
    }

    fn space(&self, maps: &str) -> crate::event::Reconcile {
        self.write("7/maps", maps);
        self.proc().read_space(7, &mut Scratch::default()).unwrap()
    }
}

#[test]
fn a_hostile_name_does_not_move_the_fields() {
    let reading = Tree::new().process().unwrap();
    assert_eq!(reading.process, ProcessId { pid: 7, start_ticks: 555 });
    assert_eq!((reading.comm.as_str(), reading.state), ("a) R 1 (b", 'S'));
    assert_eq!((reading.ppid, reading.threads, reading.cpu_ticks), (3, 3, 42));
    assert_eq!(reading.virtual_bytes, 8_192_000);
    assert_eq!(reading.rss_bytes, 300 * 4096);
    assert_eq!(reading.rss_anon_bytes, 200 * 4096);
    assert!(!reading.kernel_thread);
    let detail = reading.detail.unwrap();
    assert_eq!((detail.rss_file_bytes, detail.rss_shmem_bytes), (24 << 10, 8 << 10));
    assert_eq!((detail.swap_bytes, detail.uid), (16 << 10, 1000));
    for comm in ["", ")", "((", "x\ny", "1 2 3", "\u{1b}[2J"] {
        let tree = Tree::new();
        tree.write("7/stat", stat_line(comm, 'R', 0, 1));
        let reading = tree.process().unwrap();
        assert_eq!((reading.comm.as_str(), reading.cpu_ticks), (comm, 42), "{comm:?}");
    }
}

#[test]
fn any_file_that_vanishes_is_a_process_that_does() {
    for file in ["stat", "statm", "status"] {
        let tree = Tree::new();
        tree.remove(&format!("7/{file}"));
        assert_eq!(tree.process(), None, "{file}");
    }
}

#[test]
fn a_file_that_is_not_understood_is_an_error_with_its_path() {
    for file in ["stat", "statm", "status"] {
        let tree = Tree::new();
        for content in ["", "x", "7 (x) S 1", "7 )x( S", "1 2", "7 (x) S a b c d e f g h i j k l"] {
            tree.write(&format!("7/{file}"), content);
            let want = Want { detail: true, identity: true, ..Want::default() };
            let error = tree.proc().read_process(7, want, &mut Scratch::default()).unwrap_err();
            assert!(matches!(&error, ProcError::Parse { .. }), "{file}: {content}");
            assert!(error.to_string().contains(&format!("/7/{file}")), "{error}");
        }
    }
}

#[test]
fn only_kernel_threads_are_kernel_threads() {
    let tree = Tree::new();
    tree.write("7/statm", "0 0 0 0 0 0 0\n");
    for (state, flags, expected) in [
        ('I', PF_KTHREAD | 0x40, true),
        ('Z', 0x4, false),
        // A process that has given its memory back and is not yet a zombie.
        ('R', 0x4, false),
    ] {
        tree.write("7/stat", stat_line("kworker/0:1", state, flags, 1));
        assert_eq!(tree.process().unwrap().kernel_thread, expected, "{state}");
    }
}

#[test]
fn a_process_without_its_first_thread_is_read_through_another() {
    let tree = Tree::new();
    let leader = stat_line("x", 'Z', 0, 3).replace("100001", "0");
    tree.write("7/stat", &leader);
    tree.write("7/statm", "0 0 0 0 0 0 0\n");
    tree.write("7/task/7/stat", &leader);
    tree.write("7/task/9/stat", stat_line("x", 'S', 0, 3));
    tree.write("7/task/9/statm", "2000 300 100 1 0 50 0\n");
    tree.write("7/task/9/status", "Uid:\t5\n");
    tree.write("7/task/9/maps", "18000-1a000 rw-p 0 0:0 0 [heap]\n");
    let reading = tree.process().unwrap();
    assert_eq!((reading.state, reading.rss_bytes), ('S', 300 * 4096));
    let expected =
        [ReadRange(0x18000, 0x19000, Anonymous, None), ReadRange(0x19000, 0x1a000, Heap, None)];
    assert_eq!(tree.space("").ranges, expected);
}

#[test]
fn descriptors_are_listed_where_the_kernel_does_not_count_them() {
    let tree = Tree::new();
    let count = |listing: bool| {
        let want = Want { listing, ..Want::default() };
        let reading = tree.proc().read_process(7, want, &mut Scratch::default()).unwrap();
        reading.unwrap().descriptors
    };
    assert_eq!(count(true), None, "there is nothing to list");
    (0..1000).for_each(|fd| tree.write(&format!("7/fd/{fd}"), ""));
    assert_eq!(count(true), Some(1000));
    assert_eq!(count(false), None, "nobody asked");
    tree.write("7/fd/1000", "");
    assert_eq!(count(true), None, "too many to list");
}

#[test]
fn pids_are_the_numbers_in_the_directory() {
    let tree = Tree::new();
    tree.write("12/stat", "");
    tree.write("12x/stat", "");
    tree.write("99999999999/stat", "");
    let mut pids = vec![1];
    tree.proc().pids(&mut pids).unwrap();
    pids.sort_unstable();
    assert_eq!(pids, [7, 12]);
}

#[test]
fn a_space_has_classes_and_joined_neighbours() {
    // start_brk is 100001 (0x186a1): the heap starts at 0x19000.
    let maps = "\
        00010000-00012000 r-xp 00000000 fe:00 1          /bin/a b\\012c\n\
        00012000-00013000 rw-p 00002000 fe:00 1          /bin/a b\\012c\n\
        00013000-00014000 rw-p 00000000 00:00 0 \n\
        00014000-00015000 rw-p 00000000 00:00 0          [anon:x]\n\
        00015000-00020000 rw-p 00000000 00:00 0          [heap]\n\
        00020000-00021000 rw-s 00000000 00:01 9          /dev/zero (deleted)\n\
        00021000-00022000 rw-s 00000000 00:01 9          /memfd:y (deleted)\n\
        00030000-00031000 rw-p 00000000 00:00 0          [stack]\n\
        00031000-00032000 rw-p 00000000 00:00 0 \n\
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";
    let look = Tree::new().space(maps);
    assert_eq!(look.start_brk, Some(0x19000));
    let expected = [
        ReadRange(0x10000, 0x13000, File, None),
        ReadRange(0x13000, 0x19000, Anonymous, None),
        ReadRange(0x19000, 0x20000, Heap, None),
        ReadRange(0x20000, 0x22000, Shared, None),
        ReadRange(0x31000, 0x32000, Anonymous, None),
    ];
    assert_eq!(look.ranges, expected);
    assert_eq!((look.vmas, look.found, look.process.start_ticks), (9, true, 555));
    assert!(look.t0_ns <= look.t1_ns && look.t0_ns > 0);
}

#[test]
fn a_space_that_is_not_there_is_not_found() {
    let line = "1000-2000 rw-p 0 0:0 0 \n";
    assert!(Tree::new().space(line).found);
    assert!(!Tree::new().space("").found);
    let zombie = Tree::new();
    zombie.write("7/stat", stat_line("x", 'Z', 0, 1));
    assert!(!zombie.space(line).found);
    let gone = Tree::new().proc().read_space(8, &mut Scratch::default()).unwrap();
    assert!(!gone.found && gone.ranges.is_empty());
    let no_maps = Tree::new().proc().read_space(7, &mut Scratch::default()).unwrap();
    assert!(!no_maps.found);
}

#[test]
fn a_space_longer_than_the_buffer_is_read_whole() {
    let name = "x".repeat(3000);
    let mut maps = String::new();
    for index in 1..400_u32 {
        let start = index << 16;
        writeln!(maps, "{start:x}-{:x} rw-p 0 0:0 0 /{name}", start + 4096).unwrap();
    }
    let tree = Tree::new();
    let look = tree.space(&maps);
    assert_eq!((look.vmas, look.ranges.len(), look.found), (399, 399, true));
    tree.write("7/maps", vec![b'x'; 600 << 10]);
    assert!(tree.proc().read_space(7, &mut Scratch::default()).is_err());
}

#[test]
fn the_host_is_read_from_meminfo() {
    let tree = Tree::new();
    let text =
        "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\nSwapTotal: 3 kB\nSwapFree: 4 kB\n";
    tree.write("meminfo", text);
    let host = tree.proc().host_reading().unwrap();
    assert_eq!(host.mem_total_bytes, 9216);
    assert_eq!((host.mem_free_bytes, host.mem_available_bytes), (1024, 2048));
    assert_eq!((host.swap_total_bytes, host.swap_free_bytes), (3072, 4096));
    tree.write("zoneinfo", "  count: 3\n");
    let host = tree.proc().host_reading().unwrap();
    assert_eq!(host.mem_free_bytes, 1024 + 3 * 4096);
    tree.write("meminfo", "MemTotal: 9 kB\nMemFree: 1 kB\n");
    assert!(tree.proc().host_reading().unwrap_err().to_string().contains("MemAvailable"));
}

#[test]
fn limits_of_the_host_are_read_and_what_is_missing_is_unknown() {
    let tree = Tree::new();
    let numbers = "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\nSwapTotal: 3 kB\n\
                   SwapFree: 4 kB\n";
    tree.write("meminfo", numbers);
    let host = tree.proc().host_reading().unwrap();
    assert_eq!((host.limits, host.pressure), (<_>::default(), <_>::default()));
    tree.write("meminfo", format!("{numbers}HugePages_Total:      12\nHugePages_Free:    7\n"));
    tree.write("sys/vm/max_map_count", "65530\n");
    tree.write("sys/fs/file-nr", "652\t0\t2466170\n");
    tree.write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    tree.write("sys/fs/inotify/max_user_watches", "192536\n");
    tree.write("loadavg", "0.00 0.01 0.05 1/321 4242\n");
    tree.write("net/sockstat", "TCP: inuse 1 orphan 0 tw 6 alloc 1 mem 2\n");
    tree.write("pressure/memory", "some avg10=0.50 avg60=0.00 avg300=0.00 total=9\n");
    let host = tree.proc().host_reading().unwrap();
    let limits = host.limits;
    assert_eq!((limits.max_map_count, limits.pid_max), (Some(65530), None));
    assert_eq!((limits.open_files, limits.file_max), (Some(652), Some(2_466_170)));
    assert_eq!((limits.local_port_first, limits.local_port_last), (Some(32768), Some(60999)));
    assert_eq!((limits.tasks, limits.time_wait), (Some(321), Some(6)));
    assert_eq!((limits.huge_pages, limits.huge_pages_free), (Some(12), Some(7)));
    assert_eq!((limits.inotify_max_user_watches, limits.conntrack), (Some(192_536), None));
    assert_eq!(host.socket_buffer_bytes, 2 * 4096);
    assert_eq!(host.pressure.memory.unwrap().some.total_us, 9);
    tree.write("sys/fs/file-nr", "652\t0\t9223372036854775807\n");
    assert_eq!(tree.proc().host_reading().unwrap().limits.file_max, None, "as good as none");
}

#[test]
fn what_a_process_read_and_its_limits_are_known_where_they_are_shown() {
    let tree = Tree::new();
    let reading = tree.process().unwrap();
    assert_eq!((reading.read_bytes, reading.limits), (None, None));
    tree.write("7/io", "rchar: 4096\nwchar: 9\nsyscr: 1\nread_bytes: 512\n");
    let limits = "Max data size  unlimited unlimited bytes\nMax processes  50 60 processes\n\
                  Max open files  1024 4096 files\nMax address space  4096 4096 bytes\n";
    tree.write("7/limits", limits);
    tree.write("7/cgroup", "0::/system.slice/x.service\n");
    let reading = tree.process().unwrap();
    assert_eq!(reading.read_bytes, Some(4096));
    let limits = reading.limits.unwrap();
    assert_eq!((limits.open_files, limits.processes), (Some(1024), Some(50)));
    assert_eq!((limits.address_space_bytes, limits.data_bytes), (Some(4096), None));
    assert_eq!(reading.identity.unwrap().component.unwrap().name, "x.service");
    let plain = tree.proc().read_process(7, Want::default(), &mut Scratch::default()).unwrap();
    assert_eq!(plain.unwrap().limits, None, "nobody asked");
}

#[test]
fn limits_are_those_that_the_kernel_gives() {
    let reading = Proc::default()
        .read_process(
            std::process::id(),
            Want { identity: true, ..Want::default() },
            &mut Scratch::default(),
        )
        .unwrap()
        .unwrap();
    let limits = reading.limits.unwrap();
    let soft = |what| nix::sys::resource::getrlimit(what).unwrap().0;
    let of = |limit: Option<u64>| limit.unwrap_or(nix::sys::resource::RLIM_INFINITY);
    assert_eq!(of(limits.open_files), soft(nix::sys::resource::Resource::RLIMIT_NOFILE));
    assert_eq!(of(limits.address_space_bytes), soft(nix::sys::resource::Resource::RLIMIT_AS));
    assert_eq!(of(limits.processes), soft(nix::sys::resource::Resource::RLIMIT_NPROC));
    assert_eq!(of(limits.data_bytes), soft(nix::sys::resource::Resource::RLIMIT_DATA));
}

#[test]
fn the_agent_measures_itself_and_what_its_readings_take() {
    let mut meter = SelfMeter::new(&Proc::default(), 0);
    let own = meter.read(1_000_000_000).unwrap();
    assert!(own.reading_cpu_percent > 0.0 && own.reading_cpu_percent <= own.cpu_percent + 100.0);
    assert!(own.rss_anon_bytes > 0 && own.cpu_percent >= 0.0 && own.cpu_percent.is_finite());
    assert!(meter.read(1_000_000_000).unwrap().cpu_percent.abs() < f64::EPSILON);
}

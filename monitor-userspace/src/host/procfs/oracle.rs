//! Living processes, read by us and by the `procfs` crate.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use procfs::process::{MMPermissions, MMapPath, Process};

use super::*;
use crate::event::MappingClass::{Anonymous, File, Heap, Shared};
use crate::event::{MappingClass, ReadRange};

#[test]
fn this_process_is_what_the_oracle_says() {
    let pid = std::process::id();
    let want = Want { detail: true, rollup: true, identity: true };
    let reading =
        Proc::default().read_process(pid, want, &mut Scratch::default()).unwrap().unwrap();
    let oracle = Process::myself().unwrap();
    let stat = oracle.stat().unwrap();
    let status = oracle.status().unwrap();
    assert_eq!(reading.process, ProcessId { pid, start_ticks: stat.starttime });
    assert_eq!((reading.ppid, reading.comm), (stat.ppid as u32, stat.comm));
    assert_eq!(reading.detail.unwrap().uid, status.ruid);
    assert!(stat.utime + stat.stime - reading.cpu_ticks < 200);
    // Other tests run at the same time in this process.
    let near = |ours: u64, theirs: u64| ours.abs_diff(theirs) < 32 << 20;
    assert!(near(reading.rss_bytes, stat.rss * page_bytes()));
    assert!(near(reading.rss_anon_bytes, status.rssanon.unwrap() * 1024));
    assert!(near(reading.virtual_bytes, stat.vsize) || reading.threads > 1);
    assert!(!reading.kernel_thread);
    let rollup = reading.rollup.unwrap();
    assert!(rollup.pss_bytes > 0 && rollup.pss_bytes <= reading.rss_bytes + (32 << 20));
    let mut pids = Vec::new();
    Proc::default().pids(&mut pids).unwrap();
    assert!(pids.contains(&pid));
}

/// Bytes of a class in our reading.
fn bytes_of(ranges: &[ReadRange], class: MappingClass) -> u64 {
    ranges.iter().filter(|range| range.2 == class).map(|range| range.1 - range.0).sum()
}

#[test]
fn a_space_is_what_the_oracle_says() {
    // A child at rest: this process's own space changes under its tests. One byte through it and
    // back tells that it has started.
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let look = Proc::default().read_space(pid, &mut Scratch::default()).unwrap();
    let oracle: Vec<_> = Process::new(pid as i32).unwrap().maps().unwrap().into_iter().collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let sum = |wanted: &dyn Fn(&MMapPath) -> bool, perms: MMPermissions| -> u64 {
        let lines = oracle.iter().filter(|map| wanted(&map.pathname) && map.perms.contains(perms));
        lines.map(|map| map.address.1 - map.address.0).sum()
    };
    assert!(look.found);
    let gates = oracle.iter().filter(|map| map.pathname == MMapPath::Vsyscall).count();
    assert_eq!(look.vmas as usize, oracle.len() - gates);
    let private = MMPermissions::PRIVATE;
    let anonymous = sum(&|path| *path == MMapPath::Anonymous, private);
    let heap = sum(&|path| *path == MMapPath::Heap, private);
    let files = sum(&|path| matches!(path, MMapPath::Path(_)), MMPermissions::NONE);
    assert_eq!(bytes_of(&look.ranges, Anonymous) + bytes_of(&look.ranges, Heap), anonymous + heap);
    assert_eq!(bytes_of(&look.ranges, File), files);
    assert_eq!(bytes_of(&look.ranges, Shared), 0);
    let first_heap = look.ranges.iter().find(|range| range.2 == Heap);
    assert_eq!(first_heap.map(|range| range.0), look.start_brk.filter(|_| heap > 0));
}

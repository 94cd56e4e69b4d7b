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
    let want = Want { detail: true, rollup: true, identity: true, listing: true };
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

#[test]
fn a_table_is_what_was_opened() {
    use std::os::fd::{AsFd as _, AsRawFd as _};

    use crate::event::DescriptorKind::{Epoll, Eventfd, Memfd, Pipe, Socket};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (unix, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (pipe_out, pipe_in) = io::pipe().unwrap();
    let event = nix::sys::eventfd::EventFd::new().unwrap();
    let epoll = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::empty()).unwrap();
    let interest = nix::sys::epoll::EpollEvent::empty();
    epoll.add(&event, interest).unwrap();
    let memfd = nix::sys::memfd::memfd_create("x", nix::sys::memfd::MFdFlags::empty()).unwrap();
    let mut scratch = Scratch::default();
    let look = Proc::default().read_table(std::process::id(), &mut |_| None, &mut scratch).unwrap();
    assert!(look.found && look.t0_ns <= look.t1_ns && look.timers.is_some());
    assert!(look.open.is_sorted_by_key(|it| it.fd));
    let of = |fd: i32| look.open.iter().find(|it| it.fd == fd as u32).unwrap();
    let socket = of(listener.as_raw_fd()).socket.unwrap();
    assert_eq!((socket.family, socket.socket_type, socket.tcp_state), (2, 1, 10));
    assert!(socket.is_listener && of(listener.as_raw_fd()).kind == Socket);
    let socket = of(unix.as_raw_fd()).socket.unwrap();
    assert_eq!((socket.family, socket.socket_type, socket.is_listener), (1, 1, false));
    let (ends, other) = (of(pipe_out.as_raw_fd()), of(pipe_in.as_raw_fd()));
    assert_eq!((ends.kind, ends.inode, ends.writes), (Pipe, other.inode, false));
    assert!(other.writes && other.inode != 0);
    assert_eq!(of(event.as_fd().as_raw_fd()).kind, Eventfd);
    assert_eq!(of(memfd.as_raw_fd()).kind, Memfd);
    let watched = event.as_fd().as_raw_fd() as u32;
    let epolls = look.open.iter().filter(|it| it.kind == Epoll);
    assert!(epolls.into_iter().any(|it| it.watches == [watched]));
}

#[test]
fn the_parts_of_memory_add_up() {
    let host = Proc::default().host_reading().unwrap();
    let parts = [
        host.mem_free_bytes,
        host.anon_bytes,
        host.file_cache_bytes,
        host.shmem_bytes,
        host.slab_reclaimable_bytes,
        host.slab_unreclaimable_bytes,
        host.kernel_stack_bytes,
        host.page_table_bytes,
        host.percpu_bytes,
        host.vmalloc_bytes,
        host.hugetlb_bytes,
        host.other_kernel_bytes,
    ];
    let total = host.mem_total_bytes as f64;
    let rest = total - parts.iter().sum::<u64>() as f64;
    // What drivers take has no line; a host with large ones may hide more than this.
    assert!(rest.abs() <= 0.2 * total, "{rest} of {total}");
}

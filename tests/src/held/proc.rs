//! The reader of /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::Counts;

/// Kinds of descriptors; they and the files add up to the descriptors.
const KINDS: [&str; 8] = [
    "pipes",
    "eventfds",
    "sockets",
    "timerfds",
    "epolls",
    "inotifies",
    "memfds",
    "other_descriptors",
];
/// States in the order of the kernel's numbers, from 1.
const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];
/// State of a listener.
const LISTEN: u64 = 10;
/// Flag of a unix socket that listens.
const ACCEPTS: u64 = 0x1_0000;

/// What a process holds. `itimers` are the interval timers that run, which /proc does not show. Of
/// unconnected TCP sockets /proc says nothing, so `connections.close` is left out.
pub fn of(pid: u32, itimers: u64) -> Counts {
    let task = living_task(pid);
    let mut counts: Counts = KINDS.iter().map(|kind| ((*kind).to_owned(), 0)).collect();
    let mut inodes = Vec::new();
    let (mut files, mut epoll_watches, mut inotify_watches) = (0, 0, 0);
    for (fd, link) in links(&task) {
        let info = || read(&task.join("fdinfo").join(&fd));
        let Some(kind) = kind(&link, &task.join("fd").join(&fd)) else {
            files += 1;
            continue;
        };
        match kind {
            "sockets" => inodes.extend(inode(&link)),
            "epolls" => epoll_watches += starting(&info(), "tfd:"),
            "inotifies" => inotify_watches += starting(&info(), "inotify wd:"),
            _ => {}
        }
        *counts.get_mut(kind).unwrap() += 1;
    }
    let descriptors = files + counts.values().sum::<u64>();
    let tcp = tcp_states(&task);
    for (number, state) in (1..).zip(STATES) {
        let is_in = |inode: &&u64| tcp.get(inode) == Some(&number);
        if state != "close" {
            let found = inodes.iter().filter(is_in).count() as u64;
            counts.insert(format!("connections.{state}"), found);
        }
    }
    let unix = unix_listeners(&task);
    let listens = |inode: &&u64| unix.contains(inode) || tcp.get(inode) == Some(&LISTEN);
    let listeners = inodes.iter().filter(listens).count() as u64;
    let (children, zombies) = children(pid);
    let others = [
        ("descriptors", descriptors),
        ("files", files),
        ("listeners", listeners),
        ("epoll_watches", epoll_watches),
        ("inotify_watches", inotify_watches),
        ("timers", itimers + starting(&read(&proc(pid).join("timers")), "ID: ")),
        ("shm_segments", segments(&task)),
        ("threads", entries(&proc(pid).join("task")).len() as u64),
        ("children", children),
        ("zombies", zombies),
    ];
    counts.extend(others.map(|(name, number)| (name.to_owned(), number)));
    counts
}

/// Whether two descriptors may be copies of one epoll that watches something: they watch the same.
pub fn has_epolls_alike(pid: u32) -> bool {
    let task = living_task(pid);
    let watches = |(fd, link): (String, String)| {
        let info =
            (link == "anon_inode:[eventpoll]").then(|| read(&task.join("fdinfo").join(fd)))?;
        let watches: Vec<_> =
            info.lines().filter(|line| line.starts_with("tfd:")).map(str::to_owned).collect();
        (!watches.is_empty()).then_some(watches)
    };
    let all: Vec<_> = links(&task).into_iter().filter_map(watches).collect();
    all.iter().collect::<BTreeSet<_>>().len() < all.len()
}

/// Living processes of a session, by pid.
pub fn session(leader: u32) -> Vec<u32> {
    let is_in = |pid: &u32| {
        let fields = stat(&proc(*pid));
        fields.is_some_and(|fields| fields[3] == leader.to_string()) && !is_zombie(*pid)
    };
    pids().into_iter().filter(is_in).collect()
}

/// A process, and all living ones that it or one of them made, by pid.
pub fn family(root: u32) -> Vec<u32> {
    let parent = |pid: u32| Some((pid, stat(&proc(pid))?.get(1)?.parse().ok()?));
    let parents: BTreeMap<u32, u32> = pids().into_iter().filter_map(parent).collect();
    let is_of_family = |pid: &&u32| {
        let ancestors = std::iter::successors(Some(**pid), |pid| parents.get(pid).copied());
        // The chain ends at 0, the parent of the first process.
        ancestors.take(parents.len()).any(|pid| pid == root)
    };
    parents.keys().filter(is_of_family).copied().filter(|pid| !is_zombie(*pid)).collect()
}

/// Whether every thread of a process is stopped, or the process is gone.
pub(super) fn is_stopped(pid: u32) -> bool {
    let tasks = proc(pid).join("task");
    let state = |tid: &String| stat(&tasks.join(tid)).map(|fields| fields[0].clone());
    entries(&tasks).iter().filter_map(state).all(|state| ["T", "Z", "X"].contains(&state.as_str()))
}

/// A thread whose /proc files say what its process holds: a leader that ended before the others has
/// neither mappings nor descriptors.
pub fn living_thread(pid: u32) -> u32 {
    let task = living_task(pid);
    task.file_name().unwrap().to_string_lossy().parse().unwrap()
}

fn proc(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// A thread that still has its descriptors: the leader, unless it has ended before the others.
fn living_task(pid: u32) -> PathBuf {
    let tasks = proc(pid).join("task");
    let alive = |tid: &String| stat(&tasks.join(tid)).is_some_and(|fields| fields[0] != "Z");
    let mut tids: Vec<String> = entries(&tasks).into_iter().filter(alive).collect();
    tids.sort_by_key(|tid| *tid != pid.to_string());
    tasks.join(tids.first().unwrap_or_else(|| panic!("{pid} has ended")))
}

/// Descriptors and what they lead to. One that goes meanwhile, such as our own that lists them, is
/// none.
fn links(task: &Path) -> Vec<(String, String)> {
    let link = |fd: String| {
        let target = fs::read_link(task.join("fd").join(&fd)).ok()?;
        Some((fd, target.to_string_lossy().into_owned()))
    };
    entries(&task.join("fd")).into_iter().filter_map(link).collect()
}

/// The kind of a descriptor; `None` for files, directories and devices.
fn kind(link: &str, path: &Path) -> Option<&'static str> {
    Some(match link {
        "anon_inode:[eventfd]" => "eventfds",
        "anon_inode:[timerfd]" => "timerfds",
        "anon_inode:[eventpoll]" => "epolls",
        "anon_inode:inotify" => "inotifies",
        _ if link.starts_with("pipe:") => "pipes",
        _ if link.starts_with("socket:") => "sockets",
        _ if link.starts_with("/memfd:") => "memfds",
        _ if link.starts_with('/') => {
            use std::os::unix::fs::FileTypeExt as _;
            let is_fifo = |about: &fs::Metadata| about.file_type().is_fifo();
            return fs::metadata(path).ok().filter(is_fifo).map(|_| "pipes");
        }
        _ => "other_descriptors",
    })
}

/// `socket:[123]`
fn inode(link: &str) -> Option<u64> {
    link.split_once('[')?.1.strip_suffix(']')?.parse().ok()
}

/// TCP sockets that have an address, by inode.
fn tcp_states(task: &Path) -> BTreeMap<u64, u64> {
    let read_table = |name: &str| fs::read_to_string(task.join("net").join(name));
    // There is no second table where the kernel has no IPv6.
    let text = read_table("tcp").unwrap() + &read_table("tcp6").unwrap_or_default();
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let state = u64::from_str_radix(fields.get(3)?, 16).ok()?;
        Some((fields.get(9)?.parse().ok()?, state))
    };
    text.lines().filter_map(socket).collect()
}

/// Inodes of unix sockets that listen.
fn unix_listeners(task: &Path) -> BTreeSet<u64> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let flags = u64::from_str_radix(fields.get(3)?, 16).ok()?;
        let inode = fields.get(6)?.parse().ok()?;
        (flags & ACCEPTS != 0).then_some(inode)
    };
    read(&task.join("net/unix")).lines().filter_map(socket).collect()
}

/// Segments that are attached, each once.
fn segments(task: &Path) -> u64 {
    let maps = read(&task.join("maps"));
    let inode = |line: &str| {
        let mut words = line.split_whitespace();
        let inode = words.nth(4)?.to_owned();
        words.next()?.starts_with("/SYSV").then_some(inode)
    };
    maps.lines().filter_map(inode).collect::<BTreeSet<_>>().len() as u64
}

/// Children that live and children that nobody waited for.
fn children(pid: u32) -> (u64, u64) {
    let is_child =
        |other: &u32| stat(&proc(*other)).is_some_and(|fields| fields[1] == pid.to_string());
    let children: Vec<u32> = pids().into_iter().filter(is_child).collect();
    let zombies = children.iter().filter(|child| is_zombie(**child)).count() as u64;
    (children.len() as u64 - zombies, zombies)
}

/// Whether all its threads have ended.
fn is_zombie(pid: u32) -> bool {
    let tasks = proc(pid).join("task");
    stat(&proc(pid)).is_some_and(|fields| fields[0] == "Z") && entries(&tasks).len() <= 1
}

/// State, parent, group and session; the name before them may hold anything.
fn stat(dir: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(dir.join("stat")).ok()?;
    let fields = text.rsplit_once(") ")?.1;
    Some(fields.split(' ').take(4).map(str::to_owned).collect())
}

fn pids() -> Vec<u32> {
    entries(Path::new("/proc")).iter().filter_map(|name| name.parse().ok()).collect()
}

/// Names in a directory; none where it is gone.
fn entries(dir: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    fs::read_dir(dir).into_iter().flatten().flatten().map(name).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn starting(text: &str, start: &str) -> u64 {
    text.lines().filter(|line| line.starts_with(start)).count() as u64
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    use super::*;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent};
    use nix::sys::eventfd::EventFd;

    /// How many more there are of each than in `before`. Other tests of this process run beside
    /// this one, so only what nothing else here makes can be looked at.
    fn more(before: &Counts, name: &str) -> i64 {
        of(std::process::id(), 0)[name] as i64 - before[name] as i64
    }

    #[test]
    fn what_this_process_makes_is_seen() {
        let before = of(std::process::id(), 0);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let _unix = UnixListener::bind(dir.path().join("socket")).unwrap();
        let _pair = UnixStream::pair().unwrap();
        let event = EventFd::new().unwrap();
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        epoll.add(&event, EpollEvent::empty()).unwrap();
        assert_eq!(more(&before, "sockets"), 6);
        assert_eq!(more(&before, "listeners"), 2);
        assert_eq!(more(&before, "connections.listen"), 1);
        assert_eq!(more(&before, "connections.established"), 2);
        assert_eq!(more(&before, "eventfds"), 1);
        assert_eq!(more(&before, "epolls"), 1);
        assert_eq!(more(&before, "epoll_watches"), 1);
        assert!(!has_epolls_alike(std::process::id()));
        let copy = epoll.0.try_clone().unwrap();
        assert!(has_epolls_alike(std::process::id()));
        drop(copy);
        drop(client);
        crate::wait_until(Duration::from_secs(10), "the other end to hear", || {
            (more(&before, "connections.close_wait") == 1).then_some(())
        });
        drop(accepted);
        let counts = of(std::process::id(), 0);
        let sum: u64 = KINDS.iter().chain(&["files"]).map(|kind| counts[*kind]).sum();
        assert_eq!(counts["descriptors"], sum);
    }
}

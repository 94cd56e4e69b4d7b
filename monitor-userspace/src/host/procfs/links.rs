//! What an open descriptor is, from the name that its link in /proc/PID/fd carries and from the
//! lines of its fdinfo. Pure: bytes in, facts out.

use super::stat::decimal;
use crate::event::DescriptorKind;

/// Namespaces as `nsfs` names them (fs/nsfs.c): handles of theirs are files on it.
const NAMESPACES: [&[u8]; 10] = [
    b"cgroup",
    b"ipc",
    b"mnt",
    b"net",
    b"pid",
    b"pid_for_children",
    b"time",
    b"time_for_children",
    b"user",
    b"uts",
];

/// How an io_uring is named (io_uring/io_uring.c, `io_uring_get_file`).
pub(super) const RING: &[u8] = b"anon_inode:[io_uring]";

/// The kind and the inode number of a descriptor; the latter is 0 for all but sockets and pipes.
/// What has a path starts with a slash, so that no path can pose as anything else; only a memfd
/// shows as a path without being one.
pub(super) fn classify(link: &[u8]) -> (DescriptorKind, u64) {
    if let Some(inode) = numbered(link, b"socket:[") {
        return (DescriptorKind::Socket, inode);
    }
    if let Some(inode) = numbered(link, b"pipe:[") {
        return (DescriptorKind::Pipe, inode);
    }
    let kind = match link {
        _ if link.starts_with(b"/memfd:") => DescriptorKind::Memfd,
        [b'/', ..] => DescriptorKind::File,
        _ if link.starts_with(b"(unreachable)") => DescriptorKind::File,
        _ => link.strip_prefix(b"anon_inode:").map_or_else(|| of_other(link), of_anonymous),
    };
    (kind, 0)
}

/// The kind of what has no file system. Whether a name stands in brackets differs between kernels.
fn of_anonymous(name: &[u8]) -> DescriptorKind {
    let inner = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    match inner {
        b"eventfd" => DescriptorKind::Eventfd,
        b"eventpoll" => DescriptorKind::Epoll,
        b"timerfd" => DescriptorKind::Timerfd,
        b"inotify" => DescriptorKind::Inotify,
        _ => DescriptorKind::Other,
    }
}

fn of_other(link: &[u8]) -> DescriptorKind {
    let colon = link.iter().position(|&byte| byte == b':').unwrap_or(link.len());
    if NAMESPACES.contains(&&link[..colon]) { DescriptorKind::File } else { DescriptorKind::Other }
}

/// The number of `socket:[123]`.
fn numbered(link: &[u8], prefix: &[u8]) -> Option<u64> {
    decimal(link.strip_prefix(prefix)?.strip_suffix(b"]")?)
}

/// The descriptors that an epoll watches: lines `tfd: N events: …`.
pub(super) fn epoll_watches(fdinfo: &[u8]) -> Vec<u32> {
    watches(fdinfo, b"tfd:", 10)
}

/// The watches of an inotify: lines `inotify wd:N ino:…`, where the number is hexadecimal.
pub(super) fn inotify_watches(fdinfo: &[u8]) -> Vec<u32> {
    watches(fdinfo, b"inotify wd:", 16)
}

fn watches(fdinfo: &[u8], prefix: &[u8], radix: u32) -> Vec<u32> {
    let lines = fdinfo.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(prefix));
    lines.filter_map(|line| first_number(line, radix)).collect()
}

fn first_number(line: &[u8], radix: u32) -> Option<u32> {
    let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    u32::from_str_radix(std::str::from_utf8(word).ok()?, radix).ok()
}

/// The ids in /proc/PID/timers: lines `ID: N`.
pub(super) fn timer_ids(timers: &[u8]) -> Vec<i32> {
    let lines = timers.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"ID:"));
    let text = lines.filter_map(|id| std::str::from_utf8(id).ok());
    text.filter_map(|id| id.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use DescriptorKind::{Epoll, Eventfd, File, Inotify, Memfd, Other, Pipe, Socket, Timerfd};

    #[test]
    fn every_link_has_its_kind() {
        let cases = [
            ("socket:[255731]", Socket, 255_731),
            ("pipe:[9]", Pipe, 9),
            ("anon_inode:[eventfd]", Eventfd, 0),
            ("anon_inode:[eventpoll]", Epoll, 0),
            ("anon_inode:[timerfd]", Timerfd, 0),
            ("anon_inode:inotify", Inotify, 0),
            ("anon_inode:[inotify]", Inotify, 0),
            ("anon_inode:[io_uring]", Other, 0),
            ("anon_inode:bpf-map", Other, 0),
            ("anon_inode:[pidfd]", Other, 0),
            ("pidfd:[77]", Other, 0),
            ("net:[4026531840]", File, 0),
            ("mnt:[4026531841]", File, 0),
            ("pid_for_children:[1]", File, 0),
            ("/memfd:a b (deleted)", Memfd, 0),
            ("/tmp/memfd:x", File, 0),
            ("/tmp/socket:[5]", File, 0),
            ("/dev/null", File, 0),
            ("/x\ny (deleted)", File, 0),
            ("(unreachable)/x", File, 0),
            ("socket:[]", Other, 0),
            ("socket:[99999999999999999999999]", Other, 0),
            ("pipe:[5", Other, 0),
            ("", Other, 0),
        ];
        for (link, kind, inode) in cases {
            assert_eq!(classify(link.as_bytes()), (kind, inode), "{link}");
        }
    }

    #[test]
    fn watches_are_what_fdinfo_lists() {
        let epoll = "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t9\n\
                     tfd:        5 events:       19 data:                5  pos:0 ino:1 sdev:8\n\
                     tfd:      120 events: 80000019 data: ffffffffffffffff  pos:0 ino:2 sdev:8\n\
                     tfd:\ntfd: x\n";
        assert_eq!(epoll_watches(epoll.as_bytes()), [5, 120]);
        let inotify = "pos:\t0\nflags:\t00\ninotify wd:1f ino:9e7e sdev:800013 mask:800afce\n\
                       inotify wd:2 ino:1 sdev:1 mask:1\ninotify wd:zz\n";
        assert_eq!(inotify_watches(inotify.as_bytes()), [0x1f, 2]);
        assert!(epoll_watches(inotify.as_bytes()).is_empty());
        assert!(inotify_watches(b"\xff\n\n").is_empty());
    }

    #[test]
    fn timers_are_listed_by_id() {
        let text = "ID: 1\nsignal: 60/00007fff86e452a8\nnotify: signal/pid.2634\nClockID: 0\n\
                    ID: 0\nsignal: 60/0\nnotify: none/pid.1\nClockID: 1\nID: \nID: x\n";
        assert_eq!(timer_ids(text.as_bytes()), [1, 0]);
        assert!(timer_ids(b"").is_empty());
    }
}

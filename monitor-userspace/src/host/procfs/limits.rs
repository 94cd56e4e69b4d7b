//! The limits of a process, what it has read, and the limits of the whole host. The parsers are
//! pure; a file that is missing or may not be read tells nothing.

use std::net::SocketAddr;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::scratch::{Target, read_start};
use super::stat::{decimal, line_value};
use super::{Proc, SMALL_FILE_BYTES, Scratch};
use crate::event::{ProcLimits, SystemLimits};
use crate::host::sock_diag::{SockDiag, TIME_WAIT, TcpSocket};

/// fs.file-max where nobody has set it on a large host: the most a `long` holds.
const NO_FILE_MAX: u64 = i64::MAX as u64;

impl Proc {
    /// The soft limits of a process; `None` where they may not be read. One file of 1.3 KB, for
    /// which the kernel takes no lock that anybody waits for.
    pub(super) fn limits(&self, target: Target, scratch: &mut Scratch) -> Option<ProcLimits> {
        parse_limits(scratch.read(&self.root, target, "limits", SMALL_FILE_BYTES).ok()??)
    }

    /// Bytes that a process has read so far; `None` where they are hidden: who may not trace it
    /// may not see them.
    pub(super) fn read_bytes(&self, target: Target, scratch: &mut Scratch) -> Option<u64> {
        let bytes = scratch.read(&self.root, target, "io", SMALL_FILE_BYTES).ok()??;
        number(line_value(bytes, "rchar:")?)
    }

    /// The limits that all processes share. `sockstat` and `meminfo` are those files.
    pub(super) fn system_limits(&self, sockstat: &str, meminfo: &[u8]) -> SystemLimits {
        let mut buffer = Vec::new();
        let mut numbers = |file: &str| numbers_of(&self.root.join(file), &mut buffer);
        let mut one = |file: &str| numbers(file).first().copied();
        let max_map_count = one("sys/vm/max_map_count");
        let pid_max = one("sys/kernel/pid_max");
        let threads_max = one("sys/kernel/threads-max");
        let inotify_max_user_watches = one("sys/fs/inotify/max_user_watches");
        let inotify_max_user_instances = one("sys/fs/inotify/max_user_instances");
        let time_wait_max = one("sys/net/ipv4/tcp_max_tw_buckets");
        let reuse = one("sys/net/ipv4/tcp_tw_reuse");
        let conntrack = one("sys/net/netfilter/nf_conntrack_count");
        let conntrack_max = one("sys/net/netfilter/nf_conntrack_max");
        // Open, unused (0 since Linux 2.6) and most.
        let files = numbers("sys/fs/file-nr");
        let ports = numbers("sys/net/ipv4/ip_local_port_range");
        let range = ports.first().copied().zip(ports.get(1).copied());
        let time_wait = time_wait_of(sockstat);
        // 2 is for connections to the host itself only.
        let can_fill = reuse != Some(1)
            && range.zip(time_wait).is_some_and(|((first, last), waiting)| {
                waiting >= last.saturating_sub(first).saturating_add(1) / 2
            });
        // `0.12 0.34 0.56 running/all last-pid`
        let mut load = Vec::new();
        let len = read_start(&self.root.join("loadavg"), &mut load, SMALL_FILE_BYTES).unwrap_or(0);
        SystemLimits {
            max_map_count,
            pid_max,
            threads_max,
            tasks: tasks_of(&load[..len]),
            file_max: files.get(2).copied().filter(|&most| most < NO_FILE_MAX),
            open_files: files.first().copied(),
            inotify_max_user_watches,
            inotify_max_user_instances,
            local_port_first: range.map(|(first, _)| first),
            local_port_last: range.map(|(_, last)| last),
            time_wait,
            time_wait_max,
            time_wait_ports: range.filter(|_| can_fill).and_then(ports_in_time_wait),
            conntrack,
            conntrack_max,
            huge_pages: number(line_value(meminfo, "HugePages_Total:").unwrap_or_default()),
            huge_pages_free: number(line_value(meminfo, "HugePages_Free:").unwrap_or_default()),
        }
    }
}

/// Ports of this range that are in TIME_WAIT towards the peer with most of them. A hundred thousand
/// sockets are listed in some 30 ms.
fn ports_in_time_wait((first, last): (u64, u64)) -> Option<u64> {
    let mut by_peer: FxHashMap<SocketAddr, u64> = FxHashMap::default();
    let count = |socket: &TcpSocket| {
        if (first..=last).contains(&u64::from(socket.local.port())) {
            *by_peer.entry(socket.peer).or_default() += 1;
        }
    };
    SockDiag::own().and_then(|diag| diag.tcp(&[TIME_WAIT], count)).ok()?;
    by_peer.into_values().max()
}

/// The lines of /proc/PID/limits that are used: `Max open files  1024  4096  files`. A file
/// without them is none.
fn parse_limits(bytes: &[u8]) -> Option<ProcLimits> {
    let soft = |name: &str| {
        let value = line_value(bytes, name)?;
        match value.split(u8::is_ascii_whitespace).find(|field| !field.is_empty())? {
            b"unlimited" => Some(None),
            digits => decimal(digits).map(Some),
        }
    };
    Some(ProcLimits {
        open_files: soft("Max open files ")?,
        address_space_bytes: soft("Max address space ")?,
        processes: soft("Max processes ")?,
        data_bytes: soft("Max data size ")?,
    })
}

/// The numbers of a small file.
fn numbers_of(path: &Path, buffer: &mut Vec<u8>) -> Vec<u64> {
    let len = read_start(path, buffer, SMALL_FILE_BYTES).unwrap_or(0);
    let fields = buffer[..len].split(u8::is_ascii_whitespace);
    fields.filter(|field| !field.is_empty()).map_while(decimal).collect()
}

fn number(value: &[u8]) -> Option<u64> {
    decimal(value.trim_ascii())
}

/// How many tasks there are, from /proc/loadavg.
fn tasks_of(loadavg: &[u8]) -> Option<u64> {
    let field = loadavg.split(u8::is_ascii_whitespace).nth(3)?;
    decimal(field.rsplit(|&byte| byte == b'/').next()?)
}

/// `TCP: … tw 4 …`
fn time_wait_of(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_whitespace().skip_while(|word| *word != "tw").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.18 prints it.
    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max file size             unlimited            unlimited            bytes     
Max data size             4294967296           unlimited            bytes     
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    unlimited            bytes     
Max resident set          unlimited            unlimited            bytes     
Max processes             96365                96365                processes 
Max open files            20000                524288               files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
Max file locks            unlimited            unlimited            locks     
";

    #[test]
    fn the_soft_limits_are_found() {
        let expected = ProcLimits {
            open_files: Some(20000),
            address_space_bytes: None,
            processes: Some(96365),
            data_bytes: Some(4 << 30),
        };
        assert_eq!(parse_limits(LIMITS.as_bytes()), Some(expected));
        for text in ["", "x", &LIMITS[..400], &LIMITS.replace("96365", "many")] {
            assert_eq!(parse_limits(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn tasks_and_closing_connections_are_counted() {
        assert_eq!(tasks_of(b"1.37 1.34 1.74 3/100 15891\n"), Some(100));
        assert_eq!(tasks_of(b"1.37 1.34"), None);
        assert_eq!(
            time_wait_of("sockets: used 9\nTCP: inuse 1 orphan 0 tw 42 alloc 1\n"),
            Some(42)
        );
        assert_eq!(time_wait_of("TCP: inuse 1\n"), None);
    }
}

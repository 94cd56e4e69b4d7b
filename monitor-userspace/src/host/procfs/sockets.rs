//! The tables of a network namespace (/proc/PID/net): what each socket is, by inode number.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use nix::libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
};
use rustc_hash::FxHashMap;

use super::scratch::Target;
use super::stat::decimal;
use crate::event::ReadSocket;
use crate::host::clock::boot_ns;

/// Tables are believed for this long: a round over every process of a host reads them once.
const FRESH_NS: u64 = 1_000_000_000;
/// Fresh tables are read again for a socket they lack, but for no more than this part of the time.
const REREAD_DIVISOR: u64 = 20;
/// Sockets that are remembered at most; those beyond stay without facts.
const MAX_SOCKETS: usize = 1 << 18;
/// `TCP_LISTEN`, include/net/tcp_states.h.
const TCP_LISTEN: u8 = 10;
/// `__SO_ACCEPTCON`, include/uapi/linux/net.h: the flag of a listening unix socket.
const SO_ACCEPTCON: u64 = 1 << 16;

/// A format of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Tcp,
    /// UDP and raw sockets: as those of TCP, without a state of the connection.
    Plain,
    Unix,
    Netlink,
    Packet,
}

/// Every table, its family and its type. Those whose lines no process can write come first: the path
/// of a unix socket may hold a newline, and what follows it would pass for a line.
const TABLES: [(&str, Table, i32, i32); 9] = [
    ("tcp", Table::Tcp, AF_INET, SOCK_STREAM),
    ("tcp6", Table::Tcp, AF_INET6, SOCK_STREAM),
    ("udp", Table::Plain, AF_INET, SOCK_DGRAM),
    ("udp6", Table::Plain, AF_INET6, SOCK_DGRAM),
    ("raw", Table::Plain, AF_INET, SOCK_RAW),
    ("raw6", Table::Plain, AF_INET6, SOCK_RAW),
    // The table does not tell the type; for netlink, raw and datagram are the same.
    ("netlink", Table::Netlink, AF_NETLINK, SOCK_RAW),
    ("packet", Table::Packet, AF_PACKET, 0),
    ("unix", Table::Unix, AF_UNIX, 0),
];

/// The tables of one network namespace, as they were lately.
#[derive(Debug, Default)]
struct Sockets {
    read_ns: u64,
    cost_ns: u64,
    /// Facts by inode number; `None` for a socket that no table has.
    by_inode: FxHashMap<u64, Option<ReadSocket>>,
}

impl Sockets {
    /// Whether these tables serve a process that holds these sockets.
    fn serve(&self, wanted: &[u64], now_ns: u64) -> bool {
        let age_ns = now_ns.saturating_sub(self.read_ns);
        age_ns < FRESH_NS
            && (age_ns < self.cost_ns.saturating_mul(REREAD_DIVISOR)
                || wanted.iter().all(|inode| self.by_inode.contains_key(inode)))
    }
}

/// Tables of the network namespaces that were looked at within the last second.
#[derive(Debug, Default)]
pub(super) struct NetTables {
    by_namespace: FxHashMap<u64, Sockets>,
}

impl NetTables {
    /// What the tables of a process's namespace say about its sockets, in the order asked for.
    pub(super) fn look_up(
        &mut self,
        root: &Path,
        target: Target,
        wanted: &[u64],
    ) -> Vec<Option<ReadSocket>> {
        let now_ns = boot_ns();
        self.by_namespace.retain(|_, tables| now_ns.saturating_sub(tables.read_ns) < FRESH_NS);
        // Where the namespace is not told, what is read serves this process only.
        let namespace = namespace_of(root, target).unwrap_or(0);
        let known = self.by_namespace.get(&namespace).filter(|_| namespace != 0);
        if !known.is_some_and(|tables| tables.serve(wanted, now_ns)) {
            let tables = read_tables(root, target, wanted, now_ns);
            let held: usize = self.by_namespace.values().map(|it| it.by_inode.len()).sum();
            if held.saturating_add(tables.by_inode.len()) > MAX_SOCKETS {
                self.by_namespace.clear();
            }
            self.by_namespace.insert(namespace, tables);
        }
        let tables = self.by_namespace.get(&namespace);
        let fact = |inode| tables.and_then(|tables| tables.by_inode.get(inode).copied().flatten());
        wanted.iter().map(fact).collect()
    }
}

fn read_tables(root: &Path, target: Target, wanted: &[u64], now_ns: u64) -> Sockets {
    let mut by_inode = FxHashMap::default();
    for (file, table, family, socket_type) in TABLES {
        let family = u8::try_from(family).unwrap_or(0);
        let base = ReadSocket { family, socket_type: socket_type as u8, ..ReadSocket::default() };
        // A table that is missing (no IPv6) or whose process is gone has nothing to say.
        let _partial = read_table(&target.path(root, &["net", file]), table, base, &mut by_inode);
    }
    for inode in wanted {
        by_inode.entry(*inode).or_insert(None);
    }
    Sockets { read_ns: now_ns, cost_ns: boot_ns().saturating_sub(now_ns), by_inode }
}

/// Adds the lines of one table, one at a time: a busy host has hundreds of thousands.
fn read_table(
    path: &Path,
    table: Table,
    base: ReadSocket,
    by_inode: &mut FxHashMap<u64, Option<ReadSocket>>,
) -> std::io::Result<()> {
    let mut file = BufReader::with_capacity(32 << 10, File::open(path)?);
    let mut line = Vec::new();
    while by_inode.len() < MAX_SOCKETS {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if let Some((inode, socket)) = parse_line(&line, table, base) {
            by_inode.entry(inode).or_insert(Some(socket));
        }
    }
    Ok(())
}

/// The inode number of the namespace that `ns/net` links to.
pub(super) fn namespace_of(root: &Path, target: Target) -> Option<u64> {
    let link = std::fs::read_link(target.path(root, &["ns", "net"])).ok()?;
    let link = link.as_os_str().as_encoded_bytes();
    decimal(link.strip_prefix(b"net:[")?.strip_suffix(b"]")?)
}

/// One line of a table; `None` for its heading, and for a socket without an inode (of a connection
/// that no process has taken, or has any longer).
fn parse_line(line: &[u8], table: Table, base: ReadSocket) -> Option<(u64, ReadSocket)> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let mut socket = base;
    let inode = match table {
        Table::Tcp => {
            socket.tcp_state = u8::try_from(hexadecimal(fields.nth(3)?)?).ok()?;
            socket.is_listener = socket.tcp_state == TCP_LISTEN;
            fields.nth(5)?
        }
        Table::Plain | Table::Netlink => fields.nth(9)?,
        Table::Unix => {
            socket.is_listener = hexadecimal(fields.nth(3)?)? & SO_ACCEPTCON != 0;
            socket.socket_type = u8::try_from(hexadecimal(fields.next()?)?).ok()?;
            fields.nth(1)?
        }
        Table::Packet => {
            socket.socket_type = u8::try_from(decimal(fields.nth(2)?)?).ok()?;
            fields.nth(5)?
        }
    };
    let inode = decimal(inode).filter(|&inode| inode != 0)?;
    Some((inode, socket))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(table: Table, text: &str) -> Option<(u64, ReadSocket)> {
        parse_line(text.as_bytes(), table, ReadSocket { family: 9, ..ReadSocket::default() })
    }

    fn socket(socket_type: u8, tcp_state: u8, is_listener: bool) -> ReadSocket {
        ReadSocket { family: 9, socket_type, tcp_state, is_listener }
    }

    #[test]
    fn every_table_has_its_columns() {
        let cases = [
            (
                Table::Tcp,
                "   0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                 0        0 1060 1 000000002708a269 100 0 0 10 0\n",
                Some((1060, socket(0, 10, true))),
            ),
            (
                Table::Tcp,
                " 12: 0100007F:07E8 0100007F:0016 08 00000000:00000001 00:00000000 00000000  \
                 1000        0 77 1 0000000000000000 20 4 30 10 -1\n",
                Some((77, socket(0, 8, false))),
            ),
            (
                Table::Plain,
                "  99: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                 0        0 5150 2 0000000000000000 0\n",
                Some((5150, socket(0, 0, false))),
            ),
            (
                Table::Unix,
                "00000000f4a4d2d1: 00000002 00000000 00010000 0001 01 250715 /run/a b\n",
                Some((250_715, socket(1, 0, true))),
            ),
            (
                Table::Unix,
                "00000000f4a4d2d1: 00000003 00000000 00000000 0005 03 8\n",
                Some((8, socket(5, 0, false))),
            ),
            (
                Table::Netlink,
                "00000000be22a54c 15  600        00000000 0        0        0     2        0   \
                 562     \n",
                Some((562, socket(0, 0, false))),
            ),
            (
                Table::Packet,
                "00000000be22a54c 3      2    88cc   2     1 0      0      4242\n",
                Some((4242, socket(2, 0, false))),
            ),
        ];
        for (table, text, expected) in cases {
            assert_eq!(line(table, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_socket_is_left_out() {
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                       retrnsmt   uid  timeout inode";
        let waiting = "1: 0:0 0:0 06 0:0 0:0 0 0 0 0 3 0";
        for text in ["", "\n", "x", "a b c d e f g h i j k", heading, waiting, "\u{fffd} 1 2 zz"] {
            for table in [Table::Tcp, Table::Plain, Table::Unix, Table::Netlink, Table::Packet] {
                assert_eq!(line(table, text).map(|it| it.0).filter(|it| *it != 3), None, "{text}");
            }
        }
    }

    #[test]
    fn tables_serve_a_second_and_until_a_socket_is_missing() {
        let mut tables = Sockets { read_ns: 1000, cost_ns: 10, ..Sockets::default() };
        tables.by_inode.insert(5, None);
        assert!(tables.serve(&[5], 1000 + FRESH_NS - 1));
        assert!(!tables.serve(&[5], 1000 + FRESH_NS));
        assert!(tables.serve(&[5, 6], 1199));
        assert!(!tables.serve(&[5, 6], 1200));
    }
}

//! Lines of family socket.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    EventLine, Kind,
    words::{Acquired, Endpoint, Flags, Names, Outcome, Word, errno, made, pair},
};
use crate::event::{Call, EventKind, SocketFacts, TcpState};

/// `AF_*` (include/linux/socket.h).
const FAMILIES: &Names = &[
    (1, "unix"),
    (2, "inet"),
    (10, "inet6"),
    (15, "key"),
    (16, "netlink"),
    (17, "packet"),
    (21, "rds"),
    (29, "can"),
    (30, "tipc"),
    (31, "bluetooth"),
    (38, "alg"),
    (40, "vsock"),
    (42, "qipcrtr"),
    (43, "smc"),
    (44, "xdp"),
    (45, "mctp"),
];
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
/// `SOCK_*` (include/linux/net.h).
const TYPES: &Names = &[
    (1, "stream"),
    (2, "dgram"),
    (3, "raw"),
    (4, "rdm"),
    (5, "seqpacket"),
    (6, "dccp"),
    (10, "packet"),
];
const TYPE_MASK: u64 = 0xf;
const SOCKET_FLAGS: &Names = &[(0x800, "nonblock"), (0x8_0000, "cloexec")];
/// `IPPROTO_*` (include/uapi/linux/in.h).
const PROTOCOLS: &Names = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (58, "icmpv6"),
    (132, "sctp"),
    (136, "udplite"),
    (255, "raw"),
    (262, "mptcp"),
];
/// What 0 stands for in a stream and in a datagram socket of IP.
const DEFAULT_PROTOCOLS: [(u64, u64); 2] = [(1, 6), (2, 17)];
/// `SHUT_*`
const DIRECTIONS: &Names = &[(0, "read"), (1, "write"), (2, "both")];
/// `TCP_*` (include/net/tcp_states.h).
const STATES: &Names = &[
    (1, "established"),
    (2, "syn_sent"),
    (3, "syn_recv"),
    (4, "fin_wait1"),
    (5, "fin_wait2"),
    (6, "time_wait"),
    (7, "close"),
    (8, "close_wait"),
    (9, "last_ack"),
    (10, "listen"),
    (11, "closing"),
    (12, "new_syn_recv"),
];

/// A socket was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct NewSocket<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// `AF_*`, lower case.
    family: Word,
    /// `SOCK_*`, lower case.
    socket_type: Word,
    /// The protocol of IP, lower case, also where it was left to the kernel; of other families the
    /// number.
    protocol: Word,
    /// Flags of `SOCK_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// Two sockets were made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Socketpair<'a> {
    /// The descriptors made.
    fds: Option<[i32; 2]>,
    /// `AF_*`, lower case.
    family: Word,
    /// `SOCK_*`, lower case.
    socket_type: Word,
    /// Flags of `SOCK_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// Something was done to a socket.
#[derive(Serialize, JsonSchema)]
pub(super) struct Used {
    /// Which.
    fd: i32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A socket became a listener.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listen {
    /// Which.
    fd: i32,
    /// How many connections may wait.
    backlog: i32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A connection was accepted.
#[derive(Serialize, JsonSchema)]
pub(super) struct Accept<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// The listener.
    listener_fd: i32,
    /// `AF_*`, lower case.
    family: Option<Word>,
    /// `SOCK_*`, lower case.
    socket_type: Option<Word>,
    /// Flags of `SOCK_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A connection was shut down.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shutdown {
    /// Which.
    fd: i32,
    /// `read`, `write` or `both`.
    how: Word,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A TCP socket changed its state.
#[derive(Serialize, JsonSchema)]
pub(super) struct StateChange {
    /// Inode number of the socket.
    inode: u64,
    /// `TCP_*` before, lower case.
    old_state: Word,
    /// `TCP_*` now, lower case.
    new_state: Word,
    /// Local address and port.
    local: Endpoint<core::net::SocketAddr>,
    /// Remote address and port.
    remote: Endpoint<core::net::SocketAddr>,
}

pub(super) fn state_change(state: &TcpState) -> Kind<'static> {
    Kind::TcpState(StateChange {
        inode: state.inode,
        old_state: Word::new(state.old_state.into(), STATES),
        new_state: Word::new(state.new_state.into(), STATES),
        local: Endpoint(state.local),
        remote: Endpoint(state.remote),
    })
}

pub(super) fn call<'a>(line: &EventLine<'a>, call: &Call) -> Option<Kind<'a>> {
    let Call { kind, args: [first, second, ..], result, .. } = *call;
    let fd = first as i32;
    let outcome = Outcome::of(result);
    Some(match kind {
        EventKind::Socket => Kind::Socket(socket(line, call)),
        EventKind::Socketpair => Kind::Socketpair(socketpair(line, call)),
        EventKind::Bind => Kind::Bind(Used { fd, outcome }),
        EventKind::Listen => Kind::Listen(Listen { fd, backlog: second as i32, outcome }),
        EventKind::Accept => Kind::Accept(accept(line, call, 0)),
        EventKind::Accept4 => Kind::Accept4(accept(line, call, second)),
        EventKind::Connect => Kind::Connect(Used { fd, outcome }),
        EventKind::Shutdown => {
            Kind::Shutdown(Shutdown { fd, how: Word::new(second, DIRECTIONS), outcome })
        }
        _ => return None,
    })
}

fn socket<'a>(line: &EventLine<'a>, call: &Call) -> NewSocket<'a> {
    let [family, of_type, protocol, _] = call.args;
    NewSocket {
        fd: made(call.result),
        family: Word::new(family, FAMILIES),
        socket_type: Word::new(of_type & TYPE_MASK, TYPES),
        protocol: protocol_word(family, of_type & TYPE_MASK, protocol),
        flags: Flags::new(of_type & !TYPE_MASK, SOCKET_FLAGS),
        acquired: Acquired::new(Outcome::of(call.result), line.stack),
    }
}

fn protocol_word(family: u64, of_type: u64, protocol: u64) -> Word {
    if !matches!(family, AF_INET | AF_INET6) {
        return Word::new(protocol, &[]);
    }
    let default = DEFAULT_PROTOCOLS.iter().find(|(of, _)| protocol == 0 && *of == of_type);
    Word::new(default.map_or(protocol, |(_, protocol)| *protocol), PROTOCOLS)
}

fn socketpair<'a>(line: &EventLine<'a>, call: &Call) -> Socketpair<'a> {
    let [family, of_type, _, fds] = call.args;
    Socketpair {
        fds: pair(fds, call.result),
        family: Word::new(family, FAMILIES),
        socket_type: Word::new(of_type & TYPE_MASK, TYPES),
        flags: Flags::new(of_type & !TYPE_MASK, SOCKET_FLAGS),
        acquired: Acquired::new(Outcome::made(call.result, 0), line.stack),
    }
}

fn accept<'a>(line: &EventLine<'a>, call: &Call, flags: u64) -> Accept<'a> {
    // A socket that was made has a type; none means that nobody looked.
    let facts = Some(SocketFacts::unpack(call.detail))
        .filter(|facts| errno(call.result).is_none() && facts.socket_type != 0);
    Accept {
        fd: made(call.result),
        listener_fd: call.args[0] as i32,
        family: facts.map(|facts| Word::new(facts.family.into(), FAMILIES)),
        socket_type: facts.map(|facts| Word::new(facts.socket_type.into(), TYPES)),
        flags: Flags::new(flags, SOCKET_FLAGS),
        acquired: Acquired::new(Outcome::of(call.result), line.stack),
    }
}

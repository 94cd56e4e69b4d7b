//! The kernel's diagnosis of sockets (sock_diag over netlink): how full the queue of a listener is,
//! and when something last moved on a connection. Neither is in /proc/net/tcp as exactly, and a
//! listing here costs about a third of what reading those tables does.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// Bytes of a piece of a listing: the kernel fills what it is given, up to 32 KiB.
const PIECE_BYTES: usize = 32 << 10;
/// A kernel that does not answer for this long never will.
const PATIENCE: i64 = 2;

/// `SOCK_DIAG_BY_FAMILY`, include/uapi/linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`, include/uapi/linux/netlink.h.
const REQUEST_DUMP: u16 = 0x1 | 0x300;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Bytes of `struct nlmsghdr`, `struct inet_diag_req_v2` and `struct inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const MESSAGE: usize = 72;
/// `INET_DIAG_INFO`: the attribute that holds `struct tcp_info`.
const INFO: u16 = 2;
/// Offsets of `tcpi_last_data_sent` and `tcpi_last_data_recv` in it (include/uapi/linux/tcp.h).
const LAST_SENT: usize = 44;
const LAST_RECEIVED: usize = 52;

/// States of TCP (include/net/tcp_states.h).
pub const ESTABLISHED: u8 = 1;
/// Closed, and remembered for a minute.
pub const TIME_WAIT: u8 = 6;
/// Waits for connections.
pub const LISTEN: u8 = 10;

/// A TCP socket, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// Its inode number; 0 of one that no process holds (not accepted yet, or closed).
    pub inode: u64,
    /// `TCP_*`
    pub state: u8,
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Bytes that wait to be read; of a listener, connections that wait to be accepted.
    pub receive_queue: u32,
    /// Bytes that wait to be acknowledged; of a listener, the most connections that may wait.
    pub send_queue: u32,
    /// How long nothing was sent or received, in milliseconds, keep-alive probes left out; `None` of
    /// what is no connection.
    pub idle_ms: Option<u32>,
}

/// A way to ask about the sockets of one network namespace. It keeps that namespace alive, so it is
/// not for keeping.
#[derive(Debug)]
pub struct SockDiag {
    socket: OwnedFd,
}

impl SockDiag {
    /// Of the agent's own namespace.
    pub fn own() -> io::Result<Self> {
        let kind = (AddressFamily::Netlink, SockType::Datagram);
        let protocol = SockProtocol::NetlinkSockDiag;
        let socket = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        Ok(Self { socket })
    }

    /// Of the namespace of the process or thread whose folder in a /proc this is; and the inode
    /// number of that namespace.
    pub fn of_process(folder: &Path) -> io::Result<(Self, u64)> {
        let namespace = File::open(folder.join("ns/net"))?;
        let number = namespace.metadata()?.ino();
        let own = std::fs::metadata("/proc/thread-self/ns/net").map(|own| own.ino());
        if own.is_ok_and(|own| own == number) {
            return Ok((Self::own()?, number));
        }
        // A thread of its own goes there and ends: no way back could fail.
        let enter = move || -> io::Result<Self> {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            Self::own()
        };
        let entered = thread::Builder::new().name("netns".to_owned()).spawn(enter)?.join();
        let entered = entered.map_err(|_panic| io::Error::other("the thread has panicked"))?;
        Ok((entered?, number))
    }

    /// Visits every TCP socket in one of these states (`TCP_*`), of IPv4 and IPv6. What comes and
    /// goes meanwhile may be seen twice or not at all.
    pub fn tcp(&self, states: &[u8], mut visit: impl FnMut(&TcpSocket)) -> io::Result<()> {
        for family in [nix::libc::AF_INET, nix::libc::AF_INET6] {
            send(self.socket.as_raw_fd(), &request(family as u8, states), MsgFlags::empty())?;
            while self.piece(&mut visit)? {}
        }
        Ok(())
    }

    /// Takes one piece of the listing; false when it was the last.
    fn piece(&self, visit: &mut impl FnMut(&TcpSocket)) -> io::Result<bool> {
        let mut buffer = vec![0; PIECE_BYTES];
        let length = loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => break length,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        };
        take_piece(buffer.get(..length).unwrap_or_default(), visit)
    }
}

/// A request for all TCP sockets of a family in these states.
fn request(family: u8, states: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    // Sequence number and port: one question at a time, from whoever asks.
    bytes.extend([0; 8]);
    let states = states.iter().fold(0, |mask, state| mask | 1_u32 << state);
    bytes.extend([family, nix::libc::IPPROTO_TCP as u8, 1 << (INFO - 1), 0]);
    bytes.extend(states.to_ne_bytes());
    // No address: any.
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

/// Visits the sockets of a piece; false when the listing is over.
fn take_piece(mut bytes: &[u8], visit: &mut impl FnMut(&TcpSocket)) -> io::Result<bool> {
    let short = || io::Error::new(io::ErrorKind::InvalidData, "a netlink message is cut short");
    while !bytes.is_empty() {
        let length = u32_at(bytes, 0).ok_or_else(short)? as usize;
        let kind = u16_at(bytes, 4).ok_or_else(short)?;
        let message = bytes.get(HEADER..length).ok_or_else(short)?;
        match kind {
            DONE => return Ok(false),
            ERROR => {
                let errno = u32_at(message, 0).ok_or_else(short)? as i32;
                return Err(io::Error::from_raw_os_error(-errno));
            }
            BY_FAMILY => visit(&parse(message).ok_or_else(short)?),
            _ => {}
        }
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(true)
}

/// One `struct inet_diag_msg` and its attributes.
fn parse(message: &[u8]) -> Option<TcpSocket> {
    let (&family, &state) = (message.first()?, message.get(1)?);
    let end = |port: usize, address: usize| -> Option<SocketAddr> {
        let port = u16::from_be_bytes(message.get(port..port + 2)?.try_into().ok()?);
        let bytes: [u8; 16] = message.get(address..address + 16)?.try_into().ok()?;
        let address = match i32::from(family) {
            nix::libc::AF_INET => {
                let [a, b, c, d, ..] = bytes;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            _ => Ipv6Addr::from(bytes).to_canonical(),
        };
        Some(SocketAddr::new(address, port))
    };
    let is_connection = !matches!(state, TIME_WAIT | LISTEN);
    Some(TcpSocket {
        inode: u32_at(message, 68)?.into(),
        state,
        local: end(4, 8)?,
        peer: end(6, 24)?,
        receive_queue: u32_at(message, 56)?,
        send_queue: u32_at(message, 60)?,
        idle_ms: if is_connection { idle_ms(message.get(MESSAGE..)?) } else { None },
    })
}

/// How long nothing moved, by the attributes of a connection.
fn idle_ms(mut attributes: &[u8]) -> Option<u32> {
    loop {
        let (length, kind) = (u16_at(attributes, 0)? as usize, u16_at(attributes, 2)?);
        if kind == INFO {
            let info = attributes.get(4..length)?;
            return Some(u32_at(info, LAST_SENT)?.min(u32_at(info, LAST_RECEIVED)?));
        }
        attributes = attributes.get(aligned(length.max(4))..)?;
    }
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    fn all(diag: &SockDiag, states: &[u8]) -> Vec<TcpSocket> {
        let mut found = Vec::new();
        diag.tcp(states, |socket| found.push(*socket)).unwrap();
        found
    }

    fn inode(socket: &impl std::os::fd::AsFd) -> u64 {
        nix::sys::stat::fstat(socket).unwrap().st_ino
    }

    #[test]
    fn a_listener_tells_who_waits_and_a_connection_for_how_long_nothing_moved() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0");
        let at = listener.local_addr().unwrap();
        let mut clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(at).unwrap()).collect();
        let (mut served, _) = listener.accept().unwrap();
        clients[0].write_all(b"abc").unwrap();
        served.read_exact(&mut [0; 1]).unwrap();
        thread::sleep(Duration::from_millis(300));
        clients[1].write_all(b"x").unwrap();
        let diag = SockDiag::own().unwrap();
        let found = all(&diag, &[ESTABLISHED, LISTEN]);
        let of = |inode: u64| *found.iter().find(|it| it.inode == inode).unwrap();
        let listening = of(inode(&listener));
        assert_eq!((listening.state, listening.local), (LISTEN, at));
        assert_eq!((listening.receive_queue, listening.idle_ms), (2, None));
        assert!(listening.send_queue >= 128, "{listening:?}");
        let reading = of(inode(&served));
        assert_eq!((reading.state, reading.peer), (ESTABLISHED, clients[0].local_addr().unwrap()));
        assert_eq!(reading.receive_queue, 2, "two of three bytes are unread");
        assert!(reading.idle_ms.unwrap() >= 270, "{reading:?}");
        let busy = of(inode(&clients[1])).idle_ms.unwrap();
        assert!(busy + 200 < reading.idle_ms.unwrap(), "{busy} ms");
        if let Ok(six) = six {
            assert_eq!(of(inode(&six)).local, six.local_addr().unwrap());
        }
        let listening = all(&diag, &[LISTEN]);
        assert!(listening.iter().all(|it| it.state == LISTEN) && !listening.is_empty());
    }

    #[test]
    fn many_sockets_come_in_several_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let pairs: Vec<_> = (0..200)
            .map(|_| (TcpStream::connect(at).unwrap(), listener.accept().unwrap()))
            .collect();
        let found = all(&SockDiag::own().unwrap(), &[ESTABLISHED]);
        for (client, (server, _)) in &pairs {
            for wanted in [inode(client), inode(server)] {
                assert!(found.iter().any(|it| it.inode == wanted));
            }
        }
    }

    #[test]
    fn the_namespace_of_a_process_is_entered_and_not_stayed_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (diag, own) = SockDiag::of_process(Path::new("/proc/self")).unwrap();
        assert!(all(&diag, &[LISTEN]).iter().any(|it| it.inode == inode(&listener)));
        // Without the right to make a namespace there is nothing to see.
        let mut command = std::process::Command::new("unshare");
        let started = command.args(["-n", "cat"]).stdin(std::process::Stdio::piped()).spawn();
        let Ok(mut child) = started else { return };
        let folder = format!("/proc/{}", child.id());
        let mut entered = None;
        for _ in 0..200 {
            match SockDiag::of_process(Path::new(&folder)) {
                Ok((diag, number)) if number != own => {
                    entered = Some(diag);
                    break;
                }
                _ => thread::sleep(Duration::from_millis(10)),
            }
        }
        let seen = entered.map(|diag| all(&diag, &[LISTEN]).len());
        child.kill().unwrap();
        child.wait().unwrap();
        if nix::unistd::geteuid().is_root() {
            assert_eq!(seen, Some(0), "a new namespace has no listeners");
        }
        let (diag, number) = SockDiag::of_process(Path::new("/proc/self")).unwrap();
        assert_eq!(number, own);
        assert!(all(&diag, &[LISTEN]).iter().any(|it| it.inode == inode(&listener)));
    }

    #[test]
    fn damaged_messages_are_refused_and_never_panic() {
        let mut message = vec![0; MESSAGE];
        message[..2].copy_from_slice(&[2, ESTABLISHED]);
        assert_eq!(parse(&message).unwrap().idle_ms, None);
        message.extend([8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse(&message).unwrap().idle_ms, None, "an attribute without length");
        for cut in 0..MESSAGE {
            assert_eq!(parse(&message[..cut]), None);
        }
        let refused = [20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff];
        let mut none = |_: &TcpSocket| {};
        assert_eq!(take_piece(&refused, &mut none).unwrap_err().kind(), io::ErrorKind::NotFound);
        for length in [0_u8, 4, 15, 17, 255] {
            let mut bytes = vec![0; 20];
            bytes[0] = length;
            bytes[4] = BY_FAMILY as u8;
            assert!(take_piece(&bytes, &mut none).is_err(), "{length}");
        }
    }
}

//! Family socket: what is known of a socket beyond its descriptor.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;

/// Facts of a socket as they are packed into the `detail` of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketFacts {
    /// `AF_*`
    pub family: u8,
    /// `SOCK_*`, without flags.
    pub socket_type: u8,
    /// `TCP_*`; other protocols use some of the same numbers.
    pub state: u8,
}

impl SocketFacts {
    /// One number of them.
    pub const fn pack(self) -> u32 {
        self.family as u32 | (self.socket_type as u32) << 8 | (self.state as u32) << 16
    }

    /// The reverse of [`Self::pack`]; total.
    pub const fn unpack(raw: u32) -> Self {
        Self { family: raw as u8, socket_type: (raw >> 8) as u8, state: (raw >> 16) as u8 }
    }
}

/// A TCP socket changed its state (`sock:inet_sock_set_state`). It runs where the packet is
/// handled: the header's process is not the socket's. Sockets that no descriptor names yet, or any
/// more, are left out.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawTcpState {
    /// Common header.
    pub header: RawHeader,
    /// Inode number of the socket.
    pub inode: u64,
    /// `TCP_*` before.
    pub old_state: u16,
    /// `TCP_*` now.
    pub new_state: u16,
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// Keeps the record free of padding.
    pub reserved: [u16; 3],
    /// Local address; of IPv4 the first four bytes.
    pub local_addr: [u8; 16],
    /// Remote address; of IPv4 the first four bytes.
    pub remote_addr: [u8; 16],
}

const _: () = assert!(size_of::<RawTcpState>() == 96);

#[cfg(test)]
mod tests {
    use super::SocketFacts;

    #[test]
    fn facts_survive_packing() {
        let facts = SocketFacts { family: 10, socket_type: 5, state: 8 };
        assert_eq!(SocketFacts::unpack(facts.pack()), facts);
    }
}

//! What is read of the TCP sockets of a network namespace beyond their states: how full the queues of
//! its listeners are, and which connections nothing has moved on for long.

use serde::{Deserialize, Serialize};

/// A connection on which nothing was sent or received for this long is idle, in seconds. Keep-alives of
/// web servers and pools of databases close theirs after a minute or some.
pub const IDLE_SECONDS: u64 = 600;

/// One look at the TCP sockets of a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketsReading {
    /// Inode number of the namespace.
    pub namespace: u64,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// Sockets that listen.
    pub listeners: Vec<Listener>,
    /// Inode numbers of the connections that are idle ([`IDLE_SECONDS`]); `None` where only listeners
    /// were asked for.
    pub idle: Option<Vec<u64>>,
}

/// A socket that listens, and the queue of connections that wait to be accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its inode number.
    pub inode: u64,
    /// Connections in the queue.
    pub waiting: u32,
    /// Most there may be: the lower of what listen(2) was given and net.core.somaxconn.
    pub limit: u32,
}

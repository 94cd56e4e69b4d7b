//! What a descriptor names.

/// What kind of file this is, as far as it decides the class of a mapping or of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FileKind {
    /// No file: anonymous.
    None = 0,
    /// A file with a path, or a device.
    Path = 1,
    /// A memfd: memory that only descriptors name.
    Memfd = 2,
    /// `/dev/zero`, whose shared mappings are shared memory without a file.
    DevZero = 3,
    /// The descriptor was gone or could not be read when the call returned.
    Unknown = 4,
    /// A socket.
    Socket = 5,
    /// An end of a pipe.
    Pipe = 6,
    /// An eventfd.
    Eventfd = 7,
    /// An epoll.
    Epoll = 8,
    /// A timerfd.
    Timerfd = 9,
    /// An inotify.
    Inotify = 10,
    /// Any other file without a path: signalfd, pidfd, io_uring, …
    Other = 11,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::None,
        Self::Path,
        Self::Memfd,
        Self::DevZero,
        Self::Unknown,
        Self::Socket,
        Self::Pipe,
        Self::Eventfd,
        Self::Epoll,
        Self::Timerfd,
        Self::Inotify,
        Self::Other,
    ];

    /// Total conversion from the wire; what is not known is [`FileKind::Unknown`].
    pub const fn from_raw(raw: u32) -> Self {
        if (raw as usize) < Self::ALL.len() { Self::ALL[raw as usize] } else { Self::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::FileKind;

    #[test]
    fn every_kind_survives_the_wire() {
        for kind in FileKind::ALL {
            assert_eq!(FileKind::from_raw(kind as u32), kind);
        }
        assert_eq!(FileKind::from_raw(99), FileKind::Unknown);
    }
}

//! What an event does to a descriptor table.

use crate::event::{Body, Call, DescriptorKind, EventKind, SocketFacts};

/// `EPOLL_CTL_ADD` and `EPOLL_CTL_DEL`, include/uapi/linux/eventpoll.h.
const EPOLL_CTL_ADD: u64 = 1;
const EPOLL_CTL_DEL: u64 = 2;

/// include/uapi/linux/close_range.h
const CLOSE_RANGE_CLOEXEC: u64 = 4;

/// A change of a descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdOp {
    /// A descriptor of a new file.
    Open {
        /// Its number.
        fd: u32,
        /// What it names.
        kind: DescriptorKind,
        /// Inode number of a socket or pipe; else 0.
        inode: u64,
        /// Whether it is the writing end of a pipe.
        writes: bool,
        /// What is known of a socket.
        socket: SocketFacts,
    },
    /// A descriptor of a file that another names.
    Copy {
        /// The other.
        old: u32,
        /// Its number; what it named before is let go.
        new: u32,
        /// What both name, where the kernel could tell.
        kind: Option<DescriptorKind>,
        /// Inode number of a socket or pipe; else 0.
        inode: u64,
        /// Whether landing on something live was asked for.
        replaces: bool,
    },
    /// Descriptors are let go.
    Close {
        /// First.
        first: u32,
        /// Last.
        last: u32,
    },
    /// A socket listens.
    Listen {
        /// Its descriptor.
        fd: u32,
    },
    /// An epoll watches a descriptor.
    Watch {
        /// Descriptor of the epoll.
        epoll: u32,
        /// What it watches.
        fd: u32,
    },
    /// An epoll watches a descriptor no longer.
    Unwatch {
        /// Descriptor of the epoll.
        epoll: u32,
        /// What it watched.
        fd: u32,
    },
    /// An inotify watches a file.
    AddWatch {
        /// Descriptor of the inotify.
        inotify: u32,
        /// Number of the watch.
        watch: u32,
    },
    /// An inotify watches a file no longer.
    RemoveWatch {
        /// Descriptor of the inotify.
        inotify: u32,
        /// Number of the watch.
        watch: u32,
    },
}

/// The changes an event stands for: none for failed calls and for what changes no table, two for
/// calls that make two descriptors.
pub fn fd_ops(body: &Body) -> [Option<FdOp>; 2] {
    match body {
        Body::Close { fd } => [Some(FdOp::Close { first: *fd, last: *fd }), None],
        Body::Call(call) if call.result >= 0 => of_call(call),
        _ => [None, None],
    }
}

fn of_call(call: &Call) -> [Option<FdOp>; 2] {
    let [first, second, third, _] = call.args;
    let made = call.result as u32;
    let open = |kind| [Some(opened(made, kind)), None];
    match call.kind {
        EventKind::MemfdCreate => open(DescriptorKind::Memfd),
        EventKind::TimerfdCreate => open(DescriptorKind::Timerfd),
        EventKind::Eventfd | EventKind::Eventfd2 => open(DescriptorKind::Eventfd),
        EventKind::EpollCreate | EventKind::EpollCreate1 => open(DescriptorKind::Epoll),
        EventKind::InotifyInit | EventKind::InotifyInit1 => open(DescriptorKind::Inotify),
        EventKind::PidfdOpen | EventKind::Userfaultfd | EventKind::IoUringSetup => {
            open(DescriptorKind::Other)
        }
        // With a descriptor given, that one is changed and none is made.
        EventKind::Signalfd | EventKind::Signalfd4 if first as u32 == u32::MAX => {
            open(DescriptorKind::Other)
        }
        EventKind::Socket | EventKind::Accept | EventKind::Accept4 => {
            [Some(socket(made, call.inode, SocketFacts::unpack(call.detail))), None]
        }
        EventKind::Socketpair => socketpair(call),
        EventKind::Pipe | EventKind::Pipe2 => pipe(call),
        EventKind::Listen => [Some(FdOp::Listen { fd: first as u32 }), None],
        EventKind::Dup | EventKind::Dup2 | EventKind::Dup3 | EventKind::Fcntl => {
            // dup2 of a descriptor onto itself changes nothing.
            let copy = FdOp::Copy {
                old: first as u32,
                new: made,
                kind: DescriptorKind::of_file(call.file),
                inode: call.inode,
                replaces: matches!(call.kind, EventKind::Dup2 | EventKind::Dup3),
            };
            [(first as u32 != made).then_some(copy), None]
        }
        // With CLOEXEC they are closed by exec only.
        EventKind::CloseRange if third & CLOSE_RANGE_CLOEXEC != 0 => [None, None],
        EventKind::CloseRange => {
            [Some(FdOp::Close { first: first as u32, last: second as u32 }), None]
        }
        EventKind::EpollCtl => [epoll_ctl(first as u32, second, third as u32), None],
        EventKind::InotifyAddWatch => {
            [Some(FdOp::AddWatch { inotify: first as u32, watch: made }), None]
        }
        EventKind::InotifyRmWatch => {
            [Some(FdOp::RemoveWatch { inotify: first as u32, watch: second as u32 }), None]
        }
        _ => [None, None],
    }
}

fn epoll_ctl(epoll: u32, operation: u64, fd: u32) -> Option<FdOp> {
    match operation {
        EPOLL_CTL_ADD => Some(FdOp::Watch { epoll, fd }),
        EPOLL_CTL_DEL => Some(FdOp::Unwatch { epoll, fd }),
        _ => None,
    }
}

fn opened(fd: u32, kind: DescriptorKind) -> FdOp {
    FdOp::Open { fd, kind, inode: 0, writes: false, socket: SocketFacts::default() }
}

fn socket(fd: u32, inode: u64, socket: SocketFacts) -> FdOp {
    FdOp::Open { fd, kind: DescriptorKind::Socket, inode, writes: false, socket }
}

fn socketpair(call: &Call) -> [Option<FdOp>; 2] {
    let [family, socket_type, _, both] = call.args;
    let facts =
        SocketFacts { family: family as u8, socket_type: socket_type as u8 & 0xf, state: 0 };
    // Inode numbers of sockets are 32 bits wide (fs/inode.c, get_next_ino).
    let second = u64::from(call.detail);
    [Some(socket(both as u32, call.inode, facts)), Some(socket((both >> 32) as u32, second, facts))]
}

fn pipe(call: &Call) -> [Option<FdOp>; 2] {
    let both = call.args[1];
    let end = |fd, writes| FdOp::Open {
        fd,
        kind: DescriptorKind::Pipe,
        inode: call.inode,
        writes,
        socket: SocketFacts::default(),
    };
    [Some(end(both as u32, false)), Some(end((both >> 32) as u32, true))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FileKind;
    use EventKind as K;

    const SOCKET: SocketFacts = SocketFacts { family: 2, socket_type: 1, state: 7 };

    fn call(kind: EventKind, args: [u64; 4], result: i64) -> Call {
        Call { kind, args, result, inode: 0, file: FileKind::None, detail: 0 }
    }

    fn ops(call: Call) -> Vec<FdOp> {
        fd_ops(&Body::Call(call)).into_iter().flatten().collect()
    }

    #[test]
    fn each_call_that_makes_a_descriptor_makes_one_of_its_kind() {
        let made = [
            (K::MemfdCreate, DescriptorKind::Memfd),
            (K::TimerfdCreate, DescriptorKind::Timerfd),
            (K::Eventfd, DescriptorKind::Eventfd),
            (K::Eventfd2, DescriptorKind::Eventfd),
            (K::EpollCreate, DescriptorKind::Epoll),
            (K::EpollCreate1, DescriptorKind::Epoll),
            (K::InotifyInit, DescriptorKind::Inotify),
            (K::InotifyInit1, DescriptorKind::Inotify),
            (K::PidfdOpen, DescriptorKind::Other),
            (K::Userfaultfd, DescriptorKind::Other),
            (K::IoUringSetup, DescriptorKind::Other),
        ];
        for (kind, made) in made {
            assert_eq!(ops(call(kind, [1; 4], 9)), [opened(9, made)], "{kind:?}");
            assert_eq!(ops(call(kind, [1; 4], -24)), [], "{kind:?} failed");
        }
        for kind in [K::Signalfd, K::Signalfd4] {
            let none = u64::from(u32::MAX);
            assert_eq!(ops(call(kind, [none, 0, 0, 0], 9)), [opened(9, DescriptorKind::Other)]);
            assert_eq!(ops(call(kind, [9, 0, 0, 0], 9)), [], "one that is there was changed");
        }
    }

    #[test]
    fn sockets_and_pipes_carry_their_identity() {
        for kind in [K::Socket, K::Accept, K::Accept4] {
            let call = Call { inode: 77, detail: SOCKET.pack(), ..call(kind, [3, 0, 0, 0], 9) };
            assert_eq!(ops(call), [socket(9, 77, SOCKET)], "{kind:?}");
        }
        let both = 5 << 32 | 4;
        let pair = Call { inode: 77, detail: 78, ..call(K::Socketpair, [1, 0x801, 0, both], 0) };
        let unix = SocketFacts { family: 1, socket_type: 1, state: 0 };
        assert_eq!(ops(pair), [socket(4, 77, unix), socket(5, 78, unix)]);
        for kind in [K::Pipe, K::Pipe2] {
            let made = ops(Call { inode: 77, ..call(kind, [0, both, 0, 0], 0) });
            let end = |fd, writes| FdOp::Open {
                fd,
                kind: DescriptorKind::Pipe,
                inode: 77,
                writes,
                socket: SocketFacts::default(),
            };
            assert_eq!(made, [end(4, false), end(5, true)], "{kind:?}");
        }
    }

    #[test]
    fn copies_replace_where_their_place_was_chosen() {
        for (kind, replaces) in
            [(K::Dup, false), (K::Dup2, true), (K::Dup3, true), (K::Fcntl, false)]
        {
            let from =
                |old| Call { inode: 77, file: FileKind::Socket, ..call(kind, [old, 9, 0, 0], 9) };
            let kind_seen = Some(DescriptorKind::Socket);
            let copy = FdOp::Copy { old: 3, new: 9, kind: kind_seen, inode: 77, replaces };
            assert_eq!(ops(from(3)), [copy], "{kind:?}");
            assert_eq!(ops(from(9)), [], "{kind:?} onto itself");
        }
    }

    #[test]
    fn what_closes_listens_and_watches_is_understood() {
        let close = |first, last| FdOp::Close { first, last };
        let body = Body::Close { fd: 3 };
        assert_eq!(fd_ops(&body).into_iter().flatten().collect::<Vec<_>>(), [close(3, 3)]);
        assert_eq!(ops(call(K::CloseRange, [3, 7, 0, 0], 0)), [close(3, 7)]);
        assert_eq!(ops(call(K::CloseRange, [3, 7, 2, 0], 0)), [close(3, 7)], "of its own table");
        assert_eq!(ops(call(K::CloseRange, [3, 7, 4, 0], 0)), [], "at exec only");
        assert_eq!(ops(call(K::Listen, [3, 128, 0, 0], 0)), [FdOp::Listen { fd: 3 }]);
        let ctl = |operation| ops(call(K::EpollCtl, [3, operation, 7, 0], 0));
        assert_eq!(ctl(1), [FdOp::Watch { epoll: 3, fd: 7 }]);
        assert_eq!(ctl(2), [FdOp::Unwatch { epoll: 3, fd: 7 }]);
        assert_eq!(ctl(3), [], "modified");
        let add = call(K::InotifyAddWatch, [3, 0, 0, 0], 5);
        assert_eq!(ops(add), [FdOp::AddWatch { inotify: 3, watch: 5 }]);
        let remove = call(K::InotifyRmWatch, [3, 5, 0, 0], 0);
        assert_eq!(ops(remove), [FdOp::RemoveWatch { inotify: 3, watch: 5 }]);
        for kind in [K::Bind, K::Connect, K::Shutdown, K::TimerfdSettime, K::Shmat] {
            assert_eq!(ops(call(kind, [3, 0, 0, 0], 0)), [], "{kind:?}");
        }
    }
}

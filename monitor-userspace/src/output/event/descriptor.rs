//! Lines of family descriptor, and of memfds.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    EventLine, Kind,
    memory::MEMFD_FLAGS,
    words::{Acquired, Flags, Names, Outcome, Word, made, pair},
};
use crate::event::{Call, EventKind, FileKind};

/// `O_*` as makers of descriptors take them; several calls use the other bits otherwise.
const OPEN_FLAGS: &Names = &[(0x800, "nonblock"), (0x8_0000, "cloexec")];
const PIPE_FLAGS: &Names =
    &[(0x80, "notification"), (0x800, "nonblock"), (0x4000, "direct"), (0x8_0000, "cloexec")];
const EVENTFD_FLAGS: &Names = &[(1, "semaphore"), (0x800, "nonblock"), (0x8_0000, "cloexec")];
const PIDFD_FLAGS: &Names = &[(0x80, "thread"), (0x800, "nonblock")];
const USERFAULTFD_FLAGS: &Names =
    &[(1, "user_mode_only"), (0x800, "nonblock"), (0x8_0000, "cloexec")];
const CLOSE_RANGE_FLAGS: &Names = &[(2, "unshare"), (4, "cloexec")];
/// `EPOLL_CTL_*`
const EPOLL_OPERATIONS: &Names = &[(1, "add"), (2, "del"), (3, "mod")];
/// `F_DUPFD_CLOEXEC`
const DUPFD_CLOEXEC: u64 = 1030;
/// `O_CLOEXEC`
const CLOEXEC: u64 = 0x8_0000;

/// A descriptor that is no plain file is about to be closed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Close {
    /// Which.
    fd: u32,
    /// Nothing: it is told at its start.
    result: (),
}

/// Descriptors are about to be closed.
#[derive(Serialize, JsonSchema)]
pub(super) struct CloseRange {
    /// The first.
    first: u32,
    /// The last; 4294967295 for all that follow.
    last: u32,
    /// `CLOSE_RANGE_*`, lower case: with `cloexec` they are closed by the next exec only.
    flags: Flags,
    /// Nothing: it is a release.
    result: (),
}

/// A descriptor was copied.
#[derive(Serialize, JsonSchema)]
pub(super) struct Copied<'a> {
    /// The copy.
    fd: Option<i32>,
    /// Which was copied.
    old_fd: i32,
    /// What both name, where that is known.
    file: Option<&'static str>,
    /// `cloexec`, or nothing.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A descriptor was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Made<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// Flags of the call, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A pipe was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Pipe<'a> {
    /// The descriptors made: to read from, to write to.
    fds: Option<[i32; 2]>,
    /// `O_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// An eventfd was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Eventfd<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// Its first value.
    count: u32,
    /// `EFD_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// What an epoll watches was changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct EpollCtl {
    /// The epoll.
    fd: i32,
    /// `add`, `mod` or `del`.
    op: Word,
    /// What it is to watch.
    target_fd: i32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// An inotify watches a file.
#[derive(Serialize, JsonSchema)]
pub(super) struct InotifyAddWatch {
    /// The inotify.
    fd: i32,
    /// The watch.
    watch: Option<i32>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// An inotify is about to watch a file no longer.
#[derive(Serialize, JsonSchema)]
pub(super) struct InotifyRmWatch {
    /// The inotify.
    fd: i32,
    /// The watch.
    watch: i32,
    /// Nothing: it is told at its start.
    result: (),
}

/// A signalfd was made or changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Signalfd<'a> {
    /// The descriptor made or changed.
    fd: Option<i32>,
    /// The descriptor to change; null where one was to be made.
    old_fd: Option<i32>,
    /// `SFD_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A pidfd was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct PidfdOpen<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// The process it names.
    target_pid: i32,
    /// `PIDFD_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// An io_uring was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct IoUringSetup<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// Entries asked for.
    entries: u32,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

fn file_word(file: FileKind) -> Option<&'static str> {
    Some(match file {
        FileKind::None | FileKind::Unknown => return None,
        FileKind::Path | FileKind::DevZero => "file",
        FileKind::Memfd => "memfd",
        FileKind::Socket => "socket",
        FileKind::Pipe => "pipe",
        FileKind::Eventfd => "eventfd",
        FileKind::Epoll => "epoll",
        FileKind::Timerfd => "timerfd",
        FileKind::Inotify => "inotify",
        FileKind::Other => "other",
    })
}

pub(super) fn close(fd: u32) -> Kind<'static> {
    Kind::Close(Close { fd, result: () })
}

fn acquired<'a>(line: &EventLine<'a>, call: &Call) -> Acquired<'a> {
    Acquired::new(Outcome::of(call.result), line.stack)
}

fn new<'a>(line: &EventLine<'a>, call: &Call, flags: u64, names: &'static Names) -> Made<'a> {
    let flags = Flags::new(flags, names);
    Made { fd: made(call.result), flags, acquired: acquired(line, call) }
}

/// The line of what makes or copies descriptors.
pub(super) fn maker<'a>(line: &EventLine<'a>, call: &Call) -> Option<Kind<'a>> {
    let [first, second, third, _] = call.args;
    let of_fcntl = if second == DUPFD_CLOEXEC { CLOEXEC } else { 0 };
    Some(match call.kind {
        EventKind::Dup => Kind::Dup(copied(line, call, 0)),
        EventKind::Dup2 => Kind::Dup2(copied(line, call, 0)),
        EventKind::Dup3 => Kind::Dup3(copied(line, call, third)),
        EventKind::Fcntl => Kind::Fcntl(copied(line, call, of_fcntl)),
        EventKind::Pipe => Kind::Pipe(pipe(line, call)),
        EventKind::Pipe2 => Kind::Pipe2(pipe(line, call)),
        EventKind::Eventfd => Kind::Eventfd(eventfd(line, call, 0)),
        EventKind::Eventfd2 => Kind::Eventfd2(eventfd(line, call, second)),
        EventKind::MemfdCreate => Kind::MemfdCreate(new(line, call, first, MEMFD_FLAGS)),
        EventKind::EpollCreate => Kind::EpollCreate(new(line, call, 0, OPEN_FLAGS)),
        EventKind::EpollCreate1 => Kind::EpollCreate1(new(line, call, first, OPEN_FLAGS)),
        EventKind::InotifyInit => Kind::InotifyInit(new(line, call, 0, OPEN_FLAGS)),
        EventKind::InotifyInit1 => Kind::InotifyInit1(new(line, call, first, OPEN_FLAGS)),
        EventKind::Userfaultfd => Kind::Userfaultfd(new(line, call, first, USERFAULTFD_FLAGS)),
        EventKind::Signalfd => Kind::Signalfd(signalfd(line, call, 0)),
        EventKind::Signalfd4 => Kind::Signalfd4(signalfd(line, call, call.args[3])),
        EventKind::PidfdOpen => Kind::PidfdOpen(PidfdOpen {
            fd: made(call.result),
            target_pid: first as i32,
            flags: Flags::new(second, PIDFD_FLAGS),
            acquired: acquired(line, call),
        }),
        EventKind::IoUringSetup => Kind::IoUringSetup(IoUringSetup {
            fd: made(call.result),
            entries: first as u32,
            acquired: acquired(line, call),
        }),
        _ => return None,
    })
}

/// The line of what closes descriptors or changes what they watch.
pub(super) fn other<'a>(call: &Call) -> Option<Kind<'a>> {
    let [first, second, third, _] = call.args;
    Some(match call.kind {
        EventKind::CloseRange => Kind::CloseRange(CloseRange {
            first: first as u32,
            last: second as u32,
            flags: Flags::new(third, CLOSE_RANGE_FLAGS),
            result: (),
        }),
        EventKind::EpollCtl => Kind::EpollCtl(EpollCtl {
            fd: first as i32,
            op: Word::new(second, EPOLL_OPERATIONS),
            target_fd: third as i32,
            outcome: Outcome::of(call.result),
        }),
        EventKind::InotifyAddWatch => Kind::InotifyAddWatch(InotifyAddWatch {
            fd: first as i32,
            watch: made(call.result),
            outcome: Outcome::of(call.result),
        }),
        EventKind::InotifyRmWatch => Kind::InotifyRmWatch(InotifyRmWatch {
            fd: first as i32,
            watch: second as i32,
            result: (),
        }),
        _ => return None,
    })
}

fn copied<'a>(line: &EventLine<'a>, call: &Call, flags: u64) -> Copied<'a> {
    Copied {
        fd: made(call.result),
        old_fd: call.args[0] as i32,
        file: file_word(call.file),
        flags: Flags::new(flags, OPEN_FLAGS),
        acquired: acquired(line, call),
    }
}

fn pipe<'a>(line: &EventLine<'a>, call: &Call) -> Pipe<'a> {
    let [flags, fds, ..] = call.args;
    Pipe {
        fds: pair(fds, call.result),
        flags: Flags::new(flags, PIPE_FLAGS),
        acquired: Acquired::new(Outcome::made(call.result, 0), line.stack),
    }
}

fn eventfd<'a>(line: &EventLine<'a>, call: &Call, flags: u64) -> Eventfd<'a> {
    Eventfd {
        fd: made(call.result),
        count: call.args[0] as u32,
        flags: Flags::new(flags, EVENTFD_FLAGS),
        acquired: acquired(line, call),
    }
}

fn signalfd<'a>(line: &EventLine<'a>, call: &Call, flags: u64) -> Signalfd<'a> {
    let old = call.args[0] as i32;
    Signalfd {
        fd: made(call.result),
        old_fd: (old >= 0).then_some(old),
        flags: Flags::new(flags, OPEN_FLAGS),
        acquired: acquired(line, call),
    }
}

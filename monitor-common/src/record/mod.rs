//! The records of the ring buffer: a common header, then one layout per kind.

mod call;
mod file;
mod memory;
mod process;
mod reading;
mod socket;

pub use call::{MAX_FRAMES, RawCall, RawClose, RawStack};
pub use file::FileKind;
pub use memory::{RawBrk, RawMmap, RawMremap, RawMunmap};
pub use process::{OpenSet, RawExec, RawExit, RawFork, RawRename};
pub use reading::RawDescriptor;
pub use socket::{RawTcpState, SocketFacts};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First bytes of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawHeader {
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`, as /proc's start times), taken in the program.
    pub boot_ns: u64,
    /// Address of the task's `mm_struct`: the identity of its address space; 0 where it has none.
    pub mm: u64,
    /// Address of the task's `files_struct`: the identity of its descriptor table.
    pub files: u64,
    /// Thread-group id (what users call the pid) in the initial pid namespace.
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// An [`EventKind`] as an integer.
    pub kind: u16,
    /// [`crate::WIRE_VERSION`] of the writer.
    pub version: u16,
    /// CPU on which the program ran.
    pub cpu: u32,
}

/// A group of probes with one name everywhere; loss is counted by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Family {
    /// Mappings, heap and shared memory.
    Memory = 0,
    /// POSIX timers, interval timers and timerfds.
    Timer = 1,
    /// Sockets and the states of TCP.
    Socket = 2,
    /// Descriptors of every other kind, and how they are copied and closed.
    Descriptor = 3,
    /// Birth, exec, rename and death of processes.
    Process = 4,
}

impl Family {
    /// All families, in the order of their loss counters.
    pub const ALL: [Self; 5] =
        [Self::Memory, Self::Timer, Self::Socket, Self::Descriptor, Self::Process];

    /// The word users see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Timer => "timer",
            Self::Socket => "socket",
            Self::Descriptor => "descriptor",
            Self::Process => "process",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $family:ident, $raw:ty;)*) => {
        /// What happened. The integer on the wire is the discriminant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum EventKind { $($(#[$doc])* $variant = $code,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The kind with this code, or `None` for a code of another version.
            pub const fn from_raw(raw: u16) -> Option<Self> {
                match raw { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Bytes of a whole record of this kind, header included.
            pub const fn wire_len(self) -> usize {
                match self { $(Self::$variant => size_of::<$raw>(),)* }
            }

            /// The word users see in `kind`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The family the kind belongs to.
            pub const fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family,)* }
            }
        }

    };
}

/// A record layout. Several kinds may share one.
pub trait WireRecord: Copy + FromBytes + IntoBytes + Immutable + KnownLayout + 'static {}

impl<T: Copy + FromBytes + IntoBytes + Immutable + KnownLayout + 'static> WireRecord for T {}

kinds! {
    /// A mapping was made (stamped when the call returns).
    Mmap = 1, "mmap", Memory, RawMmap;
    /// Mappings are about to go (stamped when the call starts).
    Munmap = 2, "munmap", Memory, RawMunmap;
    /// A mapping was moved or resized (stamped when the call returns).
    Mremap = 3, "mremap", Memory, RawMremap;
    /// The end of the heap was asked for or moved (stamped when the call returns).
    Brk = 4, "brk", Memory, RawBrk;
    /// A shared segment was attached: shmid, address asked for, flags; the result is the address.
    Shmat = 5, "shmat", Memory, RawCall;
    /// A shared segment is about to be detached: address.
    Shmdt = 6, "shmdt", Memory, RawCall;
    /// A shared segment was made or found: key, bytes, flags; the result is its shmid.
    Shmget = 7, "shmget", Memory, RawCall;
    /// A shared segment was marked to go (`IPC_RMID` only): shmid, command.
    Shmctl = 8, "shmctl", Memory, RawCall;
    /// A memfd was made: flags.
    MemfdCreate = 9, "memfd_create", Memory, RawCall;
    /// An AIO context was made: events asked for, its address, bytes of its ring.
    IoSetup = 10, "io_setup", Memory, RawCall;
    /// An AIO context is about to go: its address.
    IoDestroy = 11, "io_destroy", Memory, RawCall;
    /// A shadow stack was mapped: address asked for, length, flags; the result is the address.
    MapShadowStack = 12, "map_shadow_stack", Memory, RawCall;
    /// The call stack of the event that follows it in the same thread.
    Stack = 15, "stack", Memory, RawStack;
    /// A process was made (threads are not reported).
    Fork = 16, "fork", Process, RawFork;
    /// A process became another program.
    Exec = 17, "exec", Process, RawExec;
    /// The last thread of a process ended.
    Exit = 18, "exit", Process, RawExit;
    /// A process changed its name.
    Rename = 19, "rename", Process, RawRename;
    /// A thread left a shared descriptor table (`CLONE_FILES` only): flags.
    Unshare = 20, "unshare", Process, RawCall;
    /// A POSIX timer was made: clock, its id.
    TimerCreate = 32, "timer_create", Timer, RawCall;
    /// A POSIX timer was set: id, flags, first expiry and interval in ns.
    TimerSettime = 33, "timer_settime", Timer, RawCall;
    /// A POSIX timer is about to go: id.
    TimerDelete = 34, "timer_delete", Timer, RawCall;
    /// An interval timer was set: which, first expiry and interval in ns.
    Setitimer = 35, "setitimer", Timer, RawCall;
    /// The real-time interval timer was set: seconds; the result is what was left.
    Alarm = 36, "alarm", Timer, RawCall;
    /// A timerfd was made: clock, flags.
    TimerfdCreate = 37, "timerfd_create", Timer, RawCall;
    /// A timerfd was set: descriptor, flags, first expiry and interval in ns.
    TimerfdSettime = 38, "timerfd_settime", Timer, RawCall;
    /// A socket was made: family, type, protocol.
    Socket = 48, "socket", Socket, RawCall;
    /// Two sockets were made: family, type, protocol, both descriptors (the second in the upper half); `inode` is of the first, `detail` the lower half of the second's.
    Socketpair = 49, "socketpair", Socket, RawCall;
    /// A socket got an address: descriptor.
    Bind = 50, "bind", Socket, RawCall;
    /// A socket became a listener: descriptor, backlog.
    Listen = 51, "listen", Socket, RawCall;
    /// A connection was accepted: descriptor of the listener.
    Accept = 52, "accept", Socket, RawCall;
    /// A connection was accepted: descriptor of the listener, flags.
    Accept4 = 53, "accept4", Socket, RawCall;
    /// A socket was connected: descriptor.
    Connect = 54, "connect", Socket, RawCall;
    /// A connection was shut down: descriptor, how.
    Shutdown = 55, "shutdown", Socket, RawCall;
    /// A TCP socket changed its state, in whatever context.
    TcpState = 56, "tcp_state", Socket, RawTcpState;
    /// A descriptor that is no plain file is about to be closed.
    Close = 64, "close", Descriptor, RawClose;
    /// Descriptors are about to be closed: first, last, flags. With `CLOSE_RANGE_UNSHARE` at the return, because the table is another then.
    CloseRange = 65, "close_range", Descriptor, RawCall;
    /// A descriptor was copied: which.
    Dup = 66, "dup", Descriptor, RawCall;
    /// A descriptor was copied onto another: which, onto which.
    Dup2 = 67, "dup2", Descriptor, RawCall;
    /// A descriptor was copied onto another: which, onto which, flags.
    Dup3 = 68, "dup3", Descriptor, RawCall;
    /// A descriptor was copied (`F_DUPFD*` only): which, command, lowest number.
    Fcntl = 69, "fcntl", Descriptor, RawCall;
    /// A pipe was made: flags, both descriptors (the second in the upper half).
    Pipe = 70, "pipe", Descriptor, RawCall;
    /// A pipe was made: flags, both descriptors (the second in the upper half).
    Pipe2 = 71, "pipe2", Descriptor, RawCall;
    /// An eventfd was made: count.
    Eventfd = 72, "eventfd", Descriptor, RawCall;
    /// An eventfd was made: count, flags.
    Eventfd2 = 73, "eventfd2", Descriptor, RawCall;
    /// An epoll was made: size.
    EpollCreate = 74, "epoll_create", Descriptor, RawCall;
    /// An epoll was made: flags.
    EpollCreate1 = 75, "epoll_create1", Descriptor, RawCall;
    /// What an epoll watches was changed: epoll, operation, descriptor.
    EpollCtl = 76, "epoll_ctl", Descriptor, RawCall;
    /// An inotify was made.
    InotifyInit = 77, "inotify_init", Descriptor, RawCall;
    /// An inotify was made: flags.
    InotifyInit1 = 78, "inotify_init1", Descriptor, RawCall;
    /// An inotify watches a file: inotify, address of the path, mask; the result is the watch.
    InotifyAddWatch = 79, "inotify_add_watch", Descriptor, RawCall;
    /// An inotify is about to watch a file no longer: inotify, watch.
    InotifyRmWatch = 80, "inotify_rm_watch", Descriptor, RawCall;
    /// A signalfd was made, or changed: descriptor or -1.
    Signalfd = 81, "signalfd", Descriptor, RawCall;
    /// A signalfd was made, or changed: descriptor or -1, address and size of the mask, flags.
    Signalfd4 = 82, "signalfd4", Descriptor, RawCall;
    /// A pidfd was made: pid, flags.
    PidfdOpen = 83, "pidfd_open", Descriptor, RawCall;
    /// A userfaultfd was made: flags.
    Userfaultfd = 84, "userfaultfd", Descriptor, RawCall;
    /// An io_uring was made: entries.
    IoUringSetup = 85, "io_uring_setup", Descriptor, RawCall;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_raw(kind as u16), Some(kind));
            assert!(kind.wire_len() >= size_of::<RawHeader>());
            assert_eq!(kind.wire_len() % 8, 0, "{kind:?} would leave a hole in the ring");
        }
        assert_eq!(EventKind::from_raw(0), None);
        assert_eq!(EventKind::from_raw(u16::MAX), None);
    }
}

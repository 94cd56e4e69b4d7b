//! The line of one event: common fields, then those of its kind. What prints and what the schema
//! says is one definition: [`Record`] and its [`Kind`].

mod descriptor;
mod memory;
mod process;
mod socket;
#[cfg(test)]
pub(super) mod tests;
mod timer;
mod words;

use schemars::JsonSchema;
use serde::Serialize;
pub(in crate::output) use words::schema;

use super::{Timestamp, WallClock};
use crate::event::{Body, Event, Family, ProcessId, TICK_NS};

/// An event with what the inventory knows of its process.
#[derive(Debug)]
pub struct EventLine<'a> {
    /// Number of the event in this run.
    pub seq: u64,
    /// For its times.
    pub clock: WallClock,
    /// The event.
    pub event: &'a Event,
    /// The process; its start is 0 while unknown. Of a TCP state it is the process that holds the
    /// socket, of pid 0 while unknown.
    pub process: ProcessId,
    /// Its name, if known.
    pub comm: Option<&'a str>,
    /// For brk: by how much the heap grew, where that is known.
    pub heap_change: Option<i64>,
    /// For shmat: bytes of the segment, where that is known.
    pub length: Option<u64>,
    /// The call stack that was taken with it: return addresses, innermost first.
    pub stack: Option<&'a [u64]>,
}

/// The line as it prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Record<'a> {
    /// Number of the event in this run.
    seq: u64,
    /// When.
    ts: Timestamp,
    /// The process that did it; of `tcp_state` the one that holds the socket, null where none is
    /// known.
    pid: Option<u32>,
    /// The thread that did it; null for `tcp_state`, which is nobody's doing.
    tid: Option<u32>,
    /// When the process started, truncated to the tick.
    start_time: Option<Timestamp>,
    /// Its name.
    comm: Option<&'a str>,
    #[serde(flatten)]
    kind: Kind<'a>,
}

/// The fields of each kind. The tags are the names of [`crate::event::EventKind`].
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind<'a> {
    Mmap(memory::Mmap<'a>),
    Munmap(memory::Munmap),
    Mremap(memory::Mremap),
    Brk(memory::Brk<'a>),
    Shmat(memory::Shmat),
    Shmdt(memory::Dropped),
    Shmget(memory::Shmget),
    Shmctl(memory::Shmctl),
    MemfdCreate(descriptor::Made<'a>),
    IoSetup(memory::IoSetup),
    IoDestroy(memory::Dropped),
    MapShadowStack(memory::MapShadowStack),
    Fork(process::Fork),
    Exec(process::Exec<'a>),
    Exit(process::Exit),
    Unshare(process::Unshare),
    TimerCreate(timer::TimerCreate<'a>),
    TimerSettime(timer::TimerSettime),
    TimerDelete(timer::TimerDelete),
    Setitimer(timer::Setitimer<'a>),
    Alarm(timer::Alarm<'a>),
    TimerfdCreate(timer::TimerfdCreate<'a>),
    TimerfdSettime(timer::TimerfdSettime),
    Socket(socket::NewSocket<'a>),
    Socketpair(socket::Socketpair<'a>),
    Bind(socket::Used),
    Listen(socket::Listen),
    Accept(socket::Accept<'a>),
    Accept4(socket::Accept<'a>),
    Connect(socket::Used),
    Shutdown(socket::Shutdown),
    TcpState(socket::StateChange),
    Close(descriptor::Close),
    CloseRange(descriptor::CloseRange),
    Dup(descriptor::Copied<'a>),
    Dup2(descriptor::Copied<'a>),
    Dup3(descriptor::Copied<'a>),
    Fcntl(descriptor::Copied<'a>),
    Pipe(descriptor::Pipe<'a>),
    Pipe2(descriptor::Pipe<'a>),
    Eventfd(descriptor::Eventfd<'a>),
    Eventfd2(descriptor::Eventfd<'a>),
    EpollCreate(descriptor::Made<'a>),
    EpollCreate1(descriptor::Made<'a>),
    EpollCtl(descriptor::EpollCtl),
    InotifyInit(descriptor::Made<'a>),
    InotifyInit1(descriptor::Made<'a>),
    InotifyAddWatch(descriptor::InotifyAddWatch),
    InotifyRmWatch(descriptor::InotifyRmWatch),
    Signalfd(descriptor::Signalfd<'a>),
    Signalfd4(descriptor::Signalfd<'a>),
    PidfdOpen(descriptor::PidfdOpen<'a>),
    Userfaultfd(descriptor::Made<'a>),
    IoUringSetup(descriptor::IoUringSetup<'a>),
}

/// The wall-clock start of a process, truncated to the tick as /proc has it.
pub(crate) fn start_time(clock: WallClock, process: ProcessId) -> Option<Timestamp> {
    (process.start_ticks != 0).then(|| clock.at(process.start_ticks * TICK_NS))
}

impl<'a> EventLine<'a> {
    /// The family of the event.
    pub fn family(&self) -> Family {
        self.event.kind().family()
    }

    /// What prints; `None` for what has no line of its own.
    pub(crate) fn record(&self) -> Option<Record<'a>> {
        let kind = self.kind()?;
        let (pid, tid) = match self.event.body {
            Body::TcpState(_) => ((self.process.pid != 0).then_some(self.process.pid), None),
            _ => (Some(self.event.pid), Some(self.event.tid)),
        };
        Some(Record {
            seq: self.seq,
            ts: self.clock.at(self.event.at_ns),
            pid,
            tid,
            start_time: start_time(self.clock, self.process),
            comm: self.comm,
            kind,
        })
    }

    fn kind(&self) -> Option<Kind<'a>> {
        match &self.event.body {
            body @ Body::Mmap { .. } => memory::mmap(self, body),
            body @ (Body::Munmap { .. } | Body::Mremap { .. } | Body::Brk { .. }) => {
                memory::change(self, body)
            }
            Body::Fork { .. } | Body::Exec { .. } | Body::Exit { .. } => process::life(self),
            Body::Call(call) => match call.kind.family() {
                Family::Memory => {
                    memory::call(self, call).or_else(|| descriptor::maker(self, call))
                }
                Family::Timer => timer::call(self, call),
                Family::Socket => socket::call(self, call),
                Family::Descriptor => {
                    descriptor::maker(self, call).or_else(|| descriptor::other(call))
                }
                Family::Process => process::call(call),
            },
            Body::Close { fd } => Some(descriptor::close(*fd)),
            Body::TcpState(state) => Some(socket::state_change(state)),
            Body::Stack(_) | Body::Rename { .. } => None,
        }
    }
}

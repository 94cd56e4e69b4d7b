//! Reads descriptor tables with the kernel's iterator over the files of a thread. It is several
//! times as fast as /proc/PID/fd, knows every socket, and tells which descriptors, of whichever
//! processes, name the same open file. Called by the reader thread only.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use aya::{
    Btf, BtfError, Ebpf,
    programs::{Iter, ProgramError, ProgramFd},
};
use monitor_common::record::{FileKind, RawDescriptor, SocketFacts};
use nix::libc::{AF_INET, AF_INET6, SOCK_STREAM, SYS_bpf, c_long, syscall};
use thiserror::Error;
use zerocopy::FromBytes as _;

use crate::event::{DescriptorKind, ReadDescriptor, ReadSocket};

/// Program of the kernel object, and what it iterates over.
const PROGRAM: &str = "descriptor_table_iter";
const TARGET: &str = "task_file";

/// Commands and the attach type of bpf(2), include/uapi/linux/bpf.h
const BPF_LINK_CREATE: c_long = 28;
const BPF_ITER_CREATE: c_long = 33;
const BPF_TRACE_ITER: u32 = 28;

/// Twice what the kernel hands over at once (`bpf_seq_read`), which is whole records.
const BUFFER_BYTES: usize = 64 << 10;
/// `TCP_LISTEN`, include/net/tcp_states.h; other families use the same number for it.
const TCP_LISTEN: u8 = 10;

/// Why a table was not read.
#[derive(Debug, Error)]
pub enum PassError {
    /// The object has no such program.
    #[error("the kernel object has no {PROGRAM}")]
    Missing,
    /// The kernel has no such iterator.
    #[error("this kernel has no iterator {TARGET}")]
    Btf(#[from] BtfError),
    /// The kernel refused the program.
    #[error("the kernel refused {PROGRAM}")]
    Program(#[from] ProgramError),
    /// A system call failed.
    #[error("{what}")]
    Call {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A pass over one thread went on to another: kernels before 6.1 cannot be told.
    #[error("asked for thread {asked}, the kernel told of {told}")]
    Foreign {
        /// The thread asked for.
        asked: u32,
        /// The thread of a descriptor; 0 where that could not be read.
        told: u32,
    },
    /// A pass is not what it should be.
    #[error("descriptor {fd} is out of order or of no kind")]
    Shape {
        /// Which descriptor.
        fd: u32,
    },
}

/// The iterator, loaded. Nothing is attached but while a table is read.
pub struct TablePass {
    program: ProgramFd,
    buffer: Vec<u8>,
}

impl TablePass {
    /// Loads the program and reads this process's own table with it, which shows whether the kernel
    /// keeps to one thread.
    pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf) -> Result<Self, PassError> {
        let program: &mut Iter = ebpf.program_mut(PROGRAM).ok_or(PassError::Missing)?.try_into()?;
        program.load(TARGET, btf)?;
        let copied = program.fd()?.try_clone();
        let program =
            copied.map_err(|source| PassError::Call { what: "copy a descriptor", source })?;
        let mut pass = Self { program, buffer: vec![0; BUFFER_BYTES] };
        pass.read(std::process::id())?;
        Ok(pass)
    }

    /// Every open descriptor of a thread, ascending, without what epolls and inotifies watch. None
    /// where there is no such thread. Not at one instant: the kernel lets go of the table between
    /// its chunks.
    pub fn read(&mut self, tid: u32) -> Result<Vec<ReadDescriptor>, PassError> {
        let mut file = self.open(tid)?;
        let mut open: Vec<ReadDescriptor> = Vec::new();
        loop {
            let bytes = match file.read(&mut self.buffer) {
                Ok(0) => return Ok(open),
                Ok(read) => &self.buffer[..read],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PassError::Call { what: "read the iterator", source }),
            };
            for record in bytes.chunks(size_of::<RawDescriptor>()) {
                let last = open.last().map(|it| it.fd);
                open.push(take(record, tid, last)?);
            }
        }
    }

    /// A file whose reading runs the program for each descriptor of one thread.
    fn open(&self, tid: u32) -> Result<File, PassError> {
        let info = TaskInfo { tid, ..TaskInfo::default() };
        let attributes = LinkCreate {
            program: number(self.program.as_fd()),
            attach_type: BPF_TRACE_ITER,
            info: std::ptr::from_ref(&info).addr() as u64,
            info_bytes: size_of::<TaskInfo>() as u32,
            ..LinkCreate::default()
        };
        let failed = |what| move |source| PassError::Call { what, source };
        let link = bpf(BPF_LINK_CREATE, &attributes).map_err(failed("link the iterator"))?;
        let attributes = IterCreate { link: number(link.as_fd()), flags: 0 };
        let file = bpf(BPF_ITER_CREATE, &attributes).map_err(failed("open the iterator"))?;
        Ok(file.into())
    }
}

impl std::fmt::Debug for TablePass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TablePass")
    }
}

/// One record of a pass over thread `asked`, after descriptor `last`.
fn take(record: &[u8], asked: u32, last: Option<u32>) -> Result<ReadDescriptor, PassError> {
    let Ok(raw) = RawDescriptor::read_from_bytes(record) else {
        return Err(PassError::Shape { fd: u32::MAX });
    };
    if raw.tid != asked {
        return Err(PassError::Foreign { asked, told: raw.tid });
    }
    let kind = DescriptorKind::of_file(FileKind::from_raw(u32::from(raw.kind)));
    match kind {
        // Descriptors that start over would go on doing so for ever.
        Some(kind) if last.is_none_or(|last| last < raw.fd) => Ok(ReadDescriptor {
            fd: raw.fd,
            kind,
            inode: raw.inode,
            // As /proc has it: only of a pipe does it tell anything.
            writes: kind == DescriptorKind::Pipe && raw.writes != 0,
            socket: (kind == DescriptorKind::Socket).then(|| socket(raw.socket)),
            watches: Vec::new(),
            file: raw.file,
        }),
        _ => Err(PassError::Shape { fd: raw.fd }),
    }
}

fn socket(packed: u32) -> ReadSocket {
    let SocketFacts { family, socket_type, state } = SocketFacts::unpack(packed);
    let is_internet = [AF_INET, AF_INET6].contains(&i32::from(family));
    let is_tcp = is_internet && i32::from(socket_type) == SOCK_STREAM;
    ReadSocket {
        family,
        socket_type,
        tcp_state: if is_tcp { state } else { 0 },
        is_listener: state == TCP_LISTEN,
    }
}

/// Attributes of `BPF_LINK_CREATE`, as far as an iterator needs them.
#[derive(Default)]
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    info: u64,
    info_bytes: u32,
    reserved: u32,
}

/// `bpf_iter_link_info.task`, as large as the union it is in.
#[derive(Default)]
#[repr(C)]
struct TaskInfo {
    tid: u32,
    pid: u32,
    pid_fd: u32,
    reserved: u32,
}

/// Attributes of `BPF_ITER_CREATE`.
#[repr(C)]
struct IterCreate {
    link: u32,
    flags: u32,
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    // Descriptors are never negative.
    fd.as_raw_fd() as u32
}

/// A call of bpf(2) that makes a descriptor. aya attaches iterators to all threads only.
fn bpf<T>(command: c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes of the attributes as they have, and what they point to
    // outlives the call.
    let fd = unsafe { syscall(SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so this is a descriptor of nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    fn raw(fd: u32, tid: u32, kind: FileKind) -> RawDescriptor {
        let socket = SocketFacts { family: 10, socket_type: 1, state: 10 }.pack();
        RawDescriptor { file: 1 << 63, inode: 7, fd, tid, kind: kind as u16, writes: 1, socket }
    }

    #[test]
    fn a_record_is_a_descriptor() {
        let found = take(raw(3, 9, FileKind::Socket).as_bytes(), 9, Some(2)).unwrap();
        let socket = ReadSocket { family: 10, socket_type: 1, tcp_state: 10, is_listener: true };
        assert_eq!((found.fd, found.kind, found.inode), (3, DescriptorKind::Socket, 7));
        assert_eq!((found.socket, found.writes, found.file), (Some(socket), false, 1 << 63));
        let found = take(raw(0, 9, FileKind::Pipe).as_bytes(), 9, None).unwrap();
        assert!(found.writes && found.socket.is_none());
    }

    #[test]
    fn only_tcp_has_states_of_tcp() {
        let of = |family, socket_type, state| {
            let it = socket(SocketFacts { family, socket_type, state }.pack());
            (it.tcp_state, it.is_listener)
        };
        assert_eq!(of(2, 1, 8), (8, false));
        assert_eq!(of(2, 2, 7), (0, false));
        assert_eq!(of(1, 1, 10), (0, true));
    }

    #[test]
    fn what_is_no_pass_over_one_thread_is_refused() {
        let refused = |raw: RawDescriptor, last| take(raw.as_bytes(), 9, last).unwrap_err();
        assert!(matches!(refused(raw(3, 8, FileKind::Pipe), None), PassError::Foreign { .. }));
        let shape = |raw, last| matches!(refused(raw, last), PassError::Shape { fd: 3 });
        assert!(shape(raw(3, 9, FileKind::Pipe), Some(3)));
        assert!(shape(raw(3, 9, FileKind::Unknown), None));
        assert!(take(&raw(3, 9, FileKind::Pipe).as_bytes()[..31], 9, None).is_err());
    }
}

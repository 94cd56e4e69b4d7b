//! The kernel's iterator and /proc tell the same of a descriptor table.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs::File,
    io,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
};

use monitor_common::{Settings, settings::ZERO};
use monitor_userspace::{
    event::{DescriptorKind, ReadDescriptor, ReadSocket},
    host::{self, HostFacts, Proc, Scratch, btf},
    kernel::{Kernel, TablePass},
};
use nix::{
    fcntl::OFlag,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent},
        eventfd::EventFd,
        inotify::{AddWatchFlags, InitFlags, Inotify},
        memfd::{MFdFlags, memfd_create},
        signalfd::{SigSet, SignalFd},
        socket::{AddressFamily, SockFlag, SockType, socket},
        stat::Mode,
        timerfd::{ClockId, TimerFd, TimerFlags},
    },
    unistd::{dup, mkfifo},
};

/// The iterator, where this kernel has one; a kernel that should have it must.
fn pass() -> Option<TablePass> {
    let facts = HostFacts::probe().unwrap();
    let mut numbers = facts.release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    if !facts.may_load || !facts.has_btf || version < (6, 1) {
        eprintln!("SKIPPED: needs root, BTF and Linux 6.1");
        return None;
    }
    let bytes = btf::read_kernel_btf(btf::KERNEL_BTF).unwrap();
    let offsets = host::kernel_offsets(&btf::Btf::parse(&bytes).unwrap()).unwrap();
    let mut kernel = Kernel::load(&Settings { offsets, ..ZERO }, None, false).unwrap();
    Some(kernel.take_table_pass().expect("this kernel has iterators"))
}

/// Descriptors of every kind, some of them of one file.
struct Subject {
    sockets: Vec<OwnedFd>,
    others: Vec<OwnedFd>,
    /// Two numbers of one file, and one of another of its kind.
    twins: [OwnedFd; 3],
    epoll: Epoll,
    inotify: Inotify,
    _dir: tempfile::TempDir,
}

impl Subject {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        let bare = |family, kind| socket(family, kind, SockFlag::empty(), None).unwrap();
        let sockets: Vec<OwnedFd> = vec![
            listener.into(),
            client.into(),
            one.into(),
            other.into(),
            UdpSocket::bind("127.0.0.1:0").unwrap().into(),
            UnixListener::bind(dir.path().join("socket")).unwrap().into(),
            bare(AddressFamily::Inet, SockType::Stream),
            bare(AddressFamily::Unix, SockType::SeqPacket),
            bare(AddressFamily::Netlink, SockType::Raw),
        ];
        let (pipe_out, pipe_in) = io::pipe().unwrap();
        let fifo = dir.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let fifo = File::options().read(true).write(true).open(&fifo).unwrap();
        let path = |path: &str| OwnedFd::from(File::open(path).unwrap());
        let mut others: Vec<OwnedFd> = vec![
            pipe_out.into(),
            pipe_in.into(),
            fifo.into(),
            memfd_create("table", MFdFlags::empty()).unwrap(),
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).unwrap().into(),
            path("/"),
            path("/dev/null"),
            path("/dev/zero"),
            path("/proc/self/maps"),
            path("/proc/self/ns/net"),
            tempfile::tempfile().unwrap().into(),
        ];
        others.push(nix::fcntl::open("/", OFlag::O_PATH, Mode::empty()).unwrap());
        let event: OwnedFd = EventFd::new().unwrap().into();
        let twins = [dup(&event).unwrap(), event, EventFd::new().unwrap().into()];
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        epoll.add(&twins[0], EpollEvent::empty()).unwrap();
        let inotify = Inotify::init(InitFlags::empty()).unwrap();
        inotify.add_watch(dir.path(), AddWatchFlags::IN_CREATE).unwrap();
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        others.push(dup(&signals).unwrap());
        Self { sockets, others, twins, epoll, inotify, _dir: dir }
    }

    /// The numbers of all that are not sockets, and of the sockets.
    fn numbers(&self) -> (Vec<u32>, Vec<u32>) {
        let number = |fd: &OwnedFd| fd.as_raw_fd() as u32;
        let mut others: Vec<u32> = self.others.iter().chain(&self.twins).map(number).collect();
        others.push(self.epoll.0.as_raw_fd() as u32);
        others.push(std::os::fd::AsFd::as_fd(&self.inotify).as_raw_fd() as u32);
        (others, self.sockets.iter().map(number).collect())
    }
}

fn find(open: &[ReadDescriptor], fd: u32) -> ReadDescriptor {
    let found = open.iter().find(|it| it.fd == fd);
    found.expect("it was open before the table was read").clone()
}

#[test]
fn the_iterator_and_proc_tell_the_same() {
    let Some(mut pass) = pass() else { return };
    let subject = Subject::make();
    let (proc, mut scratch, pid) = (Proc::default(), Scratch::default(), std::process::id());
    let shown = proc.read_table(pid, &mut |_| None, &mut scratch).unwrap();
    let mut list = |tid| Some(pass.read(tid).unwrap());
    let told = proc.read_table(pid, &mut list, &mut scratch).unwrap();
    assert!(shown.found && told.found && told.t0_ns <= told.t1_ns);
    assert!(told.open.is_sorted_by_key(|it| it.fd));

    let (others, sockets) = subject.numbers();
    for &fd in &others {
        let (shown, told) = (find(&shown.open, fd), find(&told.open, fd));
        assert_eq!((shown.file, told.file != 0), (0, true));
        assert_eq!(ReadDescriptor { file: 0, ..told }, shown);
    }
    let mut unknown_to_proc = 0;
    for &fd in &sockets {
        let (shown, told) = (find(&shown.open, fd), find(&told.open, fd));
        let socket = told.socket.unwrap();
        assert_eq!((told.kind, told.inode), (DescriptorKind::Socket, shown.inode), "{socket:?}");
        match shown.socket {
            Some(shown) => assert_eq!(socket, shown),
            None => unknown_to_proc += 1,
        }
    }
    assert!(unknown_to_proc < sockets.len());
    // Not bound, so not in any table of /proc/PID/net.
    let unbound = find(&told.open, sockets[6]).socket.unwrap();
    let expected = ReadSocket { family: 2, socket_type: 1, tcp_state: 7, is_listener: false };
    assert_eq!(unbound, expected);
    let files = subject.twins.each_ref().map(|fd| find(&told.open, fd.as_raw_fd() as u32).file);
    assert!(files[0] == files[1] && files[1] != files[2], "{files:x?}");
}

#[test]
fn a_table_of_many_pieces_is_read_whole() {
    let Some(mut pass) = pass() else { return };
    // Several times what the kernel hands over at once, of which each is 32 bytes.
    let event: OwnedFd = EventFd::new().unwrap().into();
    let copies: Vec<OwnedFd> = (0..3000).map_while(|_| dup(&event).ok()).collect();
    assert!(copies.len() > 900, "only {} descriptors are allowed", copies.len());
    let open = pass.read(std::process::id()).unwrap();
    let file = find(&open, event.as_raw_fd() as u32).file;
    let same = open.iter().filter(|it| it.file == file).count();
    assert_eq!(same, copies.len() + 1);
    assert!(pass.read(u32::MAX >> 1).unwrap().is_empty(), "there is no such thread");
}

//! Tables against a naive model of the kernel: every process a plain list of what each number names,
//! every file known by a number of its own, nothing shared but by being the same number.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    event::{DescriptorKind, OpenSet, ReadDescriptor, SocketFacts, TableReading},
    inventory::Applied,
};

const KINDS: [DescriptorKind; 4] =
    [DescriptorKind::Pipe, DescriptorKind::Eventfd, DescriptorKind::Epoll, DescriptorKind::Timerfd];
/// Numbers a model process uses, and processes there may be.
const FDS: u32 = 12;
const PROCESSES: u32 = 5;

#[derive(Clone, Debug)]
enum Step {
    Open(u32, u32, usize),
    Dup(u32, u32, u32),
    Close(u32, u32, u32),
    Fork(u32, u32, bool),
    Exec(u32, u16),
    Unshare(u32),
    Exit(u32),
    Watch(u32, u32, u32, bool),
    Read(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let (pid, fd) = (0..PROCESSES, 0..FDS);
    prop_oneof![
        6 => (pid.clone(), fd.clone(), 0..KINDS.len()).prop_map(|(p, f, k)| Step::Open(p, f, k)),
        4 => (pid.clone(), fd.clone(), fd.clone()).prop_map(|(p, a, b)| Step::Dup(p, a, b)),
        3 => (pid.clone(), fd.clone(), 0..3_u32).prop_map(|(p, a, n)| Step::Close(p, a, a + n)),
        2 => (pid.clone(), pid.clone(), any::<bool>()).prop_map(|(a, b, s)| Step::Fork(a, b, s)),
        1 => (pid.clone(), any::<u16>()).prop_map(|(p, mask)| Step::Exec(p, mask)),
        1 => pid.clone().prop_map(Step::Unshare),
        1 => pid.clone().prop_map(Step::Exit),
        4 => (pid.clone(), fd.clone(), fd, any::<bool>())
            .prop_map(|(p, e, f, add)| Step::Watch(p, e, f, add)),
        1 => pid.prop_map(Step::Read),
    ]
}

/// What the kernel would do.
#[derive(Default)]
struct Kernel {
    /// Tables by address.
    tables: BTreeMap<u64, BTreeMap<u32, u32>>,
    /// Which table a process uses.
    uses: BTreeMap<u32, u64>,
    kinds: Vec<DescriptorKind>,
    /// (epoll, number, file).
    watches: BTreeSet<(u32, u32, u32)>,
    next_table: u64,
}

impl Kernel {
    fn new_table(&mut self, open: BTreeMap<u32, u32>) -> u64 {
        self.next_table += 1;
        let at = 1 << 63 | self.next_table;
        self.tables.insert(at, open);
        at
    }

    fn open_of(&mut self, pid: u32) -> &mut BTreeMap<u32, u32> {
        self.tables.get_mut(&self.uses[&pid]).unwrap()
    }

    /// Tables nobody uses go, files nobody names go, watches of and on those go.
    fn sweep(&mut self) {
        let used: BTreeSet<u64> = self.uses.values().copied().collect();
        self.tables.retain(|at, _| used.contains(at));
        let named: BTreeSet<u32> =
            self.tables.values().flat_map(|open| open.values().copied()).collect();
        self.watches.retain(|(epoll, _, file)| named.contains(epoll) && named.contains(file));
    }

    fn open_set(&mut self, pid: u32) -> OpenSet {
        let mut set = OpenSet { slots: 64, ..OpenSet::UNKNOWN };
        for fd in self.open_of(pid).keys() {
            set.words[0] |= 1 << fd;
        }
        set
    }

    fn reading(&mut self, pid: u32, at_ns: u64) -> TableReading {
        let open = self.open_of(pid).clone();
        let found = |(&fd, &file): (&u32, &u32)| ReadDescriptor {
            fd,
            kind: self.kinds[file as usize],
            inode: 0,
            writes: false,
            socket: None,
            watches: self.watches.iter().filter(|w| w.0 == file).map(|w| w.1).collect(),
        };
        TableReading {
            process: crate::event::ProcessId { pid, start_ticks: 0 },
            t0_ns: at_ns,
            t1_ns: at_ns,
            cost_ns: 0,
            open: open.iter().map(found).collect(),
            timers: None,
            found: true,
        }
    }

    fn counts(&mut self, pid: u32) -> ([u64; 9], u64, u64) {
        let open = self.open_of(pid).clone();
        let mut by_kind = [0; 9];
        for file in open.values() {
            by_kind[self.kinds[*file as usize] as usize] += 1;
        }
        let files: BTreeSet<u32> = open.values().copied().collect();
        let watches = self.watches.iter().filter(|w| files.contains(&w.0)).count();
        (by_kind, files.len() as u64, watches as u64)
    }
}

/// Both sides of the comparison, and the clock.
struct World {
    kernel: Kernel,
    tables: Tables,
    now_ns: u64,
}

impl World {
    /// One process with an empty table that is known.
    fn new() -> Self {
        let mut world = Self { kernel: Kernel::default(), tables: Tables::default(), now_ns: 1 };
        let at = world.kernel.new_table(BTreeMap::new());
        world.kernel.uses.insert(0, at);
        world.tables.discover(0, 0);
        let reading = world.kernel.reading(0, 2);
        assert!(world.tables.reconcile(&reading, true));
        world
    }

    fn maker(&self, pid: u32) -> Maker {
        Maker { pid, tid: pid, files: self.kernel.uses[&pid], is_followed: true }
    }

    fn apply(&mut self, pid: u32, op: FdOp) -> Applied {
        let who = self.maker(pid);
        self.tables.apply(who, self.now_ns, op, 0)
    }

    fn step(&mut self, step: &Step) {
        self.now_ns += 10;
        let (Step::Open(pid, ..)
        | Step::Dup(pid, ..)
        | Step::Close(pid, ..)
        | Step::Fork(pid, ..)
        | Step::Exec(pid, _)
        | Step::Unshare(pid)
        | Step::Exit(pid)
        | Step::Watch(pid, ..)
        | Step::Read(pid)) = *step;
        if !self.kernel.uses.contains_key(&pid) {
            return;
        }
        match *step {
            Step::Open(_, fd, kind) => self.open(pid, fd, KINDS[kind]),
            Step::Dup(_, old, new) => self.dup(pid, old, new),
            Step::Close(_, first, last) => {
                self.apply(pid, FdOp::Close { first, last });
                self.kernel.open_of(pid).retain(|fd, _| !(first..=last).contains(fd));
            }
            Step::Fork(_, child, shares) => self.fork(pid, child, shares),
            Step::Exec(_, mask) => self.exec(pid, mask),
            Step::Unshare(_) => self.unshare(pid),
            Step::Exit(_) => {
                self.kernel.uses.remove(&pid);
                self.tables.exit(pid);
            }
            Step::Watch(_, epoll, fd, adds) => self.watch(pid, epoll, fd, adds),
            Step::Read(_) => self.read(pid),
        }
        self.kernel.sweep();
    }

    fn open(&mut self, pid: u32, fd: u32, kind: DescriptorKind) {
        if self.kernel.open_of(pid).contains_key(&fd) {
            return;
        }
        let file = self.kernel.kinds.len() as u32;
        self.kernel.kinds.push(kind);
        self.kernel.open_of(pid).insert(fd, file);
        let socket = SocketFacts::default();
        let op = FdOp::Open { fd, kind, inode: 0, writes: false, socket };
        assert_eq!(self.apply(pid, op), Applied::Ok);
    }

    fn dup(&mut self, pid: u32, old: u32, new: u32) {
        let Some(&file) = self.kernel.open_of(pid).get(&old) else { return };
        if old == new {
            return;
        }
        self.kernel.open_of(pid).insert(new, file);
        let kind = Some(self.kernel.kinds[file as usize]);
        let op = FdOp::Copy { old, new, kind, inode: 0, replaces: true };
        assert_eq!(self.apply(pid, op), Applied::Ok);
    }

    fn fork(&mut self, pid: u32, child: u32, shares: bool) {
        if self.kernel.uses.contains_key(&child) {
            return;
        }
        let at = if shares {
            self.kernel.uses[&pid]
        } else {
            let copy = self.kernel.open_of(pid).clone();
            self.kernel.new_table(copy)
        };
        self.kernel.uses.insert(child, at);
        let open = self.kernel.open_set(child);
        let maker = self.maker(pid);
        self.tables.fork(maker, child, at, &open, self.now_ns);
    }

    fn exec(&mut self, pid: u32, mask: u16) {
        let mut open = self.kernel.open_of(pid).clone();
        open.retain(|fd, _| mask >> (fd % 16) & 1 == 1);
        let at = self.kernel.new_table(open);
        self.kernel.uses.insert(pid, at);
        let open = self.kernel.open_set(pid);
        self.tables.exec(pid, at, &open, self.now_ns);
    }

    fn unshare(&mut self, pid: u32) {
        let mine = self.kernel.uses[&pid];
        if self.kernel.uses.values().filter(|&&at| at == mine).count() == 1 {
            return;
        }
        let copy = self.kernel.open_of(pid).clone();
        let at = self.kernel.new_table(copy);
        self.kernel.uses.insert(pid, at);
        self.tables.unshare(pid, pid, at, self.now_ns);
    }

    fn watch(&mut self, pid: u32, epoll: u32, fd: u32, adds: bool) {
        let open = self.kernel.open_of(pid);
        let (Some(&watcher), Some(&file)) = (open.get(&epoll), open.get(&fd)) else { return };
        let is_epoll = |file: u32| self.kernel.kinds[file as usize] == DescriptorKind::Epoll;
        if !is_epoll(watcher) || is_epoll(file) {
            return;
        }
        if adds {
            self.kernel.watches.insert((watcher, fd, file));
            self.apply(pid, FdOp::Watch { epoll, fd });
        } else {
            self.kernel.watches.remove(&(watcher, fd, file));
            self.apply(pid, FdOp::Unwatch { epoll, fd });
        }
    }

    /// A check against what the kernel shows finds nothing wrong, whatever was done before.
    fn read(&mut self, pid: u32) {
        let table = self.tables.of_mut(pid).unwrap();
        table.start_log(self.now_ns);
        let reading = self.kernel.reading(pid, self.now_ns + 1);
        self.now_ns += 2;
        assert!(self.tables.reconcile(&reading, false));
        assert_eq!(self.tables.of(pid).unwrap().accuracy.unwrap().errors, 0);
    }

    fn check(&mut self) {
        let pids: Vec<u32> = self.kernel.uses.keys().copied().collect();
        for pid in pids {
            let (by_kind, objects, watches) = self.kernel.counts(pid);
            let counts = self.tables.counts(pid).unwrap();
            assert_eq!(counts.by_kind, by_kind, "process {pid}");
            assert_eq!(counts.objects, objects, "process {pid}");
            assert_eq!(counts.epoll_watches, watches, "process {pid}");
        }
        let named: BTreeSet<u32> =
            self.kernel.tables.values().flat_map(|open| open.values().copied()).collect();
        assert_eq!(self.tables.objects().len(), named.len(), "files that nobody names are gone");
        assert_eq!(self.tables.len(), self.kernel.tables.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn tables_with_sharing_agree_with_a_naive_kernel(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
    }
}

fn socket(fd: u32, inode: u64) -> FdOp {
    let socket = SocketFacts { family: 2, socket_type: 1, state: 7 };
    FdOp::Open { fd, kind: DescriptorKind::Socket, inode, writes: false, socket }
}

fn close(fd: u32) -> FdOp {
    FdOp::Close { first: fd, last: fd }
}

fn found(fd: u32, kind: DescriptorKind, inode: u64) -> ReadDescriptor {
    ReadDescriptor { fd, kind, inode, writes: false, socket: None, watches: Vec::new() }
}

fn reading(t0_ns: u64, open: Vec<ReadDescriptor>) -> TableReading {
    let process = crate::event::ProcessId { pid: 0, start_ticks: 0 };
    let t1_ns = t0_ns + 5;
    TableReading { process, t0_ns, t1_ns, open, found: true, ..TableReading::default() }
}

#[test]
fn a_state_of_tcp_finds_its_socket_and_a_listener_counts() {
    let mut world = World::new();
    world.apply(0, socket(3, 77));
    world.apply(0, socket(4, 78));
    world.tables.set_tcp_state(77, 8, 1);
    world.apply(0, FdOp::Listen { fd: 4 });
    let counts = world.tables.counts(0).unwrap();
    assert_eq!((counts.tcp[8], counts.tcp[7], counts.listeners), (1, 1, 1));
}

#[test]
fn an_acquisition_on_something_live_proves_a_missed_release() {
    let mut world = World::new();
    assert_eq!(world.apply(0, socket(3, 1)), Applied::Ok);
    assert_eq!(world.apply(0, socket(3, 2)), Applied::Collided);
    assert!(!world.tables.of(0).unwrap().is_exact());
}

#[test]
fn a_reading_meets_the_stream_around_it() {
    let second = 1_000_000_000;
    let t0 = 10 * second;
    let mut tables = Tables::default();
    tables.discover(0, 0);
    let who = Maker { pid: 0, tid: 0, files: 1 << 63, is_followed: true };
    // Going while it was read; gone and made again before it was read; closed and made after it.
    tables.apply(who, t0 - 2, close(3), 0);
    tables.apply(who, t0 - 2, close(4), 0);
    tables.apply(who, t0 - 1, socket(4, 44), 0);
    tables.apply(who, t0 + 1, close(5), 0);
    tables.apply(who, t0 + 2, socket(6, 66), 0);
    let open =
        [(3, 33), (4, 44), (5, 55)].map(|(fd, inode)| found(fd, DescriptorKind::Socket, inode));
    let mut open = open.to_vec();
    open.push(found(9, DescriptorKind::File, 0));
    assert!(tables.reconcile(&reading(t0, open), false));
    let counts = tables.counts(0).unwrap();
    assert_eq!(counts.get(DescriptorKind::Socket), 2);
    assert_eq!(counts.get(DescriptorKind::File), 1);
}

#[test]
fn what_came_unseen_is_counted_as_an_error_and_taken_over() {
    let mut world = World::new();
    world.tables.of_mut(0).unwrap().start_log(world.now_ns);
    let received = vec![found(7, DescriptorKind::Socket, 70)];
    assert!(world.tables.reconcile(&reading(100, received.clone()), false));
    assert_eq!(world.tables.of(0).unwrap().accuracy.unwrap().errors, 1);
    assert_eq!(world.tables.counts(0).unwrap().tracked(), 0, "measured only");
    world.tables.of_mut(0).unwrap().start_log(150);
    assert!(world.tables.reconcile(&reading(200, received), true));
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::Socket), 1);
}

#[test]
fn a_surprising_number_of_descriptors_is_suspect() {
    let mut world = World::new();
    let table = world.tables.of_mut(0).unwrap();
    table.take_total(0);
    assert!(!table.is_suspect);
    table.take_total(3);
    assert!(table.is_suspect);
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::File), 3);
}

#[test]
fn a_watch_on_a_file_that_is_not_followed_ends_with_its_number() {
    let mut world = World::new();
    world.open(0, 3, DescriptorKind::Epoll);
    world.apply(0, FdOp::Watch { epoll: 3, fd: 8 });
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 1);
    world.apply(0, close(8));
    assert_eq!(world.tables.counts(0).unwrap().epoll_watches, 0);
}

#[test]
fn a_thread_that_leaves_the_table_does_not_take_it_from_its_process() {
    let mut world = World::new();
    world.open(0, 3, DescriptorKind::Eventfd);
    let private = 1 << 63 | 1 << 40;
    world.tables.unshare(0, 99, private, world.now_ns);
    let who = Maker { pid: 0, tid: 99, files: private, is_followed: true };
    world.tables.apply(who, world.now_ns, close(3), 0);
    assert_eq!(world.tables.counts(0).unwrap().get(DescriptorKind::Eventfd), 1);
    world.tables.exit(0);
    assert!(world.tables.is_empty() && world.tables.objects().is_empty());
}

//! Tables against a naive model of the kernel: every process a plain list of what each number names,
//! every file known by a number of its own, nothing shared but by being the same number.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    event::{DescriptorKind, OpenSet, ReadDescriptor, SocketFacts, TableReading},
    inventory::Applied,
};

#[path = "table_tests.rs"]
pub(super) mod table_tests;

const KINDS: [DescriptorKind; 4] =
    [DescriptorKind::Pipe, DescriptorKind::Eventfd, DescriptorKind::Epoll, DescriptorKind::Timerfd];
/// Numbers a model process uses, and processes there may be.
const FDS: u32 = 8;
const PROCESSES: u32 = 4;

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
    /// Of each file; that of one that is gone is given to another.
    addresses: Vec<u64>,
    /// Whether readings tell which descriptors are of one file.
    tells_files: bool,
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

    /// The lowest address at which no open file is.
    fn free_address(&self) -> u64 {
        let named = self.tables.values().flat_map(BTreeMap::values);
        let taken: BTreeSet<u64> = named.map(|&file| self.addresses[file as usize]).collect();
        (1 << 63..=u64::MAX).find(|address| !taken.contains(address)).unwrap()
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
            file: if self.tells_files { self.addresses[file as usize] } else { 0 },
        };
        TableReading {
            process: crate::event::ProcessId { pid, start_ticks: 0 },
            t0_ns: at_ns,
            t1_ns: at_ns,
            cost_ns: 0,
            open: open.iter().map(found).collect(),
            timers: None,
            has_ring: false,
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
        world.discover();
        world
    }

    /// What a process and its children hold that were there before the agent: numbers never
    /// change their files, since of watches the kernel tells the numbers only.
    fn before(steps: &[Step]) -> Self {
        let mut world = Self::new();
        world.kernel.tells_files = true;
        let mut has_forked = false;
        for step in steps {
            match *step {
                Step::Dup(pid, _, new)
                    if world.kernel.uses.contains_key(&pid)
                        && world.kernel.open_of(pid).contains_key(&new) => {}
                Step::Watch(..) if has_forked => {}
                Step::Fork(pid, child, _) => {
                    has_forked = true;
                    world.step(&Step::Fork(pid, child, false));
                }
                Step::Open(..) | Step::Dup(..) | Step::Watch(.., true) => world.step(step),
                _ => {}
            }
        }
        world.tables = Tables::default();
        world.discover();
        world
    }

    /// Takes every process up as one that was there already.
    fn discover(&mut self) {
        let pids: Vec<u32> = self.kernel.uses.keys().copied().collect();
        for pid in pids {
            self.now_ns += 10;
            self.tables.discover(pid, self.now_ns);
            let reading = self.kernel.reading(pid, self.now_ns + 1);
            assert!(self.tables.reconcile(&reading, true));
        }
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
        let address = self.kernel.free_address();
        self.kernel.addresses.push(address);
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
            assert_eq!(counts.objects, Some(objects), "process {pid}");
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
        tells_files in any::<bool>(),
    ) {
        let mut world = World::new();
        world.kernel.tells_files = tells_files;
        for step in &steps {
            world.step(step);
            world.check();
        }
    }

    #[test]
    fn what_was_shared_before_the_agent_came_is_shared(
        before in proptest::collection::vec(step(), 1..60),
        after in proptest::collection::vec(step(), 1..100),
    ) {
        let mut world = World::before(&before);
        world.check();
        for step in &after {
            world.step(step);
            world.check();
        }
    }
}

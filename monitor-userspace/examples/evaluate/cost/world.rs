//! A host that exists in figures only: programs that map, unmap and work, and what /proc would show of
//! them. It answers what the engine asks, as the agent's reader does.

use std::sync::Arc;

use monitor_userspace::engine::Request;
use monitor_userspace::event::{
    AccessReading, Body, CgroupMemory, CgroupReading, DescriptorKind, Event, FileKind, HostReading,
    Input, MappingClass, Placement, ProcDetail, ProcIdentity, ProcLimits, ProcReading, ProcRollup,
    ProcessId, ReadDescriptor, ReadRange, Reconcile, SystemLimits, TableReading,
};

use crate::random::Random;

pub const SECOND_NS: u64 = 1_000_000_000;
const PAGE: u64 = 4096;
const FIRST_PID: u32 = 1000;
/// Where programs map anonymous memory, upwards.
const AREA: u64 = 0x7000_0000_0000;
/// What a program has from its start: files, and memory in one range.
const FILE_PAGES: u64 = 600;
const FIRST_PAGES: u64 = 4096;
/// Pages of a mapping: 256 KiB.
const STEP: u64 = 64;
/// Steps after which garbage is collected.
const SAW: u64 = 40;
const DESCRIPTORS: u32 = 12;
/// Processes of one component.
const COMPONENT: u32 = 20;
/// A changing program is busy for this many clock ticks a second.
const TICKS: u64 = 2;

/// What a program does each second.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    Idle,
    /// Maps more and more.
    Leak,
    /// Gathers garbage and collects it.
    Saw,
    /// Maps and unmaps at random.
    Wander,
}

struct Program {
    pid: u32,
    habit: Habit,
    pages: u64,
    cpu_ticks: u64,
}

/// All programs.
pub struct World {
    programs: Vec<Program>,
    random: Random,
}

impl World {
    /// `count` programs of which each second one changes.
    pub fn new(count: u32) -> Self {
        let habit = |at: u32| match at % 6 {
            1 => Habit::Leak,
            3 => Habit::Saw,
            5 => Habit::Wander,
            _ => Habit::Idle,
        };
        let program = |at| Program {
            pid: FIRST_PID + at,
            habit: habit(at),
            pages: FIRST_PAGES,
            cpu_ticks: 100,
        };
        Self { programs: (0..count).map(program).collect(), random: Random::new(1) }
    }

    /// What changes in a second, as events in the order of time.
    pub fn second(&mut self, from_ns: u64) -> Vec<Input> {
        let Self { programs, random, .. } = self;
        let apart_ns = SECOND_NS / (programs.len() as u64 + 1);
        let mut events = Vec::new();
        for (at, program) in (1..).zip(programs) {
            let is_up = match program.habit {
                Habit::Idle => continue,
                Habit::Leak => true,
                Habit::Saw => (program.pages - FIRST_PAGES) / STEP < SAW,
                Habit::Wander => program.pages == FIRST_PAGES || random.happens(0.5),
            };
            program.cpu_ticks += TICKS;
            let body = if is_up { program.map() } else { program.unmap() };
            let (pid, at_ns) = (program.pid, from_ns + at * apart_ns);
            let [mm, files] = [1 << 12, 1 << 8].map(|unit| (1 << 63) + u64::from(pid) * unit);
            events.push(Input::Event(Event { at_ns, pid, tid: pid, mm, files, body }));
        }
        events
    }

    /// What the agent would read.
    pub fn answer(&self, request: &Request, at_ns: u64) -> Vec<Input> {
        match request {
            // What these programs hold does not grow in number.
            Request::Watch { .. }
            | Request::Unwatch { .. }
            | Request::Ended { .. }
            | Request::Sockets { .. }
            | Request::Deleted { .. }
            | Request::Objects { .. } => Vec::new(),
            Request::Scan { known } => {
                let is_new = |it: &&Program| known.binary_search(&it.pid).is_err();
                let new = self.programs.iter().filter(is_new);
                new.map(|it| proc(it.look(at_ns, true, false, true))).collect()
            }
            &Request::Process { pid, detail, rollup, identity, .. } => {
                let look = |it: &Program| proc(it.look(at_ns, detail, rollup, identity));
                self.of(pid).map(look).into_iter().collect()
            }
            Request::Space { pid } => {
                let space = self.of(*pid).map(|it| Input::Reconcile(Box::new(it.space(at_ns))));
                space.into_iter().collect()
            }
            Request::Table { pid } => {
                let table = self.of(*pid).map(|it| Input::Table(Box::new(it.table(at_ns))));
                table.into_iter().collect()
            }
            &Request::Access { pid, begin } => {
                let access = |it: &Program| Input::Access(it.access(at_ns, begin));
                self.of(pid).map(access).into_iter().collect()
            }
            Request::Host => vec![Input::Host(Box::new(self.host(at_ns)))],
            Request::Cgroups { places } => {
                let cgroup = |place: &Arc<Placement>| {
                    Input::Cgroup(Box::new(CgroupReading {
                        path: place.path.clone(),
                        at_ns,
                        memory: Some(CgroupMemory {
                            current_bytes: u64::from(COMPONENT) * FIRST_PAGES * PAGE,
                            ..CgroupMemory::default()
                        }),
                        tasks: Some(u64::from(COMPONENT)),
                        ..CgroupReading::default()
                    }))
                };
                places.iter().map(cgroup).collect()
            }
        }
    }

    fn of(&self, pid: u32) -> Option<&Program> {
        self.programs.get(pid.checked_sub(FIRST_PID)? as usize)
    }

    fn host(&self, at_ns: u64) -> HostReading {
        let anon_bytes = self.programs.iter().map(|it| it.pages * PAGE).sum();
        HostReading {
            at_ns,
            mem_total_bytes: 1 << 40,
            mem_available_bytes: (1 << 40) - anon_bytes,
            mem_free_bytes: (1 << 40) - anon_bytes,
            anon_bytes,
            limits: SystemLimits {
                max_map_count: Some(65_530),
                pid_max: Some(4_194_304),
                tasks: Some(self.programs.len() as u64),
                ..SystemLimits::default()
            },
            ..HostReading::default()
        }
    }
}

fn proc(reading: ProcReading) -> Input {
    Input::Proc(Box::new(reading))
}

impl Program {
    fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_ticks: u64::from(self.pid) }
    }

    fn end(&self) -> u64 {
        AREA + self.pages * PAGE
    }

    fn map(&mut self) -> Body {
        let result = self.end() as i64;
        self.pages += STEP;
        let length = STEP * PAGE;
        // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
        let (prot, flags) = (3, 0x22);
        Body::Mmap { hint: 0, length, offset: 0, prot, flags, fd: -1, file: FileKind::None, result }
    }

    fn unmap(&mut self) -> Body {
        let gone = if self.habit == Habit::Saw { SAW * STEP } else { STEP };
        self.pages -= gone;
        Body::Munmap { addr: self.end(), length: gone * PAGE }
    }

    fn look(&self, at_ns: u64, detail: bool, rollup: bool, identity: bool) -> ProcReading {
        let file_bytes = FILE_PAGES * PAGE;
        ProcReading {
            process: self.id(),
            at_ns,
            ppid: 1,
            comm: format!("program-{}", self.pid % 50),
            state: 'S',
            threads: 4,
            cpu_ticks: self.cpu_ticks,
            virtual_bytes: self.pages * PAGE + file_bytes,
            rss_bytes: self.pages * PAGE + file_bytes,
            rss_anon_bytes: self.pages * PAGE,
            detail: detail
                .then_some(ProcDetail { rss_file_bytes: file_bytes, ..ProcDetail::default() }),
            rollup: rollup
                .then_some(ProcRollup { pss_bytes: self.pages * PAGE, ..ProcRollup::default() }),
            kernel_thread: false,
            descriptors: Some(DESCRIPTORS.into()),
            read_bytes: Some(self.cpu_ticks * 1000),
            identity: identity.then(|| Box::new(self.identity())),
            limits: identity
                .then_some(ProcLimits { open_files: Some(1024), ..ProcLimits::default() }),
        }
    }

    fn identity(&self) -> ProcIdentity {
        let unit = format!("unit-{}.service", self.pid / COMPONENT);
        let path = format!("/system.slice/{unit}");
        ProcIdentity {
            cmdline: Some(format!("/usr/bin/program --number {} --config /etc/it", self.pid)),
            user: Some("www-data".to_owned()),
            cgroup: Some(path.clone()),
            component: Some(Box::new(Placement {
                name: unit.clone(),
                path,
                ..Placement::default()
            })),
            unit: Some(unit),
            ..ProcIdentity::default()
        }
    }

    fn space(&self, at_ns: u64) -> Reconcile {
        let first = AREA - (FILE_PAGES + 1) * PAGE;
        Reconcile {
            process: self.id(),
            t0_ns: at_ns,
            t1_ns: at_ns,
            cost_ns: 50_000,
            start_brk: None,
            ranges: vec![
                ReadRange(first, first + FILE_PAGES * PAGE, MappingClass::File, None),
                ReadRange(AREA, self.end(), MappingClass::Anonymous, None),
            ],
            vmas: 20,
            found: true,
        }
    }

    fn table(&self, at_ns: u64) -> TableReading {
        let descriptor = |fd| ReadDescriptor {
            fd,
            kind: if fd % 3 == 0 { DescriptorKind::Eventfd } else { DescriptorKind::File },
            inode: 0,
            writes: true,
            socket: None,
            watches: Vec::new(),
            file: (1 << 62) + u64::from(self.pid) * 4096 + u64::from(fd),
        };
        TableReading {
            process: self.id(),
            t0_ns: at_ns,
            t1_ns: at_ns,
            cost_ns: 50_000,
            open: (0..DESCRIPTORS).map(descriptor).collect(),
            timers: Some(Vec::new()),
            has_ring: false,
            found: true,
        }
    }

    /// What was added is never used again.
    fn access(&self, at_ns: u64, begins: bool) -> AccessReading {
        AccessReading {
            process: self.id(),
            at_ns,
            begins,
            held_bytes: self.pages * PAGE,
            touched_bytes: FIRST_PAGES * PAGE / 2,
        }
    }
}

//! The files of one cgroup. The parsers are pure; a file that is missing tells nothing: its
//! controller is not enabled there, the kernel is older, or the cgroup is gone.

use std::path::Path;

use crate::event::{CgroupCpu, CgroupMemory, MemoryLimit, TaskLimit};
use crate::host::procfs::{decimal, read_start};

/// Most bytes read of one of these files; memory.stat has some 4 KB.
const FILE_BYTES: usize = 1 << 16;
/// v1 has no word for no limit but the most its counter holds, in whole pages: less than a page
/// below 2^63 (mm/page_counter.c, `PAGE_COUNTER_MAX`). Nothing that is meant is near it.
const NO_LIMIT_V1: u64 = 1 << 62;

/// Which version of cgroups a hierarchy is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// What one cgroup tells, and its own limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) memory: Option<CgroupMemory>,
    pub(super) tasks: Option<u64>,
    pub(super) oom_events: Option<u64>,
    pub(super) oom_kills: Option<u64>,
    pub(super) cpu: Option<CgroupCpu>,
    max: Option<u64>,
    high: Option<u64>,
    pids: Option<u64>,
}

impl Level {
    pub(super) fn read(version: Version, dir: &Path, buffer: &mut Vec<u8>) -> Self {
        let mut files = Files { dir, buffer };
        match version {
            Version::Two => files.v2(),
            Version::One => files.v1(),
        }
    }

    /// Its limit on memory, with what is charged; `path` is what it is called.
    pub(super) fn memory_max(&self, path: &str) -> Option<MemoryLimit> {
        self.memory_limit(self.max?, path)
    }

    /// The limit above which it is slowed down.
    pub(super) fn memory_high(&self, path: &str) -> Option<MemoryLimit> {
        self.memory_limit(self.high?, path)
    }

    fn memory_limit(&self, limit_bytes: u64, path: &str) -> Option<MemoryLimit> {
        let memory = self.memory?;
        Some(MemoryLimit {
            path: path.to_owned(),
            limit_bytes,
            current_bytes: memory.current_bytes,
            working_set_bytes: memory.working_set_bytes(),
        })
    }

    /// Its limit on tasks.
    pub(super) fn pids_max(&self, path: &str) -> Option<TaskLimit> {
        Some(TaskLimit { path: path.to_owned(), limit: self.pids?, current: self.tasks? })
    }
}

/// A cgroup's directory.
struct Files<'a> {
    dir: &'a Path,
    buffer: &'a mut Vec<u8>,
}

impl Files<'_> {
    fn v2(&mut self) -> Level {
        let mut level = Level {
            memory: self.memory_v2(),
            max: self.number("memory.max"),
            high: self.number("memory.high"),
            ..self.tasks()
        };
        let events = self.read("memory.events");
        level.oom_events = flat(events, "oom");
        level.oom_kills = flat(events, "oom_kill");
        level.cpu = self.cpu_v2();
        level
    }

    /// Where no quota was ever set no period is counted.
    fn cpu_v2(&mut self) -> Option<CgroupCpu> {
        let stat = self.read("cpu.stat");
        let periods = flat(stat, "nr_periods").filter(|&periods| periods > 0)?;
        Some(CgroupCpu { periods, throttled_periods: flat(stat, "nr_throttled")? })
    }

    fn memory_v2(&mut self) -> Option<CgroupMemory> {
        let current_bytes = self.number("memory.current")?;
        let swap_bytes = self.number("memory.swap.current");
        let stat = self.read("memory.stat");
        Some(CgroupMemory {
            current_bytes,
            inactive_file_bytes: flat(stat, "inactive_file")?,
            slab_reclaimable_bytes: Some(flat(stat, "slab_reclaimable")?),
            anon_bytes: flat(stat, "anon")?,
            shmem_bytes: flat(stat, "shmem")?,
            kernel_bytes: flat(stat, "kernel").or_else(|| kernel_parts(stat)),
            sock_bytes: flat(stat, "sock"),
            swap_bytes,
        })
    }

    /// A hierarchy of v1 has the files of its own controllers only.
    fn v1(&mut self) -> Level {
        let max = self.number("memory.limit_in_bytes").filter(|&limit| limit < NO_LIMIT_V1);
        let mut level = Level { memory: self.memory_v1(), max, ..self.tasks() };
        // Since Linux 4.13; how often the limit could not be kept is told to listeners only.
        level.oom_kills = flat(self.read("memory.oom_control"), "oom_kill");
        level
    }

    /// Kernel memory has a counter of its own in v1 and is charged to the main one too (cgroup-v1/
    /// memory.rst, 2.7), so it is part of the usage. What of its slab could be given back is not
    /// told. `rss` is anonymous memory, in the swap cache or not, and `cache` includes `shmem`.
    fn memory_v1(&mut self) -> Option<CgroupMemory> {
        let current_bytes = self.number("memory.usage_in_bytes")?;
        let kernel_bytes = self.number("memory.kmem.usage_in_bytes");
        let sock_bytes = self.number("memory.kmem.tcp.usage_in_bytes");
        let stat = self.read("memory.stat");
        Some(CgroupMemory {
            current_bytes,
            inactive_file_bytes: flat(stat, "total_inactive_file")?,
            slab_reclaimable_bytes: None,
            anon_bytes: flat(stat, "total_rss")?,
            shmem_bytes: flat(stat, "total_shmem").unwrap_or(0),
            kernel_bytes,
            sock_bytes,
            swap_bytes: flat(stat, "total_swap"),
        })
    }

    /// The pids controller has the same files in both versions.
    fn tasks(&mut self) -> Level {
        let tasks = self.number("pids.current");
        let pids = self.number("pids.max");
        Level { tasks, pids, ..Level::default() }
    }

    /// A file of one number; `None` of `max` too.
    fn number(&mut self, name: &str) -> Option<u64> {
        decimal(self.read(name).trim_ascii())
    }

    fn read(&mut self, name: &str) -> &[u8] {
        let len = read_start(&self.dir.join(name), self.buffer, FILE_BYTES).unwrap_or(0);
        &self.buffer[..len]
    }
}

/// The value of a flat keyed file: `name 12`.
fn flat(text: &[u8], name: &str) -> Option<u64> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let value =
        |line: &[u8]| line.strip_prefix(name.as_bytes())?.strip_prefix(b" ").and_then(decimal);
    lines.find_map(value)
}

/// What memory.stat tells of kernel memory before it has the line `kernel` (Linux 5.18).
fn kernel_parts(stat: &[u8]) -> Option<u64> {
    let parts = ["kernel_stack", "pagetables", "percpu"].map(|name| flat(stat, name).unwrap_or(0));
    Some(parts.into_iter().fold(flat(stat, "slab")?, u64::saturating_add))
}

//! Every real program with its label: what it loses, since when and how fast, or that it is healthy.

/// What a leaker loses, as the agent's signals are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The heap that grows by `brk`, in bytes.
    Heap,
    /// Anonymous mappings, in bytes.
    Anon,
    /// Anonymous memory that is resident, in bytes, where an allocator of the language's own decides
    /// when to map it.
    Touched,
    /// Entries of the descriptor table.
    Descriptors,
    /// Sockets of every kind and state.
    Sockets,
    /// Sockets whose peer has closed them.
    CloseWait,
    /// Timers that are descriptors.
    Timerfds,
    /// POSIX timers.
    Timers,
    /// Threads that live.
    Threads,
    /// What epolls watch.
    EpollWatches,
    /// What inotifies watch.
    InotifyWatches,
    /// Attached segments of System V shared memory.
    ShmSegments,
    /// Children that live.
    Children,
    /// Children that ended and were not waited for.
    Zombies,
}

impl Resource {
    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Anon => "anon",
            Self::Touched => "touched",
            Self::Descriptors => "descriptors",
            Self::Sockets => "sockets",
            Self::CloseWait => "close_wait",
            Self::Timerfds => "timerfds",
            Self::Timers => "timers",
            Self::Threads => "threads",
            Self::EpollWatches => "epoll_watches",
            Self::InotifyWatches => "inotify_watches",
            Self::ShmSegments => "shm_segments",
            Self::Children => "children",
            Self::Zombies => "zombies",
        }
    }

    /// The rule under which its growth is found.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Heap => "heap_growth",
            Self::Anon => "anon_mapping_growth",
            Self::Touched => "rss_growth",
            Self::Descriptors => "fd_growth",
            Self::Sockets => "socket_growth",
            Self::CloseWait => "close_wait_growth",
            Self::Timerfds => "timerfd_growth",
            Self::Timers => "timer_growth",
            Self::Threads => "thread_growth",
            Self::EpollWatches => "epoll_watch_growth",
            Self::InotifyWatches => "inotify_watch_growth",
            Self::ShmSegments => "shm_segment_growth",
            Self::Children => "child_growth",
            Self::Zombies => "zombie_growth",
        }
    }

    /// Whether it is memory; else it is counted.
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Heap | Self::Anon | Self::Touched)
    }

    /// Where a snapshot line has it, as a JSON pointer.
    pub fn pointer(self) -> &'static str {
        match self {
            Self::Heap => "/heap_bytes",
            Self::Anon => "/anon_mapped_bytes",
            Self::Touched => "/rss_anon_bytes",
            Self::Descriptors => "/descriptors",
            Self::Sockets => "/sockets",
            Self::CloseWait => "/connections/close_wait",
            Self::Timerfds => "/timerfds",
            Self::Timers => "/timers",
            Self::Threads => "/threads",
            Self::EpollWatches => "/epoll_watches",
            Self::InotifyWatches => "/inotify_watches",
            Self::ShmSegments => "/shm_segments",
            Self::Children => "/children",
            Self::Zombies => "/zombies",
        }
    }
}

/// What is true of a program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Truth {
    /// It loses something for ever.
    Leak {
        /// What.
        resource: Resource,
        /// Seconds after its start when the first is lost.
        onset: f64,
        /// How much it can hold at most.
        limit: Option<f64>,
    },
    /// It needs all that it holds, or gives it back.
    Healthy,
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A program in `workloads/real`.
    Program(&'static str),
    /// redis-server with a limit, filled by redis-benchmark.
    Redis,
    /// PostgreSQL under pgbench.
    Postgres,
    /// nginx under wrk.
    Nginx,
}

/// One program of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Its name, which is that of its recording, too.
    pub name: &'static str,
    /// What is started.
    pub source: Source,
    /// In one phrase, what makes it leak or look like it.
    pub class: &'static str,
    /// Its setting `RATE`: a leaker loses so many units a second. 0 where it has no such setting.
    pub rate: f64,
    /// What is true of it.
    pub truth: Truth,
}

impl Entry {
    /// What it is written in, or what it is.
    pub fn language(&self) -> &'static str {
        match self.source {
            Source::Program(path) => match path.rsplit('.').next() {
                Some("c") => "C",
                Some("cpp") => "C++",
                Some("rs") => "Rust",
                Some("py") => "Python",
                Some("js") => "JavaScript",
                Some("java") => "Java",
                _ => "shell",
            },
            Source::Redis => "redis",
            Source::Postgres => "PostgreSQL",
            Source::Nginx => "nginx",
        }
    }

    /// The programs without which it cannot be built and started: names in PATH, or paths. The first
    /// is the one whose version matters.
    pub fn needs(&self) -> &'static [&'static str] {
        match self.language() {
            "C" | "shell" => &["gcc"],
            "C++" => &["g++"],
            "Rust" => &["rustc"],
            "Python" => &["python3"],
            "JavaScript" => &["node"],
            "Java" => &["java", "javac"],
            "redis" => &["redis-server", "redis-benchmark"],
            // Its programs are not in PATH.
            "PostgreSQL" => &["/usr/lib/postgresql"],
            _ => &["/usr/sbin/nginx", "wrk"],
        }
    }

    /// Whether it leaks.
    pub fn leaks(&self) -> bool {
        self.truth != Truth::Healthy
    }
}

/// The entry of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

const fn leak(
    name: &'static str,
    path: &'static str,
    class: &'static str,
    rate: f64,
    resource: Resource,
) -> Entry {
    let truth = Truth::Leak { resource, onset: 0.0, limit: None };
    Entry { name, source: Source::Program(path), class, rate, truth }
}

const fn healthy(name: &'static str, path: &'static str, class: &'static str, rate: f64) -> Entry {
    Entry { name, source: Source::Program(path), class, rate, truth: Truth::Healthy }
}

const fn server(name: &'static str, source: Source, class: &'static str) -> Entry {
    Entry { name, source, class, rate: 0.0, truth: Truth::Healthy }
}

/// 1 MiB a minute.
const SLOW: f64 = 1024.0 * 1024.0 / 60.0;

/// All of them.
#[rustfmt::skip]
pub const ENTRIES: &[Entry] = &[
    leak("malloc", "leak/malloc.c", "malloc never freed", 50e3, Resource::Heap),
    Entry {
        truth: Truth::Leak { resource: Resource::Heap, onset: 300.0, limit: None },
        ..leak("late", "leak/malloc.c", "late onset", 80e3, Resource::Heap)
    },
    leak("container", "leak/container.cpp", "container that only grows", 60e3, Resource::Heap),
    leak("mmap", "leak/mmap.c", "mappings never unmapped", 100e3, Resource::Anon),
    leak("brk", "leak/brk.c", "program break that only rises", 60e3, Resource::Heap),
    leak("fragmented", "leak/fragmented.c", "lost among what comes and goes", 40e3, Resource::Heap),
    leak("reload", "leak/reload.c", "jumps", 40e3, Resource::Heap),
    leak("under_load", "leak/under_load.c", "only under load", 120e3, Resource::Heap),
    leak("slow_in_noise", "leak/slow_in_noise.c", "slow in noise", SLOW, Resource::Heap),
    leak("cycle", "leak/cycle.rs", "reference cycle", 60e3, Resource::Heap),
    leak("list", "leak/list.py", "list that only grows", 80e3, Resource::Touched),
    leak("collector", "leak/collector.py", "cycle that holds C memory", 100e3, Resource::Touched),
    leak("closures", "leak/closures.js", "closures that stay", 100e3, Resource::Touched),
    leak("listeners", "leak/listeners.js", "listeners never removed", 80e3, Resource::Touched),
    leak("intervals", "leak/intervals.js", "timers never cleared", 80e3, Resource::Touched),
    leak("static_map", "leak/StaticMap.java", "static map in a collected heap", 150e3, Resource::Touched),
    leak("direct", "leak/Direct.java", "memory outside a collected heap", 100e3, Resource::Touched),
    leak("warm_leak", "leak/warm_leak.cpp", "warm-up and leak", 50e3, Resource::Heap),
    Entry {
        truth: Truth::Leak { resource: Resource::Descriptors, onset: 0.0, limit: Some(1024.0) },
        ..leak("descriptors", "leak/descriptors.c", "descriptors", 0.5, Resource::Descriptors)
    },
    leak("close_wait", "leak/close_wait.c", "sockets in CLOSE_WAIT", 0.5, Resource::CloseWait),
    leak("sockets", "leak/sockets.py", "sockets", 0.6, Resource::Sockets),
    leak("timerfd", "leak/timerfd.c", "timerfds", 0.5, Resource::Timerfds),
    leak("timers", "leak/timers.c", "POSIX timers", 0.5, Resource::Timers),
    leak("threads", "leak/threads.c", "threads that wait for ever", 0.3, Resource::Threads),
    leak("unjoined", "leak/unjoined.c", "threads never joined", 60e3, Resource::Anon),
    leak("epoll_watches", "leak/epoll_watches.c", "epoll watches", 0.5, Resource::EpollWatches),
    leak("inotify_watches", "leak/inotify_watches.c", "inotify watches", 0.5, Resource::InotifyWatches),
    leak("segments", "leak/segments.c", "System V segments", 0.3, Resource::ShmSegments),
    leak("children", "leak/children.c", "children that wait for ever", 0.2, Resource::Children),
    leak("zombies", "leak/zombies.c", "zombies", 0.3, Resource::Zombies),

    healthy("warm_up", "healthy/warm_up.c", "warm-up to a plateau", 800e3),
    healthy("lru", "healthy/lru.cpp", "LRU cache to its bound", 250e3),
    healthy("java_sawtooth", "healthy/Sawtooth.java", "collected heap of Java", 150e3),
    healthy("node_sawtooth", "healthy/sawtooth.js", "collected heap of node", 8e6),
    healthy("once", "healthy/once.js", "listeners that are removed", 500e3),
    healthy("collected", "healthy/collected.py", "cycles that are collected late", 400e3),
    healthy("load", "healthy/load.py", "load that rises and falls", 400e3),
    healthy("batches", "healthy/batches.py", "batches", 4e6),
    healthy("retained", "healthy/retained.py", "memory that the allocator keeps", 4e6),
    healthy("fragmentation", "healthy/fragmentation.c", "fragmentation to a plateau", 500.0),
    healthy("build_up", "healthy/build_up.rs", "build-up and release", 250e3),
    healthy("doubling", "healthy/doubling.rs", "table that doubles", 200e3),
    healthy("step", "healthy/step.c", "steps up and down", 1_048_576.0),
    healthy("pool", "healthy/pool.c", "connection pool to its size", 0.15),
    healthy("workers", "healthy/workers.c", "thread pool that follows the load", 2.0),
    healthy("rotation", "healthy/rotation.c", "log rotation", 20e3),
    healthy("mapped_file", "healthy/mapped_file.c", "file mapped and read in", 300e3),
    healthy("arenas", "healthy/arenas.c", "arenas of threads", 0.05),
    healthy("fork_storm", "healthy/fork_storm.c", "fork storm", 4.0),
    healthy("compile", "healthy/compile.sh", "compile", 2.0),
    server("redis", Source::Redis, "redis to maxmemory"),
    server("postgres", Source::Postgres, "PostgreSQL under pgbench"),
    server("nginx", Source::Nginx, "nginx under wrk"),
];

//! The table of variables: one line each, with its unit, what it means and where it is read.

use super::{ComponentView, HostView, ProcessView, Unit, Value};
use crate::event::SystemLimits;

/// Reads a variable of a process.
pub(super) type OfProcess = for<'a> fn(&ProcessView<'a>) -> Value<'a>;
/// Reads a variable of a component.
pub(super) type OfComponent = for<'a> fn(&ComponentView<'a>) -> Value<'a>;
/// Reads a variable of the host.
pub(super) type OfHost = for<'a> fn(&HostView<'a>) -> Value<'a>;

/// A variable of a kind of subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<R> {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) about: &'static str,
    pub(super) read: R,
}

const fn row<R>(name: &'static str, unit: Unit, about: &'static str, read: R) -> Row<R>
where
    R: Copy,
{
    Row { name, unit, about, read }
}

/// Of each process; of which `growth.…` and `custom.…` are not here.
pub(super) const PROCESS: &[Row<OfProcess>] = &[
    row("pid", Unit::Count, "Process id", |v| v.snapshot.pid.into()),
    row("comm", Unit::Text, "Name of the process, at most 15 characters", |v| {
        v.snapshot.comm.as_str().into()
    }),
    row("component", Unit::Text, "Its container, else its systemd unit, else its cgroup", |v| {
        v.snapshot.component.as_deref().into()
    }),
    row("unit", Unit::Text, "Its systemd unit", |v| v.snapshot.unit.as_deref().into()),
    row("container", Unit::Text, "Its container's id", |v| v.snapshot.container.as_deref().into()),
    row("user", Unit::Text, "Name of its real user", |v| v.snapshot.user.as_deref().into()),
    row("age_seconds", Unit::Seconds, "Time since it started", |v| v.age_seconds.into()),
    row("cpu_percent", Unit::Percent, "CPU between the last two looks, of one core", |v| {
        v.snapshot.cpu_percent.into()
    }),
    row("rss_bytes", Unit::Bytes, "Resident memory, file pages too", |v| {
        v.snapshot.rss_bytes.into()
    }),
    row("rss_anon_bytes", Unit::Bytes, "Resident anonymous memory", |v| {
        v.snapshot.rss_anon_bytes.into()
    }),
    row("rss_file_bytes", Unit::Bytes, "Resident file pages", |v| v.snapshot.rss_file_bytes.into()),
    row("rss_shmem_bytes", Unit::Bytes, "Resident shared memory", |v| {
        v.snapshot.rss_shmem_bytes.into()
    }),
    row(
        "pss_bytes",
        Unit::Bytes,
        "Its share of the resident memory; known of suspects only",
        |v| v.snapshot.pss_bytes.into(),
    ),
    row(
        "pss_shmem_bytes",
        Unit::Bytes,
        "Its share of shared memory; known of suspects only",
        |v| v.snapshot.pss_shmem_bytes.into(),
    ),
    row("load.cpu_ms", Unit::Count, "CPU time since it started, in milliseconds", |v| {
        v.snapshot.load.map(|it| it.cpu_ms).into()
    }),
    row("load.accepted", Unit::Count, "Connections accepted since the first look at it", |v| {
        v.snapshot.load.and_then(|it| it.accepted).into()
    }),
    row("load.read_bytes", Unit::Bytes, "Bytes it has read since it started", |v| {
        v.snapshot.load.and_then(|it| it.read_bytes).into()
    }),
    row("swap_bytes", Unit::Bytes, "Swapped-out memory", |v| v.snapshot.swap_bytes.into()),
    row(
        "lazyfree_bytes",
        Unit::Bytes,
        "Freed and not yet taken back; known of suspects only",
        |v| v.snapshot.lazyfree_bytes.into(),
    ),
    row("thp_bytes", Unit::Bytes, "In transparent huge pages; known of suspects only", |v| {
        v.snapshot.thp_bytes.into()
    }),
    row("virtual_bytes", Unit::Bytes, "Virtual size", |v| v.snapshot.virtual_bytes.into()),
    row("heap_bytes", Unit::Bytes, "The brk area", |v| v.snapshot.heap_bytes.into()),
    row("anon_mapped_bytes", Unit::Bytes, "Private anonymous mappings", |v| {
        v.snapshot.anon_mapped_bytes.into()
    }),
    row("file_mapped_bytes", Unit::Bytes, "File mappings", |v| v.snapshot.file_mapped_bytes.into()),
    row("shared_mapped_bytes", Unit::Bytes, "Shared memory mappings", |v| {
        v.snapshot.shared_mapped_bytes.into()
    }),
    row("mappings", Unit::Count, "VMAs at the last reading of maps", |v| {
        v.snapshot.mappings.into()
    }),
    row("descriptors", Unit::Count, "Open descriptors of every kind", |v| {
        v.snapshot.descriptors.into()
    }),
    row("files", Unit::Count, "Plain files, directories and devices", |v| v.snapshot.files.into()),
    row("pipes", Unit::Count, "Ends of pipes", |v| v.snapshot.pipes.into()),
    row("eventfds", Unit::Count, "Eventfds", |v| v.snapshot.eventfds.into()),
    row("sockets", Unit::Count, "Sockets of every family, listeners too", |v| {
        v.snapshot.sockets.into()
    }),
    row("listeners", Unit::Count, "Listening sockets", |v| v.snapshot.listeners.into()),
    row("timerfds", Unit::Count, "Timerfds", |v| v.snapshot.timerfds.into()),
    row("epolls", Unit::Count, "Epolls", |v| v.snapshot.epolls.into()),
    row("inotifies", Unit::Count, "Inotifies", |v| v.snapshot.inotifies.into()),
    row("memfds", Unit::Count, "Memfds", |v| v.snapshot.memfds.into()),
    row(
        "other_descriptors",
        Unit::Count,
        "Descriptors of other kinds: signalfd, pidfd, io_uring",
        |v| v.snapshot.other_descriptors.into(),
    ),
    row(
        "descriptor_objects",
        Unit::Count,
        "Open files behind descriptors that are no plain files",
        |v| v.snapshot.descriptor_objects.into(),
    ),
    row("timers", Unit::Count, "POSIX and interval timers", |v| v.snapshot.timers.into()),
    row("epoll_watches", Unit::Count, "Descriptors that its epolls watch", |v| {
        v.snapshot.epoll_watches.into()
    }),
    row("inotify_watches", Unit::Count, "Files that its inotifies watch", |v| {
        v.snapshot.inotify_watches.into()
    }),
    row("shm_segments", Unit::Count, "System V segments it has attached", |v| {
        v.snapshot.shm_segments.into()
    }),
    row("threads", Unit::Count, "Threads", |v| v.snapshot.threads.into()),
    row("children", Unit::Count, "Living children", |v| v.snapshot.children.into()),
    row("zombies", Unit::Count, "Children that ended and were not waited for", |v| {
        v.snapshot.zombies.into()
    }),
    row("connections.established", Unit::Count, "TCP sockets connected", |v| {
        v.snapshot.connections.map(|it| it.established).into()
    }),
    row("connections.syn_sent", Unit::Count, "TCP sockets connecting", |v| {
        v.snapshot.connections.map(|it| it.syn_sent).into()
    }),
    row("connections.syn_recv", Unit::Count, "TCP sockets being connected to", |v| {
        v.snapshot.connections.map(|it| it.syn_recv).into()
    }),
    row(
        "connections.fin_wait1",
        Unit::Count,
        "TCP sockets closed here, not yet acknowledged",
        |v| v.snapshot.connections.map(|it| it.fin_wait1).into(),
    ),
    row("connections.fin_wait2", Unit::Count, "TCP sockets closed here, the peer has not", |v| {
        v.snapshot.connections.map(|it| it.fin_wait2).into()
    }),
    row("connections.time_wait", Unit::Count, "TCP sockets in TIME_WAIT", |v| {
        v.snapshot.connections.map(|it| it.time_wait).into()
    }),
    row("connections.close", Unit::Count, "TCP sockets not connected, or no more", |v| {
        v.snapshot.connections.map(|it| it.close).into()
    }),
    row(
        "connections.close_wait",
        Unit::Count,
        "TCP sockets closed by the peer, not by the program",
        |v| v.snapshot.connections.map(|it| it.close_wait).into(),
    ),
    row(
        "connections.last_ack",
        Unit::Count,
        "TCP sockets closed by both, last word not acknowledged",
        |v| v.snapshot.connections.map(|it| it.last_ack).into(),
    ),
    row("connections.listen", Unit::Count, "TCP sockets listening", |v| {
        v.snapshot.connections.map(|it| it.listen).into()
    }),
    row("connections.closing", Unit::Count, "TCP sockets closed by both at once", |v| {
        v.snapshot.connections.map(|it| it.closing).into()
    }),
    row(
        "idle_connections",
        Unit::Count,
        "TCP connections on which nothing was sent or received for ten minutes",
        |v| v.snapshot.idle_connections.into(),
    ),
    row(
        "accept_queue.waiting",
        Unit::Count,
        "Connections that wait to be accepted, of the fullest of its listeners",
        |v| v.snapshot.accept_queue.map(|it| it.waiting).into(),
    ),
    row(
        "accept_queue.limit",
        Unit::Count,
        "Most that may wait there: the backlog of listen(2), or net.core.somaxconn",
        |v| v.snapshot.accept_queue.map(|it| it.limit).into(),
    ),
    row(
        "deleted_files.files",
        Unit::Count,
        "Files on disks that were deleted while it has them open",
        |v| v.snapshot.deleted_files.as_ref().map(|it| it.files).into(),
    ),
    row("deleted_files.disk_bytes", Unit::Bytes, "What those take on disk", |v| {
        v.snapshot.deleted_files.as_ref().map(|it| it.disk_bytes).into()
    }),
    row("deleted_files.largest_path", Unit::Text, "The name that the largest of them had", |v| {
        v.snapshot.deleted_files.as_ref().and_then(|it| it.largest_path.as_deref()).into()
    }),
    row("deleted_files.largest_bytes", Unit::Bytes, "What that one takes on disk", |v| {
        v.snapshot.deleted_files.as_ref().and_then(|it| it.largest_bytes).into()
    }),
    row(
        "deleted_files.file_system_bytes",
        Unit::Bytes,
        "Size of the file system that it is on",
        |v| v.snapshot.deleted_files.as_ref().and_then(|it| it.file_system_bytes).into(),
    ),
    row("limit.descriptors", Unit::Count, "RLIMIT_NOFILE", |v| v.limits.descriptors.into()),
    row("limit.address_space_bytes", Unit::Bytes, "RLIMIT_AS, where one is set", |v| {
        v.limits.address_space_bytes.into()
    }),
    row("limit.processes", Unit::Count, "RLIMIT_NPROC, of all processes of its user", |v| {
        v.limits.processes.into()
    }),
    row("limit.mappings", Unit::Count, "vm.max_map_count", |v| v.limits.mappings.into()),
    row("limit.memory_bytes", Unit::Bytes, "The tightest memory.max of its cgroup's path", |v| {
        v.limits.memory_bytes.into()
    }),
];

/// Of each component; of which `custom.…` is not here.
pub(super) const COMPONENT: &[Row<OfComponent>] = &[
    row("component", Unit::Text, "Its name", |v| v.name.into()),
    row(
        "memory_bytes",
        Unit::Bytes,
        "Working set: memory.current without inactive file pages and reclaimable slab",
        |v| v.memory_bytes.into(),
    ),
    row("processes", Unit::Count, "Processes in it", |v| v.processes.into()),
    row("threads", Unit::Count, "Threads in it", |v| v.threads.into()),
    row(
        "cpu_throttled_percent",
        Unit::Percent,
        "Periods of its CPU quota in which it used the quota up and had to stop",
        |v| v.cpu_throttled_percent.into(),
    ),
    row(
        "limit.memory_bytes",
        Unit::Bytes,
        "The tightest memory.max of its path, where one is set",
        |v| v.limits.memory_bytes.into(),
    ),
    row(
        "limit.processes",
        Unit::Count,
        "The tightest pids.max of its path, where one is set",
        |v| v.limits.processes.into(),
    ),
    row(
        "pressure.memory.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for memory",
        |v| v.pressure.memory_some_avg10.into(),
    ),
    row(
        "pressure.memory.full_avg10",
        Unit::Percent,
        "Share of the last 10 s in which all tasks waited for memory",
        |v| v.pressure.memory_full_avg10.into(),
    ),
    row(
        "pressure.cpu.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for a CPU",
        |v| v.pressure.cpu_some_avg10.into(),
    ),
    row(
        "pressure.io.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for a disk",
        |v| v.pressure.io_some_avg10.into(),
    ),
    row(
        "pressure.io.full_avg10",
        Unit::Percent,
        "Share of the last 10 s in which all tasks waited for a disk",
        |v| v.pressure.io_full_avg10.into(),
    ),
];

/// Of the host.
pub(super) const HOST: &[Row<OfHost>] = &[
    row("mem_total_bytes", Unit::Bytes, "MemTotal", |v| v.snapshot.mem_total_bytes.into()),
    row("mem_available_bytes", Unit::Bytes, "MemAvailable", |v| {
        v.snapshot.mem_available_bytes.into()
    }),
    row("swap_total_bytes", Unit::Bytes, "SwapTotal", |v| v.snapshot.swap_total_bytes.into()),
    row("swap_free_bytes", Unit::Bytes, "SwapFree", |v| v.snapshot.swap_free_bytes.into()),
    row("processes", Unit::Count, "Watched processes", |v| v.snapshot.processes.into()),
    row("zombies", Unit::Count, "Processes that ended and were not waited for", |v| {
        v.snapshot.zombies.into()
    }),
    row("threads", Unit::Count, "Threads of watched processes", |v| v.snapshot.threads.into()),
    row(
        "anon_mapped_bytes",
        Unit::Bytes,
        "Private anonymous mappings and heaps, each address space once",
        |v| v.snapshot.anon_mapped_bytes.into(),
    ),
    row(
        "tracked_descriptors",
        Unit::Count,
        "Open descriptors that are no plain files, each table once",
        |v| v.snapshot.tracked_descriptors.into(),
    ),
    row("sockets", Unit::Count, "Sockets with a descriptor, each once", |v| {
        v.snapshot.sockets.into()
    }),
    row("timers", Unit::Count, "POSIX and interval timers", |v| v.snapshot.timers.into()),
    row("shm_segments", Unit::Count, "System V segments", |v| v.snapshot.shm_segments.into()),
    row("orphan_shm_segments", Unit::Count, "System V segments that nobody has attached", |v| {
        v.snapshot.orphan_shm_segments.into()
    }),
    row("memory.free_bytes", Unit::Bytes, "Nobody's", |v| v.snapshot.memory.free_bytes.into()),
    row("memory.anon_bytes", Unit::Bytes, "Private anonymous memory", |v| {
        v.snapshot.memory.anon_bytes.into()
    }),
    row("memory.file_cache_bytes", Unit::Bytes, "Cached file pages", |v| {
        v.snapshot.memory.file_cache_bytes.into()
    }),
    row(
        "memory.shmem_bytes",
        Unit::Bytes,
        "tmpfs, shared anonymous memory, memfds and System V segments",
        |v| v.snapshot.memory.shmem_bytes.into(),
    ),
    row("memory.slab_reclaimable_bytes", Unit::Bytes, "Kernel objects it can give back", |v| {
        v.snapshot.memory.slab_reclaimable_bytes.into()
    }),
    row(
        "memory.slab_unreclaimable_bytes",
        Unit::Bytes,
        "Kernel objects it cannot give back",
        |v| v.snapshot.memory.slab_unreclaimable_bytes.into(),
    ),
    row("memory.kernel_stack_bytes", Unit::Bytes, "Stacks of threads in the kernel", |v| {
        v.snapshot.memory.kernel_stack_bytes.into()
    }),
    row("memory.page_table_bytes", Unit::Bytes, "Page tables", |v| {
        v.snapshot.memory.page_table_bytes.into()
    }),
    row("memory.percpu_bytes", Unit::Bytes, "Per-CPU memory of the kernel", |v| {
        v.snapshot.memory.percpu_bytes.into()
    }),
    row(
        "memory.vmalloc_bytes",
        Unit::Bytes,
        "Other memory of the kernel's own address space",
        |v| v.snapshot.memory.vmalloc_bytes.into(),
    ),
    row("memory.hugetlb_bytes", Unit::Bytes, "Pools of huge pages", |v| {
        v.snapshot.memory.hugetlb_bytes.into()
    }),
    row("memory.other_kernel_bytes", Unit::Bytes, "What else the kernel accounts for", |v| {
        v.snapshot.memory.other_kernel_bytes.into()
    }),
    row("memory.unexplained_bytes", Unit::Bytes, "What nothing accounts for", |v| {
        v.snapshot.memory.unexplained_bytes.into()
    }),
    row("unowned.kernel_bytes", Unit::Bytes, "The kernel's own memory", |v| {
        v.snapshot.unowned.kernel_bytes.into()
    }),
    row("unowned.tmpfs_bytes", Unit::Bytes, "Files in tmpfs mounts", |v| {
        v.snapshot.unowned.tmpfs_bytes.into()
    }),
    row(
        "unowned.orphan_shm_bytes",
        Unit::Bytes,
        "Resident memory of segments that nobody has attached",
        |v| v.snapshot.unowned.orphan_shm_bytes.into(),
    ),
    row("unowned.socket_buffer_bytes", Unit::Bytes, "Socket buffers", |v| {
        v.snapshot.unowned.socket_buffer_bytes.into()
    }),
    row(
        "pressure.memory.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for memory",
        |v| v.pressure.memory_some_avg10.into(),
    ),
    row(
        "pressure.memory.full_avg10",
        Unit::Percent,
        "Share of the last 10 s in which all tasks waited for memory",
        |v| v.pressure.memory_full_avg10.into(),
    ),
    row(
        "pressure.cpu.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for a CPU",
        |v| v.pressure.cpu_some_avg10.into(),
    ),
    row(
        "pressure.io.some_avg10",
        Unit::Percent,
        "Share of the last 10 s in which some task waited for a disk",
        |v| v.pressure.io_some_avg10.into(),
    ),
    row(
        "pressure.io.full_avg10",
        Unit::Percent,
        "Share of the last 10 s in which all tasks waited for a disk",
        |v| v.pressure.io_full_avg10.into(),
    ),
    row("open_files", Unit::Count, "Open files (fs.file-nr)", |v| v.tables.open_files.into()),
    row("limit.open_files", Unit::Count, "fs.file-max", |v| v.tables.open_files_limit.into()),
    row("tasks", Unit::Count, "Processes and threads of the kernel", |v| v.tables.tasks.into()),
    row("limit.tasks", Unit::Count, "The lower of kernel.pid_max and kernel.threads-max", |v| {
        v.tables.tasks_limit.into()
    }),
    row("cpu_percent", Unit::Percent, "CPU time that was not idle, of all CPUs", |v| {
        v.snapshot.cpu_percent.into()
    }),
    row("user_inotifies", Unit::Count, "Inotifies of the user that has most of them", |v| {
        v.snapshot.user_inotifies.into()
    }),
    row("limit.user_inotifies", Unit::Count, "fs.inotify.max_user_instances", |v| {
        v.snapshot.limits.inotify_max_user_instances.into()
    }),
    row(
        "user_inotify_watches",
        Unit::Count,
        "Inotify watches of the user that has most of them",
        |v| v.snapshot.user_inotify_watches.into(),
    ),
    row("limit.user_inotify_watches", Unit::Count, "fs.inotify.max_user_watches", |v| {
        v.snapshot.limits.inotify_max_user_watches.into()
    }),
    row("time_wait", Unit::Count, "TCP connections in TIME_WAIT", |v| {
        v.snapshot.limits.time_wait.into()
    }),
    row("limit.time_wait", Unit::Count, "net.ipv4.tcp_max_tw_buckets", |v| {
        v.snapshot.limits.time_wait_max.into()
    }),
    row(
        "time_wait_ports",
        Unit::Count,
        "Local ports in TIME_WAIT towards one peer, the one with most; known where there are many",
        |v| v.snapshot.limits.time_wait_ports.into(),
    ),
    row(
        "limit.local_ports",
        Unit::Count,
        "Ports that the kernel gives to connections: net.ipv4.ip_local_port_range",
        |v| {
            let SystemLimits { local_port_first, local_port_last, .. } = v.snapshot.limits;
            let range = local_port_first.zip(local_port_last);
            range.map(|(first, last)| last.saturating_sub(first) + 1).into()
        },
    ),
    row("conntrack", Unit::Count, "Tracked connections", |v| v.tables.conntrack.into()),
    row("limit.conntrack", Unit::Count, "nf_conntrack_max", |v| v.tables.conntrack_limit.into()),
];

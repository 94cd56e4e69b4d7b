//! What memory is made of that no single process holds: the parts of a cgroup's and of the host's.

use super::{Cause, Signal};
use crate::{
    event::CgroupMemory,
    output::{MemoryParts, UnownedMemory},
};

const KIB: f64 = 1024.0;
/// Bytes of page tables for each byte that is mapped in small pages: 8 for 4,096.
const TABLE_SHARE: f64 = 1.0 / 512.0;
/// Stack of a thread in the kernel (`THREAD_SIZE`, x86-64 and arm64).
const KERNEL_STACK: f64 = 16.0 * KIB;

/// A part of memory that may grow by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Of a cgroup, all of it that cannot be given back without swapping, and what is swapped out; page
    /// cache in use is not in it.
    Held,
    /// Of a cgroup: anonymous memory, swapped out or not.
    Anon,
    /// Of a cgroup: tmpfs, shared anonymous memory, memfds and System V segments.
    Shmem,
    /// Of a cgroup: kernel memory but for slab that can be given back.
    Kernel,
    /// Of a cgroup: socket buffers.
    Sockets,
    /// Of the host: kernel objects that cannot be given back.
    Slab,
    /// Of the host: page tables.
    PageTables,
    /// Of the host: stacks of threads in the kernel.
    KernelStacks,
    /// Of the host: per-CPU memory.
    PerCpu,
    /// Of the host: other memory of the kernel's own address space.
    Vmalloc,
    /// Of the host: files in tmpfs, and System V segments that nobody has attached.
    Tmpfs,
    /// Of the host: socket buffers.
    SocketBuffers,
    /// Of the host: what nothing accounts for.
    Unexplained,
}

impl Part {
    /// Those of a cgroup: the whole, and what it consists of.
    pub const COMPONENT: [Self; 5] =
        [Self::Held, Self::Anon, Self::Shmem, Self::Kernel, Self::Sockets];
    /// Those of the host.
    pub const HOST: [Self; 8] = [
        Self::Slab,
        Self::PageTables,
        Self::KernelStacks,
        Self::PerCpu,
        Self::Vmalloc,
        Self::Tmpfs,
        Self::SocketBuffers,
        Self::Unexplained,
    ];

    /// Its name in evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "memory",
            Self::Anon => "anon",
            Self::Shmem => "shmem",
            Self::Kernel => "kernel",
            Self::Sockets => "sock",
            Self::Slab => "slab_unreclaimable",
            Self::PageTables => "page_table",
            Self::KernelStacks => "kernel_stack",
            Self::PerCpu => "percpu",
            Self::Vmalloc => "vmalloc",
            Self::Tmpfs => "tmpfs",
            Self::SocketBuffers => "socket_buffer",
            Self::Unexplained => "unexplained",
        }
    }

    /// What grows, for a person.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Held => "memory",
            Self::Anon => "anonymous memory",
            Self::Shmem => "shared memory",
            Self::Kernel => "kernel memory",
            Self::Sockets | Self::SocketBuffers => "socket buffer memory",
            Self::Slab => "unreclaimable slab",
            Self::PageTables => "page table memory",
            Self::KernelStacks => "kernel stack memory",
            Self::PerCpu => "per-CPU memory",
            Self::Vmalloc => "vmalloc memory",
            Self::Tmpfs => "unowned shared memory",
            Self::Unexplained => "unaccounted memory",
        }
    }

    /// What to look at next.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Held | Self::Anon => {
                "look at who starts more and more, or larger and larger, processes in it: \
                 systemd-cgtop -m, and ps -eo rss,etimes,comm,cgroup"
            }
            Self::Shmem => {
                "look for files that nobody removes (df -h /dev/shm, and the tmpfs mounts of the \
                 container) and for segments (ipcs -m -p)"
            }
            Self::Kernel => {
                "look at its memory.stat (slab, pagetables, kernel_stack, percpu), and with \
                 slabtop -o at the caches"
            }
            Self::Sockets => "look for connections whose data nobody reads: ss -tanmp",
            Self::Slab => "slabtop -o -s c and /proc/slabinfo name the cache that grows",
            Self::PageTables => {
                "grep VmPTE /proc/[0-9]*/status | sort -n -k2 | tail shows whose they are: mappings \
                 that are large and sparse, or many processes"
            }
            Self::KernelStacks => "ps -eo nlwp,pid,comm --sort -nlwp | head shows whose threads",
            Self::PerCpu => {
                "look for cgroups that never end (nr_dying_descendants in cgroup.stat), and for BPF \
                 maps (bpftool map)"
            }
            Self::Vmalloc => "sort -n -k2 /proc/vmallocinfo | tail says who took it",
            Self::Tmpfs => {
                "df -h -t tmpfs (/dev/shm is one) and du -x show the files, ipcs -m -p the segments and who \
                 made them"
            }
            Self::SocketBuffers => {
                "ss -tunapm shows whose buffers are full, /proc/net/sockstat all of them"
            }
            Self::Unexplained => {
                "pages that a driver or the kernel took for itself: compare /proc/vmstat over time, \
                 and what was loaded last (lsmod, bpftool prog)"
            }
        }
    }

    /// Whether growth of it is a finding by itself: of a cgroup only that of the whole.
    pub(super) const fn opens(self) -> bool {
        !matches!(self, Self::Anon | Self::Shmem | Self::Kernel | Self::Sockets)
    }

    /// Whether it can be swapped out.
    pub const fn can_be_swapped(self) -> bool {
        matches!(self, Self::Held | Self::Anon | Self::Shmem | Self::Tmpfs)
    }

    /// How much likelier growth of it is a leak than growth in general, by judgement: of what the kernel
    /// cannot give back little is a cache that fills.
    pub(super) const fn prior(self) -> f32 {
        match self {
            Self::Slab | Self::PageTables | Self::KernelStacks | Self::PerCpu | Self::Vmalloc => {
                2.0
            }
            _ => 1.0,
        }
    }

    /// How many bytes of it come with each byte or thing of the growth of a process, at most: so much
    /// of a growth is that process's. Generous, since kernels differ.
    pub const fn comes_with(self, cause: Cause) -> f64 {
        match (self, cause) {
            (Self::Held | Self::Anon, Cause::Memory)
            | (Self::Held | Self::Shmem | Self::Tmpfs, Cause::Shared) => 1.0,
            (Self::PageTables | Self::Kernel, Cause::Memory | Cause::Shared) => TABLE_SHARE,
            (Self::PageTables, Cause::Threads) => 8.0 * KIB,
            (Self::PageTables, Cause::Children) => 256.0 * KIB,
            (Self::KernelStacks, Cause::Threads | Cause::Children) => KERNEL_STACK,
            // A socket with its inode, its dentry and its open file; a task.
            (Self::Slab | Self::Kernel, Cause::Descriptors) => 4.0 * KIB,
            (Self::Slab, Cause::Threads) => 16.0 * KIB,
            (Self::Slab, Cause::Children) => 64.0 * KIB,
            (Self::Kernel, Cause::Threads) => KERNEL_STACK + 24.0 * KIB,
            (Self::Kernel, Cause::Children) => 384.0 * KIB,
            (Self::Slab | Self::Kernel, Cause::Timers) => KIB,
            // Data that waits in the buffers of connections that nobody reads.
            (Self::Sockets | Self::SocketBuffers | Self::Unexplained, Cause::Descriptors) => {
                64.0 * KIB
            }
            _ => 0.0,
        }
    }

    /// How many bytes of it come with each byte of a part of a cgroup's memory.
    pub const fn is_of(self, part: Self) -> f64 {
        match (self, part) {
            (Self::Tmpfs, Self::Shmem)
            | (
                Self::Slab | Self::PageTables | Self::KernelStacks | Self::PerCpu | Self::Vmalloc,
                Self::Kernel,
            )
            | (Self::SocketBuffers | Self::Unexplained, Self::Sockets) => 1.0,
            _ => 0.0,
        }
    }
}

/// The signal of a process that says how much of a cause there is.
pub(super) const fn measure(cause: Cause) -> Signal {
    match cause {
        Cause::Memory => Signal::Touched,
        Cause::Shared => Signal::Shared,
        Cause::Descriptors => Signal::Descriptors,
        Cause::Timers => Signal::Timers,
        Cause::Threads => Signal::Threads,
        Cause::Children => Signal::Children,
    }
}

/// The parts of a cgroup's memory, in the order of [`Part::COMPONENT`]. Kernel memory is left out where
/// it is not known what of it can be given back (v1): walking through files fills that.
pub fn parts_of_cgroup(memory: &CgroupMemory) -> [Option<f64>; Part::COMPONENT.len()] {
    let anon = memory.anon_bytes.saturating_add(memory.swap_bytes.unwrap_or(0));
    let kernel = memory.kernel_bytes.zip(memory.slab_reclaimable_bytes);
    let kernel = kernel.map(|(all, reclaimable)| all.saturating_sub(reclaimable));
    let parts = [Some(anon), Some(memory.shmem_bytes), kernel, memory.sock_bytes];
    let held = parts.into_iter().flatten().fold(0, u64::saturating_add);
    let [anon, shmem, kernel, sock] = parts.map(|part| part.map(|bytes| bytes as f64));
    [Some(held as f64), anon, shmem, kernel, sock]
}

/// The parts of the host's memory, in the order of [`Part::HOST`].
pub fn parts_of_host(
    memory: &MemoryParts,
    unowned: &UnownedMemory,
) -> [Option<f64>; Part::HOST.len()] {
    let tmpfs = unowned.tmpfs_bytes.saturating_add(unowned.orphan_shm_bytes);
    [
        memory.slab_unreclaimable_bytes as f64,
        memory.page_table_bytes as f64,
        memory.kernel_stack_bytes as f64,
        memory.percpu_bytes as f64,
        memory.vmalloc_bytes as f64,
        tmpfs as f64,
        unowned.socket_buffer_bytes as f64,
        memory.unexplained_bytes as f64,
    ]
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_cache_and_what_can_be_given_back_are_not_held() {
        let memory = CgroupMemory {
            current_bytes: 1000,
            inactive_file_bytes: 300,
            slab_reclaimable_bytes: Some(40),
            anon_bytes: 100,
            shmem_bytes: 20,
            kernel_bytes: Some(50),
            sock_bytes: Some(3),
            swap_bytes: Some(7),
        };
        let parts = |memory| parts_of_cgroup(memory).map(|part| part.map(|bytes| bytes as u64));
        assert_eq!(parts(&memory), [140, 107, 20, 10, 3].map(Some));
        let v1 = CgroupMemory { slab_reclaimable_bytes: None, ..memory };
        assert_eq!(parts(&v1), [Some(130), Some(107), Some(20), None, Some(3)], "not known");
    }
}

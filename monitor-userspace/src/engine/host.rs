//! The state of the host, and where its memory went.

use super::Engine;
use crate::{
    event::{DescriptorKind, HostReading, MappingClass},
    output::{HostSnapshot, MemoryParts, UnownedMemory},
};

impl Engine {
    pub(super) fn on_host(&mut self, reading: &HostReading) {
        self.segments.read(reading);
        self.remember_host(reading);
        self.host = Some(reading.clone());
    }

    /// The host at the last look; what several processes share counts once.
    pub(super) fn host_snapshot(&self) -> Option<HostSnapshot> {
        let host = self.host.as_ref()?;
        let pids = self.table.pids();
        let processes = || pids.iter().filter_map(|&pid| self.table.get(pid));
        let threads = processes()
            .filter_map(|process| process.reading.as_ref())
            .map(|reading| u64::from(reading.threads));
        let timers = processes().filter_map(|process| process.timers.count(self.now_ns));
        let anon = self
            .table
            .spaces()
            .filter_map(crate::inventory::Space::totals)
            .map(|totals| totals.get(MappingClass::Anonymous) + totals.get(MappingClass::Heap));
        let sockets = self.tables.objects().iter();
        Some(HostSnapshot {
            ts: self.clock.at(host.at_ns),
            mem_total_bytes: host.mem_total_bytes,
            mem_available_bytes: host.mem_available_bytes,
            swap_total_bytes: host.swap_total_bytes,
            swap_free_bytes: host.swap_free_bytes,
            memory: memory_parts(host),
            unowned: unowned(host),
            processes: pids.len() as u64,
            zombies: self.zombies.len() as u64,
            threads: threads.sum(),
            anon_mapped_bytes: anon.sum(),
            tracked_descriptors: self.tables.iter().map(|table| table.len() as u64).sum(),
            sockets: sockets.filter(|object| object.kind == DescriptorKind::Socket).count() as u64,
            timers: timers.sum(),
            shm_segments: host.segments.len() as u64,
            orphan_shm_segments: orphans(host).count() as u64,
            limits: host.limits,
            pressure: host.pressure,
        })
    }
}

/// Segments that nobody has attached.
fn orphans(host: &HostReading) -> impl Iterator<Item = &crate::event::SysvSegment> {
    host.segments.iter().filter(|segment| segment.attached == 0)
}

fn kernel_bytes(host: &HostReading) -> u64 {
    host.slab_reclaimable_bytes
        + host.slab_unreclaimable_bytes
        + host.kernel_stack_bytes
        + host.page_table_bytes
        + host.percpu_bytes
        + host.vmalloc_bytes
        + host.other_kernel_bytes
}

pub(super) fn memory_parts(host: &HostReading) -> MemoryParts {
    let explained = host.mem_free_bytes
        + host.anon_bytes
        + host.file_cache_bytes
        + host.shmem_bytes
        + host.hugetlb_bytes
        + kernel_bytes(host);
    MemoryParts {
        free_bytes: host.mem_free_bytes,
        anon_bytes: host.anon_bytes,
        file_cache_bytes: host.file_cache_bytes,
        shmem_bytes: host.shmem_bytes,
        slab_reclaimable_bytes: host.slab_reclaimable_bytes,
        slab_unreclaimable_bytes: host.slab_unreclaimable_bytes,
        kernel_stack_bytes: host.kernel_stack_bytes,
        page_table_bytes: host.page_table_bytes,
        percpu_bytes: host.percpu_bytes,
        vmalloc_bytes: host.vmalloc_bytes,
        hugetlb_bytes: host.hugetlb_bytes,
        other_kernel_bytes: host.other_kernel_bytes,
        unexplained_bytes: host.mem_total_bytes as i64 - explained as i64,
    }
}

pub(super) fn unowned(host: &HostReading) -> UnownedMemory {
    UnownedMemory {
        kernel_bytes: kernel_bytes(host),
        tmpfs_bytes: host.tmpfs_bytes,
        orphan_shm_bytes: orphans(host).map(|segment| segment.rss_bytes).sum(),
        socket_buffer_bytes: host.socket_buffer_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let mut host = HostReading {
            mem_total_bytes: 50,
            mem_free_bytes: 10,
            anon_bytes: 20,
            shmem_bytes: 5,
            kernel_stack_bytes: 7,
            vmalloc_bytes: 1,
            ..HostReading::default()
        };
        assert_eq!(memory_parts(&host).unexplained_bytes, 7);
        host.mem_total_bytes = 40;
        assert_eq!(memory_parts(&host).unexplained_bytes, -3);
        assert_eq!(unowned(&host).kernel_bytes, 8);
    }
}

//! The state of the host, and where its memory went.

use std::collections::BTreeMap;

use super::Engine;
use crate::{
    event::{DescriptorKind, HostReading, MappingClass},
    output::{HostSnapshot, MemoryParts, UnownedMemory},
};

impl Engine {
    pub(super) fn on_host(&mut self, reading: &HostReading) {
        self.segments.read(reading);
        self.remember_host(reading);
        self.host_cpu_percent = self.host.as_ref().and_then(|last| cpu_percent(last, reading));
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
        let inotifies = self.inotifies_by_user();
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
            cpu_percent: self.host_cpu_percent,
            user_inotifies: inotifies.values().map(|it| it.0).max(),
            user_inotify_watches: inotifies.values().map(|it| it.1).max(),
            shm_segments: host.segments.len() as u64,
            orphan_shm_segments: orphans(host).count() as u64,
            limits: host.limits,
            pressure: host.pressure,
        })
    }

    /// Inotifies and their watches by the user whose process made them; those without any are not
    /// there, but for one user of all whose processes are known.
    fn inotifies_by_user(&self) -> BTreeMap<u32, (u64, u64)> {
        let uid_of = |pid| Some(self.table.get(pid)?.reading.as_ref()?.detail?.uid);
        let mut by_user = BTreeMap::new();
        if let Some(uid) = self.table.pids().into_iter().find_map(uid_of) {
            by_user.insert(uid, (0, 0));
        }
        let objects = self.tables.objects();
        for (id, object) in objects.with_ids().filter(|it| it.1.kind == DescriptorKind::Inotify) {
            if let Some(uid) = uid_of(object.owner) {
                let (inotifies, watches) = by_user.entry(uid).or_default();
                *inotifies += 1;
                *watches += objects.inotify_watch_count(id) as u64;
            }
        }
        by_user
    }
}

/// CPU time that was not idle between two looks.
fn cpu_percent(last: &HostReading, now: &HostReading) -> Option<f64> {
    let busy = now.cpu_busy_ticks.checked_sub(last.cpu_busy_ticks)?;
    let all = now.cpu_all_ticks.checked_sub(last.cpu_all_ticks)?;
    // Idle time is corrected now and then, also backwards.
    (last.cpu_all_ticks > 0 && all > 0).then(|| (busy as f64 / all as f64 * 100.0).min(100.0))
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
    fn cpu_is_a_share_of_what_passed() {
        let at = |busy, all| HostReading {
            cpu_busy_ticks: busy,
            cpu_all_ticks: all,
            ..HostReading::default()
        };
        assert_eq!(cpu_percent(&at(10, 100), &at(160, 300)), Some(75.0));
        assert_eq!(cpu_percent(&at(10, 100), &at(10, 100)), None, "no time has passed");
        assert_eq!(cpu_percent(&at(10, 100), &at(9, 200)), None);
        assert_eq!(cpu_percent(&at(0, 0), &at(50, 100)), None, "it was not read before");
        assert_eq!(cpu_percent(&at(0, 100), &at(51, 150)), Some(100.0));
    }

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

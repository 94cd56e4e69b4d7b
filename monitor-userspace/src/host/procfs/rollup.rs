//! The rare, dear look: /proc/PID/smaps_rollup, through the `procfs` crate.

use super::Proc;
use crate::event::ProcRollup;

impl Proc {
    /// Sums over every page of a process; `None` where it is gone, has no memory or may not be
    /// read. Never worth failing a reading for.
    pub(super) fn rollup(&self, pid: u32) -> Option<ProcRollup> {
        let process = procfs::process::Process::new_with_root(self.root.join(pid.to_string()));
        let sums = process.ok()?.smaps_rollup().ok()?.memory_map_rollup;
        let all = sums.into_iter().next()?.extension.map;
        let bytes = |name: &str| all.get(name).copied();
        Some(ProcRollup {
            pss_bytes: bytes("Pss")?,
            // There since Linux 5.4.
            pss_shmem_bytes: bytes("Pss_Shmem").unwrap_or(0),
            lazyfree_bytes: bytes("LazyFree").unwrap_or(0),
            thp_bytes: bytes("AnonHugePages").unwrap_or(0),
        })
    }
}

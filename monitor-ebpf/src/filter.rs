//! Which processes are traced, decided in the kernel.

use monitor_common::{Counter, settings::SCOPE_ALL};

use crate::{emit::count, maps::WATCHED, settings::get, task::Caller};

/// The task calling, where its process is traced: one question decides.
#[inline(always)]
pub(crate) fn traced() -> Option<Caller> {
    let (tgid, tid) = Caller::ids();
    should_trace(tgid).then(|| Caller::with_ids(tgid, tid))
}

/// Whether what this process holds is traced. Never the agent itself.
#[inline(always)]
fn should_trace(tgid: u32) -> bool {
    tgid != get!(agent_tgid) && (get!(scope) == SCOPE_ALL || is_watched(tgid))
}

/// Whether the life of this process is traced: wider than what it holds where userspace picks
/// processes by name.
#[inline(always)]
pub(crate) fn should_trace_life(tgid: u32) -> bool {
    get!(process_unscoped) != 0 || should_trace(tgid)
}

/// Called when a process makes another: a followed child is watched before it runs.
#[inline(always)]
pub(crate) fn follow(parent: u32, child: u32) {
    if get!(follow) != 0 && is_watched(parent) && WATCHED.insert(child, 0, 0).is_err() {
        count(Counter::WatchedFull);
    }
}

/// Called when a process ends: its pid will be somebody else's.
#[inline(always)]
pub(crate) fn forget(tgid: u32) {
    if get!(scope) != SCOPE_ALL {
        // Absent is the usual answer and no error.
        let _ = WATCHED.remove(tgid);
    }
}

#[inline(always)]
fn is_watched(tgid: u32) -> bool {
    WATCHED.get_ptr(tgid).is_some()
}

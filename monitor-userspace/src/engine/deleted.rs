//! Deleted files that processes have open: whom to ask, and what was last found.

use rustc_hash::FxHashMap;

use super::{Engine, Request};
use crate::{
    event::DeletedReading,
    inventory::{Process, Watch},
    output::DeletedFiles,
};

/// How often a process is looked at that is active, asked for by name, or known to hold some.
const ACTIVE_NS: u64 = 60_000_000_000;
/// How often any other is: what it has open may be deleted by others.
const IDLE_NS: u64 = 600_000_000_000;
/// First looks at the processes of a host are spread over this many rounds.
const SPREAD_ROUNDS: u32 = 12;
const ROUND_NS: u64 = 5_000_000_000;

#[derive(Debug, Default)]
struct Known {
    due_ns: u64,
    reading: Option<DeletedReading>,
}

/// What was last found, by pid, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    by_pid: FxHashMap<u32, Known>,
}

impl Deleted {
    /// What a process holds, as printed; `None` before it was looked at.
    pub(super) fn line(&self, process: &Process) -> Option<DeletedFiles> {
        let reading = self.by_pid.get(&process.id.pid)?.reading.as_ref()?;
        let is_same = reading.process == process.id;
        is_same.then(|| DeletedFiles {
            files: reading.files,
            disk_bytes: reading.disk_bytes,
            largest_path: reading.largest.as_ref().map(|file| file.path.clone()),
            largest_bytes: reading.largest.as_ref().map(|file| file.disk_bytes),
            file_system_bytes: reading.largest.as_ref().map(|file| file.file_system_bytes),
        })
    }
}

impl Engine {
    /// Asks for the deleted files of the processes that are due.
    pub(super) fn ask_deleted(&mut self, now_ns: u64, pids: &[u32]) {
        self.deleted.by_pid.retain(|pid, _| self.table.get(*pid).is_some());
        for &pid in pids {
            let Some(process) = self.table.get(pid) else { continue };
            let is_named = process.watch == Watch::Named;
            let spread = if is_named { 0 } else { u64::from(pid % SPREAD_ROUNDS) * ROUND_NS };
            let first = || Known { due_ns: now_ns + spread, reading: None };
            let known = self.deleted.by_pid.entry(pid).or_insert_with(first);
            if now_ns < known.due_ns {
                continue;
            }
            let holds_some = known.reading.as_ref().is_some_and(|reading| reading.files > 0);
            let is_active = is_named || holds_some || process.idle_rounds == 0;
            known.due_ns = now_ns + if is_active { ACTIVE_NS } else { IDLE_NS };
            self.requests.ask(Request::Deleted { pid });
        }
    }

    pub(super) fn on_deleted(&mut self, reading: &DeletedReading) {
        let pid = reading.process.pid;
        let is_same = self.table.get(pid).is_some_and(|process| process.id == reading.process);
        if !reading.found || !is_same {
            return;
        }
        self.deleted.by_pid.entry(pid).or_default().reading = Some(reading.clone());
    }
}

//! Looks at accessed pages, of suspects only.
//!
//! The kernel marks a page that is touched. The marks of a process are taken away (`clear_refs`), and
//! a few seconds later those that are back are counted. Whatever walks the heap once (a collection, a
//! rehash, fork and copy) marks everything, so the quietest of several windows counts: leaked memory
//! is untouched between, memory in use never is. It costs a millisecond for each 30 MiB to take the
//! marks away and holds the lock of the space for reading, hence few at a time, rarely, and of no
//! very large process.

use rustc_hash::FxHashMap;

use super::Engine;
use crate::event::{AccessReading, ProcessId};
use crate::rule::Growths;

/// How long a window is.
const WINDOW_NS: u64 = 3_000_000_000;
/// Windows of which the quietest counts.
const WINDOWS: usize = 6;
/// Windows that must be over before they say anything.
const LEAST_WINDOWS: usize = 2;
/// Time between the starts of the first windows, and of later ones.
const FIRST_PAUSE_NS: u64 = 4_000_000_000;
const LATER_PAUSE_NS: u64 = 20_000_000_000;
/// A window that is not over by then never will be: the reading was lost.
const LOST_NS: u64 = 30_000_000_000;
/// Windows that may be open at once.
const AT_ONCE: usize = 4;
/// Anonymous memory above which no look is taken.
const TOO_LARGE_BYTES: u64 = 4 << 30;

/// The looks at one process.
#[derive(Clone, Debug, Default)]
struct Look {
    /// Whose; a pid alone is no identity.
    start_ticks: u64,
    /// When the marks were asked to be taken away; 0 while no window is open.
    opened_ns: u64,
    /// Anonymous memory when they were.
    held_bytes: Option<u64>,
    /// Whether the end of the window was asked for.
    is_asked: bool,
    /// Share touched in the last windows.
    shares: Vec<f64>,
    /// When the next window may open.
    next_ns: u64,
    /// What the judge was told last.
    found: Option<Found>,
}

/// What looks at a process found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) at_ns: u64,
    pub(super) held_bytes: u64,
    /// What of it the quietest window found touched.
    pub(super) touched_bytes: u64,
}

/// All looks.
#[derive(Debug, Default)]
pub(super) struct Looks(FxHashMap<u32, Look>);

impl Looks {
    pub(super) fn forget(&mut self, pid: u32) {
        self.0.remove(&pid);
    }

    /// What looks at this process found last.
    pub(super) fn found(&self, pid: u32) -> Option<Found> {
        self.0.get(&pid)?.found
    }
}

impl Engine {
    /// Asks for the windows that are due, in the order of their pids.
    pub(super) fn schedule_looks(&mut self, now_ns: u64, pids: &[u32]) {
        let mut open = self.looks.0.values().filter(|look| look.opened_ns > 0).count();
        for &pid in pids {
            let is_suspect = self.growths.get(&pid).is_some_and(Growths::is_weighing_memory);
            let Some(process) = self.table.get(pid).filter(|_| is_suspect) else {
                if self.looks.0.get(&pid).is_some_and(|look| look.opened_ns == 0) {
                    self.looks.forget(pid);
                }
                continue;
            };
            let held = process.reading.as_ref().map_or(u64::MAX, |it| it.rss_anon_bytes);
            if held > TOO_LARGE_BYTES {
                continue;
            }
            let look = self.looks.0.entry(pid).or_default();
            look.start_ticks = process.id.start_ticks;
            if look.opened_ns > 0 && now_ns > look.opened_ns + LOST_NS {
                look.opened_ns = 0;
            }
            if look.opened_ns == 0 && now_ns >= look.next_ns && open < AT_ONCE {
                open += 1;
                let pause =
                    if look.shares.len() < WINDOWS { FIRST_PAUSE_NS } else { LATER_PAUSE_NS };
                *look = Look {
                    opened_ns: now_ns,
                    held_bytes: None,
                    is_asked: false,
                    next_ns: now_ns + pause,
                    ..std::mem::take(look)
                };
                self.requests.ask_access(pid, true);
            } else if look.opened_ns > 0 && !look.is_asked && now_ns >= look.opened_ns + WINDOW_NS {
                look.is_asked = true;
                self.requests.ask_access(pid, false);
            }
        }
    }

    /// Takes what a window found.
    pub(super) fn on_access(&mut self, reading: &AccessReading) {
        let ProcessId { pid, start_ticks } = reading.process;
        let Some(look) = self.looks.0.get_mut(&pid) else { return };
        if look.opened_ns == 0 || look.start_ticks != start_ticks {
            return;
        }
        if reading.begins {
            look.held_bytes = Some(reading.held_bytes);
            return;
        }
        look.opened_ns = 0;
        let Some(before) = look.held_bytes.take().filter(|_| reading.held_bytes > 0) else {
            return;
        };
        // What came since was touched by coming.
        let grown = reading.held_bytes.saturating_sub(before);
        let touched = reading.touched_bytes.saturating_sub(grown) as f64;
        if look.shares.len() == WINDOWS {
            look.shares.remove(0);
        }
        look.shares.push((touched / before.max(1) as f64).clamp(0.0, 1.0));
        if look.shares.len() < LEAST_WINDOWS {
            return;
        }
        let quietest = look.shares.iter().copied().fold(1.0, f64::min);
        let held_bytes = reading.held_bytes;
        // In whole bytes, so that who reads the snapshot is told the same.
        let touched_bytes = (quietest * held_bytes as f64) as u64;
        look.found = Some(Found { at_ns: reading.at_ns, held_bytes, touched_bytes });
        if let Some(growths) = self.growths.get_mut(&pid) {
            growths.set_touched(held_bytes as f64, touched_bytes as f64);
        }
    }
}

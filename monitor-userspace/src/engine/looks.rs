//! Looks at accessed pages, of suspects only.
//!
//! The kernel marks a page that is touched. The marks of a process are taken away (`clear_refs`), which
//! opens a window; those that are back are counted after a few seconds, after some more and, last, after
//! a minute: counting takes nothing away. The first windows are short: of four of them it can be told within
//! the first minute of a growth whether what is touched grows along. Memory in use is touched again in the course of such a window,
//! a little at a time by a cache that is asked now and then; leaked memory is not. Whatever walks the heap
//! once (a collection, a rehash, fork and copy) marks everything and spoils a window: then the next is
//! opened. It costs a millisecond for each 30 MiB to take the marks away and holds the lock of the space
//! for reading, hence few at a time, rarely, and of no very large process.

use rustc_hash::FxHashMap;

use super::Engine;
use crate::detect::LookAtPages;
use crate::event::{AccessReading, ProcessId};

/// How long after its opening a window is looked into.
const LOOKS_NS: [u64; 4] = [3_000_000_000, 15_000_000_000, 30_000_000_000, 60_000_000_000];
/// Windows that end with a short look, and how many looks those have.
const SHORT_WINDOWS: u32 = 4;
const SHORT_LOOKS: usize = 2;
/// A window in which so much was touched is spoiled: longer ones only hold more.
const SPOILED: f64 = 0.5;
/// Time from the end of a window to the next opening: of the first ones, and later.
const FIRST_PAUSE_NS: u64 = 2_000_000_000;
const LATER_PAUSE_NS: u64 = 60_000_000_000;
/// Windows after which it is later.
const FIRST_WINDOWS: u32 = SHORT_WINDOWS + 4;
/// Who does not grow for so long begins anew.
const FORGOTTEN_NS: u64 = 600_000_000_000;
/// What is not answered by then never will be: the reading was lost.
const LOST_NS: u64 = 30_000_000_000;
/// Windows that may be open at once.
const AT_ONCE: usize = 16;
/// Anonymous memory above which no look is taken, and none before growth is weighed.
const TOO_LARGE_BYTES: u64 = 4 << 30;
const LARGE_BYTES: u64 = 512 << 20;

/// The looks at one process.
#[derive(Clone, Debug, Default)]
struct Look {
    /// Whose; a pid alone is no identity.
    start_ticks: u64,
    /// The window that is open.
    window: Option<Window>,
    /// Windows opened so far.
    windows: u32,
    /// When the next window may open.
    next_ns: u64,
    /// What the judge was told last.
    found: Option<Found>,
}

/// A window: the time since the marks of a process were taken away.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// When they were; 0 until that is known.
    opened_ns: u64,
    /// Anonymous memory when they were.
    held_bytes: u64,
    /// Looks into it so far.
    looks: usize,
    /// When something was asked that is not answered; 0 for nothing.
    asked_ns: u64,
}

/// What looks at a process found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) at_ns: u64,
    /// Since when.
    pub(super) opened_ns: u64,
    pub(super) held_bytes: u64,
    /// What of it was touched in that time.
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
    /// Asks for what is due. Few windows may be open at once: who had fewest opens the next, then who
    /// has the lowest pid.
    pub(super) fn schedule_looks(&mut self, now_ns: u64, pids: &[u32]) {
        let mut waiting = Vec::new();
        for &pid in pids {
            let Some(process) = self.table.get(pid) else { continue };
            let is_suspect = self.may_leak_memory(pid);
            if !is_suspect && !self.looks.0.contains_key(&pid) {
                continue;
            }
            let look = self.looks.0.entry(pid).or_default();
            look.start_ticks = process.id.start_ticks;
            // A window that is open is looked into to its end, or it would take the place of another.
            if look.is_due(now_ns) {
                self.requests.ask_access(pid, false);
            } else if is_suspect && look.window.is_none() && now_ns >= look.next_ns {
                waiting.push((look.windows, pid));
            } else if !is_suspect && look.is_over(now_ns) {
                self.looks.forget(pid);
            }
        }
        waiting.sort_unstable();
        let open = self.looks.0.values().filter(|look| look.window.is_some()).count();
        for (_, pid) in waiting.into_iter().take(AT_ONCE.saturating_sub(open)) {
            if let Some(look) = self.looks.0.get_mut(&pid) {
                look.open(now_ns);
                self.requests.ask_access(pid, true);
            }
        }
    }

    /// Whether memory of a process grows and it is small enough to look at.
    fn may_leak_memory(&self, pid: u32) -> bool {
        let reading = self.table.get(pid).and_then(|process| process.reading.as_ref());
        let held = reading.map_or(u64::MAX, |it| it.rss_anon_bytes);
        self.growths.get(&pid).is_some_and(|growths| {
            (held <= TOO_LARGE_BYTES && growths.is_weighing_memory())
                || (held <= LARGE_BYTES && growths.is_memory_rising())
        })
    }

    /// Takes what a look found.
    pub(super) fn on_access(&mut self, reading: &AccessReading) {
        let ProcessId { pid, start_ticks } = reading.process;
        let look = self.looks.0.get_mut(&pid).filter(|look| look.start_ticks == start_ticks);
        let Some(found) = look.and_then(|look| look.take(reading)) else { return };
        if let Some(growths) = self.growths.get_mut(&pid) {
            growths.set_touched(&LookAtPages {
                window_ns: found.at_ns.saturating_sub(found.opened_ns),
                held: found.held_bytes as f64,
                touched: found.touched_bytes as f64,
            });
        }
    }
}

impl Look {
    fn open(&mut self, now_ns: u64) {
        self.windows = self.windows.saturating_add(1);
        self.window = Some(Window { asked_ns: now_ns, ..Window::default() });
    }

    /// Whether the last window ended long ago.
    const fn is_over(&self, now_ns: u64) -> bool {
        self.window.is_none() && now_ns > self.next_ns + FORGOTTEN_NS
    }

    /// Whether it is time to look into the window that is open, which is taken as asked then.
    fn is_due(&mut self, now_ns: u64) -> bool {
        let is_lost = |window: &Window| window.asked_ns > 0 && now_ns > window.asked_ns + LOST_NS;
        if self.window.as_ref().is_some_and(is_lost) {
            self.close(now_ns);
        }
        let Some(window) = &mut self.window else { return false };
        let is_due = window.asked_ns == 0 && now_ns >= window.opened_ns + LOOKS_NS[window.looks];
        if is_due {
            window.asked_ns = now_ns;
        }
        is_due
    }

    /// Takes an answer; what it says of the memory, if anything.
    fn take(&mut self, reading: &AccessReading) -> Option<Found> {
        let last = if self.windows <= SHORT_WINDOWS { SHORT_LOOKS } else { LOOKS_NS.len() };
        let window = self.window.as_mut().filter(|window| window.asked_ns > 0)?;
        window.asked_ns = 0;
        if reading.begins {
            window.opened_ns = reading.at_ns;
            window.held_bytes = reading.held_bytes;
            return None;
        }
        let Window { opened_ns, held_bytes: before, .. } = *window;
        window.looks += 1;
        // What came since was touched by coming.
        let grown = reading.held_bytes.saturating_sub(before);
        let touched = reading.touched_bytes.saturating_sub(grown).min(before);
        let share = touched as f64 / before.max(1) as f64;
        if window.looks == last || share > SPOILED {
            self.close(reading.at_ns);
        }
        if opened_ns == 0 || before == 0 {
            return None;
        }
        let (at_ns, held_bytes) = (reading.at_ns, before);
        self.found = Some(Found { at_ns, opened_ns, held_bytes, touched_bytes: touched });
        self.found
    }

    fn close(&mut self, now_ns: u64) {
        self.window = None;
        let is_early = self.windows < FIRST_WINDOWS;
        self.next_ns = now_ns + if is_early { FIRST_PAUSE_NS } else { LATER_PAUSE_NS };
    }
}

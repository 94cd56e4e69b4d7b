//! The timers of a process: POSIX timers by id, and the three interval timers.

use std::collections::{BTreeSet, VecDeque};

use crate::event::{Body, EventKind, TableReading};

/// How long a release may take from its start to its effect.
const LOOKBACK_NS: u64 = 1_000_000_000;
/// Changes kept while the timers are not known.
const MAX_LOG: usize = 4096;
/// `ITIMER_REAL`, which runs in real time and can therefore be seen to expire.
const ITIMER_REAL: usize = 0;

/// Whether an interval timer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Armed {
    #[default]
    No,
    /// Until it is stopped.
    Always,
    /// Until this time, in nanoseconds since boot.
    Until(u64),
}

/// The timers of one process.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    /// Ids of POSIX timers; `None` until they were read once.
    ids: Option<BTreeSet<i32>>,
    /// What happened lately: time, id, and whether it was made.
    log: VecDeque<(u64, i32, bool)>,
    intervals: [Armed; 3],
}

impl Timers {
    /// Those of a forked child: timers are not inherited.
    pub fn none() -> Self {
        Self { ids: Some(BTreeSet::new()), ..Self::default() }
    }

    /// What exec leaves: interval timers go on, POSIX timers do not.
    pub fn exec(&mut self) {
        self.ids = Some(BTreeSet::new());
        self.log.clear();
    }

    /// How many there are at `now_ns`; `None` until they were read once.
    pub fn count(&self, now_ns: u64) -> Option<u64> {
        let is_armed = |armed: &&Armed| match armed {
            Armed::No => false,
            Armed::Always => true,
            Armed::Until(end_ns) => now_ns < *end_ns,
        };
        let intervals = self.intervals.iter().filter(is_armed).count();
        Some((self.ids.as_ref()?.len() + intervals) as u64)
    }

    /// Bytes of memory beside itself, about.
    pub fn memory_bytes(&self) -> usize {
        const ID_BYTES: usize = 10;
        let ids = self.ids.as_ref().map_or(0, BTreeSet::len) * ID_BYTES;
        ids + self.log.capacity() * size_of::<(u64, i32, bool)>()
    }

    /// Applies an event; others than those of timers change nothing.
    pub fn apply(&mut self, at_ns: u64, body: &Body) {
        let Body::Call(call) = body else { return };
        if call.result < 0 {
            return;
        }
        let [first, second, third, _] = call.args;
        match call.kind {
            EventKind::TimerCreate => self.change(at_ns, second as i32, true),
            EventKind::TimerDelete => self.change(at_ns, first as i32, false),
            EventKind::Setitimer => self.set_interval(at_ns, first as usize, second, third),
            EventKind::Alarm => {
                self.set_interval(at_ns, ITIMER_REAL, first.saturating_mul(1_000_000_000), 0);
            }
            _ => {}
        }
    }

    fn change(&mut self, at_ns: u64, id: i32, is_made: bool) {
        if self.log.len() >= MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back((at_ns, id, is_made));
        if let Some(ids) = &mut self.ids {
            if is_made {
                ids.insert(id);
            } else {
                ids.remove(&id);
            }
        }
    }

    /// An interval timer that does not repeat and counts CPU time may expire unseen: it counts until
    /// it is set again.
    fn set_interval(&mut self, at_ns: u64, which: usize, value_ns: u64, interval_ns: u64) {
        let Some(slot) = self.intervals.get_mut(which) else { return };
        *slot = match (value_ns, interval_ns) {
            (0, _) => Armed::No,
            (_, 0) if which == ITIMER_REAL => Armed::Until(at_ns.saturating_add(value_ns)),
            _ => Armed::Always,
        };
    }

    /// Takes the ids that were read: at first, and where `correct` says so. Deletions of the last
    /// second may not have been done when they were read, and what came later is applied.
    pub fn reconcile(&mut self, reading: &TableReading, correct: bool) {
        let Some(read) = &reading.timers else { return };
        if self.ids.is_some() && !correct {
            return;
        }
        let mut ids: BTreeSet<i32> = read.iter().copied().collect();
        let early_ns = reading.t0_ns.saturating_sub(LOOKBACK_NS);
        for &(_, id, is_made) in self.log.iter().filter(|(at_ns, _, _)| *at_ns >= early_ns) {
            if is_made {
                ids.insert(id);
            } else {
                ids.remove(&id);
            }
        }
        self.ids = Some(ids);
        self.log.retain(|(at_ns, _, _)| *at_ns >= early_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Call, FileKind};

    fn call(kind: EventKind, args: [u64; 4]) -> Body {
        Body::Call(Call { kind, args, result: 0, inode: 0, file: FileKind::None, detail: 0 })
    }

    fn read(t0_ns: u64, ids: &[i32]) -> TableReading {
        TableReading { t0_ns, timers: Some(ids.to_vec()), ..TableReading::default() }
    }

    #[test]
    fn timers_come_and_go_by_id() {
        let mut timers = Timers::none();
        timers.apply(1, &call(EventKind::TimerCreate, [0, 5, 0, 0]));
        timers.apply(2, &call(EventKind::TimerCreate, [0, 6, 0, 0]));
        timers.apply(3, &call(EventKind::TimerDelete, [5, 0, 0, 0]));
        timers.apply(4, &call(EventKind::TimerDelete, [77, 0, 0, 0]));
        assert_eq!(timers.count(9), Some(1));
        timers.exec();
        assert_eq!(timers.count(9), Some(0));
    }

    #[test]
    fn interval_timers_survive_exec_and_the_real_one_expires() {
        let mut timers = Timers::none();
        timers.apply(0, &call(EventKind::Alarm, [2, 0, 0, 0]));
        timers.apply(0, &call(EventKind::Setitimer, [1, 5, 5, 0]));
        timers.exec();
        assert_eq!(timers.count(1_999_999_999), Some(2));
        assert_eq!(timers.count(2_000_000_000), Some(1));
        timers.apply(0, &call(EventKind::Setitimer, [1, 0, 0, 0]));
        assert_eq!(timers.count(3_000_000_000), Some(0));
    }

    #[test]
    fn a_reading_meets_what_happened_around_it() {
        let second = 1_000_000_000;
        let mut timers = Timers::default();
        assert_eq!(timers.count(0), None);
        timers.apply(9 * second, &call(EventKind::TimerCreate, [0, 1, 0, 0]));
        timers.apply(10 * second - 1, &call(EventKind::TimerDelete, [2, 0, 0, 0]));
        for later in [3, 5] {
            timers.apply(10 * second + 1, &call(EventKind::TimerCreate, [0, later, 0, 0]));
        }
        timers.reconcile(&read(10 * second, &[1, 2, 4]), false);
        assert_eq!(timers.count(0), Some(4), "1 and 4 were read, 3 and 5 came, 2 was going");
        timers.reconcile(&read(20 * second, &[]), false);
        assert_eq!(timers.count(0), Some(4), "nothing is corrected");
        timers.reconcile(&read(20 * second, &[]), true);
        assert_eq!(timers.count(0), Some(0));
    }
}

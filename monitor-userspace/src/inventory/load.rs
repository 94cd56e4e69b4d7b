//! How much a process was asked to do: what growth is judged against.

use crate::event::TICK_NS;

/// What a process did between two looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Time between the looks, in nanoseconds.
    pub over_ns: u64,
    /// CPU time it used, user and system, in milliseconds (of ticks of 10).
    pub cpu_ms: u64,
    /// Connections it accepted; `None` where no event tells of them.
    pub accepted: Option<u64>,
    /// Bytes it read by read(2) and its like; `None` where they are hidden.
    pub read_bytes: Option<u64>,
}

/// The counters behind a load, as they stand at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// CPU time since the process started, in clock ticks.
    pub cpu_ticks: u64,
    /// Connections accepted since the first look.
    pub accepted: Option<u64>,
    /// Bytes read since the process started.
    pub read_bytes: Option<u64>,
}

impl Work {
    /// What was done since `before`; `None` where no time has passed.
    pub fn since(self, before: Self) -> Option<Load> {
        let over_ns = self.at_ns.checked_sub(before.at_ns).filter(|&passed| passed > 0)?;
        let more = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Some(Load {
            over_ns,
            cpu_ms: self.cpu_ms().saturating_sub(before.cpu_ms()),
            accepted: more(self.accepted, before.accepted),
            read_bytes: more(self.read_bytes, before.read_bytes),
        })
    }

    /// CPU time since the process started, in milliseconds.
    pub fn cpu_ms(self) -> u64 {
        self.cpu_ticks * (TICK_NS / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_what_came_between_two_looks() {
        let before = Work { at_ns: 5, cpu_ticks: 10, accepted: Some(3), read_bytes: Some(1000) };
        let after = Work { at_ns: 15, cpu_ticks: 17, accepted: Some(8), read_bytes: Some(5000) };
        let load = Load { over_ns: 10, cpu_ms: 70, accepted: Some(5), read_bytes: Some(4000) };
        assert_eq!(after.since(before), Some(load));
        let hidden = Work { read_bytes: None, ..before };
        assert_eq!(after.since(hidden), Some(Load { read_bytes: None, ..load }));
        assert_eq!(before.since(before), None);
        assert_eq!(before.since(after), None);
    }
}

//! When an address space or a descriptor table is read: at first, when it is doubted, and now and
//! then to see how right it is.

use crate::inventory::{OpLog, Space, Table};

/// How often each is checked against /proc.
const CHECK_NS: u64 = 60_000_000_000;
/// How often it is read where there are no events to keep it, or no room.
const CHECK_PROC_ONLY_NS: u64 = 10_000_000_000;
/// How soon after a look at a table a surprising number of descriptors is looked into.
const STRANGE_NS: u64 = 10_000_000_000;
/// When an unanswered request is made again.
const RETRY_NS: u64 = 5_000_000_000;

/// How much is kept of a space or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It was never read.
    Nothing,
    /// There is no room for more than numbers.
    Totals,
    Detail,
}

impl Kept {
    fn new(is_seeded: bool, is_coarse: bool) -> Self {
        match (is_seeded, is_coarse) {
            (false, _) => Self::Nothing,
            (true, true) => Self::Totals,
            (true, false) => Self::Detail,
        }
    }
}

/// What is known of a space or a table, as far as it decides whether to read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    kept: Kept,
    is_exact: bool,
    /// Whether something in /proc contradicts it, and may be looked into by now.
    is_suspect: bool,
    /// When it was last read.
    read_ns: u64,
    /// When a reading was last asked for; 0 where it was answered.
    asked_ns: u64,
    log_started_ns: Option<u64>,
}

impl Known {
    pub(super) fn of_space(space: &Space) -> Self {
        Self {
            kept: Kept::new(space.is_seeded(), space.is_coarse()),
            is_exact: space.is_exact(),
            is_suspect: space.is_suspect,
            read_ns: space.read_ns,
            asked_ns: space.asked_ns,
            log_started_ns: space.log_started_ns(),
        }
    }

    pub(super) fn of_table(table: &Table, now_ns: u64) -> Self {
        Self {
            kept: Kept::new(table.is_seeded(), table.is_coarse()),
            is_exact: table.is_exact(),
            // Plain files come and go all the time: a surprise is looked into, but not at once again.
            is_suspect: table.is_suspect && now_ns >= table.read_ns + STRANGE_NS,
            read_ns: table.read_ns,
            asked_ns: table.asked_ns,
            log_started_ns: table.log_started_ns(),
        }
    }
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Keep what happens: it is read when that reaches back far enough.
    Begin,
    Read {
        /// Whether it is one of the checks whose cost is bounded.
        is_check: bool,
    },
}

/// What else decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) now_ns: u64,
    /// When the process may be looked at first.
    pub(super) first_look_ns: u64,
    /// So much later than others, so that not all are due at once.
    pub(super) stagger_ns: u64,
    pub(super) has_events: bool,
    /// Whether what is wrong is corrected.
    pub(super) corrects: bool,
    /// Whether another check may be paid for.
    pub(super) may_start: bool,
}

impl Pace {
    pub(super) fn step(&self, known: Known) -> Step {
        let now_ns = self.now_ns;
        if known.asked_ns != 0 && now_ns < known.asked_ns + RETRY_NS {
            return Step::Wait;
        }
        if known.kept == Kept::Nothing {
            let is_due = now_ns >= self.first_look_ns;
            return if is_due { Step::Read { is_check: false } } else { Step::Wait };
        }
        // The log must reach back a second before the reading, for releases still under way.
        // Where so much happens that it cannot, a shorter reach is worth more than no reading.
        if let Some(started_ns) = known.log_started_ns {
            let is_ready = now_ns >= started_ns + OpLog::LOOKBACK_NS;
            return if is_ready { Step::Read { is_check: false } } else { Step::Wait };
        }
        if !self.may_start || !self.is_due(known) {
            Step::Wait
        } else if known.kept == Kept::Totals {
            Step::Read { is_check: true }
        } else {
            Step::Begin
        }
    }

    fn is_due(&self, known: Known) -> bool {
        let is_followed = self.has_events && known.kept == Kept::Detail;
        let every_ns = if is_followed { CHECK_NS + self.stagger_ns } else { CHECK_PROC_ONLY_NS };
        let is_doubted =
            self.corrects && known.kept == Kept::Detail && (known.is_suspect || !known.is_exact);
        is_doubted || self.now_ns >= known.read_ns + every_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn known() -> Known {
        Known {
            kept: Kept::Detail,
            is_exact: true,
            is_suspect: false,
            read_ns: 100 * SECOND,
            asked_ns: 0,
            log_started_ns: None,
        }
    }

    fn pace(now_s: u64) -> Pace {
        Pace {
            now_ns: now_s * SECOND,
            first_look_ns: 50 * SECOND,
            stagger_ns: 3 * SECOND,
            has_events: true,
            corrects: true,
            may_start: true,
        }
    }

    #[test]
    fn what_is_known_is_checked_each_minute_and_what_is_doubted_at_once() {
        assert_eq!(pace(162).step(known()), Step::Wait);
        assert_eq!(pace(163).step(known()), Step::Begin);
        assert_eq!(Pace { may_start: false, ..pace(163) }.step(known()), Step::Wait);
        for doubted in [Known { is_exact: false, ..known() }, Known { is_suspect: true, ..known() }]
        {
            assert_eq!(pace(101).step(doubted), Step::Begin);
            assert_eq!(Pace { corrects: false, ..pace(101) }.step(doubted), Step::Wait);
        }
        let logging =
            |started_s: u64| Known { log_started_ns: Some(started_s * SECOND), ..known() };
        assert_eq!(pace(170).step(logging(170)), Step::Wait);
        assert_eq!(pace(171).step(logging(170)), Step::Read { is_check: false });
    }

    #[test]
    fn what_is_not_known_is_read_when_its_process_is_settled_and_asked_for_again() {
        let unknown = Known { kept: Kept::Nothing, log_started_ns: Some(0), ..known() };
        assert_eq!(pace(49).step(unknown), Step::Wait);
        assert_eq!(pace(50).step(unknown), Step::Read { is_check: false });
        let asked = Known { asked_ns: 50 * SECOND, ..unknown };
        assert_eq!(pace(54).step(asked), Step::Wait);
        assert_eq!(pace(55).step(asked), Step::Read { is_check: false });
    }

    #[test]
    fn what_is_kept_in_numbers_only_is_read_every_ten_seconds() {
        let coarse = Known { kept: Kept::Totals, is_exact: false, ..known() };
        assert_eq!(pace(109).step(coarse), Step::Wait);
        assert_eq!(pace(110).step(coarse), Step::Read { is_check: true });
        assert_eq!(Pace { has_events: false, ..pace(110) }.step(known()), Step::Begin);
    }
}

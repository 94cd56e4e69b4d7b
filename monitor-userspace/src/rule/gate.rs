//! The life of a finding about growth under its rule: the judge says when something grows, the
//! rule's condition and hold time say when that is told.

use super::{Change, Holds};

/// Where the finding about a growth stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Nothing is told.
    #[default]
    Shut,
    /// The condition holds since then, not for long enough.
    Pending {
        /// Since when, in nanoseconds since boot.
        since_ns: u64,
    },
    /// It is told.
    Open {
        /// Since when, in nanoseconds since boot.
        opened_ns: u64,
        /// The number of the rule under which it was told last.
        rule: usize,
    },
    /// It was told, and its rule asks for a pause (`cooldown`).
    Resting {
        /// Until when, in nanoseconds since boot.
        until_ns: u64,
    },
}

/// The rule of a growth and what its condition says.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// Its number.
    pub rule: usize,
    /// Whether it holds.
    pub holds: Holds,
    /// How long it must, in nanoseconds.
    pub hold_ns: u64,
}

/// What is to be told of a growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What changed.
    pub change: Change,
    /// Since when it is told, in nanoseconds since boot.
    pub opened_ns: u64,
    /// The number of the rule it comes under.
    pub rule: usize,
}

impl Gate {
    /// Takes a change of the growth and what its rule says of it; `None` where no rule is on for it.
    pub fn step(&mut self, change: Change, said: Option<Said>, at_ns: u64) -> Option<Told> {
        let said = said.filter(|said| change != Change::Ended && said.holds != Holds::No);
        let is_known = said.is_some_and(|said| said.holds == Holds::Yes);
        match (*self, said) {
            (Self::Resting { until_ns }, _) if at_ns < until_ns => None,
            (Self::Open { opened_ns, rule }, None) => {
                *self = Self::Shut;
                Some(Told { change: Change::Ended, opened_ns, rule })
            }
            (Self::Open { opened_ns, .. }, Some(Said { rule, .. })) if is_known => {
                *self = Self::Open { opened_ns, rule };
                Some(Told { change: Change::Updated, opened_ns, rule })
            }
            (Self::Open { .. }, Some(_)) => None,
            (before, Some(said)) if is_known => self.hold(before, said, at_ns),
            // What has not been known to hold all the time has not held for long enough.
            (_, _) => {
                *self = Self::Shut;
                None
            }
        }
    }

    /// What was told of it has ended: nothing opens for so long. Of a gate that is not shut this says
    /// nothing.
    pub fn rest(&mut self, at_ns: u64, cooldown_ns: u64) {
        if *self == Self::Shut && cooldown_ns > 0 {
            *self = Self::Resting { until_ns: at_ns.saturating_add(cooldown_ns) };
        }
    }

    fn hold(&mut self, before: Self, said: Said, at_ns: u64) -> Option<Told> {
        let since_ns = match before {
            Self::Pending { since_ns } => since_ns,
            _ => at_ns,
        };
        if at_ns < since_ns.saturating_add(said.hold_ns) {
            *self = Self::Pending { since_ns };
            return None;
        }
        let (opened_ns, rule) = (at_ns, said.rule);
        *self = Self::Open { opened_ns, rule };
        Some(Told { change: Change::Opened, opened_ns, rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(holds: Holds) -> Said {
        Said { rule: 3, holds, hold_ns: 60 }
    }

    fn step(gate: &mut Gate, change: Change, holds: Holds, at_ns: u64) -> Option<Change> {
        gate.step(change, Some(said(holds)), at_ns).map(|told| told.change)
    }

    #[test]
    fn what_grows_is_told_once_its_condition_has_held_for_long_enough() {
        let mut gate = Gate::default();
        assert_eq!(step(&mut gate, Change::Opened, Holds::Yes, 100), None);
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 159), None);
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 160), Some(Change::Opened));
        assert_eq!(gate, Gate::Open { opened_ns: 160, rule: 3 });
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 170), Some(Change::Updated));
        let end = gate.step(Change::Ended, None, 180);
        assert_eq!(end, Some(Told { change: Change::Ended, opened_ns: 160, rule: 3 }));
    }

    #[test]
    fn what_is_not_known_opens_nothing_and_ends_nothing() {
        let mut gate = Gate::default();
        assert_eq!(step(&mut gate, Change::Opened, Holds::Yes, 100), None);
        assert_eq!(step(&mut gate, Change::Updated, Holds::Undecided, 150), None);
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 170), None, "held since 170 only");
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 230), Some(Change::Opened));
        assert_eq!(step(&mut gate, Change::Updated, Holds::Undecided, 240), None);
        assert_eq!(gate, Gate::Open { opened_ns: 230, rule: 3 });
    }

    #[test]
    fn what_ended_is_not_told_again_before_its_rest_is_over() {
        let mut gate = Gate::Open { opened_ns: 1, rule: 3 };
        assert_eq!(step(&mut gate, Change::Updated, Holds::No, 100), Some(Change::Ended));
        gate.rest(100, 600);
        for at_ns in [200, 500, 699] {
            assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, at_ns), None);
            assert_eq!(gate, Gate::Resting { until_ns: 700 });
        }
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 700), None, "it must hold first");
        assert_eq!(step(&mut gate, Change::Updated, Holds::Yes, 760), Some(Change::Opened));
        gate.rest(760, 600);
        assert_eq!(gate, Gate::Open { opened_ns: 760, rule: 3 }, "what is open does not rest");
    }

    #[test]
    fn a_condition_that_holds_no_more_ends_what_was_told_and_nothing_else() {
        let mut gate = Gate::Open { opened_ns: 1, rule: 3 };
        assert_eq!(step(&mut gate, Change::Updated, Holds::No, 9), Some(Change::Ended));
        let mut gate = Gate::Pending { since_ns: 1 };
        assert_eq!(step(&mut gate, Change::Updated, Holds::No, 9), None);
        assert_eq!(step(&mut gate, Change::Ended, Holds::Yes, 10), None);
        assert_eq!(gate, Gate::Shut);
    }
}

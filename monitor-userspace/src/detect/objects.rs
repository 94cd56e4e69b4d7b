//! Whether counted objects (sockets, descriptors, threads, children) are used after they were made, and
//! whether they are given back, as evidence for a leak of them.
//!
//! A leaked object is never used again and never given back. A pool that fills is not given back either,
//! but its members work; a rush makes more objects than before, and gives them back as ever. Both are
//! likelihood ratios by judgement, and modest: what sleeps for minutes may be wanted, and what works may
//! work for nothing.

use super::lifetimes::Survival;

/// What looks at the objects of one kind found since their growth is weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LookAtObjects {
    /// Objects that were watched long enough and whose use can be told.
    pub told: u32,
    /// How many of these nothing moved.
    pub idle: u32,
    /// For how long their births and deaths were watched, ns.
    pub watched_ns: u64,
    /// Objects made in that time that lived to be seen.
    pub born: u32,
    /// Objects that were watched and given back.
    pub died: u32,
    /// How many more there are than at the beginning.
    pub grown: f64,
    /// How long they live.
    pub survival: Survival,
    /// Plain files among those that are watched.
    pub files: u32,
    /// What of these is open more than once.
    pub repeated: u32,
}

/// How much use can say of objects of a kind: the largest likelihood ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UseBounds {
    /// For a leak, where all are idle.
    pub idle: f64,
    /// Against one, where they are used.
    pub used: f64,
}

/// Fewer objects say nothing.
const LEAST: u32 = 8;
/// How much likelier a leak is than growth that is used, by the share that is idle at least. What is idle
/// but for one in twenty is nearly always forgotten; where half is used the rest is likely to be soon.
const IDLE: &[(f64, f64)] = &[(0.95, 20.0), (0.9, 10.0), (0.8, 4.0), (0.65, 1.5)];
/// Up to this share idle, leaks are so much less likely.
const USED: (f64, f64) = (0.5, 8.0);
/// Time in which births and deaths must have been watched, ns.
const LEAST_WATCHED_NS: u64 = 60_000_000_000;
/// Births without a death: so does a pool that fills.
const UNDYING: f64 = 2.0;
/// Some die, and the share that does not makes up the growth.
const AGREEING: f64 = 3.0;
/// All die after a while: the growth is a rush.
const DYING: f64 = 8.0;
/// Share of the growth that births times what lasts of them must make up.
const AGREES: f64 = 0.5;
/// Files of which at least this share is open more than once: a leak opens the same one again and again.
const REPEATED: (f64, f64) = (0.5, 3.0);
/// Files of which so few are: whoever keeps each of its files open once, as databases do, has a cache of
/// them.
const DISTINCT: (f64, f64) = (0.1, 4.0);
/// Together they say no more than this, for and against.
const MOST_FOR: f64 = 40.0;
const MOST_AGAINST: f64 = 16.0;

impl LookAtObjects {
    /// Share of the objects that were not used; `None` where too few could be told.
    pub fn idle_share(&self) -> Option<f64> {
        (self.told >= LEAST).then(|| f64::from(self.idle) / f64::from(self.told))
    }

    /// What to add to ln of the odds of a leak.
    pub(super) fn log_likelihood(&self, bounds: UseBounds) -> f64 {
        let all = self.by_use(bounds) * self.lives_likelihood() * self.repeats_likelihood();
        all.ln().clamp(-MOST_AGAINST.ln(), MOST_FOR.ln())
    }

    /// Share of the files that are open more than once; `None` where there are too few.
    pub fn repeated_share(&self) -> Option<f64> {
        (self.files >= LEAST).then(|| f64::from(self.repeated) / f64::from(self.files))
    }

    /// How much likelier a leak is by which files are open.
    pub fn repeats_likelihood(&self) -> f64 {
        match self.repeated_share() {
            Some(share) if share >= REPEATED.0 => REPEATED.1,
            Some(share) if share <= DISTINCT.0 => 1.0 / DISTINCT.1,
            _ => 1.0,
        }
    }

    fn by_use(&self, bounds: UseBounds) -> f64 {
        if self.told < LEAST {
            return 1.0;
        }
        // Few that are all idle are not as sure as many.
        let share = (f64::from(self.idle) + 0.5) / (f64::from(self.told) + 1.0);
        if share <= USED.0 {
            return 1.0 / USED.1.min(bounds.used);
        }
        let found = IDLE.iter().find(|(least, _)| share >= *least);
        found.map_or(1.0, |(_, ratio)| ratio.min(bounds.idle))
    }

    /// How much likelier a leak is by births and deaths.
    pub fn lives_likelihood(&self) -> f64 {
        if self.born < LEAST || self.watched_ns < LEAST_WATCHED_NS || self.grown < 1.0 {
            return 1.0;
        }
        if self.died == 0 {
            return UNDYING;
        }
        let born = f64::from(self.born);
        let Survival { lasting, beyond } = self.survival;
        if beyond >= LEAST && born * lasting >= AGREES * self.grown {
            return AGREEING;
        }
        // Of a share near none only so much is known.
        let most = lasting + 2.0 / f64::from(self.died + beyond);
        if self.died >= LEAST && born * most < AGREES * self.grown {
            return 1.0 / DYING;
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: UseBounds = UseBounds { idle: 20.0, used: 8.0 };

    fn used(told: u32, idle: u32) -> f64 {
        LookAtObjects { told, idle, ..LookAtObjects::default() }.log_likelihood(FULL).exp()
    }

    fn lives(born: u32, died: u32, grown: f64, lasting: f64, beyond: u32) -> f64 {
        let survival = Survival { lasting, beyond };
        let watched_ns = LEAST_WATCHED_NS;
        LookAtObjects { watched_ns, born, died, grown, survival, ..LookAtObjects::default() }
            .lives_likelihood()
    }

    #[test]
    fn idle_objects_speak_for_a_leak_the_more_they_are_and_used_ones_against() {
        assert!((used(100, 100) - 20.0).abs() < 1e-9 && (used(8, 8) - 10.0).abs() < 1e-9);
        assert!((used(100, 95) - 10.0).abs() < 1e-9 && used(100, 70) > 1.0);
        assert!((used(100, 60) - 1.0).abs() < 1e-9);
        assert!((used(100, 40) - 0.125).abs() < 1e-9);
        assert!((used(7, 7) - 1.0).abs() < 1e-9, "too few");
    }

    #[test]
    fn what_is_told_weakly_says_less() {
        let weak = UseBounds { idle: 2.0, used: 3.0 };
        let of = |idle| LookAtObjects { told: 100, idle, ..LookAtObjects::default() };
        assert!((of(100).log_likelihood(weak).exp() - 2.0).abs() < 1e-9);
        assert!((of(0).log_likelihood(weak).exp() - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn births_without_deaths_support_a_leak_and_a_share_that_lasts_more_so() {
        assert!((lives(100, 0, 100.0, 1.0, 100) - 2.0).abs() < 1e-9);
        assert!((lives(100, 75, 25.0, 0.25, 25) - 3.0).abs() < 1e-9);
        assert!((lives(7, 0, 7.0, 1.0, 7) - 1.0).abs() < 1e-9, "too few");
        assert!((lives(100, 0, 0.0, 1.0, 100) - 1.0).abs() < 1e-9, "nothing grew");
    }

    #[test]
    fn the_same_file_again_and_again_speaks_for_a_leak_and_each_file_once_against() {
        let of = |files, repeated| {
            let look = LookAtObjects { files, repeated, ..LookAtObjects::default() };
            look.log_likelihood(FULL).exp()
        };
        assert!((of(20, 20) - 3.0).abs() < 1e-9 && (of(20, 2) - 0.25).abs() < 1e-9);
        assert!((of(20, 8) - 1.0).abs() < 1e-9 && (of(7, 7) - 1.0).abs() < 1e-9, "too few");
    }

    #[test]
    fn where_all_die_in_the_end_growth_is_a_rush() {
        assert!((lives(1000, 100, 300.0, 0.02, 3) - 0.125).abs() < 1e-9);
        // A leak of one in a hundred would look like this.
        assert!((lives(1000, 100, 10.0, 0.02, 3) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn together_they_are_bounded() {
        let look = LookAtObjects {
            told: 256,
            idle: 256,
            watched_ns: LEAST_WATCHED_NS,
            born: 100,
            died: 75,
            grown: 25.0,
            survival: Survival { lasting: 0.25, beyond: 25 },
            ..LookAtObjects::default()
        };
        assert!((look.log_likelihood(FULL).exp() - MOST_FOR).abs() < 1e-6);
    }
}

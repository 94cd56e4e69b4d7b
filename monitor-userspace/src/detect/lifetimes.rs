//! How long objects live: which share of those that are made is never given back.
//!
//! Kaplan and Meier's estimate over ages in bins that double. An object enters at the age at which it was
//! first seen and leaves by its death or because it is watched no longer; those alive are at risk up to
//! their age. Objects that come and go within seconds are seen by nobody who looks every quarter of a minute:
//! the share is of those that lived to be seen, and so are the births it is compared with.

/// Bins of ages: below 1 s, 1 to 2 s, 2 to 4 s and so on; the last begins at 4.5 hours.
const BINS: usize = 16;

/// Births and deaths by age, in fixed room.
#[derive(Clone, Debug, Default)]
pub struct Lifetimes {
    entered: [u32; BINS],
    died: [u32; BINS],
    left: [u32; BINS],
}

/// What the lifetimes say, with those that live now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Survival {
    /// Share of objects that live longer than any that died.
    pub lasting: f64,
    /// Objects that have lived longer than any that died.
    pub beyond: u32,
}

impl Lifetimes {
    /// An object is watched from this age on.
    pub fn enter(&mut self, age_ns: u64) {
        self.entered[bin(age_ns)] += 1;
    }

    /// An object was given back at this age.
    pub fn die(&mut self, age_ns: u64) {
        self.died[bin(age_ns)] += 1;
    }

    /// An object is watched no longer, though it lives.
    pub fn leave(&mut self, age_ns: u64) {
        self.left[bin(age_ns)] += 1;
    }

    /// How many have died.
    pub fn deaths(&self) -> u32 {
        self.died.iter().sum()
    }

    /// Share and number of those that outlive all that died; `ages_ns` are of those that are watched now.
    pub fn survival(&self, ages_ns: impl Iterator<Item = u64>) -> Survival {
        let mut now = self.left;
        for age_ns in ages_ns {
            now[bin(age_ns)] += 1;
        }
        let last = self.died.iter().rposition(|&died| died > 0);
        let (mut at_risk, mut lasting) = (0.0, 1.0);
        let mut beyond = 0;
        for (at, &gone_alive) in now.iter().enumerate() {
            at_risk += f64::from(self.entered[at]);
            let died = f64::from(self.died[at]);
            if died > 0.0 {
                // Those that leave in a bin are at risk for half of it.
                let exposed = (at_risk - f64::from(gone_alive) / 2.0).max(died);
                lasting *= 1.0 - died / exposed;
            }
            if last.is_none_or(|last| at > last) {
                beyond += gone_alive;
            }
            at_risk = (at_risk - died - f64::from(gone_alive)).max(0.0);
        }
        Survival { lasting, beyond }
    }
}

fn bin(age_ns: u64) -> usize {
    let seconds = age_ns / 1_000_000_000;
    ((u64::BITS - seconds.leading_zeros()) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn lived(ages: &[u64]) -> Lifetimes {
        let mut lives = Lifetimes::default();
        for &age in ages {
            lives.enter(0);
            lives.die(age * SECOND_NS);
        }
        lives
    }

    /// Adds those that live now; the survival with them.
    fn with_living(mut lives: Lifetimes, ages: &[u64]) -> Survival {
        for _ in ages {
            lives.enter(0);
        }
        lives.survival(ages.iter().map(|age| age * SECOND_NS))
    }

    #[test]
    fn without_a_death_everything_lasts() {
        let survival = with_living(Lifetimes::default(), &[1, 20, 300]);
        assert_eq!(survival, Survival { lasting: 1.0, beyond: 3 });
    }

    #[test]
    fn those_that_outlive_all_that_died_are_the_share_that_lasts() {
        let survival = with_living(lived(&[20; 75]), &[100; 25]);
        assert!((survival.lasting - 0.25).abs() < 0.01, "{survival:?}");
        assert_eq!(survival.beyond, 25);
    }

    #[test]
    fn where_they_die_at_all_ages_hardly_any_lasts_though_many_live() {
        let dead: Vec<u64> = (1..60).flat_map(|at| [at * 4; 2]).collect();
        // Made faster and faster: most that live are young.
        let alive: Vec<u64> = (0..120).map(|at| at * at / 60).collect();
        let survival = with_living(lived(&dead), &alive);
        assert!(survival.lasting < 0.2 && survival.beyond < 8, "{survival:?}");
    }

    #[test]
    fn what_was_seen_late_is_no_witness_of_earlier_ages() {
        let mut late = lived(&[20; 10]);
        (0..10).for_each(|_| late.enter(0));
        (0..1000).for_each(|_| late.enter(200 * SECOND_NS));
        let ages = (0..1010).map(|at| if at < 10 { 30 } else { 300 } * SECOND_NS);
        let survival = late.survival(ages);
        assert!(survival.lasting < 0.5, "{survival:?}");
    }

    #[test]
    fn who_is_watched_no_longer_has_not_died() {
        let mut lives = lived(&[20; 10]);
        (0..30).for_each(|_| lives.enter(0));
        (0..30).for_each(|_| lives.leave(70 * SECOND_NS));
        assert_eq!((lives.survival(std::iter::empty()).beyond, lives.deaths()), (30, 10));
    }
}

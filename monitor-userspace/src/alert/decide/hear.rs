//! Hearing of findings.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, Case, Change, Ended, Ledger};
use crate::output::Timestamp;

/// What an earlier run of the agent announced and this one does not find again within this time is over.
const NOT_FOUND_AGAIN_NS: i64 = 3_600_000_000_000;
/// Looks after which everything that is watched was read once.
const COMPLETE_LOOKS: u32 = 2;

/// A finding is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Which finding.
    pub id: String,
    /// Why, in words.
    pub why: String,
}

/// A look at all that is watched.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Findings that are open: all of them.
    pub open: Vec<About>,
    /// Processes, and when they started.
    pub processes: Vec<(u32, Option<Timestamp>)>,
    /// Names of components.
    pub components: Vec<String>,
}

impl Ledger {
    /// A finding began, or changed.
    pub fn heard(&mut self, about: About, now: Timestamp) {
        let known = self.seen.get(&about.id).cloned().or_else(|| self.recognised(&about));
        let Some(id) = known else {
            if self.rows.cases.contains_key(&about.id) {
                // It is over; what of it is still to be told is not taken back.
                return;
            }
            self.seen.insert(about.id.clone(), about.id.clone());
            self.keep(Case { about, told: BTreeMap::new(), ended: None });
            self.tell(now);
            return;
        };
        self.seen.insert(about.id.clone(), id.clone());
        if let Some(case) = self.rows.cases.get_mut(&id)
            && case.ended.is_none()
        {
            case.about.refresh(about);
            self.tell(now);
        }
    }

    /// A finding is over.
    pub fn over(&mut self, ending: Ending, now: Timestamp) {
        if let Some(id) = self.seen.remove(&ending.id) {
            self.end(&id, ending.why, now);
            self.tell(now);
        }
    }

    /// Everything was looked at: what is open is heard of, and what is not is over.
    pub fn looked(&mut self, look: Look, now: Timestamp) {
        self.looks = self.looks.saturating_add(1);
        let open: BTreeSet<String> = look.open.iter().map(|about| about.id.clone()).collect();
        for about in look.open {
            self.heard(about, now);
        }
        let gone: Vec<String> =
            self.seen.keys().filter(|id| !open.contains(*id)).cloned().collect();
        for id in gone {
            self.over(Ending { id, why: "no longer so".to_owned() }, now);
        }
        let ended: Vec<_> = self
            .unseen()
            .filter_map(|case| {
                let why = self.why_over(case, &look.processes, &look.components, now)?;
                Some((case.about.id.clone(), why))
            })
            .collect();
        for (id, why) in ended {
            self.end(&id, why.to_owned(), now);
        }
        self.tell(now);
    }

    /// Cases of an earlier run that this one has not found again.
    fn unseen(&self) -> impl Iterator<Item = &Case> {
        let seen: BTreeSet<&String> = self.seen.values().collect();
        let open = self.rows.cases.values().filter(|case| case.ended.is_none());
        open.filter(move |case| !seen.contains(&case.about.id))
    }

    /// The case of an earlier run that a finding is about.
    fn recognised(&self, about: &About) -> Option<String> {
        let case = self.unseen().find(|case| case.about.cause.is_same(&about.cause))?;
        Some(case.about.id.clone())
    }

    /// Why a case of an earlier run is over, if it is.
    fn why_over(
        &self,
        case: &Case,
        processes: &[(u32, Option<Timestamp>)],
        components: &[String],
        now: Timestamp,
    ) -> Option<&'static str> {
        if now.0 - self.began.0 >= NOT_FOUND_AGAIN_NS {
            return Some("not found again after the agent was restarted");
        }
        if self.looks < COMPLETE_LOOKS {
            return None;
        }
        let cause = &case.about.cause;
        let is_there = match (cause.pid, &cause.component) {
            (Some(_), _) => {
                processes.iter().any(|(pid, start)| cause.is_same_process(Some(*pid), *start))
            }
            (None, Some(component)) => components.contains(component),
            (None, None) => true,
        };
        (!is_there).then_some("it ended, or is no longer watched, since the agent was restarted")
    }

    fn end(&mut self, id: &str, why: String, now: Timestamp) {
        let Some(case) = self.rows.cases.get(id) else { return };
        if case.ended.is_some() {
            return;
        }
        if case.told.is_empty() {
            // Nobody was told that it began, so nobody needs to know that it is over.
            self.rows.apply(Change::NoCase(id.to_owned()));
            return;
        }
        let ended = Some(Ended { at: now, why });
        self.change(Change::Case(Case { ended, ..case.clone() }));
    }
}

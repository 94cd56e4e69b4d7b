//! What becomes an alert: a ledger that hears of findings and says which messages are to be delivered. It is
//! pure: time is handed in, and what it changes is a list that whoever owns the disk keeps.
//!
//! For each channel and finding, whatever the order of deliveries, failures and restarts: one message that
//! it began, then one that it is over.

mod about;
mod backoff;
pub mod body;
mod hear;
mod rows;
mod silences;
mod tell;
pub mod text;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

pub use about::{About, Cause};
pub use backoff::Backoff;
pub use hear::{Ending, Look};
pub use rows::{Alert, Case, Change, CoolDown, Ended, Message, MessageKind, Rows, Silence, Told};

use crate::output::{Severity, Timestamp};

/// What a channel wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The channel's name.
    pub channel: String,
    /// Findings of these.
    pub severities: Vec<Severity>,
    /// For how long those of a group are gathered, in nanoseconds.
    pub group_ns: i64,
    /// For how long a cause that ended is not told anew, in nanoseconds.
    pub cool_down_ns: i64,
}

/// Who was told what, and what is still to be delivered.
#[derive(Clone, Debug)]
pub struct Ledger {
    wishes: Vec<Wish>,
    rows: Rows,
    changes: Vec<Change>,
    /// What this run of the agent calls the cases it has seen: their ids by its.
    seen: BTreeMap<String, String>,
    /// When this run began.
    began: Timestamp,
    /// Looks at all that is watched in this run.
    looks: u32,
    /// Alerts that ended before they could be told, since too many waited.
    dropped: u64,
}

impl Ledger {
    /// With what an earlier run of the agent kept, which channels that are no more have no part in.
    pub fn new(wishes: Vec<Wish>, rows: Rows, now: Timestamp) -> Self {
        let (seen, changes) = (BTreeMap::new(), Vec::new());
        let mut ledger = Self { wishes, rows, changes, seen, began: now, looks: 0, dropped: 0 };
        ledger.forget_channels();
        ledger
    }

    /// Other channels from now on; who is no more of them is forgotten.
    pub fn set_wishes(&mut self, wishes: Vec<Wish>) {
        self.wishes = wishes;
        self.forget_channels();
    }

    /// What changed since this was called last, to be kept before anything is delivered.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Everything that is kept.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Alerts that ended before they could be told, since too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What is to be delivered next to a channel.
    pub fn next(&self, channel: &str) -> Option<&Message> {
        self.rows.messages.values().find(|message| message.channel == channel)
    }

    /// A message arrived, or is given up: it is never sent again.
    pub fn done(&mut self, order: u64) {
        if self.rows.messages.contains_key(&order) {
            self.change(Change::NoMessage(order));
        }
    }

    /// Alerts a channel was told the beginning of and not yet the end.
    pub fn standing(&self, channel: &str) -> Vec<Alert> {
        let waits = |id: &str| {
            let of = |message: &&Message| message.channel == channel;
            let mut alerts =
                self.rows.messages.values().filter(of).flat_map(|message| &message.alerts);
            alerts.any(|alert| alert.about.id == id)
        };
        let standing = |case: &Case| match case.told.get(channel)? {
            Told::Open(severity) if !waits(&case.about.id) => Some(alert(case, *severity)),
            _ => None,
        };
        self.rows.cases.values().filter_map(standing).collect()
    }

    /// When something is to be done although nothing happens.
    pub fn due(&self) -> Option<Timestamp> {
        let told = self.rows.cases.values().flat_map(|case| case.told.values());
        let gathered = told.filter_map(|told| match told {
            Told::Opening(at) | Told::Closing(_, at) => Some(*at),
            Told::Open(_) | Told::Closed => None,
        });
        let silences = self.rows.silences.values().map(|silence| silence.until);
        let cool_downs = self.rows.cool_downs.iter().map(|cooling| cooling.until);
        gathered.chain(silences).chain(cool_downs).min()
    }

    fn change(&mut self, change: Change) {
        self.rows.apply(change.clone());
        self.changes.push(change);
    }

    /// Keeps a case that somebody was told of.
    fn keep(&mut self, case: Case) {
        if case.told.is_empty() {
            self.rows.apply(Change::Case(case));
        } else {
            self.change(Change::Case(case));
        }
    }

    fn forget_channels(&mut self) {
        let is_known = |name: &str| self.wishes.iter().any(|wish| wish.channel == name);
        let lost: Vec<u64> = self
            .rows
            .messages
            .values()
            .filter(|message| !is_known(&message.channel))
            .map(|message| message.order)
            .collect();
        let told_lost = |case: &&Case| case.told.keys().any(|name| !is_known(name));
        let mut cases: Vec<Case> = self.rows.cases.values().filter(told_lost).cloned().collect();
        for case in &mut cases {
            case.told.retain(|name, _| is_known(name));
        }
        for case in cases {
            let id = case.about.id.clone();
            let change = if case.told.is_empty() { Change::NoCase(id) } else { Change::Case(case) };
            self.change(change);
        }
        for order in lost {
            self.change(Change::NoMessage(order));
        }
    }
}

/// A case as a channel is told of it.
fn alert(case: &Case, severity: Severity) -> Alert {
    Alert { about: About { severity, ..case.about.clone() }, ended: case.ended.clone() }
}

/// FNV-1a of parts that end each.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().copied().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

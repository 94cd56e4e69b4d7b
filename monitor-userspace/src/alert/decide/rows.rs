//! What is kept: cases, messages that wait, silences, cool-downs. Each step of the ledger is a list of
//! changes of these, so that it can be written as one line and done again after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::about::{About, Cause};
use crate::output::{Severity, Timestamp};

/// A finding somebody was told of, or is about to be, or may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What is so. Its id is that under which it is announced, whatever later runs of the agent call it.
    pub about: About,
    /// Which channels were told.
    pub told: BTreeMap<String, Told>,
    /// When and why it ended.
    pub ended: Option<Ended>,
}

/// The end of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// How far a channel knows of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Its beginning is told then, with others of its group.
    Opening(Timestamp),
    /// Its beginning is told, as of this severity; or the message waits to be delivered.
    Open(Severity),
    /// Its end is told then.
    Closing(Severity, Timestamp),
    /// Both are told.
    Closed,
}

/// Something to deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Place in the order of delivery.
    pub order: u64,
    /// The same for every attempt, so that receivers can tell a repetition.
    pub id: String,
    /// To which channel.
    pub channel: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// What they have in common.
    pub group: String,
    /// What it tells of.
    pub alerts: Vec<Alert>,
    /// Whether they begin, end, or are only a test.
    pub kind: MessageKind,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Its alerts begin.
    Open,
    /// Its alerts are over.
    Resolved,
    /// Nothing happened; somebody wants to see whether it arrives.
    Test,
}

/// One finding of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The finding, with the severity it was announced with.
    pub about: About,
    /// Its end, if it is over.
    pub ended: Option<Ended>,
}

/// Somebody does not want to hear of a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Id of the finding that was named.
    pub finding: String,
    /// What is silent.
    pub cause: Cause,
    /// Since when.
    pub from: Timestamp,
    /// Until when, unless it doubles before.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// How fast it grew then: twice that breaks the silence.
    pub rate_per_min: Option<f64>,
    /// How much was held then: twice that breaks the silence.
    pub size: Option<f64>,
}

/// A cause that ended lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoolDown {
    /// For which channel.
    pub channel: String,
    /// What ended.
    pub cause: Cause,
    /// Until when it is not told again.
    pub until: Timestamp,
}

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// By the id they are announced under.
    pub cases: BTreeMap<String, Case>,
    /// By their order.
    pub messages: BTreeMap<u64, Message>,
    /// By their id.
    pub silences: BTreeMap<String, Silence>,
    /// Of causes that ended lately.
    pub cool_downs: Vec<CoolDown>,
}

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A case is this now.
    Case(Case),
    /// A case is done with.
    NoCase(String),
    /// A message waits.
    Message(Message),
    /// A message is delivered, or given up.
    NoMessage(u64),
    /// A silence begins.
    Silence(Silence),
    /// A silence is over.
    NoSilence(String),
    /// These causes cool down, and no others.
    CoolDowns(Vec<CoolDown>),
}

impl Rows {
    /// Makes a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Case(case) => {
                self.cases.insert(case.about.id.clone(), case);
            }
            Change::NoCase(id) => {
                self.cases.remove(&id);
            }
            Change::Message(message) => {
                self.messages.insert(message.order, message);
            }
            Change::NoMessage(order) => {
                self.messages.remove(&order);
            }
            Change::Silence(silence) => {
                self.silences.insert(silence.id.clone(), silence);
            }
            Change::NoSilence(id) => {
                self.silences.remove(&id);
            }
            Change::CoolDowns(all) => self.cool_downs = all,
        }
    }

    /// The changes that make this of nothing. Cases that nobody was told of are not kept.
    pub fn changes(&self) -> Vec<Change> {
        let cases = self.cases.values().filter(|case| !case.told.is_empty());
        let mut all: Vec<Change> = cases.cloned().map(Change::Case).collect();
        all.extend(self.messages.values().cloned().map(Change::Message));
        all.extend(self.silences.values().cloned().map(Change::Silence));
        all.push(Change::CoolDowns(self.cool_downs.clone()));
        all
    }
}

impl Silence {
    /// Whether a finding is silent by it.
    pub(super) fn covers(&self, about: &About, now: Timestamp) -> bool {
        let doubled = |then: Option<f64>, now: Option<f64>| match (then, now) {
            (Some(then), Some(now)) => then > 0.0 && now >= 2.0 * then,
            _ => false,
        };
        now < self.until
            && self.cause.is_same(&about.cause)
            && !doubled(self.rate_per_min, about.rate_per_min)
            && !doubled(self.size, about.size)
    }
}

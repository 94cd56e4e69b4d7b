//! Telling: which channels are told of which case now, and the messages that do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alert, Case, Change, CoolDown, Ledger, Message, MessageKind, Told, Wish, alert, hash};
use crate::output::Timestamp;

/// Beginnings that wait to be delivered to one channel. More stay with their cases until there is room.
const MAX_WAITING: usize = 1000;
/// Alerts of one message.
const MAX_TOGETHER: usize = 50;
/// Causes that cool down; the oldest are forgotten first.
const MAX_COOL_DOWNS: usize = 1000;

impl Ledger {
    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.expire(now);
        self.tell(now);
    }

    /// Tells whom there is something to be told now.
    pub(super) fn tell(&mut self, now: Timestamp) {
        for wish in self.wishes.clone() {
            self.gather(&wish, now);
            self.send(&wish, MessageKind::Open, now);
            // What ended while its beginning was gathered is told right after it.
            self.gather(&wish, now);
            self.send(&wish, MessageKind::Resolved, now);
        }
        self.close();
    }

    /// Marks what a channel is to be told, and until when it is gathered.
    fn gather(&mut self, wish: &Wish, now: Timestamp) {
        let ids: Vec<String> = self.rows.cases.keys().cloned().collect();
        for id in ids {
            let Some(case) = self.rows.cases.get(&id) else { continue };
            let told = case.told.get(&wish.channel);
            let next = match told {
                None if case.ended.is_none() && self.wants(wish, case, now) => {
                    Some(Told::Opening(self.gathered_until(wish, case, MessageKind::Open, now)))
                }
                Some(Told::Opening(_)) if case.ended.is_none() && self.is_silent(case, now) => None,
                Some(Told::Open(severity)) if case.ended.is_some() => {
                    let until = self.gathered_until(wish, case, MessageKind::Resolved, now);
                    Some(Told::Closing(*severity, until))
                }
                _ => continue,
            };
            let mut case = case.clone();
            match next {
                Some(next) => case.told.insert(wish.channel.clone(), next),
                None => case.told.remove(&wish.channel),
            };
            self.change(Change::Case(case));
        }
    }

    /// Whether a channel wants to hear of a case now: not while an earlier life of its cause is still to be
    /// ended there, or cools down.
    fn wants(&self, wish: &Wish, case: &Case, now: Timestamp) -> bool {
        let cause = &case.about.cause;
        let ends = |it: &Case| {
            it.ended.is_some()
                && it.told.contains_key(&wish.channel)
                && it.about.cause.is_same(cause)
        };
        let cools =
            |it: &CoolDown| it.channel == wish.channel && now < it.until && it.cause.is_same(cause);
        wish.severities.contains(&case.about.severity)
            && !self.is_silent(case, now)
            && !self.rows.cases.values().any(ends)
            && !self.rows.cool_downs.iter().any(cools)
    }

    fn is_silent(&self, case: &Case, now: Timestamp) -> bool {
        self.rows.silences.values().any(|silence| silence.covers(&case.about, now))
    }

    /// Until when a case is gathered: as long as the others of its group are.
    fn gathered_until(
        &self,
        wish: &Wish,
        case: &Case,
        kind: MessageKind,
        now: Timestamp,
    ) -> Timestamp {
        let group = case.about.group();
        let others = self.rows.cases.values().filter(|other| other.about.group() == group);
        let until = others.filter_map(|other| gathering(other, &wish.channel, kind)).min();
        until.unwrap_or(Timestamp(now.0.saturating_add(wish.group_ns)))
    }

    /// Makes messages of what was gathered long enough.
    fn send(&mut self, wish: &Wish, kind: MessageKind, now: Timestamp) {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut due = BTreeSet::new();
        for case in self.rows.cases.values() {
            let Some(until) = gathering(case, &wish.channel, kind) else { continue };
            let group = case.about.group().to_owned();
            if until <= now {
                due.insert(group.clone());
            }
            groups.entry(group).or_default().push(case.about.id.clone());
        }
        groups.retain(|group, _| due.contains(group));
        for (group, ids) in groups {
            for ids in ids.chunks(MAX_TOGETHER) {
                if kind == MessageKind::Open && !self.has_room(&wish.channel, ids.len()) {
                    self.drop_ended(&wish.channel, ids);
                    continue;
                }
                self.make(wish, kind, &group, ids, now);
            }
        }
    }

    fn has_room(&self, channel: &str, more: usize) -> bool {
        let of =
            |message: &&Message| message.channel == channel && message.kind == MessageKind::Open;
        let waiting = self.rows.messages.values().filter(of).map(|message| message.alerts.len());
        waiting.sum::<usize>() + more <= MAX_WAITING
    }

    /// Lets go of what ended before there was room to tell of it.
    fn drop_ended(&mut self, channel: &str, ids: &[String]) {
        for id in ids {
            let Some(case) = self.rows.cases.get(id).filter(|case| case.ended.is_some()) else {
                continue;
            };
            let mut case = case.clone();
            case.told.insert(channel.to_owned(), Told::Closed);
            self.change(Change::Case(case));
            self.dropped += 1;
        }
    }

    fn make(
        &mut self,
        wish: &Wish,
        kind: MessageKind,
        group: &str,
        ids: &[String],
        now: Timestamp,
    ) {
        let mut alerts = Vec::new();
        for id in ids {
            let Some(case) = self.rows.cases.get(id) else { continue };
            let mut case = case.clone();
            let (severity, next) = match case.told.get(&wish.channel) {
                Some(Told::Closing(severity, _)) => (*severity, Told::Closed),
                _ => (case.about.severity, Told::Open(case.about.severity)),
            };
            let ended = case.ended.clone().filter(|_| kind == MessageKind::Resolved);
            alerts.push(Alert { ended, ..alert(&case, severity) });
            case.told.insert(wish.channel.clone(), next);
            self.change(Change::Case(case));
        }
        let order = self.rows.messages.keys().next_back().map_or(0, |last| last + 1);
        self.change(Change::Message(Message {
            order,
            id: message_id(&wish.channel, kind, ids),
            channel: wish.channel.clone(),
            made_at: now,
            group: group.to_owned(),
            alerts,
            kind,
        }));
    }

    /// Lets go of cases that are over for everybody who was told.
    fn close(&mut self) {
        let is_done = |case: &&Case| {
            case.ended.is_some() && case.told.values().all(|told| *told == Told::Closed)
        };
        let done: Vec<Case> = self.rows.cases.values().filter(is_done).cloned().collect();
        if done.is_empty() {
            return;
        }
        let mut cool_downs = self.rows.cool_downs.clone();
        for case in done {
            let at = case.ended.as_ref().map_or(Timestamp(0), |ended| ended.at);
            let told = self.wishes.iter().filter(|wish| case.told.contains_key(&wish.channel));
            cool_downs.extend(told.map(|wish| CoolDown {
                channel: wish.channel.clone(),
                cause: case.about.cause.clone(),
                until: Timestamp(at.0.saturating_add(wish.cool_down_ns)),
            }));
            self.change(Change::NoCase(case.about.id.clone()));
        }
        let too_many = cool_downs.len().saturating_sub(MAX_COOL_DOWNS);
        cool_downs.drain(..too_many);
        self.change(Change::CoolDowns(cool_downs));
    }

    /// Forgets silences and cool-downs that are over.
    fn expire(&mut self, now: Timestamp) {
        let over = self.rows.silences.values().filter(|silence| silence.until <= now);
        let over: Vec<String> = over.map(|silence| silence.id.clone()).collect();
        for id in over {
            self.change(Change::NoSilence(id));
        }
        if self.rows.cool_downs.iter().any(|it| it.until <= now) {
            let left = self.rows.cool_downs.iter().filter(|it| it.until > now).cloned().collect();
            self.change(Change::CoolDowns(left));
        }
    }
}

/// Until when a case is gathered for a channel, if it is.
fn gathering(case: &Case, channel: &str, kind: MessageKind) -> Option<Timestamp> {
    match (case.told.get(channel)?, kind) {
        (Told::Opening(until), MessageKind::Open)
        | (Told::Closing(_, until), MessageKind::Resolved) => Some(*until),
        _ => None,
    }
}

/// A hash of what a message tells whom: each is told once.
fn message_id(channel: &str, kind: MessageKind, ids: &[String]) -> String {
    let kind = if kind == MessageKind::Open { "open" } else { "resolved" };
    let parts = [channel, kind].into_iter().chain(ids.iter().map(String::as_str));
    format!("{kind}-{:016x}", hash(parts.map(str::as_bytes)))
}

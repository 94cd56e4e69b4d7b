//! Some objects of one kind of one process, watched one by one while their number grows: are they
//! used, and how long do they live?

use rustc_hash::FxHashMap;

use crate::{
    detect::{Lifetimes, LookAtObjects},
    event::UseTrace,
};

/// Objects that are watched at most, of one kind of one process: the newest.
pub(super) const MOST: usize = 256;
/// As many of them may be replaced by newer ones at a look.
const REPLACED: usize = 64;
/// An object must have been watched for so long to be told idle.
const LEAST_STILL_NS: u64 = 30_000_000_000;
/// What is used in its first seconds only was made for that use.
const FIRST_USE_NS: u64 = 10_000_000_000;
/// What has not moved for so long is idle, whatever was before; what moves after it rested is not.
const STILL_NS: u64 = 60_000_000_000;

/// What tells an object from every other: a number, and what tells it from a later one of that number.
pub(super) type Key = (u64, u64);

/// An object that was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) key: Key,
    /// What the reader knows it by.
    pub(super) id: u64,
    /// When it was made, as far as that is known.
    pub(super) born_ns: Option<u64>,
    /// The file that it opens, where that is known.
    pub(super) file: Option<u64>,
}

/// What a count of all objects gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    pub(super) at_ns: u64,
    /// Those that are there, or the newest of them.
    pub(super) members: Vec<Member>,
    /// How many there are.
    pub(super) count: u64,
    /// Those below this key were not listed.
    pub(super) from: Key,
}

/// An object that is watched.
#[derive(Clone, Copy, Debug)]
struct Individual {
    id: u64,
    file: Option<u64>,
    born_ns: u64,
    /// When something was first seen of its use.
    seen_ns: Option<u64>,
    last: UseTrace,
    /// When it last moved, as far as was seen.
    moved_ns: u64,
    /// Whether it moved after it had rested.
    is_used: bool,
}

/// The watched objects of one kind of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Individuals {
    watched: FxHashMap<Key, Individual>,
    lives: Lifetimes,
    first: Option<Census>,
    last_ns: u64,
    /// The highest key at the last count, and whether that had listed all.
    known: (Key, bool),
    born: u32,
    count: u64,
}

impl Individuals {
    /// Takes a count: notes who is gone, and watches the newest that came. At first those are watched
    /// that were made since `since_ns`, or the `added` newest where that is not known.
    pub(super) fn count(&mut self, mut census: Census, since_ns: u64, added: usize) {
        let at_ns = census.at_ns;
        census.members.sort_unstable_by_key(|member| member.key);
        self.bury(&census);
        let highest = census.members.last().map_or((0, 0), |member| member.key);
        let came: Vec<Member> = match &self.first {
            None => {
                let known = |it: &&Member| it.born_ns.is_none_or(|born_ns| born_ns >= since_ns);
                let newest = census.members.iter().rev().filter(known);
                let is_dated = census.members.iter().any(|it| it.born_ns.is_some());
                newest.take(if is_dated { usize::MAX } else { added }).copied().collect()
            }
            Some(_) => census.members.iter().filter(|it| self.is_new(it)).copied().collect(),
        };
        if self.first.is_some() {
            self.born = self.born.saturating_add(came.len() as u32);
        }
        self.watch(came, at_ns);
        self.count = census.count;
        self.known = (highest, census.from == (0, 0));
        self.last_ns = at_ns;
        census.members = Vec::new();
        self.first.get_or_insert(census);
    }

    /// Whether it came since the last count.
    fn is_new(&self, member: &Member) -> bool {
        let (highest, is_complete) = self.known;
        match member.born_ns {
            Some(born_ns) => born_ns > self.last_ns,
            None => {
                !self.watched.contains_key(&member.key) && (is_complete || member.key > highest)
            }
        }
    }

    fn bury(&mut self, census: &Census) {
        let Self { watched, lives, .. } = self;
        watched.retain(|key, it| {
            if census.members.binary_search_by_key(key, |member| member.key).is_ok() {
                return true;
            }
            let age_ns = census.at_ns.saturating_sub(it.born_ns);
            if *key < census.from {
                lives.leave(age_ns);
            } else {
                lives.die(age_ns);
            }
            false
        });
    }

    /// Watches the newest of these, in place of those that were watched longest.
    fn watch(&mut self, mut came: Vec<Member>, at_ns: u64) {
        came.sort_unstable_by_key(|it| std::cmp::Reverse((it.born_ns, it.key)));
        let room = MOST - self.watched.len();
        let take = came.len().min(room.max(REPLACED)).min(MOST);
        if take > room {
            let mut oldest: Vec<(u64, Key)> =
                self.watched.iter().map(|(key, it)| (it.born_ns, *key)).collect();
            oldest.sort_unstable();
            for (born_ns, key) in oldest.into_iter().take(take - room) {
                self.watched.remove(&key);
                self.lives.leave(at_ns.saturating_sub(born_ns));
            }
        }
        for member in came.into_iter().take(take) {
            let born_ns = member.born_ns.unwrap_or(at_ns);
            self.lives.enter(at_ns.saturating_sub(born_ns));
            let individual = Individual {
                id: member.id,
                file: member.file,
                born_ns,
                seen_ns: None,
                last: UseTrace::Unknown,
                moved_ns: born_ns,
                is_used: false,
            };
            self.watched.insert(member.key, individual);
        }
    }

    /// What the reader should look at: the ids of those that are watched, ascending.
    pub(super) fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.watched.values().map(|it| it.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Takes what was seen of the use of objects, by their ids, ascending.
    pub(super) fn see(&mut self, at_ns: u64, seen: &[(u64, UseTrace)]) {
        for individual in self.watched.values_mut() {
            if let Ok(at) = seen.binary_search_by_key(&individual.id, |(id, _)| *id) {
                individual.see(at_ns, seen[at].1);
            }
        }
    }

    /// What is known of them now.
    pub(super) fn look(&self, at_ns: u64) -> LookAtObjects {
        let told = || self.watched.values().filter_map(|it| it.is_idle(at_ns));
        let ages = self.watched.values().map(|it| at_ns.saturating_sub(it.born_ns));
        let first = self.first.as_ref();
        let (files, repeated) = self.files();
        LookAtObjects {
            files,
            repeated,
            told: told().count() as u32,
            idle: told().filter(|is_idle| *is_idle).count() as u32,
            watched_ns: self.last_ns.saturating_sub(first.map_or(self.last_ns, |it| it.at_ns)),
            born: self.born,
            died: self.lives.deaths(),
            grown: self.count as f64 - first.map_or(self.count, |it| it.count) as f64,
            survival: self.lives.survival(ages),
        }
    }

    /// How many open a file that is known, and how many of these open one that another opens too.
    fn files(&self) -> (u32, u32) {
        let mut files: Vec<u64> = self.watched.values().filter_map(|it| it.file).collect();
        files.sort_unstable();
        let repeated = files.chunk_by(|a, b| a == b).map(<[u64]>::len).filter(|len| *len > 1);
        (files.len() as u32, repeated.sum::<usize>() as u32)
    }
}

impl Individual {
    fn see(&mut self, at_ns: u64, trace: UseTrace) {
        let before = std::mem::replace(&mut self.last, trace);
        let moved_ns = match (before, trace) {
            (UseTrace::Unknown, UseTrace::Unknown) => return,
            (_, UseTrace::Quiet(for_ns)) => at_ns.saturating_sub(for_ns),
            (UseTrace::Figure(before), UseTrace::Figure(now)) if before == now => self.moved_ns,
            // A figure that moved, appeared or went.
            _ => at_ns,
        };
        let is_first = self.seen_ns.is_none();
        // What the kernel says of quiet it says of all the time before.
        let is_quiet = matches!(trace, UseTrace::Quiet(_));
        self.seen_ns.get_or_insert(if is_quiet { self.born_ns } else { at_ns });
        if !is_first && moved_ns >= self.moved_ns.saturating_add(LEAST_STILL_NS) {
            self.is_used = true;
        }
        self.moved_ns = self.moved_ns.max(moved_ns);
    }

    /// Whether nothing moves it; `None` where that cannot be told, or not yet.
    fn is_idle(&self, at_ns: u64) -> Option<bool> {
        let watched_ns = at_ns.saturating_sub(self.seen_ns?);
        let still_ns = at_ns.saturating_sub(self.moved_ns);
        let is_still = still_ns >= watched_ns.saturating_sub(FIRST_USE_NS).min(STILL_NS);
        let is_told = watched_ns >= LEAST_STILL_NS;
        is_told.then_some(!self.is_used && is_still)
    }
}

#[cfg(test)]
#[path = "individuals_tests.rs"]
mod tests;

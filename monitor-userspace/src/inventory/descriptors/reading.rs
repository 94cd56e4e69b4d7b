//! A descriptor table meets what was read of it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{
    DescriptorCounts, Object, ObjectId, Objects, Table, TableAccuracy,
    log::{FdLog, Seen},
};
use crate::event::{DescriptorKind, TableReading};

impl Table {
    /// Takes a reading whose end the stream has passed: seeds an unknown table; for a known one
    /// takes its accuracy first and then, if `correct`, what the reading says. Says whether the
    /// reading could be used.
    pub fn reconcile(
        &mut self,
        reading: &TableReading,
        correct: bool,
        objects: &mut Objects,
    ) -> bool {
        if self.is_coarse() {
            self.coarse = Some(DescriptorCounts::of_reading(reading));
            (self.asked_ns, self.read_ns) = (0, reading.t1_ns);
            (self.is_seeded, self.is_exact) = (true, true);
            return true;
        }
        let quiet_since = reading.t0_ns.saturating_sub(FdLog::LOOKBACK_NS);
        let was_busy = self.log.as_ref().is_some_and(|log| log.is_busy_since(quiet_since));
        let merged = self.log.as_ref().and_then(|log| log.merge(reading));
        self.asked_ns = 0;
        let Some(merged) = merged else {
            self.refusals = self.refusals.saturating_add(1);
            return false;
        };
        self.refusals = 0;
        let seeding = !self.is_seeded;
        if !seeding {
            let errors = self.errors(&merged, objects);
            self.accuracy = Some(TableAccuracy { checked_ns: reading.t1_ns, errors });
            self.is_exact = errors == 0;
        }
        if seeding || correct {
            self.install(&merged, reading.t0_ns, objects);
            if seeding || !was_busy {
                self.install_details(&merged, reading.t0_ns, objects);
            }
            self.is_seeded = true;
            self.is_exact = true;
        }
        let files = merged.values().filter(|seen| seen.kind == DescriptorKind::File).count();
        self.files = Some(files as u64);
        self.is_suspect = false;
        self.read_ns = reading.t1_ns;
        self.log = None;
        true
    }

    /// Whether a descriptor is what was seen, as far as both know it.
    fn is_same(id: ObjectId, seen: &Seen, objects: &Objects) -> bool {
        objects.get(id).is_some_and(|object| object.may_be(seen))
    }

    fn errors(&self, merged: &BTreeMap<u32, Seen>, objects: &Objects) -> u64 {
        let followed = |seen: &&Seen| seen.kind != DescriptorKind::File;
        let wrong = self.open.iter().filter(|&(fd, &id)| {
            !merged.get(fd).filter(followed).is_some_and(|seen| Self::is_same(id, seen, objects))
        });
        let missed =
            merged.iter().filter(|(fd, seen)| followed(seen) && !self.open.contains_key(fd));
        (wrong.count() + missed.count()) as u64
    }

    /// Makes the descriptors those that were seen; files that are known keep their births.
    fn install(&mut self, merged: &BTreeMap<u32, Seen>, read_ns: u64, objects: &mut Objects) {
        let mut old = std::mem::take(&mut self.open);
        let mut by_group: FxHashMap<u32, ObjectId> = FxHashMap::default();
        for (&fd, seen) in merged {
            if seen.kind == DescriptorKind::File {
                continue;
            }
            let known = old.get(&fd).copied().filter(|&id| Self::is_same(id, seen, objects));
            let copy = by_group.get(&seen.group).copied();
            let id = objects.choose(seen, copy, known).unwrap_or_else(|| {
                objects.add(Object {
                    inode: seen.inode,
                    writes: seen.writes,
                    ..Object::new(seen.kind, read_ns)
                })
            });
            objects.name(id, seen.file);
            by_group.insert(seen.group, id);
            self.open.insert(fd, id);
            if known == Some(id) {
                old.remove(&fd);
            } else {
                objects.hold(id);
            }
        }
        for id in old.into_values() {
            objects.release(id);
        }
    }

    /// Takes what a reading says of sockets and watches.
    fn install_details(&self, merged: &BTreeMap<u32, Seen>, read_ns: u64, objects: &mut Objects) {
        let by_group: FxHashMap<u32, ObjectId> =
            self.open.iter().filter_map(|(fd, &id)| Some((merged.get(fd)?.group, id))).collect();
        for (fd, &id) in &self.open {
            let Some(seen) = merged.get(fd) else { continue };
            match seen.kind {
                DescriptorKind::Epoll => {
                    let watches: Vec<_> = seen
                        .watches
                        .iter()
                        .map(|(fd, group)| (*fd, by_group.get(group).copied()))
                        .collect();
                    objects.set_watches(id, &watches);
                }
                DescriptorKind::Inotify => {
                    let watches = seen.watches.iter().map(|(watch, _)| *watch);
                    objects.set_inotify_watches(id, watches.collect());
                }
                DescriptorKind::Socket => {
                    objects.set_socket(id, seen.socket, seen.is_listener, read_ns);
                }
                _ => {}
            }
        }
    }
}

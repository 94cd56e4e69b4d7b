//! Looks at the objects that a process holds more and more of, of suspects only: are they used, and are
//! they given back?
//!
//! Every quarter of a minute the objects of a kind whose growth is weighed are counted one by one, from the
//! inventory or by the reader, and the newest are looked at: does anything move? What the kernel shows of that is
//! cheap (a line of fdinfo or schedstat each, one listing for all sockets of a network namespace), but it is a
//! file each, hence at most 256 objects and few suspects at once. What it does not show is unknown, never idle:
//! of pipes and memfds nothing, of System V segments, POSIX timers and watches nothing either; of the former two
//! the births and deaths are known.

use rustc_hash::FxHashMap;

use super::Engine;
use super::individuals::{Census, Individuals, MOST, Member};
use crate::detect::LookAtObjects;
use crate::event::{DescriptorKind, ObjectKind, ObjectReading, UseTrace};
use crate::inventory::Held;
use crate::rule::{Growths, Signal};

/// Time from one look to the next: of the first ones, and later.
const EVERY_NS: u64 = 15_000_000_000;
const LATER_NS: u64 = 60_000_000_000;
/// Looks after which it is later.
const FIRST_LOOKS: u32 = 20;
/// What is looked at often at once, of all processes, and at all.
const AT_ONCE: usize = 16;
const AT_ALL: usize = 64;
/// What grows no longer is forgotten after this time.
const QUIET_NS: u64 = 120_000_000_000;

/// What is looked at: who tells of its use, and which descriptors it is.
const KINDS: [(Signal, Option<ObjectKind>, Option<DescriptorKind>); 8] = [
    (Signal::Sockets, Some(ObjectKind::Sockets), Some(DescriptorKind::Socket)),
    (Signal::Eventfds, Some(ObjectKind::Eventfds), Some(DescriptorKind::Eventfd)),
    (Signal::Timerfds, Some(ObjectKind::Timerfds), Some(DescriptorKind::Timerfd)),
    (Signal::Pipes, None, Some(DescriptorKind::Pipe)),
    (Signal::Memfds, None, Some(DescriptorKind::Memfd)),
    (Signal::Files, Some(ObjectKind::Files), None),
    (Signal::Threads, Some(ObjectKind::Threads), None),
    (Signal::Children, Some(ObjectKind::Children), None),
];

/// The looks at one kind of objects of a process.
#[derive(Clone, Debug, Default)]
struct Look {
    individuals: Individuals,
    looks: u32,
    next_ns: u64,
    /// When its growth was last weighed.
    weighed_ns: u64,
    found: Option<(u64, LookAtObjects)>,
}

/// All looks at objects.
#[derive(Debug, Default)]
pub(super) struct ObjectLooks(FxHashMap<(u32, Signal), Look>);

impl ObjectLooks {
    pub(super) fn forget(&mut self, pid: u32) {
        self.0.retain(|(of, _), _| *of != pid);
    }

    /// What looks at the objects of this process found last, and when.
    pub(super) fn found(&self, pid: u32) -> impl Iterator<Item = (Signal, u64, LookAtObjects)> {
        KINDS.into_iter().filter_map(move |(signal, ..)| {
            let (at_ns, look) = self.0.get(&(pid, signal))?.found?;
            Some((signal, at_ns, look))
        })
    }
}

impl Engine {
    /// Looks at what is due, or asks for it.
    pub(super) fn schedule_object_looks(&mut self, now_ns: u64, pids: &[u32]) {
        for &pid in pids {
            for (signal, kind, descriptor) in KINDS {
                let weighed = self.growths.get(&pid).and_then(|it| it.weighed(signal));
                if self.is_object_look_due(pid, signal, weighed.is_some(), now_ns) {
                    self.look_at_objects(pid, signal, now_ns, (kind, descriptor));
                }
            }
        }
    }

    fn is_object_look_due(&mut self, pid: u32, signal: Signal, weighed: bool, now_ns: u64) -> bool {
        let looks = &mut self.object_looks.0;
        let key = (pid, signal);
        if !weighed && looks.get(&key).is_none_or(|it| now_ns > it.weighed_ns + QUIET_NS) {
            looks.remove(&key);
            return false;
        }
        if !looks.contains_key(&key) {
            let often = looks.values().filter(|it| it.looks < FIRST_LOOKS).count();
            if often >= AT_ONCE || looks.len() >= AT_ALL {
                return false;
            }
        }
        let look = looks.entry(key).or_default();
        if weighed {
            look.weighed_ns = now_ns;
        }
        if now_ns < look.next_ns {
            return false;
        }
        look.looks = look.looks.saturating_add(1);
        look.next_ns = now_ns + if look.looks < FIRST_LOOKS { EVERY_NS } else { LATER_NS };
        true
    }

    fn look_at_objects(
        &mut self,
        pid: u32,
        signal: Signal,
        now_ns: u64,
        (kind, descriptor): (Option<ObjectKind>, Option<DescriptorKind>),
    ) {
        if let Some(kind) = kind.filter(|kind| kind.is_listed()) {
            self.requests.ask(super::Request::Objects { pid, kind, ids: Vec::new() });
            return;
        }
        let members = match descriptor {
            Some(descriptor) => self.tables.held(pid, descriptor).map(member).collect(),
            None => self.children_as_members(pid),
        };
        let count = members.len() as u64;
        let census = Census { at_ns: now_ns, members, count, ..Census::default() };
        let ids = self.count_objects(pid, signal, census);
        match kind {
            Some(kind) if !ids.is_empty() => {
                self.requests.ask(super::Request::Objects { pid, kind, ids });
            }
            _ => self.tell_objects(pid, signal, now_ns),
        }
    }

    fn children_as_members(&self, pid: u32) -> Vec<Member> {
        let children = self.table.iter().filter(|process| process.ppid == pid);
        let child = |process: &crate::inventory::Process| Member {
            key: (process.id.pid.into(), process.id.start_ticks),
            id: process.id.pid.into(),
            born_ns: Some(process.id.start_ticks * crate::event::TICK_NS),
            file: None,
        };
        children.filter(|it| it.id.start_ticks > 0).map(child).collect()
    }

    /// Takes a count; the ids of what should be looked at.
    fn count_objects(&mut self, pid: u32, signal: Signal, census: Census) -> Vec<u64> {
        let weighed = self.growths.get(&pid).and_then(|it: &Growths| it.weighed(signal));
        let (added, since_ns) = weighed.unwrap_or((0.0, census.at_ns));
        let Some(look) = self.object_looks.0.get_mut(&(pid, signal)) else { return Vec::new() };
        look.individuals.count(census, since_ns, added as usize);
        look.individuals.ids()
    }

    /// Takes what a look found.
    pub(super) fn on_objects(&mut self, reading: &ObjectReading) {
        let pid = reading.process.pid;
        let is_same = self.table.get(pid).is_some_and(|it| it.id == reading.process);
        let found = KINDS.into_iter().find(|(_, kind, _)| *kind == Some(reading.kind));
        let Some((signal, ..)) = found.filter(|_| is_same) else { return };
        if reading.kind.is_listed() {
            self.count_objects(pid, signal, listed(reading));
        }
        let Some(look) = self.object_looks.0.get_mut(&(pid, signal)) else { return };
        let seen: Vec<(u64, UseTrace)> =
            reading.objects.iter().map(|object| (object.id, object.trace)).collect();
        look.individuals.see(reading.at_ns, &seen);
        self.tell_objects(pid, signal, reading.at_ns);
    }

    /// Tells the judge what is known.
    fn tell_objects(&mut self, pid: u32, signal: Signal, at_ns: u64) {
        let Some(look) = self.object_looks.0.get_mut(&(pid, signal)) else { return };
        let found = look.individuals.look(at_ns);
        look.found = Some((at_ns, found));
        if let Some(growths) = self.growths.get_mut(&pid) {
            growths.set_objects(signal, &found);
        }
    }
}

fn member(held: Held<'_>) -> Member {
    let Held { fd, place, object } = held;
    let id = if object.kind == DescriptorKind::Socket { object.inode } else { fd.into() };
    Member { key: (place.into(), object.born_ns), id, born_ns: Some(object.born_ns), file: None }
}

/// What the reader listed, as a count.
fn listed(reading: &ObjectReading) -> Census {
    let is_cut = reading.objects.len() >= MOST;
    let first = reading.objects.first().map_or(0, |object| object.id);
    let is_file = reading.kind == ObjectKind::Files;
    let inode = |id: u64| Some(id & 0xffff_ffff).filter(|inode| is_file && *inode != 0);
    let member = |id| Member { key: (id, 0), id, born_ns: None, file: inode(id) };
    Census {
        at_ns: reading.at_ns,
        members: reading.objects.iter().map(|object| member(object.id)).collect(),
        count: reading.count.into(),
        from: if is_cut { (first, 0) } else { (0, 0) },
    }
}

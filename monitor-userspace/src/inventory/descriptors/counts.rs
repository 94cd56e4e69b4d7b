//! What a descriptor table holds, in numbers.

use std::collections::BTreeSet;

use super::{ObjectId, Objects, Table, Tables};
use crate::event::{DescriptorKind, SocketFacts, TableReading};

/// `AF_INET`, `AF_INET6` and `SOCK_STREAM`.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const SOCK_STREAM: u8 = 1;
/// `TCP_LISTEN`, include/net/tcp_states.h.
const TCP_LISTEN: u8 = 10;

/// How many TCP states there are, 0 included (include/net/tcp_states.h).
pub const TCP_STATES: usize = 13;

/// What a table holds, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescriptorCounts {
    /// Descriptors by [`DescriptorKind`]; of files the last known number.
    pub by_kind: [u64; DescriptorKind::ALL.len()],
    /// Whether the number of plain files is known.
    pub knows_files: bool,
    /// Open files behind the descriptors that are no plain files; `None` where only /proc was asked,
    /// which does not tell copies of one file apart from files of their own.
    pub objects: Option<u64>,
    /// Listening sockets.
    pub listeners: u64,
    /// Descriptors of TCP sockets by `TCP_*`.
    pub tcp: [u64; TCP_STATES],
    /// Descriptors its epolls watch.
    pub epoll_watches: u64,
    /// Files its inotifies watch.
    pub inotify_watches: u64,
}

impl DescriptorCounts {
    /// Descriptors of one kind.
    pub fn get(&self, kind: DescriptorKind) -> u64 {
        self.by_kind[kind as usize]
    }

    /// Descriptors that are no plain files.
    pub fn tracked(&self) -> u64 {
        self.by_kind.iter().sum::<u64>() - self.get(DescriptorKind::File)
    }

    /// What a reading shows.
    pub(super) fn of_reading(reading: &TableReading) -> Self {
        let mut counts = Self { knows_files: true, ..Self::default() };
        let followed = reading.open.iter().filter(|found| found.kind != DescriptorKind::File);
        let files: BTreeSet<u64> = followed.map(|found| found.file).collect();
        counts.objects = (!files.contains(&0)).then_some(files.len() as u64);
        for found in &reading.open {
            counts.by_kind[found.kind as usize] += 1;
            match found.kind {
                DescriptorKind::Socket => {
                    let socket = found.socket.unwrap_or_default();
                    counts.add_socket(socket.into(), socket.is_listener);
                }
                DescriptorKind::Epoll => counts.epoll_watches += found.watches.len() as u64,
                DescriptorKind::Inotify => counts.inotify_watches += found.watches.len() as u64,
                _ => {}
            }
        }
        counts
    }

    /// Adds what another table holds.
    fn add(&mut self, other: &Self) {
        let pairs = self.by_kind.iter_mut().zip(other.by_kind);
        pairs.chain(self.tcp.iter_mut().zip(other.tcp)).for_each(|(sum, more)| *sum += more);
        self.listeners += other.listeners;
        self.epoll_watches += other.epoll_watches;
        self.inotify_watches += other.inotify_watches;
    }

    fn add_socket(&mut self, socket: SocketFacts, is_listener: bool) {
        let is_tcp =
            matches!(socket.family, AF_INET | AF_INET6) && socket.socket_type == SOCK_STREAM;
        self.listeners += u64::from(is_listener || (is_tcp && socket.state == TCP_LISTEN));
        if is_tcp && let Some(count) = self.tcp.get_mut(usize::from(socket.state)) {
            *count += 1;
        }
    }
}

/// What several processes hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Descriptors, each table once; `None` where the plain files of some are not known.
    pub descriptors: Option<u64>,
    /// Open files by kind, sockets and watches, each once in however many tables it is; of plain
    /// files their descriptors.
    pub open_files: DescriptorCounts,
}

impl GroupCounts {
    /// Descriptors of plain files, where all are known.
    pub fn files(&self) -> Option<u64> {
        self.descriptors.map(|_| self.open_files.get(DescriptorKind::File))
    }
}

impl Tables {
    /// What the processes hold together, as far as it was read; `None` where nothing was.
    pub fn counts_of(&self, pids: &[u32]) -> Option<GroupCounts> {
        let mut tables = BTreeSet::new();
        let mut is_first = |table: &&Table| tables.insert(std::ptr::from_ref::<Table>(table));
        let mut group: Option<GroupCounts> = None;
        let mut seen = BTreeSet::new();
        for table in pids.iter().filter_map(|&pid| self.of(pid)).filter(|it| is_first(it)) {
            let Some(counts) = table.counts(self.objects()) else { continue };
            let group = group.get_or_insert(GroupCounts { descriptors: Some(0), ..<_>::default() });
            let all = counts.by_kind.iter().sum::<u64>();
            group.descriptors =
                group.descriptors.filter(|_| counts.knows_files).map(|known| known + all);
            group.open_files.add(&table.counts_unless(&mut seen, self.objects()).unwrap_or(counts));
        }
        group
    }
}

impl Table {
    /// What it holds; `None` until it was read once.
    pub fn counts(&self, objects: &Objects) -> Option<DescriptorCounts> {
        if !self.is_seeded {
            return None;
        }
        if self.coarse.is_some() {
            return self.coarse;
        }
        let mut counts = self.file_counts();
        let mut copies = BTreeSet::new();
        let mut files = 0;
        for &id in self.open.values() {
            let Some(object) = objects.get(id) else { continue };
            counts.by_kind[object.kind as usize] += 1;
            let is_first = object.refs() == 1 || copies.insert(id);
            files += u64::from(is_first);
            match object.kind {
                DescriptorKind::Socket => counts.add_socket(object.socket, object.is_listener),
                DescriptorKind::Epoll if is_first => {
                    counts.epoll_watches += objects.watch_count(id) as u64;
                }
                DescriptorKind::Inotify if is_first => {
                    counts.inotify_watches += objects.inotify_watch_count(id) as u64;
                }
                _ => {}
            }
        }
        counts.objects = Some(files);
        Some(counts)
    }

    /// Its open files that are not in `seen`, which they join; `None` where only totals are kept.
    fn counts_unless(
        &self,
        seen: &mut BTreeSet<ObjectId>,
        objects: &Objects,
    ) -> Option<DescriptorCounts> {
        if self.coarse.is_some() {
            return None;
        }
        let mut counts = self.file_counts();
        for &id in self.open.values() {
            let Some(object) = objects.get(id).filter(|_| seen.insert(id)) else { continue };
            counts.by_kind[object.kind as usize] += 1;
            match object.kind {
                DescriptorKind::Socket => counts.add_socket(object.socket, object.is_listener),
                DescriptorKind::Epoll => counts.epoll_watches += objects.watch_count(id) as u64,
                DescriptorKind::Inotify => {
                    counts.inotify_watches += objects.inotify_watch_count(id) as u64;
                }
                _ => {}
            }
        }
        Some(counts)
    }

    /// Its plain files only.
    fn file_counts(&self) -> DescriptorCounts {
        let mut counts = DescriptorCounts { knows_files: self.files.is_some(), ..<_>::default() };
        counts.by_kind[DescriptorKind::File as usize] = self.files.unwrap_or(0);
        counts
    }
}

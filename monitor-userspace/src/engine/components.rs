//! Components: groups of processes that one container, one unit or one cgroup holds. Which there
//! are, when their cgroups are read, and what their processes hold together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Engine, Request, snapshot::connections, whole::Whole};
use crate::{
    event::{CgroupCpu, CgroupMemory, CgroupReading, DescriptorKind, MappingClass, Placement},
    inventory::{Process, Space},
    output::ComponentSnapshot,
};

/// Rounds of the host after which a component without activity is looked at all the same, as long
/// as an idle process waits.
const IDLE_ROUNDS: u8 = 6;

/// A component.
#[derive(Debug)]
pub(super) struct Component {
    place: Arc<Placement>,
    reading: Option<CgroupReading>,
    /// Periods in which its CPU quota was used up, percent of those between the last two looks.
    throttled_percent: Option<f64>,
    /// Rounds since its cgroup was asked for; `None` before the first time.
    waited: Option<u8>,
    /// Whether it was read since its memory was judged.
    is_fresh: bool,
    /// Its memory as the judge sees it; `None` before it was read.
    pub(super) whole: Option<Box<Whole>>,
}

impl Component {
    /// When its memory was read, and what was.
    pub(super) fn memory(&self) -> Option<(u64, CgroupMemory)> {
        let reading = self.reading.as_ref()?;
        Some((reading.at_ns, reading.memory?))
    }
}

/// A component whose last process ended while a finding about its memory was told.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) whole: Box<Whole>,
}

/// All components of watched processes, by the path of their cgroup.
#[derive(Debug, Default)]
pub(super) struct Components {
    by_path: BTreeMap<String, Component>,
    has_unread: bool,
    /// What is told of those that are gone, until that is ended.
    ended: Vec<Ended>,
}

impl Components {
    /// Takes a component up; processes of one share what is known of where it is.
    pub(super) fn intern(&mut self, place: Placement) -> Arc<Placement> {
        if let Some(known) = self.by_path.get(&place.path)
            && *known.place == place
        {
            return Arc::clone(&known.place);
        }
        let place = Arc::new(place);
        // Its memory is the same, whatever else is known of where it is.
        let whole = self.by_path.remove(&place.path).and_then(|known| known.whole);
        let component = Component {
            place: Arc::clone(&place),
            reading: None,
            throttled_percent: None,
            waited: None,
            is_fresh: false,
            whole,
        };
        self.by_path.insert(place.path.clone(), component);
        self.has_unread = true;
        place
    }

    /// The last look at its cgroup.
    pub(super) fn reading(&self, path: &str) -> Option<&CgroupReading> {
        self.by_path.get(path)?.reading.as_ref()
    }

    fn throttled_percent(&self, path: &str) -> Option<f64> {
        self.by_path.get(path)?.throttled_percent
    }

    fn take(&mut self, reading: &CgroupReading) {
        if let Some(component) = self.by_path.get_mut(&reading.path) {
            let last = component.reading.as_ref().and_then(|last| last.cpu);
            component.throttled_percent =
                last.zip(reading.cpu).and_then(|(last, now)| throttled_percent(last, now));
            component.reading = Some(reading.clone());
            component.is_fresh = true;
        }
    }

    /// Those that were read since the last time.
    pub(super) fn fresh(&mut self) -> impl Iterator<Item = (&String, &mut Component)> {
        let all = self.by_path.iter_mut();
        all.filter_map(|(path, it)| std::mem::take(&mut it.is_fresh).then_some((path, it)))
    }

    /// What a component goes by: its name, or its path where others have that name.
    pub(super) fn name_of(&self, path: &str) -> Option<&str> {
        let place = &self.by_path.get(path)?.place;
        let bears = |it: &&Component| it.place.name == place.name;
        let is_alone = self.by_path.values().filter(bears).nth(1).is_none();
        Some(if is_alone { &place.name } else { &place.path })
    }

    /// Memory of a component as the judge sees it.
    pub(super) fn whole(&self, path: &str) -> Option<&Whole> {
        self.by_path.get(path)?.whole.as_deref()
    }

    /// The same, to be changed.
    pub(super) fn whole_mut(&mut self, path: &str) -> Option<&mut Whole> {
        self.by_path.get_mut(path)?.whole.as_deref_mut()
    }

    /// Takes it out while it is weighed.
    pub(super) fn take_whole(&mut self, path: &str) -> Option<Box<Whole>> {
        self.by_path.get_mut(path)?.whole.take()
    }

    /// Puts it back.
    pub(super) fn put_whole(&mut self, path: &str, whole: Box<Whole>) {
        if let Some(component) = self.by_path.get_mut(path) {
            component.whole = Some(whole);
        }
    }

    /// Memory of every component that was read, by path.
    pub(super) fn wholes(&self) -> impl Iterator<Item = (&String, &Whole)> {
        self.by_path.iter().filter_map(|(path, it)| Some((path, it.whole.as_deref()?)))
    }

    /// What is told of components that are gone.
    pub(super) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// Forgets those that are not `alive`, but for what is told of them.
    fn retain(&mut self, is_alive: impl Fn(&str) -> bool) {
        let gone = self.by_path.keys().filter(|path| !is_alive(path));
        let gone: Vec<String> = gone.cloned().collect();
        for path in gone {
            let name = self.name_of(&path).unwrap_or_default().to_owned();
            let whole = self.by_path.remove(&path).and_then(|component| component.whole);
            if let Some(whole) = whole.filter(|whole| whole.told().is_some()) {
                self.ended.push(Ended { path, name, whole });
            }
        }
    }

    /// Starts the series anew, but for those that hold a finding open.
    pub(super) fn forget_growth(&mut self) {
        let wholes = self.by_path.values_mut().filter_map(|it| it.whole.as_deref_mut());
        wholes.for_each(|whole| whole.parts_mut().forget());
    }

    /// Bytes of the series.
    pub(super) fn series_bytes(&self) -> usize {
        self.wholes().map(|(_, whole)| whole.parts().memory_bytes()).sum()
    }

    /// Which cgroups to read now, of those in `active` and those that waited long enough. Without
    /// `active` only those that were never read.
    fn due(&mut self, active: Option<&BTreeSet<&str>>) -> Vec<Arc<Placement>> {
        self.has_unread = false;
        let mut due = Vec::new();
        for (path, component) in &mut self.by_path {
            let waited = match (component.waited, active) {
                (None, _) => IDLE_ROUNDS,
                (Some(_), None) => continue,
                (Some(_), Some(active)) if active.contains(path.as_str()) => IDLE_ROUNDS,
                (Some(waited), Some(_)) => waited + 1,
            };
            component.waited = Some(waited % IDLE_ROUNDS);
            if waited >= IDLE_ROUNDS {
                due.push(Arc::clone(&component.place));
            }
        }
        due
    }
}

impl Engine {
    pub(super) fn on_cgroup(&mut self, reading: &CgroupReading) {
        self.components.take(reading);
    }

    /// Asks for the cgroups that are due. On a round of the host components whose last process
    /// ended are forgotten; between rounds only new ones are asked for.
    pub(super) fn ask_cgroups(&mut self, is_round: bool) {
        if !is_round && !self.components.has_unread {
            return;
        }
        let due = if is_round {
            let mut active = BTreeMap::new();
            for process in self.table.iter() {
                if let Some(place) = &process.component {
                    *active.entry(place.path.as_str()).or_insert(false) |= process.idle_rounds == 0;
                }
            }
            self.components.retain(|path| active.contains_key(path));
            active.retain(|_, is_active| *is_active);
            self.components.due(Some(&active.into_keys().collect()))
        } else {
            self.components.due(None)
        };
        if !due.is_empty() {
            self.requests.ask(Request::Cgroups { places: due });
        }
    }

    /// Every component, by path.
    pub(super) fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        let mut members: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for pid in self.table.pids() {
            if let Some(place) = self.table.get(pid).and_then(|it| it.component.as_deref()) {
                members.entry(&place.path).or_default().push(pid);
            }
        }
        members.values().filter_map(|pids| self.component_snapshot(pids)).collect()
    }

    fn component_snapshot(&self, pids: &[u32]) -> Option<ComponentSnapshot> {
        let processes: Vec<&Process> = pids.iter().filter_map(|&pid| self.table.get(pid)).collect();
        let first = processes.first()?;
        let place = first.component.as_deref()?;
        let identity = first.identity.as_deref();
        let spaces = self.spaces_of(&processes);
        let readings = || processes.iter().filter_map(|process| process.reading.as_deref());
        let held =
            |class| known_sum(spaces.iter().filter_map(|space| Some(space.totals()?.get(class))));
        let counts = self.tables.counts_of(pids);
        let kind = |kind| counts.map(|counts| counts.open_files.get(kind));
        let read = self.components.reading(&place.path);
        let memory = read.and_then(|read| read.memory);
        Some(ComponentSnapshot {
            ts: self.clock.at(self.now_ns),
            component: place.name.clone(),
            cgroup: place.path.clone(),
            unit: identity.and_then(|it| it.unit.clone()),
            container: identity.and_then(|it| it.container.clone()),
            pod: identity.and_then(|it| it.pod.clone()),
            processes: processes.len() as u64,
            threads: known_sum(readings().map(|reading| u64::from(reading.threads))),
            zombies: pids.iter().map(|&pid| self.zombies.of(pid)).sum(),
            rss_bytes: known_sum(readings().map(|reading| reading.rss_bytes)),
            rss_anon_bytes: known_sum(readings().map(|reading| reading.rss_anon_bytes)),
            swap_bytes: known_sum(readings().filter_map(|it| Some(it.detail?.swap_bytes))),
            virtual_bytes: known_sum(readings().map(|reading| reading.virtual_bytes)),
            heap_bytes: held(MappingClass::Heap),
            anon_mapped_bytes: held(MappingClass::Anonymous),
            file_mapped_bytes: held(MappingClass::File),
            shared_mapped_bytes: held(MappingClass::Shared),
            mappings: known_sum(spaces.iter().filter_map(|space| space.vmas).map(u64::from)),
            descriptors: counts.and_then(|counts| counts.descriptors),
            files: counts.and_then(|counts| counts.files()),
            pipes: kind(DescriptorKind::Pipe),
            eventfds: kind(DescriptorKind::Eventfd),
            sockets: kind(DescriptorKind::Socket),
            listeners: counts.map(|counts| counts.open_files.listeners),
            timerfds: kind(DescriptorKind::Timerfd),
            epolls: kind(DescriptorKind::Epoll),
            inotifies: kind(DescriptorKind::Inotify),
            memfds: kind(DescriptorKind::Memfd),
            other_descriptors: kind(DescriptorKind::Other),
            connections: counts.map(|counts| connections(&counts.open_files)),
            timers: known_sum(processes.iter().filter_map(|it| it.timers.count(self.now_ns))),
            epoll_watches: counts.map(|counts| counts.open_files.epoll_watches),
            inotify_watches: counts.map(|counts| counts.open_files.inotify_watches),
            shm_segments: segments(&spaces),
            cpu_percent: known_sum(processes.iter().filter_map(|it| it.cpu_percent)),
            read_at: read.map(|read| self.clock.at(read.at_ns)),
            working_set_bytes: memory.as_ref().map(CgroupMemory::working_set_bytes),
            memory,
            memory_max: read.and_then(|read| read.memory_max.clone()),
            memory_high: read.and_then(|read| read.memory_high.clone()),
            tasks: read.and_then(|read| read.tasks),
            pids_max: read.and_then(|read| read.pids_max.clone()),
            oom_events: read.and_then(|read| read.oom_events),
            oom_kills: read.and_then(|read| read.oom_kills),
            cpu_throttled_percent: self.components.throttled_percent(&place.path),
            pressure: read.map(|read| read.pressure).unwrap_or_default(),
        })
    }

    /// The address spaces of these processes, each once.
    fn spaces_of(&self, processes: &[&Process]) -> Vec<&Space> {
        let keys: BTreeSet<_> =
            processes.iter().map(|process| (process.space, process.id.pid)).collect();
        let mut last = None;
        let firsts = keys.into_iter().filter(|&(key, _)| last.replace(key) != Some(key));
        firsts.filter_map(|(_, pid)| self.table.space_of(pid)).collect()
    }
}

/// How often a CPU quota was used up between two looks. A component that slept had no period.
fn throttled_percent(last: CgroupCpu, now: CgroupCpu) -> Option<f64> {
    let periods = now.periods.checked_sub(last.periods)?;
    let throttled = now.throttled_periods.checked_sub(last.throttled_periods)?;
    Some(if periods == 0 { 0.0 } else { throttled as f64 / periods as f64 * 100.0 })
}

/// The sum of what is known; `None` where nothing is.
fn known_sum<T: std::iter::Sum<T>>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values = values.peekable();
    values.peek().is_some().then_some(())?;
    Some(values.sum())
}

/// How many different System V segments are attached; of spaces of which only totals are kept it is
/// not known which.
fn segments(spaces: &[&Space]) -> Option<u64> {
    let known: Vec<&&Space> = spaces.iter().filter(|space| space.is_seeded()).collect();
    if known.is_empty() {
        return None;
    }
    let ids: BTreeSet<i32> = known.iter().flat_map(|space| space.segment_ids()).collect();
    let coarse = known.iter().filter(|space| space.is_coarse()).filter_map(|it| it.segments());
    Some((ids.len() + coarse.sum::<usize>()) as u64)
}

//! What the last hours were like, in little room: averages and peaks of memory and CPU, fine of the last
//! minutes and coarse of what was before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    super::{Interval, Snapshot, Timestamp},
    memory_of, memory_of_component,
};

/// Processes and components of which a past is kept; of more, no further ones.
const MAX_PROCESSES: usize = 8192;
const MAX_COMPONENTS: usize = 1024;

/// Rings of points: seconds of one, and how many.
type Rings = &'static [(i64, usize)];
/// Of the host: ten minutes, two hours, a day.
const OF_HOST: Rings = &[(10, 60), (60, 120), (600, 144)];
/// Of a component: ten minutes, two hours.
const OF_COMPONENT: Rings = &[(20, 30), (120, 60)];
/// Of a process likewise: of thousands, this is what matters.
const OF_PROCESS: Rings = &[(30, 20), (300, 24)];

/// What is known of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Memory, in bytes.
    pub memory: Option<f64>,
    /// CPU, in percent.
    pub cpu: Option<f64>,
}

/// Mean and peak of one measure within a point.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    sum: f64,
    count: u32,
    peak: f64,
}

impl Measure {
    fn take(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        self.peak = if self.count == 0 { value } else { self.peak.max(value) };
        self.sum += value;
        self.count += 1;
    }

    fn join(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.peak = if self.count == 0 { other.peak } else { self.peak.max(other.peak) };
        self.sum += other.sum;
        self.count += other.count;
    }

    fn figures(&self) -> Option<(f64, f64)> {
        (self.count > 0).then(|| (self.sum / f64::from(self.count), self.peak))
    }
}

/// A slot of a ring: its number is its time divided by its width.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: i64,
    memory: Measure,
    cpu: Measure,
}

/// The past of one.
#[derive(Clone, Debug)]
struct Course {
    shape: Rings,
    rings: Vec<VecDeque<Slot>>,
    first_s: i64,
}

impl Course {
    fn new(shape: Rings, first_s: i64) -> Self {
        Self { shape, rings: vec![VecDeque::new(); shape.len()], first_s }
    }

    fn take(&mut self, at_s: i64, point: Point) {
        for (ring, &(width_s, length)) in self.rings.iter_mut().zip(self.shape) {
            let number = at_s.div_euclid(width_s);
            if ring.back().is_none_or(|slot| slot.number < number) {
                if ring.len() == length {
                    ring.pop_front();
                }
                ring.push_back(Slot { number, ..<_>::default() });
            }
            // A clock that was set back adds to the last.
            if let Some(slot) = ring.back_mut() {
                slot.memory.take(point.memory);
                slot.cpu.take(point.cpu);
            }
        }
    }

    /// What is known since a moment: of the finest ring that reaches so far.
    fn since(&self, from_s: i64) -> Window {
        let reaches = |(ring, (width_s, length)): &(&VecDeque<Slot>, &(i64, usize))| {
            let is_whole = ring.len() < *length;
            let first_s = ring.front().map_or(i64::MAX, |slot| slot.number * width_s);
            is_whole || first_s <= from_s
        };
        let all = || self.rings.iter().zip(self.shape);
        let Some((ring, (width_s, _))) = all().find(reaches).or_else(|| all().next_back()) else {
            return Window::default();
        };
        let mut window = Window::default();
        for slot in ring.iter().filter(|slot| (slot.number + 1) * width_s > from_s) {
            window.memory.join(&slot.memory);
            window.cpu.join(&slot.cpu);
            let first_s = (slot.number * width_s).max(from_s).max(self.first_s);
            window.first_s.get_or_insert(first_s);
        }
        window
    }
}

/// What a stretch of time was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    memory: Measure,
    cpu: Measure,
    first_s: Option<i64>,
}

impl Window {
    /// Adds what is known of now.
    pub(super) fn with(mut self, now: Point) -> Self {
        self.memory.take(now.memory);
        self.cpu.take(now.cpu);
        self
    }

    /// Average and peak of memory, in bytes.
    pub(super) fn memory(&self) -> Option<(f64, f64)> {
        self.memory.figures()
    }

    /// Average and peak of CPU, in percent.
    pub(super) fn cpu(&self) -> Option<(f64, f64)> {
        self.cpu.figures()
    }

    /// How much of the time before a moment it is of, in minutes.
    pub(super) fn minutes_before(&self, now: Timestamp) -> f64 {
        self.first_s.map_or(0.0, |first_s| (seconds(now) - first_s).max(0) as f64 / 60.0)
    }
}

/// The past of the host, of components by name, and of processes.
#[derive(Clone, Debug, Default)]
pub struct Past {
    host: Option<Course>,
    components: BTreeMap<String, Course>,
    processes: BTreeMap<(u32, Option<Timestamp>), Course>,
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000_000)
}

fn from_of(now: Timestamp, minutes: u32) -> i64 {
    seconds(now) - i64::from(minutes) * 60
}

/// What a snapshot says of its process: CPU in percent of a core.
pub(super) fn point_of(snapshot: &Snapshot) -> Point {
    Point { memory: memory_of(snapshot).map(|bytes| bytes as f64), cpu: snapshot.cpu_percent }
}

/// What is said of a component: CPU in percent of a core.
pub(super) fn point_of_component(component: &super::ComponentSnapshot) -> Point {
    let memory = memory_of_component(component).map(|bytes| bytes as f64);
    Point { memory, cpu: component.cpu_percent }
}

/// What is said of the host: CPU in percent of all CPUs.
pub(super) fn point_of_host(host: &super::super::HostSnapshot) -> Point {
    let used = host.mem_total_bytes.saturating_sub(host.mem_available_bytes);
    Point { memory: Some(used as f64), cpu: host.cpu_percent }
}

impl Past {
    /// Takes the state at the end of an interval. Who is not in it any more is forgotten.
    pub fn take(&mut self, interval: &Interval) {
        let at_s = seconds(interval.ts);
        if let Some(host) = &interval.host {
            let course = self.host.get_or_insert_with(|| Course::new(OF_HOST, at_s));
            course.take(at_s, point_of_host(host));
        }
        let key = |it: &Snapshot| (it.pid, it.start_time);
        let living: BTreeSet<_> = interval.snapshots.iter().map(key).collect();
        self.processes.retain(|id, _| living.contains(id));
        for snapshot in &interval.snapshots {
            let is_known = self.processes.contains_key(&key(snapshot));
            if is_known || self.processes.len() < MAX_PROCESSES {
                let course = self.processes.entry(key(snapshot));
                let course = course.or_insert_with(|| Course::new(OF_PROCESS, at_s));
                course.take(at_s, point_of(snapshot));
            }
        }
        let named = |name: &String| interval.components.iter().any(|it| it.component == *name);
        self.components.retain(|name, _| named(name));
        for component in &interval.components {
            let is_known = self.components.contains_key(&component.component);
            if is_known || self.components.len() < MAX_COMPONENTS {
                let course = self.components.entry(component.component.clone());
                let course = course.or_insert_with(|| Course::new(OF_COMPONENT, at_s));
                course.take(at_s, point_of_component(component));
            }
        }
    }

    /// The last minutes of the host.
    pub fn host(&self, now: Timestamp, minutes: u32) -> Window {
        self.host.as_ref().map_or_else(Window::default, |it| it.since(from_of(now, minutes)))
    }

    /// The same of a component.
    pub fn component(&self, name: &str, now: Timestamp, minutes: u32) -> Window {
        let course = self.components.get(name);
        course.map_or_else(Window::default, |it| it.since(from_of(now, minutes)))
    }

    /// The same of a process.
    pub fn process(&self, of: &Snapshot, now: Timestamp, minutes: u32) -> Window {
        let course = self.processes.get(&(of.pid, of.start_time));
        course.map_or_else(Window::default, |it| it.since(from_of(now, minutes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(memory: f64) -> Point {
        Point { memory: Some(memory), cpu: None }
    }

    #[test]
    fn a_window_has_the_average_and_the_peak_of_its_time_alone() {
        let mut course = Course::new(OF_HOST, 1000);
        for step in 0..60 {
            course.take(1000 + step * 10, point(if step < 30 { 900.0 } else { step as f64 }));
        }
        let now = 1590;
        let window = course.since(now - 100);
        assert_eq!(window.memory(), Some((54.0, 59.0)));
        assert_eq!(window.cpu(), None);
        let window = course.since(now - 3600);
        let (_, peak) = window.memory().unwrap();
        assert!(peak > 899.0, "{peak}");
        assert_eq!(window.first_s, Some(1000), "it says how far it reaches");
    }

    #[test]
    fn what_is_long_ago_is_coarse_and_what_is_older_is_gone() {
        let mut course = Course::new(OF_PROCESS, 0);
        for step in 0..20_000 {
            course.take(step * 10, point(step as f64));
        }
        let slots: usize = course.rings.iter().map(VecDeque::len).sum();
        assert_eq!(slots, 44, "whatever was seen");
        let now = 199_990;
        let (_, peak) = course.since(now - 60).memory().unwrap();
        assert!(peak > 19_998.0, "{peak}");
        let hour = course.since(now - 3600);
        let first = hour.first_s.unwrap();
        assert_eq!(first, now - 3600);
        let (mean, _) = hour.memory().unwrap();
        assert!((mean - 19_810.0).abs() < 30.0, "{mean}");
        let day = course.since(now - 86_400);
        assert!(day.first_s.unwrap() > now - 2 * 3600 - 1, "no more is known");
    }

    #[test]
    fn who_is_gone_is_forgotten_and_a_pid_that_comes_again_begins_anew() {
        let at = |second: i64| Timestamp(second * 1_000_000_000);
        let snapshot = |start, bytes| Snapshot {
            pid: 7,
            start_time: Some(at(start)),
            rss_anon_bytes: Some(bytes),
            ..<_>::default()
        };
        let interval = |second, snapshots| Interval {
            ts: at(second),
            snapshots,
            open_findings: Vec::new(),
            stats: <_>::default(),
            host: None,
            components: Vec::new(),
        };
        let mut past = Past::default();
        past.take(&interval(100, vec![snapshot(1, 500)]));
        past.take(&interval(110, vec![snapshot(105, 30)]));
        assert_eq!(past.processes.len(), 1);
        let window = past.process(&snapshot(105, 0), at(110), 60);
        assert_eq!(window.memory(), Some((30.0, 30.0)));
        assert_eq!(past.process(&snapshot(1, 0), at(110), 60).memory(), None);
        assert_eq!(past.host(at(110), 60).memory(), None);
    }
}

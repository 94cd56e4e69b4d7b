//! What is watched of a process, one number each.

use crate::{detect::UseBounds, series::SeriesSpec};

/// The least growth in bytes that is worth a word.
pub(super) const MIN_EFFECT_BYTES: f64 = 1_048_576.0;
/// The least growth in objects.
pub(super) const MIN_EFFECT_ITEMS: f64 = 8.0;

/// One measure of a process that may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Signal {
    /// The brk area.
    Heap,
    /// Private anonymous mappings.
    Anon,
    /// Resident and swapped anonymous memory.
    Touched,
    /// Shared memory mappings.
    Shared,
    /// System V segments attached.
    Segments,
    /// Memfds.
    Memfds,
    /// All descriptors.
    Descriptors,
    /// Descriptors of files with a path.
    Files,
    /// Ends of pipes.
    Pipes,
    /// Eventfds.
    Eventfds,
    /// Sockets of every kind.
    Sockets,
    /// Sockets that the peer has closed and the program has not.
    CloseWait,
    /// Timerfds.
    Timerfds,
    /// POSIX timers and interval timers.
    Timers,
    /// Descriptors that its epolls watch.
    EpollWatches,
    /// Files that its inotifies watch.
    InotifyWatches,
    /// Threads.
    Threads,
    /// Living children.
    Children,
    /// Children that ended and were not waited for.
    Zombies,
    /// Swapped out; part of what is touched.
    Swapped,
}

/// Signals that grow together have one cause and make one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Memory of its own.
    Memory,
    /// Shared memory.
    Shared,
    /// Descriptors and what they watch.
    Descriptors,
    /// Timers without a descriptor.
    Timers,
    /// Threads.
    Threads,
    /// Children, living or not.
    Children,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Memory,
        Self::Shared,
        Self::Descriptors,
        Self::Timers,
        Self::Threads,
        Self::Children,
    ];

    /// Its name, part of a finding's identity.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Shared => "shared",
            Self::Descriptors => "descriptors",
            Self::Timers => "timers",
            Self::Threads => "threads",
            Self::Children => "children",
        }
    }

    /// Its signals: the more special before those that contain them.
    pub const fn signals(self) -> &'static [Signal] {
        match self {
            Self::Memory => &[Signal::Heap, Signal::Anon, Signal::Swapped, Signal::Touched],
            Self::Shared => &[Signal::Segments, Signal::Memfds, Signal::Shared],
            Self::Descriptors => &[
                Signal::InotifyWatches,
                Signal::CloseWait,
                Signal::Timerfds,
                Signal::Eventfds,
                Signal::Pipes,
                Signal::Sockets,
                Signal::Files,
                Signal::EpollWatches,
                Signal::Descriptors,
            ],
            Self::Timers => &[Signal::Timers],
            Self::Threads => &[Signal::Threads],
            Self::Children => &[Signal::Zombies, Signal::Children],
        }
    }
}

impl Signal {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Heap,
        Self::Anon,
        Self::Touched,
        Self::Shared,
        Self::Segments,
        Self::Memfds,
        Self::Descriptors,
        Self::Files,
        Self::Pipes,
        Self::Eventfds,
        Self::Sockets,
        Self::CloseWait,
        Self::Timerfds,
        Self::Timers,
        Self::EpollWatches,
        Self::InotifyWatches,
        Self::Threads,
        Self::Children,
        Self::Zombies,
        Self::Swapped,
    ];

    /// Whether it is measured in bytes; the others are counted.
    pub const fn is_bytes(self) -> bool {
        matches!(self, Self::Heap | Self::Anon | Self::Touched | Self::Swapped | Self::Shared)
    }

    /// Whether its growth is growth of the process. Memory that moves to swap is none: others press it
    /// out. It only gives growth its name.
    pub(super) const fn is_growth(self) -> bool {
        !matches!(self, Self::Swapped)
    }

    /// `bytes` or `items`.
    pub const fn unit(self) -> &'static str {
        if self.is_bytes() { "bytes" } else { "items" }
    }

    /// The rule that its growth comes under.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Heap => "heap_growth",
            Self::Anon => "anon_mapping_growth",
            Self::Touched => "rss_growth",
            Self::Shared => "shared_memory_growth",
            Self::Segments => "shm_segment_growth",
            Self::Memfds => "memfd_growth",
            Self::Descriptors | Self::Files => "fd_growth",
            Self::Pipes => "pipe_growth",
            Self::Eventfds => "eventfd_growth",
            Self::Sockets => "socket_growth",
            Self::CloseWait => "close_wait_growth",
            Self::Timerfds => "timerfd_growth",
            Self::Timers => "timer_growth",
            Self::EpollWatches => "epoll_watch_growth",
            Self::InotifyWatches => "inotify_watch_growth",
            Self::Threads => "thread_growth",
            Self::Children => "child_growth",
            Self::Zombies => "zombie_growth",
            Self::Swapped => "swap_growth",
        }
    }

    /// What grows, for a person.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Anon => "anonymous mappings",
            Self::Touched => "resident memory",
            Self::Shared => "shared memory",
            Self::Segments => "shared memory segments",
            Self::Memfds => "memfds",
            Self::Descriptors => "descriptors",
            Self::Files => "open files",
            Self::Pipes => "pipes",
            Self::Eventfds => "eventfds",
            Self::Sockets => "sockets",
            Self::CloseWait => "sockets that the peer has closed",
            Self::Timerfds => "timerfds",
            Self::Timers => "timers",
            Self::EpollWatches => "epoll watches",
            Self::InotifyWatches => "inotify watches",
            Self::Threads => "threads",
            Self::Children => "children",
            Self::Zombies => "zombies",
            Self::Swapped => "swapped memory",
        }
    }

    /// How much likelier growth of it is a leak than growth in general, by judgement. A socket whose peer
    /// has closed it and a child that has ended are waiting for the program and for nothing else; of
    /// segments, timers and watches programs have few, and rarely pools that fill.
    const fn prior(self) -> f32 {
        match self {
            Self::CloseWait | Self::Zombies => 8.0,
            Self::Segments | Self::Timers | Self::EpollWatches | Self::InotifyWatches => 2.0,
            _ => 1.0,
        }
    }

    /// What use says of the objects it counts; `None` where these are not looked at. A file may be read
    /// at an offset or be mapped, which moves nothing that can be seen; and a thread or a child that works
    /// may work for nothing.
    pub(super) const fn use_bounds(self) -> Option<UseBounds> {
        match self {
            Self::Sockets | Self::Eventfds | Self::Timerfds => {
                Some(UseBounds { idle: 20.0, used: 8.0 })
            }
            // What is read and written at an offset, or mapped, looks idle.
            Self::Files => Some(UseBounds { idle: 1.0, used: 8.0 }),
            Self::Threads | Self::Children => Some(UseBounds { idle: 20.0, used: 3.0 }),
            // Whether they are used cannot be seen; whether they are given back can.
            Self::Pipes | Self::Memfds => Some(UseBounds { idle: 1.0, used: 1.0 }),
            _ => None,
        }
    }

    /// Whether it counts descriptors of one kind.
    pub(super) const fn is_descriptor(self) -> bool {
        matches!(
            self,
            Self::Files
                | Self::Pipes
                | Self::Eventfds
                | Self::Sockets
                | Self::Timerfds
                | Self::Memfds
        )
    }

    /// Its series. `quanta` are the steps in which mapped and resident memory move, in bytes.
    pub(super) fn spec(self, seed: u64, quanta: Quanta) -> SeriesSpec {
        let seed = seed ^ (self as u64 + 1) << 56;
        let quantum = match self {
            Self::Touched | Self::Swapped => quanta.resident,
            _ if self.is_bytes() => quanta.mapped,
            _ => 1.0,
        };
        let min_effect = if self.is_bytes() { MIN_EFFECT_BYTES } else { MIN_EFFECT_ITEMS };
        let prior = self.prior().ln();
        SeriesSpec { quantum, min_effect, seed, counts: !self.is_bytes(), prior }
    }
}

/// The steps in which memory moves, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quanta {
    /// Of mappings: a page.
    pub mapped: f64,
    /// Of the resident set: the kernel's counters are batched by CPU.
    pub resident: f64,
}

/// The values of all signals at one moment; `None` where one is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values(pub [Option<f64>; Signal::COUNT]);

impl Values {
    /// Sets one.
    pub fn set(&mut self, signal: Signal, value: Option<u64>) {
        self.0[signal as usize] = value.map(|value| value as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_number_and_one_cause() {
        for (number, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal as usize, number);
            let causes = Cause::ALL.into_iter().filter(|cause| cause.signals().contains(&signal));
            assert_eq!(causes.count(), 1, "{signal:?}");
        }
    }
}

//! The series in which growth is looked for, by the names that rules give them.

/// A series of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// The brk area.
    Heap,
    /// Private anonymous mappings.
    AnonMapped,
    /// Resident and swapped anonymous memory.
    Touched,
    /// Swapped-out memory.
    Swap,
    /// Shared memory mappings.
    SharedMapped,
    /// VMAs.
    Mappings,
    /// Open descriptors.
    Descriptors,
    /// Sockets.
    Sockets,
    /// TCP sockets whose peer has closed.
    CloseWait,
    /// POSIX and interval timers.
    Timers,
    /// Timerfds.
    Timerfds,
    /// What epolls watch.
    EpollWatches,
    /// What inotifies watch.
    InotifyWatches,
    /// Eventfds.
    Eventfds,
    /// Ends of pipes.
    Pipes,
    /// Memfds.
    Memfds,
    /// Threads.
    Threads,
    /// Living children.
    Children,
    /// Children not waited for.
    Zombies,
    /// Attached System V segments.
    ShmSegments,
}

impl Signal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Heap,
        Self::AnonMapped,
        Self::Touched,
        Self::Swap,
        Self::SharedMapped,
        Self::Mappings,
        Self::Descriptors,
        Self::Sockets,
        Self::CloseWait,
        Self::Timers,
        Self::Timerfds,
        Self::EpollWatches,
        Self::InotifyWatches,
        Self::Eventfds,
        Self::Pipes,
        Self::Memfds,
        Self::Threads,
        Self::Children,
        Self::Zombies,
        Self::ShmSegments,
    ];

    /// Its name in `growth.NAME`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::AnonMapped => "anon_mapped",
            Self::Touched => "touched",
            Self::Swap => "swap",
            Self::SharedMapped => "shared_mapped",
            Self::Mappings => "mappings",
            Self::Descriptors => "descriptors",
            Self::Sockets => "sockets",
            Self::CloseWait => "close_wait",
            Self::Timers => "timers",
            Self::Timerfds => "timerfds",
            Self::EpollWatches => "epoll_watches",
            Self::InotifyWatches => "inotify_watches",
            Self::Eventfds => "eventfds",
            Self::Pipes => "pipes",
            Self::Memfds => "memfds",
            Self::Threads => "threads",
            Self::Children => "children",
            Self::Zombies => "zombies",
            Self::ShmSegments => "shm_segments",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_stands_at_its_number() {
        for (at, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal as usize, at, "{}", signal.name());
        }
    }
}

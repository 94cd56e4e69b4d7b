//! Every capacity that both sides must agree on, with its reason.

/// Bytes of a task's name in the kernel (`TASK_COMM_LEN`, include/linux/sched.h).
pub const COMM_LEN: usize = 16;

/// Bytes kept of the path given to execve. Longer paths are cut; the event says so.
pub const FILENAME_LEN: usize = 256;

/// Words of descriptor bits in fork and exec records: 1,024 descriptors, the usual soft limit.
pub const OPEN_WORDS: usize = 16;

/// Bytes of the ring buffer. 4 MiB hold about 50,000 mmap records: at 300,000 events a second
/// that is 160 ms, six times the reader's longest pause.
pub const RING_BYTES: u32 = 4 << 20;

/// Unread bytes in the ring at which a program wakes the reader at once instead of leaving it to
/// its timer. A quarter leaves three quarters for the wake-up's latency.
pub const WAKE_BYTES: u64 = (RING_BYTES / 4) as u64;

/// A record whose submit finds the unread bytes in `WAKE_BYTES..WAKE_BYTES + WAKE_WINDOW` wakes
/// the reader. The window is wide enough that several CPUs cannot step over it, and narrow enough
/// that a full ring does not pay a wake-up for each event.
pub const WAKE_WINDOW: u64 = 64 << 10;

/// Processes that can be watched by name at once (`--pid`, `--comm`, `--follow`).
pub const MAX_WATCHED: u32 = 65_536;

//! The clocks of a run. Time since boot, suspend included, is the clock of the kernel's records
//! (`bpf_ktime_get_boot_ns`); the wall clock is read once, to print it, and by the service.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot, time asleep included.
pub fn boot_ns() -> u64 {
    u64::try_from(read(ClockId::CLOCK_BOOTTIME)).unwrap_or_default()
}

/// Wall-clock time of boot, in nanoseconds since 1970.
pub fn boot_epoch_ns() -> i64 {
    let before = read(ClockId::CLOCK_BOOTTIME);
    let wall = read(ClockId::CLOCK_REALTIME);
    let after = read(ClockId::CLOCK_BOOTTIME);
    wall - i64::midpoint(before, after)
}

/// The wall clock, in nanoseconds since 1970.
pub fn wall_ns() -> i64 {
    read(ClockId::CLOCK_REALTIME)
}

/// CPU time this process has used, all threads, in nanoseconds.
pub(super) fn own_cpu_ns() -> u64 {
    u64::try_from(read(ClockId::CLOCK_PROCESS_CPUTIME_ID)).unwrap_or_default()
}

/// CPU time this thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    u64::try_from(read(ClockId::CLOCK_THREAD_CPUTIME_ID)).unwrap_or_default()
}

/// These clocks exist on every kernel that runs here, so that reading them cannot fail; 0 stands
/// for the impossible.
fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_moves_forward_and_agrees_with_the_wall_clock() {
        let first = boot_ns();
        let second = boot_ns();
        assert!(first > 0 && second >= first);
        let wall = read(ClockId::CLOCK_REALTIME);
        let from_boot = boot_epoch_ns() + boot_ns() as i64;
        assert!((from_boot - wall).abs() < 1_000_000_000);
    }

    #[test]
    fn a_thread_that_waits_uses_no_cpu_time() {
        let (boot, cpu) = (boot_ns(), thread_cpu_ns());
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (boot, cpu) = (boot_ns() - boot, thread_cpu_ns() - cpu);
        assert!(cpu > 0 && cpu < boot / 2, "{cpu} of {boot} ns");
    }
}

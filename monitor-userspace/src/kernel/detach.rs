//! Letting go of the probes. The kernel waits for a grace period or two before it lets go of a probe on
//! a system call, one after the other: seconds in all, for whoever closes the last descriptor of it.
//! That is left to a child, so that nobody waits for the agent's end.

use std::ffi::CStr;
use std::fs;
use std::os::fd::RawFd;

use nix::unistd::{ForkResult, fork};

/// How the links in /proc/self/fd start that keep something in the kernel.
const KEPT: [&str; 2] = ["anon_inode:bpf", "anon_inode:[perf_event]"];
/// What the child is called while it lives.
const NAME: &CStr = c"memwatch-detach";

/// Forks a child that shares everything of ours in the kernel, and ends. What this process closes from
/// now on is closed at once. Where that fails, closing takes its time.
pub(super) fn leave_to_child() {
    let Some(others) = other_descriptors() else { return };
    // SAFETY: other threads may hold locks, so the child only makes system calls, on memory that
    // was made before, and ends.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            // Whoever reads what we wrote is to see its end now. The descriptors go with the process.
            for fd in others {
                // SAFETY: nothing of the child uses them any more.
                unsafe { nix::libc::close(fd) };
            }
            // SAFETY: the name outlives the call; _exit does not return and runs nothing of ours.
            unsafe {
                nix::libc::prctl(nix::libc::PR_SET_NAME, NAME.as_ptr());
                nix::libc::_exit(0)
            }
        }
        Ok(ForkResult::Parent { .. }) => {}
        Err(error) => tracing::debug!("the probes are let go of by the agent itself: {error}"),
    }
}

/// Descriptors that keep nothing in the kernel; `None` where they cannot be told apart.
fn other_descriptors() -> Option<Vec<RawFd>> {
    let mut others = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").ok()? {
        let entry = entry.ok()?;
        // The directory itself is among them, and closed by then.
        let Ok(link) = fs::read_link(entry.path()) else { continue };
        let link = link.to_string_lossy();
        if !KEPT.iter().any(|start| link.starts_with(start)) {
            others.push(entry.file_name().to_str()?.parse().ok()?);
        }
    }
    Some(others)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_is_nothing_of_the_kernels_is_closed() {
        let (reader, writer) = std::io::pipe().unwrap();
        let others = other_descriptors().unwrap();
        for fd in [0, reader.as_raw_fd(), writer.as_raw_fd()] {
            assert!(others.contains(&fd), "{fd} in {others:?}");
        }
    }
}

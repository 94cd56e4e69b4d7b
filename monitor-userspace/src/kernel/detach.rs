//! Letting go of the probes. The kernel waits for a grace period or two before it lets go of a probe on
//! a system call, one after the other: seconds in all, for whoever closes the last descriptor of it.
//! That is left to a child, so that nobody waits for the agent's end.

use std::ffi::CStr;
use std::os::fd::RawFd;

use nix::unistd::{ForkResult, fork};

use crate::host::own_descriptors;

/// How the links of descriptors start that keep something in the kernel.
const KEPT: [&str; 2] = ["anon_inode:bpf", "anon_inode:[perf_event]"];
/// What the child is called while it lives.
const NAME: &CStr = c"memwatch-detach";

/// Forks a child that shares everything of ours in the kernel, and ends. What this process closes from
/// now on is closed at once. Where that fails, closing takes its time.
pub(super) fn leave_to_child() {
    let Some(open) = own_descriptors() else { return };
    let others = others(open);
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

/// Those of these descriptors that keep nothing in the kernel.
fn others(open: Vec<(RawFd, String)>) -> Vec<RawFd> {
    let is_kept = |link: &String| KEPT.iter().any(|start| link.starts_with(start));
    open.into_iter().filter(|(_, link)| !is_kept(link)).map(|(fd, _)| fd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nothing_of_the_kernels_is_closed() {
        let open = [
            (0, "pipe:[5]"),
            (1, "/dev/null"),
            (2, "anon_inode:bpf-map"),
            (3, "anon_inode:[perf_event]"),
            (4, "anon_inode:bpf_link"),
            (5, "anon_inode:[eventpoll]"),
        ];
        let open = open.map(|(fd, link)| (fd, link.to_owned()));
        assert_eq!(others(open.to_vec()), [0, 1, 5]);
    }
}

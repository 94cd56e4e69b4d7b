//! Processes that hold still: because they have come to rest, and then because they must.

use std::collections::BTreeMap;
use std::mem;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Truth, proc};
use crate::wait_until;

/// How far two readings are apart that show whether something went on between them.
const APART: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_mins(1);

/// What is read, once two readings of it agree.
pub fn once_quiet(read: impl Fn() -> BTreeMap<u32, Truth>) -> BTreeMap<u32, Truth> {
    let mut last = read();
    wait_until(LIMIT, "the processes to come to rest", || {
        sleep(APART);
        let now = read();
        (mem::replace(&mut last, now.clone()) == now).then_some(now)
    })
}

/// Stopped processes, which go on when this is dropped. A server tidies up when it likes: what is
/// read of it and what the agent says of it are of one moment only if nothing happens between.
#[derive(Debug)]
pub struct Stopped(Vec<u32>);

impl Stopped {
    /// Stops them in this order; a parent before its children hears nothing of their stopping.
    pub fn all(pids: &[u32]) -> Self {
        let stopped = Self(pids.to_vec());
        for pid in pids {
            kill(Pid::from_raw(*pid as i32), Signal::SIGSTOP)
                .unwrap_or_else(|error| panic!("{pid}: {error}"));
            wait_until(LIMIT, "every thread to stop", || proc::is_stopped(*pid).then_some(()));
        }
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            // Fails only where it has ended.
            let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGCONT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::family;
    use super::*;
    use crate::workload::Program;

    #[test]
    fn a_family_is_found_and_holds_still_until_it_may_go_on() {
        // What runs in the background has no input but what it is given.
        let script = "exec 3<&0; cat <&3 | cat & exec 3<&-; echo up; wait";
        let mut shell = Program::start(Command::new("/bin/sh").args(["-c", script]));
        shell.wait_for_line("up", LIMIT);
        let root = shell.pid();
        // The subshell of the pipeline may have become one of its programs.
        let pids =
            wait_until(LIMIT, "the pipeline", || Some(family(root)).filter(|pids| pids.len() >= 3));
        assert!(pids.contains(&root) && !pids.contains(&std::process::id()), "{pids:?}");
        let stopped = Stopped::all(&pids);
        assert!(pids.iter().all(|pid| proc::is_stopped(*pid)));
        drop(stopped);
        wait_until(LIMIT, "going on", || (!proc::is_stopped(root)).then_some(()));
        shell.end_input();
        shell.wait(LIMIT);
    }
}

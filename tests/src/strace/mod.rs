//! Reads what `strace -f -X raw --decode-fds=path,dev -o FILE` wrote, and nothing else: the independent witness of what
//! processes did. A line that should be understood and is not is an error, never skipped.

mod calls;

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use nix::sys::signal::Signal;

use crate::act::calls::{RELEASES, fields};
use crate::act::{Act, Deed, MAP_ANONYMOUS};

/// Options of strace that give what [`Trace::parse`] reads; `-o FILE` and the program follow.
pub const OPTIONS: [&str; 6] = [
    "-f",
    "-X",
    "raw",
    // A close says what it closes.
    "--decode-fds=path,dev",
    "-e",
    concat!(
        "trace=mmap,munmap,mremap,brk,clone,clone3,?fork,?vfork,execve,shmget,shmat,shmdt,shmctl,",
        "memfd_create,io_setup,io_destroy,unshare,timer_create,timer_settime,timer_delete,",
        "setitimer,?alarm,timerfd_create,timerfd_settime,socket,socketpair,bind,listen,accept,",
        "accept4,connect,shutdown,close,close_range,dup,?dup2,dup3,fcntl,?pipe,pipe2,?eventfd,",
        "eventfd2,?epoll_create,epoll_create1,epoll_ctl,?inotify_init,inotify_init1,",
        "inotify_add_watch,inotify_rm_watch,?signalfd,signalfd4,pidfd_open,userfaultfd,",
        "io_uring_setup"
    ),
];

const CLONE_VM: u64 = 0x100;
const CLONE_FILES: u64 = 0x400;
const CLONE_THREAD: u64 = 0x1_0000;

/// All that strace saw.
#[derive(Debug, Default)]
pub struct Trace {
    /// The first process, which strace started.
    pub root: u32,
    /// Successful deeds, each thread's in order.
    pub acts: Vec<Act>,
    /// mmap and mremap calls that failed.
    pub failed_acquisitions: usize,
    /// Other calls that failed, releases aside: thread, call, name of the error.
    pub failures: Vec<(u32, &'static str, String)>,
    /// Every thread that appears.
    pub tids: HashSet<u32>,
    /// Beginnings of calls whose ends come later, by thread.
    unfinished: HashMap<u32, String>,
    /// For each thread that is not a leader, the thread that made it.
    makers: HashMap<u32, u32>,
}

impl Trace {
    /// Reads a whole output file.
    ///
    /// # Errors
    /// The line that was not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut trace = Self::default();
        for line in text.lines() {
            trace.take_line(line).ok_or_else(|| format!("strace line not understood: {line}"))?;
        }
        for index in 0..trace.acts.len() {
            let pid = trace.leader_of(trace.acts[index].tid);
            trace.acts[index].pid = pid;
        }
        // What a thread's end says is the process's end only where the thread is the leader.
        trace.acts.retain(|act| act.pid == act.tid || !matches!(act.deed, Deed::Exit { .. }));
        Ok(trace)
    }

    fn take_line(&mut self, line: &str) -> Option<()> {
        let (tid, rest) = line.split_once(' ')?;
        let (tid, rest) = (tid.parse().ok()?, rest.trim_start());
        if self.root == 0 {
            self.root = tid;
        }
        self.tids.insert(tid);
        if rest.starts_with("--- ") {
            Some(())
        } else if let Some(end) = rest.strip_prefix("+++ ") {
            self.take_end(tid, end.strip_suffix(" +++")?)
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, tail) = resumed.split_once(" resumed>")?;
            let begun = self.unfinished.remove(&tid)?;
            self.take_call(tid, &format!("{begun}{tail}"))
        } else if let Some(begun) = rest.strip_suffix(" ...>") {
            // `<unfinished`, or `<pid changed to 5` where a thread executes a program.
            let (begun, _) = begun.rsplit_once(" <")?;
            self.unfinished.insert(tid, begun.to_owned());
            Some(())
        } else {
            self.take_call(tid, rest)
        }
    }

    fn take_end(&mut self, tid: u32, end: &str) -> Option<()> {
        self.unfinished.retain(|other, _| *other != tid || end.starts_with("superseded"));
        if let Some(status) = end.strip_prefix("exited with ") {
            let code = Some(status.parse().ok()?);
            self.push(tid, Deed::Exit { code, signal: None });
        } else if let Some(signal) = end.strip_prefix("killed by ") {
            let name = signal.split(' ').next()?;
            let signal = Some(Signal::from_str(name).ok()? as i64);
            self.push(tid, Deed::Exit { code: None, signal });
        } else {
            // A thread that executes a program takes its leader's place and id.
            let heir = end.strip_prefix("superseded by execve in pid ")?.parse().ok()?;
            let begun = self.unfinished.remove(&heir)?;
            self.unfinished.insert(tid, begun);
        }
        Some(())
    }

    /// A whole call: `name(arguments) = result`.
    fn take_call(&mut self, tid: u32, call: &str) -> Option<()> {
        let (call, result) = call.rsplit_once(" = ")?;
        let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
        let mut words = result.split(' ');
        let result = words.next()?;
        let arguments_apart = calls::split(arguments);
        let kind = fields(name);
        if kind.is_some() && !calls::is_reported(name, &arguments_apart)? {
            return Some(());
        }
        if result.starts_with('-') || result == "?" {
            self.failed_acquisitions += usize::from(matches!(name, "mmap" | "mremap"));
            if let Some((name, _)) = kind.filter(|(name, _)| !RELEASES.contains(name))
                && result != "?"
            {
                self.failures.push((tid, name, words.next()?.to_owned()));
            }
            return Some(());
        }
        if name == "close" && calls::closes_file(&arguments_apart)? {
            return Some(());
        }
        let result = number(result)? as u64;
        let deed = match name {
            "clone" | "clone3" | "fork" | "vfork" => {
                let flags = clone_flags(name, arguments)?;
                if flags & CLONE_THREAD != 0 {
                    self.makers.insert(result as u32, tid);
                    return Some(());
                }
                Deed::Fork {
                    child: result as u32,
                    shares_memory: flags & CLONE_VM != 0,
                    shares_descriptors: flags & CLONE_FILES != 0,
                }
            }
            "execve" => Deed::Exec { filename: quoted(arguments)? },
            _ => match kind {
                Some((name, _)) => {
                    let numbers = calls::numbers(name, &arguments_apart, result as i64)?;
                    Deed::Call { name, numbers }
                }
                None => memory(name, &arguments_apart, result)?,
            },
        };
        self.push(tid, deed);
        Some(())
    }

    fn push(&mut self, tid: u32, deed: Deed) {
        self.acts.push(Act { pid: 0, tid, deed });
    }

    fn leader_of(&self, mut tid: u32) -> u32 {
        while let Some(maker) = self.makers.get(&tid) {
            tid = *maker;
        }
        tid
    }
}

fn memory(name: &str, arguments: &[&str], addr: u64) -> Option<Deed> {
    let values: Option<Vec<i64>> = arguments.iter().map(|argument| number(argument)).collect();
    let unsigned = |value: &i64| *value as u64;
    Some(match (name, values?.as_slice()) {
        ("mmap", [hint, length, prot, flags, fd, offset]) => Deed::Mmap {
            addr,
            hint: unsigned(hint),
            length: unsigned(length),
            prot: unsigned(prot),
            flags: unsigned(flags),
            fd: (unsigned(flags) & MAP_ANONYMOUS == 0).then_some(*fd),
            offset: unsigned(offset),
        },
        ("munmap", [first, length]) => {
            Deed::Munmap { addr: unsigned(first), length: unsigned(length) }
        }
        ("mremap", [old_addr, old_length, length, flags, ..]) => Deed::Mremap {
            addr,
            length: unsigned(length),
            old_addr: unsigned(old_addr),
            old_length: unsigned(old_length),
            flags: unsigned(flags),
        },
        ("brk", [requested]) => Deed::Brk { addr, requested: unsigned(requested) },
        _ => return None,
    })
}

/// A number as strace prints it raw: `NULL`, hexadecimal, decimal, a sum of such, or one with the
/// file that it names.
fn number(text: &str) -> Option<i64> {
    let text = text.split('<').next()?;
    let one = |text: &str| match text.strip_prefix("0x") {
        _ if text == "NULL" => Some(0),
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|value| value as i64),
        None => text.parse().ok(),
    };
    text.split('|').map(one).sum()
}

/// `flags=0x1200000|17` without the signal; what fork and vfork stand for.
fn clone_flags(name: &str, arguments: &str) -> Option<u64> {
    match name {
        "fork" => return Some(0),
        "vfork" => return Some(CLONE_VM),
        _ => {}
    }
    let (_, flags) = arguments.split_once("flags=")?;
    number(flags.split(['|', ',', '}']).next()?).map(|value| value as u64)
}

/// The first argument, a quoted path; ours hold nothing that strace would escape.
fn quoted(arguments: &str) -> Option<String> {
    let (path, _) = arguments.strip_prefix('"')?.split_once('"')?;
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(pid: u32, tid: u32, deed: Deed) -> Act {
        Act { pid, tid, deed }
    }

    #[test]
    fn interrupted_lines_are_joined_and_threads_belong_to_their_leader() {
        let text = "\
5  execve(\"/bin/a b\", [\"x = 1\"], 0x7ffc /* 35 vars */) = 0
5  clone3({flags=0x3d0f00, exit_signal=0, stack_size=0x7fff80} => {parent_tid=[6]}, 88 <unfinished ...>
6  mmap(NULL, 4096, 0x3, 0x22, -1, 0 <unfinished ...>
5  <... clone3 resumed>)             = 6
6  <... mmap resumed>)               = 0x7f0000000000
6  munmap(0x1, 4096)                 = -1 EINVAL (Invalid argument)
6  mmap(NULL, 0, 0x3, 0x22, -1, 0)   = -1 EINVAL (Invalid argument)
6  +++ exited with 0 +++
5  clone(child_stack=NULL, flags=0x1200000|17, child_tidptr=0x7f) = 9
9  +++ killed by SIGKILL +++
5  --- SIGCHLD {si_signo=17} ---
5  brk(NULL)                         = 0x1000
5  +++ exited with 3 +++
";
        let trace = Trace::parse(text).unwrap();
        let mmap = Deed::Mmap {
            addr: 0x7f00_0000_0000,
            hint: 0,
            length: 4096,
            prot: 3,
            flags: 0x22,
            fd: None,
            offset: 0,
        };
        let acts = [
            act(5, 5, Deed::Exec { filename: "/bin/a b".into() }),
            act(5, 6, mmap),
            act(5, 5, Deed::Fork { child: 9, shares_memory: false, shares_descriptors: false }),
            act(9, 9, Deed::Exit { code: None, signal: Some(9) }),
            act(5, 5, Deed::Brk { addr: 0x1000, requested: 0 }),
            act(5, 5, Deed::Exit { code: Some(3), signal: None }),
        ];
        assert_eq!(trace.acts, acts);
        assert_eq!((trace.root, trace.failed_acquisitions), (5, 1));
    }

    #[test]
    fn a_thread_that_executes_becomes_its_leader() {
        let text = "\
5  clone(child_stack=0x7f, flags=0x3d0f00, tls=0x7f) = 6
6  execve(\"/bin/true\", [\"true\"], 0x7f /* 3 vars */ <pid changed to 5 ...>
5  +++ superseded by execve in pid 6 +++
5  <... execve resumed>)             = 0
";
        let trace = Trace::parse(text).unwrap();
        assert_eq!(trace.acts, [act(5, 5, Deed::Exec { filename: "/bin/true".into() })]);
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error() {
        assert!(Trace::parse("5  mmap(NULL, 4096) = 0x7f0000000000").is_err());
        assert!(Trace::parse("5  <... mmap resumed>) = 0x7f0000000000").is_err());
    }
}

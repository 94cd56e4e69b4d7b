//! Cgroups of the version 2 tree, made for a test and removed after it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::workload::Program;

/// How long the processes of a group may take to be gone for good.
const EMPTIED: Duration = Duration::from_secs(20);

/// Why no group can be made; `None` if one can.
pub fn lacks_v2() -> Option<String> {
    let Some(tree) = mounted() else { return Some("cgroup v2 is not mounted".to_owned()) };
    let trial = tree.join(own_name());
    let made = fs::create_dir(&trial).and_then(|()| fs::remove_dir(&trial));
    made.err().map(|error| format!("cgroup v2 at {} is not ours: {error}", tree.display()))
}

/// A group, and those it is in; removed when dropped, once its processes have ended.
#[derive(Debug)]
pub struct Group {
    /// The directory of this test, below which all others are.
    top: PathBuf,
    dir: PathBuf,
}

impl Group {
    /// Makes a group of this path below one that is this test's alone, so that it meets neither
    /// a real unit nor a real container.
    pub fn make(path: &str) -> Self {
        let top = mounted().expect("cgroup v2 is not mounted").join(own_name());
        let group = Self { dir: top.join(path), top };
        fs::create_dir_all(&group.dir)
            .unwrap_or_else(|error| panic!("{}: {error}", group.dir.display()));
        group
    }

    /// The file that takes the pids of who is to enter.
    pub fn entrance(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// Starts a program that is in the group from its first instruction.
    pub fn start(&self, program: &[&str]) -> Program {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"echo 0 >"$0" && exec "$@""#]).arg(self.entrance()).args(program);
        Program::start(&mut shell)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let end = Instant::now() + EMPTIED;
        for dir in self.dir.ancestors().take_while(|dir| dir.starts_with(&self.top)) {
            // A process that was killed a moment ago may still be in it.
            while fs::remove_dir(dir).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
                && Instant::now() < end
            {
                sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Where the tree is.
fn mounted() -> Option<PathBuf> {
    find(&fs::read_to_string("/proc/self/mounts").unwrap())
}

/// The place of the first tree in a table of mounts.
fn find(mounts: &str) -> Option<PathBuf> {
    let place = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let place = fields.next()?;
        (fields.next()? == "cgroup2").then(|| Path::new(place).to_owned())
    };
    mounts.lines().find_map(place)
}

/// Nobody else's name. Tests of one process run one after the other.
fn own_name() -> String {
    format!("memwatch-test-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tree_of_version_2_is_found() {
        let mounts = "cgroup /c/memory cgroup rw,memory 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n";
        assert_eq!(find(mounts), Some("/c/unified".into()));
        assert_eq!(find("tmpfs /cgroup2 tmpfs rw 0 0\n"), None);
    }

    #[test]
    fn a_group_is_entered_and_leaves_nothing_behind() {
        if crate::require::is_skipped(crate::require::lacks_root().or_else(lacks_v2)) {
            return;
        }
        let group = Group::make("a.slice/b.service");
        let program = group.start(&["cat"]);
        let file = format!("/proc/{}/cgroup", program.pid());
        crate::wait_until(Duration::from_secs(10), "the program to enter", || {
            fs::read_to_string(&file).unwrap().contains("/a.slice/b.service\n").then_some(())
        });
        let top = group.top.clone();
        assert!(top.exists());
        drop(program);
        drop(group);
        assert!(!top.exists());
    }
}

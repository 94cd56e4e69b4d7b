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

/// What a process in a limited group must be in, and where the files of its controllers are.
#[derive(Debug)]
pub struct Limited {
    memory: Group,
    pids: Group,
    unified: Option<Group>,
    is_v2: bool,
}

impl Limited {
    /// The group: a service in a slice, whose limit it is.
    const PATH: &str = "demo.slice/limited.service";

    /// Why no group can be limited here; `None` if one can.
    pub fn is_lacking() -> Option<String> {
        let lacks = |name| hierarchy(name).is_none().then(|| format!("{name} has no hierarchy"));
        let made = || {
            let limited = Self::make_files();
            limited.err().map(|error| format!("cgroups cannot be limited here: {error}"))
        };
        lacks("memory").or_else(|| lacks("pids")).or_else(made)
    }

    /// Makes the group: at most so many bytes in its slice, and at most so many tasks in itself.
    pub fn make(bytes: u64, tasks: u64) -> Self {
        let limited = Self::make_files().unwrap_or_else(|error| panic!("{error}"));
        let file = if limited.is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        let slice = limited.memory.dir.parent().unwrap();
        fs::write(slice.join(file), bytes.to_string()).unwrap();
        fs::write(limited.pids.dir.join("pids.max"), tasks.to_string()).unwrap();
        limited
    }

    fn make_files() -> io::Result<Self> {
        let (memory, pids) = (hierarchy("memory").unwrap(), hierarchy("pids").unwrap());
        let is_v2 = mounted().is_some_and(|tree| tree == memory);
        let make = |tree: PathBuf| {
            let top = tree.join(own_name());
            let dir = top.join(Self::PATH);
            let group = Group { top, dir };
            fs::create_dir_all(&group.dir)?;
            if mounted().is_some_and(|unified| unified == tree) && is_v2 {
                // From the root down to whoever holds the group.
                for dir in [tree.as_path(), &group.top, group.dir.parent().unwrap()] {
                    fs::write(dir.join("cgroup.subtree_control"), "+memory +pids")?;
                }
            }
            Ok::<_, io::Error>(group)
        };
        let unified = mounted().filter(|_| !is_v2).map(make).transpose()?;
        Ok(Self { memory: make(memory)?, pids: make(pids)?, unified, is_v2 })
    }

    /// Starts a program that is in the group, in every hierarchy, from its first instruction.
    pub fn start(&self, program: &[&str]) -> Program {
        let groups = [&self.memory, &self.pids].into_iter().chain(&self.unified);
        let entrances: Vec<_> = groups.map(Group::entrance).collect();
        let script = format!(
            "{} exec \"$@\"",
            entrances.iter().fold(String::new(), |enter, file| {
                format!("{enter}echo 0 >'{}' && ", file.display())
            })
        );
        Program::start(Command::new("sh").args(["-c", &script, "sh"]).args(program))
    }

    /// Whether it is of v2.
    pub fn is_v2(&self) -> bool {
        self.is_v2
    }

    /// What a file of the group says; `None` where there is none.
    pub fn file(&self, name: &str) -> Option<String> {
        let dirs = [&self.memory, &self.pids].into_iter().chain(&self.unified);
        dirs.into_iter().find_map(|group| fs::read_to_string(group.dir.join(name)).ok())
    }

    /// The number in a file, or on a line of it.
    pub fn number(&self, name: &str, key: Option<&str>) -> u64 {
        let text = self.file(name).unwrap_or_else(|| panic!("the group has no {name}"));
        let value = key.map_or(Some(text.as_str()), |key| {
            text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        });
        value
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or_else(|| panic!("{name}: {text}"))
    }
}

/// Where a controller is mounted, whichever version carries it.
fn hierarchy(controller: &str) -> Option<PathBuf> {
    let carries = |tree: &PathBuf| {
        let list = fs::read_to_string(tree.join("cgroup.controllers")).unwrap_or_default();
        list.split_whitespace().any(|name| name == controller)
    };
    let v1 = || find_v1(&fs::read_to_string("/proc/self/mounts").unwrap(), controller);
    mounted().filter(carries).or_else(v1)
}

/// The place of a controller's hierarchy of v1 in a table of mounts.
fn find_v1(mounts: &str, controller: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        let carries = kind == "cgroup" && options.split(',').any(|option| option == controller);
        carries.then(|| Path::new(place).to_owned())
    })
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
    fn a_hierarchy_of_v1_is_found_by_its_controller() {
        let mounts =
            "cgroup2 /c/unified cgroup2 rw 0 0\ncgroup /c/m cgroup rw,relatime,memory 0 0\n";
        assert_eq!(find_v1(mounts, "memory"), Some("/c/m".into()));
        assert_eq!(find_v1(mounts, "pids"), None);
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

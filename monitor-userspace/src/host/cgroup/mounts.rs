//! Where cgroup hierarchies are mounted, from a mountinfo.

use std::path::{Path, PathBuf};

use super::Cgroups;
use crate::host::procfs::unescape;

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it is.
    dir: PathBuf,
    /// Which cgroup is there: a container may see its own only.
    root: PathBuf,
}

impl Mount {
    /// The directory of a cgroup; `None` of the root, which has neither limits nor figures, and of
    /// what is outside of the mount.
    pub(super) fn dir_of(&self, path: &Path) -> Option<PathBuf> {
        path.parent()?;
        Some(self.dir.join(path.strip_prefix(&self.root).ok()?))
    }
}

/// The hierarchies in a table of mounts; of one that is mounted twice the first.
pub(super) fn parse(mountinfo: &str) -> Cgroups {
    let mut found = Cgroups::default();
    for (kind, options, mount) in mountinfo.lines().filter_map(parse_line) {
        let has = |wanted: &str| options.split(',').any(|option| option == wanted);
        let places = [
            (kind == "cgroup2", &mut found.unified),
            (kind == "cgroup" && has("memory"), &mut found.memory_v1),
            (kind == "cgroup" && has("pids"), &mut found.pids_v1),
        ];
        for (is_it, place) in places {
            if is_it && place.is_none() {
                *place = Some(mount.clone());
            }
        }
    }
    found
}

/// Kind, options of the file system, and place: `32 31 0:29 ROOT DIR rw - KIND SOURCE OPTIONS`.
fn parse_line(line: &str) -> Option<(&str, &str, Mount)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, dir) = (fields.next()?, fields.next()?);
    let mut file_system = file_system.split(' ');
    let (kind, options) = (file_system.next()?, file_system.nth(1)?);
    Some((kind, options, Mount { dir: unescape(dir), root: unescape(root) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_by_their_controllers() {
        let text = "31 23 0:28 / /c rw - tmpfs tmpfs rw,memory\n\
                    35 31 0:32 / /c/memory rw,relatime - cgroup cgroup rw,memory\n\
                    39 31 0:36 / /c/a\\040b rw shared:9 - cgroup cgroup rw,cpu,pids\n\
                    41 31 0:38 /docker/1 /c/unified rw - cgroup2 cgroup2 rw\n\
                    42 31 0:38 / /other rw - cgroup2 cgroup2 rw\nx - y\n";
        let found = parse(text);
        let mount = |dir: &str, root: &str| Some(Mount { dir: dir.into(), root: root.into() });
        assert_eq!(found.memory_v1, mount("/c/memory", "/"));
        assert_eq!(found.pids_v1, mount("/c/a b", "/"));
        assert_eq!(found.unified, mount("/c/unified", "/docker/1"));
    }

    #[test]
    fn only_what_is_mounted_has_a_directory() {
        let mount = Mount { dir: "/c".into(), root: "/docker/1".into() };
        let dir = |path: &str| mount.dir_of(Path::new(path));
        assert_eq!(dir("/docker/1/x"), Some("/c/x".into()));
        assert_eq!(dir("/docker/1"), Some("/c".into()));
        assert_eq!(dir("/docker/12"), None);
        assert_eq!(dir("/docker"), None);
        let mount = Mount { root: "/".into(), ..mount };
        assert_eq!(mount.dir_of(Path::new("/")), None, "the root has nothing to tell");
        assert_eq!(mount.dir_of(Path::new("/x")), Some("/c/x".into()));
    }
}

//! Readings of cgroups, of v1 and v2: what a component takes, and which limit on its way to the
//! root leaves least room. Where the trees are mounted is found once.

mod level;
mod mounts;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use self::level::{Level, Version};
use self::mounts::Mount;
use super::{clock, pressure, procfs::Proc};
use crate::event::{CgroupReading, MemoryLimit, Placement, TaskLimit, TreePath};

/// Where the hierarchies are mounted that account for memory and tasks.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    unified: Option<Mount>,
    memory_v1: Option<Mount>,
    pids_v1: Option<Mount>,
}

impl Cgroups {
    /// Those that this process sees mounted.
    pub fn find(proc: &Proc) -> Self {
        mounts::parse(&proc.long_text("self/mountinfo"))
    }

    /// One look at each of these components. Cgroups around several of them are looked at once.
    pub fn read(&self, places: &[impl AsRef<Placement>]) -> Vec<CgroupReading> {
        let mut round = Round { cgroups: self, levels: FxHashMap::default(), buffer: Vec::new() };
        places.iter().map(|place| round.component(place.as_ref())).collect()
    }
}

/// Looks that belong together.
struct Round<'a> {
    cgroups: &'a Cgroups,
    levels: FxHashMap<PathBuf, Level>,
    buffer: Vec<u8>,
}

impl Round<'_> {
    fn component(&mut self, place: &Placement) -> CgroupReading {
        let cgroups = self.cgroups;
        let at_ns = clock::boot_ns();
        // A controller is in one hierarchy only: where v1 has it, the v2 tree has no such files.
        let trees = [
            (Version::Two, &cgroups.unified, &place.unified),
            (Version::One, &cgroups.memory_v1, &place.memory_v1),
            (Version::One, &cgroups.pids_v1, &place.pids_v1),
        ];
        let mut reading = CgroupReading { path: place.path.clone(), at_ns, ..<_>::default() };
        for (version, mount, tree) in trees {
            if let (Some(mount), Some(tree)) = (mount, tree) {
                self.tree(version, mount, tree, &mut reading);
            }
        }
        reading
    }

    /// Adds what one hierarchy tells.
    fn tree(
        &mut self,
        version: Version,
        mount: &Mount,
        tree: &TreePath,
        reading: &mut CgroupReading,
    ) {
        let mut path = Some(Path::new(&tree.path));
        let mut is_own = tree.is_own;
        while let Some(here) = path {
            let Some(dir) = mount.dir_of(here) else { break };
            let level = self.level(version, &dir);
            if is_own {
                reading.memory = reading.memory.or(level.memory);
                reading.tasks = reading.tasks.or(level.tasks);
                reading.oom_events = reading.oom_events.or(level.oom_events);
                reading.oom_kills = reading.oom_kills.or(level.oom_kills);
                reading.cpu = reading.cpu.or(level.cpu);
                if version == Version::Two {
                    reading.pressure = pressure::of_cgroup(&dir, &mut self.buffer);
                }
            }
            is_own = false;
            let path_text = here.to_string_lossy();
            tighten(&mut reading.memory_max, level.memory_max(&path_text), MemoryLimit::room_bytes);
            tighten(
                &mut reading.memory_high,
                level.memory_high(&path_text),
                MemoryLimit::room_bytes,
            );
            tighten(&mut reading.pids_max, level.pids_max(&path_text), TaskLimit::room);
            path = here.parent();
        }
    }

    fn level(&mut self, version: Version, dir: &Path) -> Level {
        if let Some(&level) = self.levels.get(dir) {
            return level;
        }
        let level = Level::read(version, dir, &mut self.buffer);
        self.levels.insert(dir.to_owned(), level);
        level
    }
}

/// Keeps the limit that leaves less room; of equals the inner one.
fn tighten<T>(kept: &mut Option<T>, found: Option<T>, room: impl Fn(&T) -> u64) {
    if let Some(found) = found
        && kept.as_ref().is_none_or(|kept| room(&found) < room(kept))
    {
        *kept = Some(found);
    }
}

//! Trees of both versions in a directory, with texts that kernels print.

use std::fs;

use super::*;
use crate::event::{CgroupMemory, Pressures};

/// memory.stat of a service on Linux 6.18, in part.
const STAT_V2: &str = "anon 8388608\nfile 6291456\nkernel 2097152\nkernel_stack 65536\n\
    pagetables 131072\nsec_pagetables 0\npercpu 4096\nsock 8192\nvmalloc 0\nshmem 1048576\n\
    file_mapped 4096\ninactive_anon 0\nactive_anon 8388608\ninactive_file 4194304\n\
    active_file 1048576\nslab_reclaimable 524288\nslab_unreclaimable 262144\nslab 786432\n";
/// memory.stat of a v1 hierarchy on the same kernel, in part.
const STAT_V1: &str = "cache 10\nrss 20\nshmem 1\ninactive_file 3\nhierarchical_memory_limit 4096\n\
    total_cache 21409792\ntotal_rss 34902016\ntotal_shmem 9084928\ntotal_swap 4096\n\
    total_inactive_file 1839104\ntotal_active_file 16384\n";
const NO_LIMIT: &str = "9223372036854771712\n";
const PRESSURE: &str = "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n\
    full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn group_v2(&self, dir: &str, current: u64, max: &str, high: &str) {
        self.write(&format!("{dir}/memory.current"), &format!("{current}\n"));
        self.write(&format!("{dir}/memory.stat"), STAT_V2);
        self.write(&format!("{dir}/memory.max"), &format!("{max}\n"));
        self.write(&format!("{dir}/memory.high"), &format!("{high}\n"));
    }

    /// Reads a component as the agent would, through a /proc that names these mounts.
    fn read(&self, place: &Placement) -> CgroupReading {
        let at = self.0.path().display();
        let mounts = format!(
            "1 0 0:1 / {at}/v2 rw - cgroup2 cgroup2 rw\n\
             2 0 0:2 / {at}/memory rw - cgroup cgroup rw,memory\n\
             3 0 0:3 / {at}/pids rw - cgroup cgroup rw,pids\n"
        );
        self.write("proc/self/mountinfo", &mounts);
        let cgroups = Cgroups::find(&Proc::new(self.0.path().join("proc")));
        cgroups.read(&[Box::new(place.clone())]).remove(0)
    }
}

fn own(path: &str) -> TreePath {
    TreePath { path: path.to_owned(), is_own: true }
}

fn place_v2() -> Placement {
    let path = "/a.slice/b.service".to_owned();
    Placement {
        unified: Some(own(&path)),
        name: "b.service".to_owned(),
        path,
        ..Placement::default()
    }
}

#[test]
fn a_component_of_v2_is_read_with_the_tightest_limits_around_it() {
    let tree = Tree::new();
    tree.group_v2("v2/a.slice/b.service", 20 << 20, "209715200", "max");
    tree.write("v2/a.slice/b.service/memory.swap.current", "12288\n");
    tree.write("v2/a.slice/b.service/memory.events", "low 0\nhigh 1\nmax 9\noom 3\noom_kill 2\n");
    tree.write("v2/a.slice/b.service/pids.current", "7\n");
    tree.write("v2/a.slice/b.service/pids.max", "100\n");
    tree.write("v2/a.slice/b.service/memory.pressure", PRESSURE);
    tree.group_v2("v2/a.slice", 90 << 20, "104857600", "73400320");
    tree.write("v2/a.slice/pids.current", "98\n");
    tree.write("v2/a.slice/pids.max", "max\n");
    let reading = tree.read(&place_v2());
    let memory = CgroupMemory {
        current_bytes: 20 << 20,
        inactive_file_bytes: 4 << 20,
        slab_reclaimable_bytes: Some(512 << 10),
        anon_bytes: 8 << 20,
        shmem_bytes: 1 << 20,
        kernel_bytes: Some(2 << 20),
        sock_bytes: Some(8192),
        swap_bytes: Some(12288),
    };
    assert_eq!(reading.memory, Some(memory));
    assert_eq!(memory.working_set_bytes(), (20 << 20) - (4 << 20) - (512 << 10));
    // Its own limit is 200 MiB, but 100 MiB around it are all but taken.
    let max = reading.memory_max.unwrap();
    assert_eq!((max.path.as_str(), max.limit_bytes), ("/a.slice", 100 << 20));
    assert_eq!((max.current_bytes, max.working_set_bytes), (90 << 20, (86 << 20) - (512 << 10)));
    assert_eq!(reading.memory_high.unwrap().limit_bytes, 70 << 20);
    let tasks = TaskLimit { path: "/a.slice/b.service".to_owned(), limit: 100, current: 7 };
    assert_eq!((reading.tasks, reading.pids_max), (Some(7), Some(tasks)));
    assert_eq!((reading.oom_events, reading.oom_kills), (Some(3), Some(2)));
    assert_eq!(reading.pressure.memory.unwrap().some.total_us, 4);
    assert_eq!(reading.pressure.io, None);
}

#[test]
fn its_own_limit_counts_when_it_leaves_less_room() {
    let tree = Tree::new();
    tree.group_v2("v2/a.slice/b.service", 20 << 20, "20971520", "max");
    tree.group_v2("v2/a.slice", 90 << 20, "1073741824", "max");
    let reading = tree.read(&place_v2());
    assert_eq!(reading.memory_max.unwrap().path, "/a.slice/b.service");
    assert_eq!(reading.memory_high, None);
}

#[test]
fn a_controller_that_is_not_enabled_tells_nothing_but_limits_further_up() {
    let tree = Tree::new();
    tree.write("v2/a.slice/b.service/cgroup.procs", "");
    tree.group_v2("v2/a.slice", 90 << 20, "104857600", "max");
    let reading = tree.read(&place_v2());
    assert_eq!((reading.memory, reading.tasks, reading.oom_kills), (None, None, None));
    assert_eq!(reading.memory_max.unwrap().path, "/a.slice");
    assert_eq!((reading.pids_max, reading.pressure), (None, Pressures::default()));
    let gone = Tree::new().read(&place_v2());
    assert_eq!(CgroupReading { at_ns: 0, path: String::new(), ..gone }, CgroupReading::default());
}

#[test]
fn kernel_memory_is_added_up_before_the_kernel_does() {
    let tree = Tree::new();
    tree.group_v2("v2/a.slice/b.service", 20 << 20, "max", "max");
    tree.write("v2/a.slice/b.service/memory.stat", &STAT_V2.replace("kernel 2097152\n", ""));
    let memory = tree.read(&place_v2()).memory.unwrap();
    assert_eq!(memory.kernel_bytes, Some(786_432 + 65536 + 131_072 + 4096));
}

#[test]
fn a_component_of_v1_is_in_two_hierarchies() {
    let tree = Tree::new();
    tree.write("memory/d/1/memory.usage_in_bytes", "57974784\n");
    tree.write("memory/d/1/memory.limit_in_bytes", NO_LIMIT);
    tree.write("memory/d/1/memory.kmem.usage_in_bytes", "1732608\n");
    tree.write("memory/d/1/memory.kmem.tcp.usage_in_bytes", "0\n");
    tree.write("memory/d/1/memory.stat", STAT_V1);
    tree.write("memory/d/1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
    tree.write("memory/d/memory.usage_in_bytes", "60000000\n");
    tree.write("memory/d/memory.limit_in_bytes", "70000640\n");
    tree.write("memory/d/memory.stat", STAT_V1);
    tree.write("pids/d/1/pids.current", "3\n");
    tree.write("pids/d/1/pids.max", "4\n");
    let place = Placement {
        name: "1".to_owned(),
        path: "/d/1".to_owned(),
        unified: None,
        memory_v1: Some(own("/d/1")),
        pids_v1: Some(own("/d/1")),
    };
    let reading = tree.read(&place);
    let memory = CgroupMemory {
        current_bytes: 57_974_784,
        inactive_file_bytes: 1_839_104,
        slab_reclaimable_bytes: None,
        anon_bytes: 34_902_016,
        shmem_bytes: 9_084_928,
        kernel_bytes: Some(1_732_608),
        sock_bytes: Some(0),
        swap_bytes: Some(4096),
    };
    assert_eq!(reading.memory, Some(memory));
    let max = MemoryLimit {
        path: "/d".to_owned(),
        limit_bytes: 70_000_640,
        current_bytes: 60_000_000,
        working_set_bytes: 60_000_000 - 1_839_104,
    };
    assert_eq!((reading.memory_max, reading.memory_high), (Some(max), None));
    assert_eq!((reading.tasks, reading.pids_max.unwrap().limit), (Some(3), 4));
    assert_eq!((reading.oom_events, reading.oom_kills), (None, Some(5)));
    // In a hierarchy that it shares with others, only limits are its own business.
    let shared = Some(TreePath { path: "/d/1".to_owned(), is_own: false });
    let reading = tree.read(&Placement { memory_v1: shared, ..place });
    assert_eq!((reading.memory, reading.oom_kills, reading.tasks), (None, None, Some(3)));
    assert_eq!(reading.memory_max.unwrap().path, "/d");
}

//! Growth of components and of the host, from looks to printed lines.

use super::*;
use crate::event::ProcDetail;

const MIB: u64 = 1 << 20;
const PATH: &str = "/system.slice/api.service";

/// What a cgroup holds, in MiB.
#[derive(Clone, Copy, Default)]
struct Held {
    anon: u64,
    shmem: u64,
    active_file: u64,
    inactive_file: u64,
    kernel: u64,
    reclaimable: u64,
}

impl World {
    /// A look at a process of a component.
    fn member(&mut self, second: u64, (pid, born): (u32, u64), path: &str, anon: u64) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let component = Some(Box::new(Placement { name, path: path.to_owned(), ..<_>::default() }));
        self.feed(&Input::Proc(Box::new(ProcReading {
            process: ProcessId { pid, start_ticks: born * 100 },
            at_ns: second * SECOND,
            comm: "worker".to_owned(),
            state: 'S',
            threads: 1,
            cpu_ticks: second,
            rss_bytes: anon,
            rss_anon_bytes: anon,
            virtual_bytes: 1 << 30,
            identity: Some(Box::new(ProcIdentity { component, ..<_>::default() })),
            detail: Some(ProcDetail::default()),
            ..ProcReading::default()
        })));
    }

    fn gone(&mut self, second: u64, (pid, born): (u32, u64)) {
        let process = ProcessId { pid, start_ticks: born * 100 };
        let at_ns = second * SECOND;
        let gone = ProcReading { process, at_ns, state: 'X', ..ProcReading::default() };
        self.feed(&Input::Proc(Box::new(gone)));
    }

    fn cgroup(&mut self, second: u64, path: &str, held: Held) {
        let Held { anon, shmem, active_file, inactive_file, kernel, reclaimable } = held;
        let current = anon + shmem + active_file + inactive_file + kernel;
        let memory = CgroupMemory {
            current_bytes: current * MIB,
            inactive_file_bytes: inactive_file * MIB,
            slab_reclaimable_bytes: Some(reclaimable * MIB),
            anon_bytes: anon * MIB,
            shmem_bytes: shmem * MIB,
            kernel_bytes: Some(kernel * MIB),
            ..CgroupMemory::default()
        };
        let memory_max = Some(MemoryLimit {
            path: "/system.slice".to_owned(),
            limit_bytes: 2 << 30,
            current_bytes: memory.current_bytes,
            working_set_bytes: memory.working_set_bytes(),
        });
        self.feed(&Input::Cgroup(Box::new(CgroupReading {
            path: path.to_owned(),
            at_ns: second * SECOND,
            memory: Some(memory),
            memory_max,
            ..CgroupReading::default()
        })));
    }

    /// A look at a host of 100 GiB of which this is the kernel's.
    fn kernel(&mut self, second: u64, slab: u64, page_tables: u64) {
        self.feed(&Input::Host(Box::new(HostReading {
            at_ns: second * SECOND,
            mem_total_bytes: 8 << 30,
            mem_free_bytes: (8 << 30) - slab - page_tables,
            mem_available_bytes: (6 << 30) - slab,
            slab_unreclaimable_bytes: slab,
            page_table_bytes: page_tables,
            ..HostReading::default()
        })));
        self.feed(&Input::Tick { now_ns: second * SECOND });
    }

    /// What was printed of findings.
    fn said(&mut self) -> String {
        let text = self.text();
        let is_told = |line: &&str| {
            ["FINDING", "UPDATE", "RESOLVED"].iter().any(|word| line.starts_with(word))
        };
        text.lines().filter(is_told).fold(String::new(), |all, line| all + line + "\n")
    }

    fn open(&self) -> Vec<Finding> {
        self.engine.open_findings(FindingState::Open)
    }
}

fn rules_of(text: &str) -> Vec<&str> {
    let mut rules: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("FINDING"))
        .filter_map(|line| line.split(' ').nth(2))
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// A component whose parent stays while every worker of 20 s is 1 MiB larger than the one before.
fn through_workers(world: &mut World, looks: u64) {
    for look in 0..looks {
        let second = 100 + look * 5;
        let (worker, step) = (1000 + look as u32 / 4, look % 4);
        let born = 100 + look / 4 * 20;
        if step == 0 && look > 0 {
            world.gone(second, (worker - 1, born - 20));
        }
        let size = (30 + look / 4) * MIB;
        world.member(second, (7, 50), PATH, 20 * MIB);
        // Its memory comes while it lives, and goes with it.
        world.member(second, (worker, born), PATH, size * (step + 1) / 4);
        // The cgroup holds what they leave: it never falls below what the last needed.
        let held =
            Held { anon: 50 + look / 4, inactive_file: look % 9, kernel: 3, ..<_>::default() };
        world.cgroup(second, PATH, held);
        world.kernel(second, 300 * MIB, 20 * MIB);
    }
}

#[test]
fn memory_that_climbs_through_short_lived_processes_is_their_components() {
    let mut world = World::new("");
    through_workers(&mut world, 360);
    let text = world.said();
    assert_eq!(rules_of(&text), ["cgroup_memory_growth"], "{text}");
    let open = world.open();
    let [finding] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(finding.component.as_deref(), Some("api.service"));
    assert_eq!((finding.pid, finding.resource.as_str()), (None, "memory"));
    let rate = finding.rate_per_min.unwrap() / MIB as f64;
    assert!((2.7..3.3).contains(&rate), "{rate} MiB a minute");
    let limits: Vec<&str> = finding.limits.iter().map(|it| it.limit.as_str()).collect();
    assert_eq!(limits, ["memory.max of /system.slice", "memory of the host"]);
    let forecast = finding.forecast.as_ref().unwrap();
    assert_eq!(forecast.limit, "memory.max of /system.slice");
    let mut again = World::new("");
    through_workers(&mut again, 360);
    assert!(again.said() == text, "the same looks give the same findings");
    let line = text.lines().rfind(|line| line.contains("cgroup_memory_growth")).unwrap();
    assert!(line.contains("api.service: memory grows by 3.0 MiB/min"), "{line}");
    assert!(
        line.contains("100 % of it is anonymous memory, worker (pid 1089) came since"),
        "{line}"
    );
}

#[test]
fn a_page_cache_that_climbs_is_none() {
    let mut world = World::new("");
    for look in 0..360 {
        let second = 100 + look * 5;
        world.member(second, (7, 50), PATH, 20 * MIB);
        let held = Held {
            anon: 20,
            active_file: 100 + look,
            inactive_file: 50 + look,
            kernel: 10 + look / 2,
            reclaimable: 5 + look / 2,
            ..<_>::default()
        };
        world.cgroup(second, PATH, held);
        world.kernel(second, 300 * MIB, 20 * MIB);
    }
    assert_eq!(world.said(), "");
    assert!(world.open().is_empty());
}

#[test]
fn what_one_process_leaks_is_one_finding_and_its_component_speaks_for_it() {
    let mut world = World::new("");
    for look in 0..360 {
        let second = 100 + look * 5;
        world.member(second, (7, 50), PATH, (20 + look * 3) * MIB);
        world.member(second, (8, 50), PATH, 30 * MIB);
        let held = Held { anon: 50 + look * 3, kernel: 3, ..<_>::default() };
        world.cgroup(second, PATH, held);
        // Its page tables: more than 8 bytes for each page, to more than what matters.
        world.kernel(second, 300 * MIB, 20 * MIB + look * 3 * MIB / 260);
    }
    let text = world.said();
    assert_eq!(rules_of(&text), ["rss_growth"], "{text}");
    let open = world.open();
    let [finding] = open.as_slice() else { panic!("{open:?}") };
    let theirs = finding.evidence.iter().find(|it| it.name == "cgroup_memory_growth").unwrap();
    assert_eq!(theirs.text, "memory of api.service grows by 36.0 MiB a minute");
}

#[test]
fn many_processes_that_each_grow_a_little_are_their_components_growth() {
    let mut world = World::new("");
    for look in 0..360 {
        let second = 100 + look * 5;
        for pid in 0..60 {
            // By less than what matters of one.
            world.member(second, (10 + pid, 50), PATH, 2 * MIB + look * 2500);
        }
        let held = Held { anon: 120 + look * 150_000 / MIB, ..<_>::default() };
        world.cgroup(second, PATH, held);
        world.kernel(second, 300 * MIB, 20 * MIB);
    }
    let text = world.said();
    assert_eq!(rules_of(&text), ["cgroup_memory_growth"], "{text}");
    assert!(text.contains("worker (60 processes) grew by "), "{text}");
}

#[test]
fn tmpfs_that_fills_is_told_of_the_innermost_component() {
    let mut world = World::new("");
    let inner = format!("{PATH}/inner.service");
    for look in 0..360 {
        let second = 100 + look * 5;
        world.member(second, (7, 50), PATH, 20 * MIB);
        world.member(second, (8, 50), &inner, 20 * MIB);
        let held = Held { anon: 20, shmem: 5 + look, ..<_>::default() };
        // The host sees its files, too, and has for longer.
        if look >= 5 {
            world.cgroup(second, &inner, held);
            world.cgroup(second, PATH, Held { anon: 40, ..held });
        }
        world.feed(&Input::Host(Box::new(HostReading {
            at_ns: second * SECOND,
            mem_total_bytes: 1 << 30,
            mem_available_bytes: 1 << 29,
            tmpfs_bytes: (5 + look) * MIB,
            ..HostReading::default()
        })));
        world.feed(&Input::Tick { now_ns: second * SECOND });
    }
    let text = world.said();
    assert_eq!(rules_of(&text), ["cgroup_memory_growth"], "{text}");
    let open = world.open();
    let [finding] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(finding.component.as_deref(), Some("inner.service"));
    let names = |name: &str| finding.evidence.iter().any(|it| it.name == name);
    assert!(names("shmem_share") && !names("anon_share"), "{finding:?}");
    assert!(finding.recommendation.contains("df -h /dev/shm"), "{finding:?}");
    assert!(text.contains("no process of it grew with it"), "{text}");
}

#[test]
fn a_components_finding_gives_way_to_those_of_its_processes_and_ends_with_it() {
    let mut world = World::new("");
    through_workers(&mut world, 200);
    assert_eq!(rules_of(&world.said()), ["cgroup_memory_growth"]);
    let worker = (1000 + 199 / 4, 100 + 199 / 4 * 20);
    world.gone(1100, worker);
    world.gone(1100, (7, 50));
    for second in [1105, 1110, 1115] {
        world.kernel(second, 300 * MIB, 20 * MIB);
    }
    assert_eq!(world.said(), "RESOLVED cgroup_memory_growth api.service: its processes ended\n");
    assert!(world.open().is_empty());

    let mut world = World::new("");
    through_workers(&mut world, 200);
    world.said();
    for look in 200..600 {
        let second = 100 + look * 5;
        world.member(second, (7, 50), PATH, (20 + (look - 200) / 4) * MIB);
        world.cgroup(second, PATH, Held { anon: 50 + look / 4, kernel: 3, ..<_>::default() });
        world.kernel(second, 300 * MIB, 20 * MIB);
    }
    let text = world.said();
    let over =
        "RESOLVED cgroup_memory_growth api.service: findings about what is within say it now";
    assert!(text.contains(over), "{text}");
    assert_eq!(rules_of(&text), ["rss_growth"], "{text}");
}

#[test]
fn slab_that_climbs_is_kernel_memory_growth_and_slab_that_breathes_is_not() {
    let mut world = World::new("");
    for look in 0..360 {
        world.kernel(100 + look * 5, 300 * MIB + look * MIB, 20 * MIB);
    }
    let text = world.said();
    assert_eq!(rules_of(&text), ["kernel_memory_growth"], "{text}");
    let open = world.open();
    let [finding] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(
        (finding.resource.as_str(), finding.component.as_deref()),
        ("unreclaimable slab", None)
    );
    assert!(finding.recommendation.contains("slabtop"), "{finding:?}");
    assert_eq!(finding.forecast.as_ref().unwrap().limit, "memory of the host");
    let line = text.lines().next().unwrap();
    assert!(line.contains("this host: unreclaimable slab grows by 12.0 MiB/min"), "{line}");

    let mut world = World::new("");
    for look in 0..720_u64 {
        let wave = (look as f64 / 20.0).sin() * 60.0;
        world.kernel(100 + look * 5, 300 * MIB + (wave * MIB as f64) as u64 + 60 * MIB, 20 * MIB);
    }
    let text = world.said();
    assert!(!text.contains("[medium]") && !text.contains("[high]"), "{text}");
    assert!(world.open().is_empty(), "{text}");
}

#[test]
fn where_some_processes_are_watched_others_may_be_why_it_grows() {
    let mut world = World::new("");
    world.engine.facts.filters = Filters { pids: vec![7], ..Filters::default() };
    through_workers(&mut world, 360);
    assert_eq!(world.said(), "");
}

#[test]
fn rules_see_the_growth_of_components_and_of_the_host_and_may_be_switched_off() {
    let off = ["cgroup_memory_growth", "kernel_memory_growth"]
        .map(|name| format!("[[rule]]\nname = \"{name}\"\nenabled = false\n"))
        .concat();
    let mut world = World::new(&off);
    through_workers(&mut world, 200);
    assert_eq!(world.said(), "");
    let own = "[[rule]]\nname = \"cgroup_memory_growth\"\n\
               condition = \"growth.memory.confidence >= 0.5 && component == 'db.service'\"\n\
               [[rule]]\nname = \"fast\"\nseverity = \"high\"\nsubject = \"component\"\n\
               condition = \"growth.memory.rate_per_min > 1048576\"\n\
               [[rule]]\nname = \"slab\"\nseverity = \"medium\"\nsubject = \"host\"\n\
               condition = \"growth.kernel_memory.rate_per_min > 1048576\"\n";
    let mut world = World::new(own);
    through_workers(&mut world, 200);
    for look in 0..200 {
        world.kernel(1200 + look * 5, 300 * MIB + look * MIB, 20 * MIB);
    }
    let text = world.said();
    assert_eq!(rules_of(&text), ["fast", "kernel_memory_growth", "slab"], "{text}");
}

#[test]
fn kernel_memory_that_grows_again_within_the_cooldown_is_not_told_again() {
    let is_told_again = |rules: &str| {
        let mut world = World::new(rules);
        let slab = |look: u64| match look {
            0..360 => look,
            360..1000 => 360,
            _ => look - 640,
        };
        for look in 0..1000 {
            world.kernel(100 + look * 5, (300 + slab(look)) * MIB, 20 * MIB);
        }
        assert!(world.said().contains("RESOLVED kernel_memory_growth"));
        for look in 1000..1600 {
            world.kernel(100 + look * 5, (300 + slab(look)) * MIB, 20 * MIB);
        }
        world.said().contains("FINDING")
    };
    assert!(is_told_again(""));
    let rule = "[[rule]]\nname = \"kernel_memory_growth\"\ncooldown = \"1d\"\n";
    assert!(!is_told_again(rule));
}

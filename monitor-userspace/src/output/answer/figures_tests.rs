use super::{
    super::{
        super::{Connections, Evidence, FindingVerdict, Severity, Viewed},
        tests::{finding, snapshot, view},
    },
    *,
};
use crate::event::{MemoryLimit, Pressure, Pressures, Stall, SystemLimits};

/// The one line that a process of this kind is given.
fn line(change: impl FnOnce(&mut Snapshot)) -> String {
    let mut view = view();
    change(&mut view.processes[0].snapshot);
    only(&view)
}

fn only(view: &View) -> String {
    let advice = advice(view);
    assert_eq!(advice.len(), 1, "{advice:?}");
    advice[0].line()
}

fn of_host(change: impl FnOnce(&mut HostSnapshot)) -> String {
    let mut view = view();
    let mut host = view.host.take().unwrap();
    change(&mut host);
    view.host = Some(host);
    only(&view)
}

#[test]
fn shares_of_a_limit_are_told_from_half_of_it_until_a_rule_finds_them() {
    let told = line(|it| (it.descriptors, it.sockets) = (Some(600), Some(500)));
    assert_eq!(
        told,
        "api (pid 7): more than half of its descriptors are taken, 500 of them sockets: look at ls \
         -l /proc/7/fd, and raise LimitNOFILE if it needs them (descriptors: 600 of 1024)"
    );
    let count = |descriptors| {
        let mut view = view();
        view.processes[0].snapshot.descriptors = Some(descriptors);
        advice(&view).len()
    };
    assert_eq!((count(511), count(512), count(921), count(922)), (0, 1, 1, 0));
}

#[test]
fn what_a_process_forgot_or_does_not_use_is_told_with_its_figure() {
    let close_wait = Some(Connections { close_wait: 4, ..Connections::default() });
    let told = line(|it| it.connections = close_wait);
    assert!(told.ends_with("(sockets in CLOSE_WAIT: 4)"), "{told}");
    let told = line(|it| it.zombies = 3);
    assert!(told.ends_with("(zombies: 3)"), "{told}");
    let told = line(|it| (it.threads, it.cpu_percent) = (Some(300), Some(0.2)));
    assert!(told.contains("300 threads use 0.2 % of a core"), "{told}");
    let told = line(|it| it.timers = Some(5000));
    assert!(told.ends_with("(timers: 5000)"), "{told}");
    let told = line(|it| it.swap_bytes = Some(64 << 20));
    assert!(told.ends_with("(swapped out: 64.0 MiB of 128.0 MiB)"), "{told}");
    let told = line(|it| (it.rss_anon_bytes, it.lazyfree_bytes) = (Some(1 << 30), Some(1 << 28)));
    assert!(told.ends_with("(lazily freed memory: 256.0 MiB of 1.0 GiB)"), "{told}");
}

#[test]
fn huge_pages_are_waste_only_where_it_was_seen_that_they_are_not_used() {
    let mut view = view();
    let huge = Snapshot { rss_anon_bytes: Some(1 << 30), thp_bytes: Some(900 << 20), ..snapshot() };
    view.processes = vec![Viewed { snapshot: huge, ..Viewed::default() }];
    assert_eq!(advice(&view), []);
    let mut finding = finding("aa", Severity::Low, FindingVerdict::Suspect);
    let evidence =
        |value| Evidence { name: "touched_share".into(), value, says: "use", text: String::new() };
    finding.evidence = vec![evidence(0.1)];
    view.findings = vec![finding];
    assert!(only(&view).contains("10 % of it was used while it was looked at"));
    view.findings[0].evidence = vec![evidence(0.9)];
    assert_eq!(advice(&view), []);
}

#[test]
fn a_process_that_ended_is_given_no_advice() {
    let mut view = view();
    let snapshot = &mut view.processes[0].snapshot;
    (snapshot.zombies, snapshot.is_final) = (3, true);
    assert_eq!(advice(&view), []);
}

#[test]
fn a_component_near_its_limit_is_told_with_the_path_that_has_it() {
    let near = |working_set_bytes| ComponentSnapshot {
        component: "api.service".to_owned(),
        memory_max: Some(MemoryLimit {
            path: "/system.slice".to_owned(),
            limit_bytes: 1000,
            working_set_bytes,
            ..MemoryLimit::default()
        }),
        ..ComponentSnapshot::default()
    };
    let mut view = view();
    view.components = vec![near(850)];
    let told = only(&view);
    assert!(told.starts_with("api.service: little room below memory.max of /system.slice"));
    assert!(told.ends_with("(working set: 850 B of 1000 B)"), "{told}");
    view.components = vec![near(960)];
    assert_eq!(advice(&view), [], "the rule cgroup_limit finds that");
}

#[test]
fn memory_of_the_host_that_is_held_for_nothing_is_told() {
    let told = of_host(|host| {
        host.memory.hugetlb_bytes = 1 << 30;
        host.limits =
            SystemLimits { huge_pages: Some(512), huge_pages_free: Some(256), ..host.limits };
    });
    assert!(told.ends_with("(unused huge pages: 512.0 MiB of 1.0 GiB)"), "{told}");
    let told =
        of_host(|host| (host.unowned.orphan_shm_bytes, host.orphan_shm_segments) = (4096, 2));
    assert!(told.starts_with("this host: 2 System V segments"), "{told}");
    let told = of_host(|host| host.unowned.tmpfs_bytes = 2 << 30);
    assert!(told.ends_with("(files in tmpfs: 2.0 GiB of 8.0 GiB)"), "{told}");
    let some = Stall { avg60: 3.5, ..Stall::default() };
    let memory = Some(Pressure { some, full: None });
    let told = of_host(|host| host.pressure = Pressures { memory, ..Pressures::default() });
    assert!(told.ends_with("in the last minute: 3.5 %)"), "{told}");
}

#[test]
fn tables_of_the_kernel_are_told_from_half_on() {
    let told = of_host(|host| {
        host.limits.open_files = Some(60);
        host.limits.file_max = Some(100);
    });
    assert!(told.ends_with("or raise fs.file-max (open files: 60 of 100)"), "{told}");
    let told = of_host(|host| {
        host.limits.time_wait = Some(20_000);
        (host.limits.local_port_first, host.limits.local_port_last) = (Some(32_768), Some(60_999));
    });
    assert!(told.ends_with("(connections in TIME_WAIT: 20000 of 28232)"), "{told}");
}

#[test]
fn what_the_agent_missed_is_told_too() {
    let mut view = view();
    view.stats = Some(Stats { events_seen: 90, events_lost: 10, ..Stats::default() });
    assert!(only(&view).ends_with("(events lost: 10 of 100)"));
}

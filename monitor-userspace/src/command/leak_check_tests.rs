use super::*;
use crate::output::HostSnapshot;

fn judged(lines: &[String]) -> Vec<serde_json::Value> {
    let (mut judge, mut out) = (Judge::default(), Vec::new());
    for line in lines {
        let tell = &mut |finding: &Finding| print(finding, &mut out);
        judge.take(&serde_json::from_str(line).unwrap(), tell).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(second: u64, signal: &str, value: u64) -> String {
    let ts = jiff::Timestamp::from_second(1_768_645_800 + second as i64).unwrap();
    format!(
        r#"{{"ts":"{ts}","pid":7,"start_time":"2026-01-17T10:00:00Z","comm":"api","{signal}":{value}}}"#
    )
}

#[test]
fn five_fields_are_enough_and_the_finding_is_named_after_the_one_that_grows() {
    let lines: Vec<String> = (0..4000).map(|at| line(at * 10, "sockets", 5 + at / 3)).collect();
    let findings = judged(&lines);
    assert_eq!(findings[0]["state"], "open");
    let last = findings.last().unwrap();
    assert_eq!((&last["rule"], &last["pid"]), (&"socket_growth".into(), &7.into()), "{last}");
    let rate = last["rate_per_min"].as_f64().unwrap();
    assert!((1.9..2.1).contains(&rate), "{last}");
    assert!(judged(&lines) == findings, "the same lines give the same findings");
}

/// Memory that grows evenly beside a little that is used, with what looks at it find or without.
fn growing(touched_bytes: Option<u64>, last: &str) -> Vec<serde_json::Value> {
    let held = |at: u64| 60_000_000 + at * 700_000;
    let mut lines: Vec<String> = (0..90)
        .map(|at| {
            let line = line(at * 5, "rss_anon_bytes", held(at));
            // Looked at every 20 s: in between the snapshots repeat what was found last.
            let looked = at / 4 * 4;
            let ts = jiff::Timestamp::from_second(1_768_645_800 + looked as i64 * 5).unwrap();
            let held = held(looked);
            touched_bytes.map_or(line.clone(), |touched| {
                let access = format!(
                    r#","access":{{"at":"{ts}","window_seconds":60,"held_bytes":{held},"touched_bytes":{touched}}}}}"#
                );
                line.replace('}', &access)
            })
        })
        .collect();
    lines.push(line(450, "rss_anon_bytes", held(89)).replace('}', last));
    judged(&lines)
}

#[test]
fn what_looks_at_accessed_pages_found_decides_as_it_does_live() {
    let confidence = |findings: &[serde_json::Value]| {
        findings.last().and_then(|it| it["confidence"].as_f64()).unwrap_or(0.0)
    };
    let (bare, unused) = (growing(None, "}"), growing(Some(400_000), "}"));
    assert!(confidence(&bare) < 0.95, "{bare:?}");
    assert!(confidence(&unused) > 0.95 && confidence(&unused) > confidence(&bare), "{unused:?}");
    let share = |it: &serde_json::Value| it["name"] == "touched_share";
    let last = unused.last().unwrap();
    assert!(last["evidence"].as_array().unwrap().iter().any(share), "{last}");
}

#[test]
fn a_finding_that_ends_with_its_process_keeps_its_verdict() {
    let findings = growing(Some(400_000), r#","final":true}"#);
    let last = findings.last().unwrap();
    assert_eq!((&last["state"], &last["verdict"]), (&"resolved".into(), &"leak".into()), "{last}");
}

#[test]
fn what_ends_with_the_lines_is_open_and_what_ended_before_is_not() {
    let mut lines: Vec<String> = (0..400).map(|at| line(at * 10, "sockets", 5 + at / 3)).collect();
    let last = lines.last_mut().unwrap();
    last.insert_str(last.len() - 1, r#","final":true"#);
    let view = |lines: &[String]| {
        let mut judge = Judge::default();
        for line in lines {
            judge.take(&serde_json::from_str(line).unwrap(), &mut |_| Ok(())).unwrap();
        }
        judge.view()
    };
    let seen = view(&lines);
    assert_eq!((seen.findings.len(), seen.findings[0].state), (1, FindingState::Open));
    let shown = &seen.processes[0];
    assert!(!shown.snapshot.is_final && shown.trends[0].resource == "sockets");
    assert!(seen.seconds > 3900.0 && seen.samples == 400);
    lines.push(line(9000, "sockets", 5).replace(r#""pid":7"#, r#""pid":8"#));
    let seen = view(&lines);
    assert_eq!(seen.findings[0].state, FindingState::Resolved);
    assert_ne!(seen.findings[0].verdict, FindingVerdict::Stopped);
    let of_seven = seen.processes.iter().find(|it| it.snapshot.pid == 7).unwrap();
    assert!(of_seven.snapshot.is_final);
}

#[test]
fn what_is_flat_or_of_another_type_says_nothing() {
    let mut lines: Vec<String> = (0..500).map(|at| line(at * 10, "rss_bytes", 1 << 30)).collect();
    lines.push(r#"{"type":"stats","ts":"2026-01-17T10:30:00Z"}"#.to_owned());
    assert!(judged(&lines).is_empty());
}

#[test]
fn a_limit_in_the_lines_is_forecast_and_makes_a_leak_worse() {
    let last = |end: &str| {
        let limited = |at: u64| line(at * 10, "descriptors", 5 + at / 3).replace('}', end);
        judged(&(0..400).map(limited).collect::<Vec<_>>()).pop().unwrap()
    };
    let free = last("}");
    assert_eq!((&free["severity"], &free["forecast"]), (&"medium".into(), &().into()), "{free}");
    // 138 are open, two come a minute.
    let near = last(r#","limits":{"open_files":200}}"#);
    assert_eq!(near["severity"], "critical", "{near}");
    assert_eq!(near["forecast"]["limit"], "RLIMIT_NOFILE", "{near}");
}

#[test]
fn lines_of_the_host_show_how_its_memory_moved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    let host = |at: i64| {
        let host = HostSnapshot {
            ts: crate::output::Timestamp((1_768_645_800 + at * 5) * 1_000_000_000),
            mem_total_bytes: 8 << 30,
            mem_available_bytes: (4 << 30) - (at as u64 * (1 << 20)),
            ..<_>::default()
        };
        serde_json::to_string(&Line::Host(&host)).unwrap() + "\n"
    };
    std::fs::write(&path, (0..60).map(host).collect::<String>()).unwrap();
    let mut judge = Judge::default();
    judge.read(&path, &mut |_| Ok(())).unwrap();
    let view = judge.view();
    assert_eq!(view.host.unwrap().mem_total_bytes, 8 << 30);
    let rate = view.host_memory.unwrap().rate_per_min;
    assert!((rate - 12.0 * f64::from(1 << 20)).abs() < 1e5, "{rate}");
}

/// Runs of a service that leaks, each of 400 lines, one every 5 s; `last` ends the last line.
fn restarts(pids: &[u64], last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (run, pid) in (0..).zip(pids) {
        let started = run * 2000;
        let ts = |second: u64| jiff::Timestamp::from_second(1_768_645_800 + second as i64).unwrap();
        for look in 0..400 {
            let (now, began) = (ts(started + look * 5), ts(started));
            let end = if look == 399 { last } else { "}" };
            let bytes = 60_000_000 + look * 400_000;
            lines.push(format!(
                r#"{{"ts":"{now}","pid":{pid},"start_time":"{began}","comm":"api","unit":"api.service","rss_anon_bytes":{bytes}{end}"#
            ));
        }
    }
    lines
}

#[test]
fn restarts_of_a_service_are_joined_with_a_last_line_and_without() {
    let said = |lines: &[String]| {
        let last = judged(lines).pop().unwrap();
        let runs = last["evidence"].as_array().unwrap().iter().find(|it| it["name"] == "runs");
        (runs.map(|it| it["value"].as_f64()), last["runs"]["earlier"].as_array().map(Vec::len))
    };
    let two = (Some(Some(2.0)), Some(2));
    assert_eq!(said(&restarts(&[7, 8, 9], r#","final":true}"#)), two);
    assert_eq!(said(&restarts(&[7, 7, 7], "}")), two, "another start has ended the one before");
    assert_eq!(said(&restarts(&[7, 8, 9], "}")), two, "nothing is heard of the ones before");
}

#[test]
fn a_process_with_rare_lines_is_not_over_when_another_of_its_service_starts() {
    let rare = |at: u64| line(at * 300, "sockets", 5 + at).replace(r#""pid":7"#, r#""pid":5"#);
    let mut lines: Vec<String> = (0..30).map(rare).collect();
    lines.push(line(29 * 300 + 200, "sockets", 5));
    let mut judge = Judge::default();
    for line in &lines {
        judge.take(&serde_json::from_str(line).unwrap(), &mut |_| Ok(())).unwrap();
    }
    assert_eq!(judge.processes.len(), 2);
}

/// What the lines of a file say, and the view of them.
fn read(lines: &[String]) -> (Vec<serde_json::Value>, View) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (mut judge, mut out) = (Judge::default(), Vec::new());
    judge.read(&path, &mut |finding: &Finding| print(finding, &mut out)).unwrap();
    let text = String::from_utf8(out).unwrap();
    let findings = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (findings.collect(), judge.view())
}

const MIB: u64 = 1 << 20;

fn second(at: u64) -> crate::output::Timestamp {
    crate::output::Timestamp((1_768_645_800 + at as i64) * 1_000_000_000)
}

/// The line of a component that holds so much anonymous memory and tmpfs.
fn component(at: u64, anon_bytes: u64, shmem_bytes: u64) -> String {
    let memory = crate::event::CgroupMemory {
        current_bytes: anon_bytes + shmem_bytes + 100 * MIB,
        inactive_file_bytes: 80 * MIB,
        slab_reclaimable_bytes: Some(0),
        anon_bytes,
        shmem_bytes,
        ..<_>::default()
    };
    let limit_bytes = 1 << 30;
    let memory_max = crate::event::MemoryLimit { path: "/s".into(), limit_bytes, ..<_>::default() };
    let line = crate::output::ComponentSnapshot {
        ts: second(at),
        component: "api.service".into(),
        cgroup: "/s/api.service".into(),
        memory: Some(memory),
        memory_max: Some(memory_max),
        ..<_>::default()
    };
    serde_json::to_string(&Line::Component(&line)).unwrap()
}

#[test]
fn tmpfs_that_fills_in_a_component_is_found_in_its_lines() {
    let lines: Vec<String> =
        (0..300).map(|at| component(at * 5, 30 * MIB, 5 * MIB + at * MIB)).collect();
    let (findings, view) = read(&lines);
    let last = findings.last().unwrap();
    assert_eq!(
        (&last["rule"], &last["component"]),
        (&"cgroup_memory_growth".into(), &"api.service".into())
    );
    assert_eq!(last["pid"], serde_json::Value::Null);
    let named =
        |name: &str| last["evidence"].as_array().unwrap().iter().any(|it| it["name"] == name);
    assert!(named("shmem_share") && !named("anon_share"), "{last}");
    assert_eq!(last["forecast"]["limit"], "memory.max of /s");
    assert_eq!(view.findings.len(), 1);
    assert_eq!(
        (view.findings[0].state, &view.findings[0].component),
        (FindingState::Open, &Some("api.service".into()))
    );
    assert!(read(&lines).0 == findings, "the same lines give the same findings");
    let of_some = r#"{"type":"header","filters":{"all":false}}"#.to_owned();
    let lines: Vec<String> = [of_some].into_iter().chain(lines).collect();
    assert!(read(&lines).0.is_empty(), "others may be why");
}

#[test]
fn findings_among_the_lines_are_passed_over() {
    let mut lines: Vec<String> =
        (0..300).map(|at| component(at * 5, 30 * MIB, 5 * MIB + at * MIB)).collect();
    let (findings, view) = read(&lines);
    let with_limits = view.findings.iter().find(|finding| !finding.limits.is_empty()).unwrap();
    lines.insert(200, serde_json::to_string(&Line::Finding(with_limits)).unwrap());
    assert!(read(&lines).0 == findings);
}

#[test]
fn of_a_process_that_leaks_the_lines_of_its_component_say_nothing_more() {
    let lines: Vec<String> = (0..300)
        .flat_map(|at| {
            let bytes = 30 * MIB + at * MIB;
            let own = line(at * 5, "rss_anon_bytes", bytes);
            [own.replace('}', r#","component":"api.service"}"#), component(at * 5, bytes, 0)]
        })
        .collect();
    let (findings, view) = read(&lines);
    assert!(findings.iter().all(|it| it["rule"] == "rss_growth"), "{findings:?}");
    assert_eq!(view.findings.len(), 1);
}

#[test]
fn page_tables_that_climb_are_found_in_the_lines_of_the_host() {
    let host = |at: u64| {
        let mut host = HostSnapshot {
            ts: second(at * 5),
            mem_total_bytes: 8 << 30,
            mem_available_bytes: (4 << 30) - at * MIB,
            ..<_>::default()
        };
        host.memory.page_table_bytes = 40 * MIB + at * MIB;
        serde_json::to_string(&Line::Host(&host)).unwrap()
    };
    let (findings, view) = read(&(0..300).map(host).collect::<Vec<_>>());
    let last = findings.last().unwrap();
    assert_eq!(
        (&last["rule"], &last["resource"]),
        (&"kernel_memory_growth".into(), &"page table memory".into())
    );
    assert_eq!(last["forecast"]["limit"], "memory of the host", "{last}");
    assert_eq!(view.findings.len(), 1);
}

/// Sockets that come one every ten seconds, with so many of ten idle.
fn sockets_of_which(idle: Option<u32>) -> Vec<serde_json::Value> {
    let lines: Vec<String> = (0..36_u64)
        .map(|at| {
            let line = line(at * 5, "sockets", 5 + at * 2);
            let ts = jiff::Timestamp::from_second(1_768_645_800 + at as i64 / 3 * 15).unwrap();
            idle.map_or(line.clone(), |idle| {
                let objects = format!(
                    r#","objects":[{{"kind":"sockets","at":"{ts}","told":10,"idle":{idle},"watched_seconds":90,"born":30,"died":0,"grown":30,"lasting":1,"beyond":30}}]}}"#
                );
                line.replace('}', &objects)
            })
        })
        .collect();
    judged(&lines)
}

#[test]
fn what_looks_at_objects_found_decides_as_it_does_live() {
    let confidence = |findings: &[serde_json::Value]| {
        findings.last().and_then(|it| it["confidence"].as_f64()).unwrap_or(0.0)
    };
    let bare = confidence(&sockets_of_which(None));
    let (idle, used) = (sockets_of_which(Some(10)), sockets_of_which(Some(3)));
    assert!(confidence(&idle) > bare && bare > confidence(&used), "{bare} {idle:?} {used:?}");
    let is_named = |name: &str| {
        let evidence = idle.last().unwrap()["evidence"].as_array().unwrap();
        evidence.iter().any(|it| it["name"] == name)
    };
    assert!(is_named("idle_objects") && is_named("lifetimes"));
}

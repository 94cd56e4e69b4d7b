use std::{env, fs, path::Path};

use serde_json::{Value, json};

use super::{
    super::{
        AccessLine, AccuracyLine, Believed, Connections, Direction, EarlierRun, Evidence,
        FindingState, FindingVerdict, Forecast, LimitUse, LoadLine, ObjectsLine, Rival, RunState,
        Runs, Severity, Timestamp, View, answer,
        event::tests::{any, of},
    },
    *,
};
use crate::event::{
    CgroupMemory, EventKind, Filters, MemoryLimit, Pressure, Pressures, ProcLimits, StackChoice,
    Stall, SystemLimits, TaskLimit,
};

fn header() -> Header {
    Header {
        v: 1,
        version: "0.1.0".to_owned(),
        host: "db1".to_owned(),
        boot_id: "5e0c".to_owned(),
        kernel: "6.18.1".to_owned(),
        started: Timestamp(0),
        attach: [("mmap".to_owned(), "fexit".to_owned())].into(),
        filters: Filters { pids: vec![7], ..Filters::default() },
        reconcile: true,
        stacks: StackChoice::Memory,
        max_memory_bytes: 1 << 27,
    }
}

fn finding() -> Finding {
    let says = "leak";
    Finding {
        ts: Timestamp(0),
        id: "0a".to_owned(),
        rule: "memory_growth".to_owned(),
        state: FindingState::Open,
        severity: Severity::Medium,
        verdict: FindingVerdict::Suspect,
        pid: Some(7),
        start_time: Some(Timestamp(0)),
        comm: Some("api".to_owned()),
        component: None,
        resource: "heap".to_owned(),
        rate_per_min: Some(5e6),
        rate_unit: Some("bytes"),
        rate_interval: Some([4e6, 6e6]),
        confidence: Some(0.98),
        e_value_log10: Some(7.2),
        rival: Some(Rival { hypothesis: "fill", probability: 0.01, decided_by: "an end" }),
        since: Timestamp(0),
        forecast: Some(Forecast {
            limit: "memory.max".to_owned(),
            limit_value: 1e9,
            at: Timestamp(0),
            interval: (Timestamp(0), None),
        }),
        evidence: vec![Evidence { name: "rho".into(), value: 0.5, says, text: String::new() }],
        explanations: vec![Believed { hypothesis: "fill", is_leak: false, probability: 0.01 }],
        limits: vec![LimitUse { limit: "memory.max".to_owned(), limit_value: 1e9, used: 1e8 }],
        runs: Some(runs()),
        stacks: Vec::new(),
        recommendation: String::new(),
    }
}

fn runs() -> Runs {
    Runs {
        grew_alike: 1,
        grew_since: Some(Timestamp(0)),
        first_finding: Some("0b".to_owned()),
        siblings: 2,
        earlier: vec![EarlierRun {
            started: Timestamp(0),
            uptime_seconds: 600.0,
            state: RunState::Grew,
            level: Some(1e9),
            rate_per_min: Some(5e6),
            settled_after_seconds: None,
        }],
    }
}

fn rule_error() -> RuleError {
    RuleError {
        ts: Timestamp(0),
        rule: "mine".to_owned(),
        pid: Some(7),
        start_time: Some(Timestamp(0)),
        comm: Some("api".to_owned()),
        component: None,
        message: "division by zero".to_owned(),
    }
}

fn snapshot() -> Snapshot {
    let accuracy = AccuracyLine {
        checked_at: Timestamp(0),
        mapping_error_bytes: Some(0),
        descriptor_error: Some(0),
    };
    let connections = Some(Connections::default());
    Snapshot {
        accuracy: Some(accuracy),
        connections,
        rss_bytes: Some(1),
        load: Some(LoadLine { accepted: Some(1), ..LoadLine::default() }),
        access: Some(AccessLine {
            at: Timestamp(0),
            window_seconds: 3,
            held_bytes: 2,
            touched_bytes: 1,
        }),
        objects: Some(vec![ObjectsLine {
            kind: "sockets".into(),
            at: Timestamp(0),
            told: 9,
            idle: 8,
            watched_seconds: 60,
            born: 7,
            died: 1,
            grown: 6.0,
            lasting: 0.5,
            beyond: 4,
            files: 0,
            repeated: 0,
        }]),
        limits: Some(ProcLimits { open_files: Some(1024), ..ProcLimits::default() }),
        ..Snapshot::default()
    }
}

fn pressures() -> Pressures {
    let pressure = Pressure { full: Some(Stall::default()), ..Pressure::default() };
    Pressures { memory: Some(pressure), cpu: Some(Pressure::default()), io: None }
}

fn host() -> HostSnapshot {
    let limits = SystemLimits { pid_max: Some(4_194_304), ..SystemLimits::default() };
    HostSnapshot { limits, pressure: pressures(), ..HostSnapshot::default() }
}

fn component() -> ComponentSnapshot {
    ComponentSnapshot {
        cpu_percent: Some(0.5),
        connections: Some(Connections::default()),
        memory: Some(CgroupMemory::default()),
        memory_max: Some(MemoryLimit::default()),
        pids_max: Some(TaskLimit::default()),
        pressure: pressures(),
        ..ComponentSnapshot::default()
    }
}

/// A view with something for every field of every answer.
fn answered() -> View {
    let mut view = answer::tests::view();
    view.findings = vec![finding()];
    let trend = answer::tests::trend("heap", "bytes", Direction::Rising, 1.0);
    (view.processes[0].trends, view.host_cpu) = (vec![trend.clone()], Some(trend));
    view
}

/// One line of each type, and of each kind of event.
fn lines() -> Vec<Value> {
    let print = |line: Line<'_>| serde_json::to_value(&line).unwrap();
    let mut lines = vec![
        print(Line::Header(&header())),
        print(Line::Snapshot(&Snapshot::default())),
        print(Line::Snapshot(&snapshot())),
        print(Line::Host(&HostSnapshot::default())),
        print(Line::Host(&host())),
        print(Line::Component(&ComponentSnapshot::default())),
        print(Line::Component(&component())),
        print(Line::Finding(&finding())),
        print(Line::RuleError(&rule_error())),
        print(Line::Stats(&Stats::default())),
        print(Line::Exit(ExitLine { command_status: 0, status: 3 })),
    ];
    let view = answered();
    lines.extend([
        print(Line::Leaks(&Leaks::of(&view))),
        print(Line::Trends(&Trends::of(&view))),
        print(Line::Report(&Report::of(&view))),
        print(Line::Optimize(&Optimization::of(&view))),
        print(Line::Explain(&Explanation::of(&view, None).unwrap())),
    ]);
    for &kind in EventKind::ALL {
        for (result, stack) in [(9, Some([4096_u64].as_slice())), (-24, None)] {
            let event = any(kind, result);
            lines.extend(of(&event, stack).record().map(|record| print(Line::Event(&record))));
        }
    }
    lines
}

#[test]
fn the_schema_is_the_one_on_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/output/schema.json");
    let now = format!("{:#}\n", schema());
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let filed = fs::read_to_string(&path).unwrap();
    assert!(filed == now, "the lines changed: look at the difference with UPDATE_GOLDEN=1");
}

#[test]
fn every_line_is_of_the_schema_and_nothing_may_be_added_or_left_out() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let lines = lines();
    assert_eq!(lines.len(), 16 + 2 * (EventKind::ALL.len() - 2));
    for line in lines {
        let errors: Vec<String> = validator.iter_errors(&line).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
        let mut more = line.clone();
        more["surprise"] = json!(1);
        assert!(!validator.is_valid(&more), "{more}");
        for name in line.as_object().unwrap().keys() {
            let mut less = line.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!validator.is_valid(&less), "{less}");
        }
    }
}

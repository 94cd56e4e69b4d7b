use proptest::prelude::*;

use super::{super::answer::tests as answer, *};
use crate::output::{
    ComponentSnapshot, Finding, FindingVerdict, Severity, Snapshot, Stats, Viewed,
};

/// A sample, read by a parser that shares no code with the writer.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

fn parse(line: &str) -> Sample {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').unwrap();
        return Sample { name: name.into(), labels: Vec::new(), value: value.parse().unwrap() };
    };
    let mut chars = rest.chars();
    let mut labels = Vec::new();
    loop {
        let label: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(chars.next(), Some('"'));
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    other => unreachable!("escape \\{other}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((label, value));
        match chars.next().unwrap() {
            '}' => break,
            ',' => {}
            other => unreachable!("{other} after a label"),
        }
    }
    let value = chars.as_str().trim().parse().unwrap();
    Sample { name: name.into(), labels, value }
}

/// All samples of a page. Checks what holds for every page: one HELP and one TYPE for each family before
/// its samples, and no series twice.
fn samples(page: &str, format: Format) -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    let mut families: Vec<&str> = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} twice");
            families.push(name);
        } else if !line.starts_with('#') {
            let sample = parse(line);
            let family = *families.last().unwrap();
            let suffix = sample.name.strip_prefix(family);
            assert!(matches!(suffix, Some("" | "_total" | "_info")), "{} in {family}", sample.name);
            let same = |it: &&Sample| it.name == sample.name && it.labels == sample.labels;
            assert!(!all.iter().any(|it| same(&it)), "twice: {sample:?}");
            all.push(sample);
        }
    }
    assert_eq!(page.ends_with("# EOF\n"), format == Format::OpenMetrics);
    all
}

/// Of a service whose configuration on disk is wrong.
fn service() -> Service {
    let history = WrittenHistory {
        is_well: true,
        bytes: 5,
        max_bytes: 9,
        rows: 3,
        lost_looks: 0,
        lost_findings: 0,
    };
    let configuration =
        ReadConfiguration { is_right: false, loaded_at: crate::output::Timestamp(1_500_000_000) };
    Service { configuration: Some(configuration), history: Some(history) }
}

fn page(view: &View, format: Format) -> Vec<Sample> {
    samples(&metrics(view, &service(), "1.2.3", TOP, format), format)
}

fn process(pid: u32, comm: &str, anon_bytes: u64) -> Viewed {
    let snapshot = Snapshot {
        pid,
        comm: comm.to_owned(),
        rss_anon_bytes: Some(anon_bytes),
        ..Snapshot::default()
    };
    Viewed { snapshot, ..Viewed::default() }
}

fn full() -> View {
    let mut view = answer::view();
    view.findings = vec![answer::finding("aa", Severity::High, FindingVerdict::Leak)];
    view.components = vec![ComponentSnapshot {
        component: "api.service".to_owned(),
        cgroup: "/system.slice/api.service".to_owned(),
        ..ComponentSnapshot::default()
    }];
    view.stats = Some(Stats { events_seen: 7, ..Stats::default() });
    view
}

#[test]
fn a_view_has_its_host_findings_components_processes_and_the_agent() {
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let all = page(&full(), format);
        let value = |name: &str| all.iter().find(|it| it.name == name).map(|it| it.value);
        assert_eq!(value("memwatch_build_info"), Some(1.0));
        assert_eq!(value("memwatch_host_memory_bytes"), Some(8.0 * 1024.0_f64.powi(3)));
        assert_eq!(value("memwatch_agent_events_total"), Some(7.0));
        assert_eq!(value("memwatch_component_processes"), Some(0.0));
        assert_eq!(value("memwatch_process_memory_bytes"), Some(64.0 * 1_048_576.0));
        assert_eq!(value("memwatch_process_cpu_ratio"), Some(0.125));
        let rate = value("memwatch_finding_growth_bytes_per_second").unwrap();
        assert!((rate - 5.0 * 1_048_576.0 / 60.0).abs() < 1e-6, "{rate}");
        let high = all.iter().find(|it| it.label("severity") == Some("high")).unwrap();
        assert_eq!((high.name.as_str(), high.value), ("memwatch_findings", 1.0));
        let info = all.iter().find(|it| it.name == "memwatch_finding_info").unwrap();
        assert_eq!((info.label("verdict"), info.label("pid")), (Some("leak"), Some("7")));
        assert_eq!(value("memwatch_process_swap_bytes"), None, "what is unknown is not told");
        assert_eq!(value("memwatch_config_last_reload_successful"), Some(0.0));
        assert_eq!(value("memwatch_config_last_reload_success_timestamp_seconds"), Some(1.5));
        assert_eq!(value("memwatch_history_writable"), Some(1.0));
        assert_eq!(value("memwatch_history_samples_total"), Some(3.0));
    }
}

#[test]
fn the_two_forms_differ_in_how_a_counter_is_named_and_in_the_end() {
    let (open, old) = (Format::OpenMetrics, Format::Prometheus);
    let text = metrics(&full(), &service(), "1", TOP, open);
    assert!(text.contains("# TYPE memwatch_agent_events counter\n"), "{text}");
    assert!(text.contains("# TYPE memwatch_build info\n"));
    assert!(text.contains("# UNIT memwatch_process_memory_bytes bytes\n"));
    let text = metrics(&full(), &service(), "1", TOP, old);
    assert!(text.contains("# TYPE memwatch_agent_events_total counter\n"), "{text}");
    assert!(text.contains("# TYPE memwatch_build_info gauge\n"));
    assert!(!text.contains("# UNIT"));
}

#[test]
fn of_many_processes_the_largest_are_told_and_all_with_findings() {
    let mut view = full();
    view.processes = (1..=1000).map(|pid| process(pid, "x", u64::from(pid))).collect();
    let mut ended = process(5000, "ended", 1 << 40);
    ended.snapshot.is_final = true;
    view.processes.push(ended);
    let all = page(&view, Format::OpenMetrics);
    let memory = all.iter().filter(|it| it.name == "memwatch_process_memory_bytes");
    let pids: Vec<u32> = memory.map(|it| it.label("pid").unwrap().parse().unwrap()).collect();
    let wanted: Vec<u32> = std::iter::once(7).chain(951..=1000).collect();
    assert_eq!(pids, wanted);
    let out = all.iter().find(|it| it.label("what") == Some("processes")).unwrap();
    assert!((out.value - 949.0).abs() < 0.5, "{out:?}");
}

#[test]
fn nothing_that_there_is_much_of_makes_a_page_without_end() {
    let mut view = full();
    view.findings = (0..3000)
        .map(|at| Finding {
            pid: Some(at),
            ..answer::finding(&format!("{at:016x}"), Severity::Low, FindingVerdict::Suspect)
        })
        .collect();
    view.components = (0..3000)
        .map(|at| ComponentSnapshot { cgroup: format!("/{at}"), ..view.components[0].clone() })
        .collect();
    view.processes = (0..3000).map(|pid| process(pid, "x", 1)).collect();
    let text = metrics(&view, &service(), "1", TOP, Format::OpenMetrics);
    let count = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("memwatch_finding_info{"), finding::MOST);
    assert_eq!(count("memwatch_component_processes{"), component::MOST);
    assert!(text.contains("memwatch_left_out{what=\"findings\"} 2500\n"), "{text}");
}

proptest! {
    /// Whatever a process calls itself, the page stays a page, and the name is one label of one sample.
    #[test]
    fn hostile_names_stay_in_their_label(comm in ".{0,20}|[\"\\\\\n{},= #]{0,12}|\\PC{0,8}") {
        let mut view = full();
        view.processes = vec![process(7, &comm, 1)];
        view.findings[0].comm = Some(comm.clone());
        view.findings[0].component = Some(comm.clone());
        view.components[0].component = comm.clone();
        view.components[0].cgroup = comm.clone();
        let plain = page(&full(), Format::OpenMetrics);
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let text = metrics(&view, &service(), "1", TOP, format);
            prop_assert!(!text.chars().any(|c| c != '\n' && crate::output::is_hostile(c)));
            let all = samples(&text, format);
            let told = all.iter().find(|it| it.name == "memwatch_process_memory_bytes").unwrap();
            let shown: String = comm
                .chars()
                .map(|c| if crate::output::is_hostile(c) { c.escape_default().to_string() } else { c.to_string() })
                .collect();
            prop_assert_eq!(told.label("comm"), Some(shown.as_str()));
            let findings = |all: &[Sample]| all.iter().filter(|it| it.name.contains("finding")).count();
            prop_assert_eq!(findings(&all), findings(&plain));
        }
    }
}

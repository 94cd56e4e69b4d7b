//! Rules of a user from their text to the printed line.

use std::{fs, path::Path};

#[path = "growth_rules_tests.rs"]
mod growth_rules;
#[path = "measured_rules_tests.rs"]
mod measured_rules;
#[path = "whole_tests.rs"]
mod whole;

use super::*;
use crate::{
    engine::{CommPattern, rule_finding::recommendation, tests::facts},
    event::{
        CgroupMemory, CgroupReading, CustomKind, Filters, HostReading, Input, MemoryLimit,
        Placement, ProcIdentity, ProcReading, ProcessId, RuleFile,
    },
    sink::{Plain, Sink as _},
};

const SECOND: u64 = 1_000_000_000;

/// An engine with a file of rules, and what it printed.
struct World {
    engine: Engine,
    printed: Vec<u8>,
}

impl World {
    fn new(rules: &str) -> Self {
        let file = RuleFile { name: "my.toml".to_owned(), text: rules.to_owned() };
        let rules = Rules::load(&[file]).unwrap_or_else(|faults| panic!("{faults}"));
        let filters = Filters { all: true, ..Filters::default() };
        let comm = CommPattern::compile(&filters).unwrap();
        let engine = Engine::start(facts(filters), comm, rules, false, &mut |_| {});
        Self { engine, printed: Vec::new() }
    }

    fn feed(&mut self, input: &Input) {
        let printed = &mut self.printed;
        self.engine.apply(input, &mut |output| Plain.write(&output, printed));
    }

    /// A look at process 7, which is called `api`.
    fn look(&mut self, second: u64, threads: u32) {
        let reading = ProcReading {
            process: ProcessId { pid: 7, start_ticks: 7 },
            at_ns: second * SECOND,
            comm: "api".to_owned(),
            state: 'S',
            threads,
            virtual_bytes: 1 << 30,
            ..ProcReading::default()
        };
        self.feed(&Input::Proc(Box::new(reading)));
    }

    fn end(&mut self, second: u64) {
        let process = ProcessId { pid: 7, start_ticks: 7 };
        let at_ns = second * SECOND;
        let gone = ProcReading { process, at_ns, state: 'X', ..ProcReading::default() };
        self.feed(&Input::Proc(Box::new(gone)));
    }

    fn report(&mut self, second: u64, subject: CustomSubject, name: &str, value: f64) {
        let kind = CustomKind::Gauge;
        let at_ns = second * SECOND;
        let value = CustomValue { at_ns, subject, name: name.to_owned(), kind, value };
        let reading = CustomReading { values: vec![value], rejected: 0 };
        self.feed(&Input::Custom(Box::new(reading)));
    }

    fn host(&mut self, second: u64, available: u64) {
        let reading = HostReading {
            at_ns: second * SECOND,
            mem_total_bytes: 100 << 30,
            mem_available_bytes: available,
            ..HostReading::default()
        };
        self.feed(&Input::Host(Box::new(reading)));
    }

    fn text(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.printed)).unwrap()
    }
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    fs::read_to_string(path).unwrap()
}

/// The rules that the README shows.
fn example<'a>(readme: &'a str, name: &str) -> &'a str {
    let part = readme.split(&format!("<!-- rules:{name} -->")).nth(1).unwrap();
    part.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn the_rules_of_the_readme_print_what_it_says() {
    let readme = readme();
    let mut world = World::new(example(&readme, "example"));
    world.look(10, 250);
    world.look(20, 250);
    assert_eq!(world.text(), "");
    world.look(45, 250);
    world.report(50, CustomSubject::Pid(7), "queue_depth", 1500.0);
    let printed = world.text();
    assert_eq!(
        printed,
        "FINDING [high] api_threads api (pid 7): threads: threads 250 since 1970-01-01T00:00:10Z\n\
         FINDING [medium] queue_depth api (pid 7): queue_depth: custom.queue_depth 1500 since \
         1970-01-01T00:00:50Z\n"
    );
    assert!(readme.contains(&printed), "the README shows something else");
    world.look(55, 3);
    world.end(60);
    assert_eq!(
        world.text(),
        "RESOLVED api_threads api (pid 7): no longer so\n\
         RESOLVED queue_depth api (pid 7): no longer so\n"
    );
}

#[test]
fn the_typing_error_of_the_readme_is_shown_as_it_says() {
    let text =
        "[[rule]]\nname = \"busy\"\nseverity = \"high\"\ncondition = \"descriptor > 1000\"\n";
    let file = RuleFile { name: "my.toml".to_owned(), text: text.to_owned() };
    let shown = Rules::load(&[file]).unwrap_err().to_string();
    assert_eq!(
        shown,
        "my.toml:4:14: there is no variable \"descriptor\": did you mean \"descriptors\"?\n  \
         4 | condition = \"descriptor > 1000\"\n    \
         |              ^^^^^^^^^^"
    );
    assert!(readme().contains(&shown), "the README shows something else");
}

#[test]
fn a_rule_over_a_counter_of_a_component_holds_while_it_is_reported() {
    let mut world = World::new(
        "[[rule]]\nname = \"cache\"\nseverity = \"low\"\nsubject = \"component\"\n\
         condition = \"component == 'api.service' && custom['cache-entries'] / 2 > 10\"\n",
    );
    let component = || CustomSubject::Component("api.service".to_owned());
    world.report(1, component(), "cache-entries", 20.0);
    assert_eq!(world.text(), "");
    world.report(2, component(), "cache-entries", 21.5);
    assert_eq!(
        world.text(),
        "FINDING [low] cache api.service: cache: custom.cache-entries 21.5 since \
         1970-01-01T00:00:02Z\n"
    );
    world.feed(&Input::Tick { now_ns: 2 * SECOND + FORGOTTEN_NS + 1 });
    let text = world.text();
    assert!(text.contains("RESOLVED cache api.service: no longer so\n"), "{text}");
}

#[test]
fn a_rule_that_fails_is_told_once_and_takes_nothing_down() {
    let mut world = World::new(
        "[[rule]]\nname = \"share\"\nseverity = \"low\"\ncondition = \"threads / custom.asked > 2\"\n\
         [[rule]]\nname = \"other\"\nseverity = \"low\"\ncondition = \"threads > 5\"\n",
    );
    world.look(10, 6);
    assert_eq!(
        world.text(),
        "FINDING [low] other api (pid 7): other: threads 6 since 1970-01-01T00:00:10Z\n"
    );
    world.report(11, CustomSubject::Pid(7), "asked", 0.0);
    assert_eq!(world.text(), "RULE ERROR share api (pid 7): division by zero\n");
    world.look(15, 7);
    assert_eq!(world.text(), "", "it is told once");
    world.report(16, CustomSubject::Pid(7), "asked", 1.0);
    assert_eq!(
        world.text(),
        "FINDING [low] share api (pid 7): share: threads 7, custom.asked 1 since \
         1970-01-01T00:00:16Z\n"
    );
}

#[test]
fn little_memory_is_a_warning_first_and_critical_when_next_to_none_is_left() {
    let mut world = World::new("");
    for second in [0, 30, 60] {
        world.host(second, 4 << 30);
    }
    assert_eq!(
        world.text(),
        "FINDING [medium] memory_warning this host: memory of the host: mem_available_bytes 4.0 \
         GiB, mem_total_bytes 100.0 GiB, memory.hugetlb_bytes 0 B since 1970-01-01T00:00:00Z\n"
    );
    world.host(70, 1 << 30);
    world.host(100, 1 << 30);
    let text = world.text();
    assert!(text.starts_with("FINDING [critical] memory_critical this host: "), "{text}");
    world.host(110, 50 << 30);
    assert_eq!(
        world.text(),
        "RESOLVED memory_warning this host: no longer so\n\
         RESOLVED memory_critical this host: no longer so\n"
    );
}

#[test]
fn what_nobody_is_watched_for_is_not_taken() {
    let mut world = World::new("");
    world.report(1, CustomSubject::Pid(7), "a", 1.0);
    world.look(10, 1);
    world.report(0, CustomSubject::Pid(7), "a", 1.0);
    assert_eq!((world.engine.book.values, world.engine.book.rejected), (0, 2), "not there yet");
    world.report(11, CustomSubject::Pid(7), "a", 1.0);
    for number in 0..=MAX_COMPONENTS {
        world.report(12, CustomSubject::Component(format!("c{number}")), "a", 1.0);
    }
    let taken = 1 + MAX_COMPONENTS as u64;
    assert_eq!((world.engine.book.values, world.engine.book.rejected), (taken, 3));
}

#[test]
fn a_component_near_its_limit_is_found_until_it_is_gone() {
    let mut world = World::new("");
    let place = Placement { name: "api.service".to_owned(), ..Placement::default() };
    let place = Placement { path: "/system.slice/api.service".to_owned(), ..place };
    let reading = ProcReading {
        process: ProcessId { pid: 7, start_ticks: 7 },
        at_ns: 10 * SECOND,
        comm: "api".to_owned(),
        state: 'S',
        virtual_bytes: 1 << 30,
        identity: Some(Box::new(ProcIdentity {
            component: Some(Box::new(place.clone())),
            ..ProcIdentity::default()
        })),
        ..ProcReading::default()
    };
    world.feed(&Input::Proc(Box::new(reading)));
    let memory = CgroupMemory { current_bytes: 99 << 20, ..CgroupMemory::default() };
    let limit = MemoryLimit {
        path: place.path.clone(),
        limit_bytes: 100 << 20,
        current_bytes: 99 << 20,
        working_set_bytes: 99 << 20,
    };
    let reading = CgroupReading {
        path: place.path,
        at_ns: 11 * SECOND,
        memory: Some(memory),
        memory_max: Some(limit),
        ..CgroupReading::default()
    };
    world.feed(&Input::Cgroup(Box::new(reading)));
    for second in [20, 50] {
        world.host(second, 50 << 30);
    }
    assert_eq!(
        world.text(),
        "FINDING [high] cgroup_limit api.service: memory: memory_bytes 99.0 MiB, \
         limit.memory_bytes 100.0 MiB since 1970-01-01T00:00:20Z\n"
    );
    world.end(60);
    world.host(70, 50 << 30);
    assert_eq!(world.text(), "RESOLVED cgroup_limit api.service: no longer so\n");
}

#[test]
fn an_action_is_told_and_the_pid_stands_in_the_recommendation() {
    let text = recommendation("ps -p PID", Some("restart"), &Who::Process(7));
    assert_eq!(text, "ps -p 7 (would do: restart)");
    assert_eq!(recommendation("", Some("restart"), &Who::Host), "would do: restart");
    assert_eq!(recommendation("see PID", None, &Who::Host), "see PID");
}

#[test]
fn rules_change_while_the_run_goes_on() {
    let rule = |name: &str, threads: u32| {
        format!(
            "[[rule]]\nname = \"{name}\"\nseverity = \"low\"\ncondition = \"threads > {threads}\"\n"
        )
    };
    let file = |text: String| RuleFile { name: "my.toml".to_owned(), text };
    let mut world = World::new(&(rule("gone", 5) + &rule("stays", 5) + &rule("tightened", 50)));
    world.look(1, 10);
    let renewed = rule("stays", 5) + &rule("tightened", 8) + &rule("new", 9);
    world.feed(&Input::Rules(vec![file(renewed)]));
    world.look(2, 10);
    // Wrong ones change nothing.
    world.feed(&Input::Rules(vec![file("[[rule]]".to_owned())]));
    world.look(3, 7);
    let printed = String::from_utf8(world.printed).unwrap();
    let said = |word: &str, name: &str| {
        printed.lines().filter(|line| line.starts_with(word) && line.contains(name)).count()
    };
    for (name, opened, resolved) in
        [("gone", 1, 1), ("stays", 1, 0), ("tightened", 1, 1), ("new", 1, 1)]
    {
        assert_eq!(
            (said("FINDING", name), said("RESOLVED", name)),
            (opened, resolved),
            "{name} in\n{printed}"
        );
    }
}

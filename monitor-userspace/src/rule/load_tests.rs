use super::*;
use crate::{output::Severity, rule::Signal};

fn file(text: &str) -> RuleFile {
    RuleFile { name: "my.toml".to_owned(), text: text.to_owned() }
}

fn loaded(text: &str) -> Rules {
    Rules::load(&[file(text)]).unwrap_or_else(|faults| panic!("{faults}"))
}

fn named<'a>(rules: &'a Rules, name: &str) -> &'a Rule {
    rules.iter().find(|rule| rule.name == name).unwrap()
}

fn refused(text: &str) -> String {
    Rules::load(&[file(text)]).unwrap_err().to_string()
}

#[test]
fn built_in_rules_are_right_and_complete() {
    let rules = Rules::load(&[]).unwrap();
    for rule in rules.iter() {
        assert!(rule.enabled && rule.origin == Origin::BuiltIn, "{}", rule.name);
        for text in [&rule.description, &rule.resource, &rule.recommendation] {
            assert!(!text.is_empty(), "{}", rule.name);
        }
    }
    for signal in Signal::ALL {
        assert!(
            rules.growth_rule(Subject::Process, &Grower::Signal(signal)).is_some(),
            "{}",
            signal.rule()
        );
    }
    for name in [
        "fd_limit",
        "close_wait",
        "zombie_children",
        "memory_critical",
        "cgroup_limit",
        "idle_connections",
        "listener_backlog",
        "deleted_open_files",
        "cpu",
    ] {
        assert!(matches!(named(&rules, name).grade, Grade::Fixed(_)), "{name}");
    }
}

#[test]
fn a_users_file_adds_changes_and_switches_off() {
    let rules = loaded(
        r#"
        [[rule]]
        name = "too_many_sessions"
        severity = "high"
        condition = "custom.sessions > 100"
        for = "30s"
        action = "restart"
        cooldown = "10m"

        [[rule]]
        name = "close_wait"
        condition = "connections.close_wait >= 500"

        [[rule]]
        name = "heap_growth"
        enabled = false
        "#,
    );
    let own = named(&rules, "too_many_sessions");
    assert_eq!(own.origin, Origin::File("my.toml".to_owned()));
    assert_eq!((own.hold_ns, own.cooldown_ns), (30_000_000_000, Some(600_000_000_000)));
    assert_eq!(
        (own.resource.as_str(), own.action.as_deref()),
        ("too_many_sessions", Some("restart"))
    );
    let changed = named(&rules, "close_wait");
    assert_eq!(changed.origin, Origin::Changed("my.toml".to_owned()));
    assert_eq!(changed.condition_text, "connections.close_wait >= 500");
    assert_eq!(changed.hold_ns, 60_000_000_000, "what is not named stays");
    assert_eq!(changed.grade, Grade::Fixed(Severity::Medium));
    assert!(!named(&rules, "heap_growth").enabled);
    assert!(rules.growth_rule(Subject::Process, &Grower::Signal(Signal::Heap)).is_none());
}

#[test]
fn a_growth_rule_may_be_replaced_and_ask_for_more() {
    let rules = loaded(
        r#"
        [[rule]]
        name = "heap_growth"
        enabled = false

        [[rule]]
        name = "big_heap_growth"
        severity = "computed"
        condition = "growth.heap.confidence >= 0.5 && heap_bytes > 1000 && comm != 'java'"
        "#,
    );
    let heap = Grower::Signal(Signal::Heap);
    let (number, rule) = rules.growth_rule(Subject::Process, &heap).unwrap();
    assert_eq!(rule.name, "big_heap_growth");
    let holds = |comm: &str, heap_bytes, confidence| {
        let snapshot = crate::output::Snapshot {
            comm: comm.to_owned(),
            heap_bytes,
            ..crate::output::Snapshot::default()
        };
        let mut growth = [None; Signal::ALL.len()];
        growth[Signal::Heap as usize] =
            Some(crate::rule::GrowthFigures { confidence, ..Default::default() });
        let view = View::Process(crate::rule::ProcessView {
            snapshot: &snapshot,
            age_seconds: None,
            limits: crate::rule::Limits::default(),
            growth: &growth,
            gauges: crate::rule::GaugeGrowths::default(),
            custom: None,
        });
        rules.growth_holds(number, &view).unwrap()
    };
    assert_eq!(holds("api", Some(2000), Some(0.9)), Holds::Yes);
    assert_eq!(holds("java", Some(2000), Some(0.9)), Holds::No);
    assert_eq!(holds("api", Some(2000), Some(0.4)), Holds::No);
    assert_eq!(holds("api", None, Some(0.9)), Holds::Undecided);
}

#[test]
fn a_typing_error_is_shown_at_its_place() {
    assert_eq!(
        refused(
            "[[rule]]\nname = \"busy\"\nseverity = \"high\"\n\
             condition = \"comm == \\\"api\\\" && descriptor > 1000\"\n"
        ),
        "my.toml:4:33: there is no variable \"descriptor\": did you mean \"descriptors\"?\n  \
         4 | condition = \"comm == \\\"api\\\" && descriptor > 1000\"\n    \
         |                                 ^^^^^^^^^^"
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said_once_and_all_of_it() {
    let rule = |keys: &str| format!("[[rule]]\nname = \"mine\"\n{keys}\n");
    for (text, first_line) in [
        (
            "[[rules]]\n".to_owned(),
            "my.toml:1:3: there is no key \"rules\": did you mean \"rule\"?",
        ),
        ("[[rule]]\n".to_owned(), "my.toml:1:1: a rule needs a name"),
        ("rule = 1\n".to_owned(), "my.toml:1:1: rules are written as [[rule]]"),
        (
            rule("sevrity = \"high\"\nseverity = \"low\"\ncondition = \"threads > 1\""),
            "my.toml:3:1: there is no key \"sevrity\": did you mean \"severity\"?",
        ),
        (
            rule("severity = \"bad\""),
            "my.toml:3:12: severity is one of low, medium, high, critical, computed, not \"bad\"",
        ),
        (rule("severity = \"low\""), "my.toml:2:8: rule \"mine\" needs a condition"),
        (rule("condition = \"threads > 1\""), "my.toml:2:8: rule \"mine\" needs a severity"),
        (rule("enabled = \"no\""), "my.toml:3:11: enabled is true or false, not string"),
        (rule("for = \"soon\""), "my.toml:3:7: for is a time (0s, 30s, 5m, 2h), not \"soon\""),
        (
            rule("severity = \"computed\"\ncondition = \"threads > 1\""),
            "my.toml:3:12: severity \"computed\" is for conditions over the growth of one series \
             (growth.heap.confidence)",
        ),
        (
            rule("severity = \"computed\"\ncondition = \"growth.heap.confidence > 0.9\""),
            "my.toml:4:13: rule \"heap_growth\" names the growth of this series already: switch \
             one off",
        ),
        (
            "[[rule]]\nname = \"fd_limit\"\n[[rule]]\nname = \"fd_limit\"\n".to_owned(),
            "my.toml:4:8: a second rule \"fd_limit\" in one file",
        ),
        (
            "[[rule]]\nname = \"a b\"\n".to_owned(),
            "my.toml:2:8: a name is made of letters, digits, _ and - (at most 64)",
        ),
    ] {
        let refused = refused(&text);
        assert_eq!(refused.lines().next(), Some(first_line), "{text}\n{refused}");
    }
    let two = refused(&rule("severity = \"bad\"\nfor = \"soon\"\ncondition = \"threads > 1\""));
    assert!(two.contains("my.toml:3:12: ") && two.contains("my.toml:4:7: "), "{two}");
    assert!(refused("[[rule]\n").starts_with("my.toml:1:"), "{}", refused("[[rule]\n"));
}

#[test]
fn rules_keep_their_numbers_when_others_come_and_go() {
    let load = |names: &[&str]| {
        let rule = |name: &&str| {
            format!(
                "[[rule]]\nname = \"{name}\"\nseverity = \"low\"\ncondition = \"threads > 1\"\n"
            )
        };
        let text = names.iter().map(rule).collect();
        Rules::load(&[RuleFile { name: "my.toml".into(), text }]).unwrap()
    };
    let number =
        |rules: &Rules, name: &str| rules.iter().position(|rule| rule.enabled && rule.name == name);
    let first = load(&["a", "b"]);
    let (a, b) = (number(&first, "a").unwrap(), number(&first, "b").unwrap());
    let second = load(&["c", "b"]).in_place_of(&first);
    assert_eq!((number(&second, "a"), number(&second, "b")), (None, Some(b)));
    assert_eq!(second.get(a).unwrap().name, "a");
    let third = load(&["b", "d", "c"]).in_place_of(&second);
    assert_eq!(number(&third, "d"), Some(a), "its number is free by then");
    assert_eq!(number(&third, "c"), number(&second, "c"));
    assert_eq!(third.iter().count(), second.iter().count());
    assert_eq!(number(&load(&["a"]).in_place_of(&third), "fd_limit"), number(&first, "fd_limit"));
}

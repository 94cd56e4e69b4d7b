//! Growth under rules: gauges, and rules that a user has retuned.

use super::*;

#[test]
fn the_growth_rules_of_the_readme_hold() {
    let readme = readme();
    let rules = example(&readme, "growth");
    let (_, text) = climbing_threads(rules, 0..400);
    assert!(text.starts_with("FINDING [high] thread_growth api (pid 7)"), "{text}");
    let mut world = World::new(rules);
    gauge(&mut world, 0..120, |look| 50.0 + look as f64);
    let text = world.text();
    assert!(text.starts_with("FINDING [low] session_leak api (pid 7)"), "{text}");
}

/// Every 5 s a look at process 7, whose threads climb by one a look.
fn climbing_threads(rules: &str, looks: std::ops::Range<u64>) -> (World, String) {
    let mut world = World::new(rules);
    for look in looks {
        world.look(100 + look * 5, 10 + look as u32);
    }
    let text = world.text();
    (world, text)
}

/// Every 5 s a value of a gauge of process 7.
fn gauge(world: &mut World, looks: std::ops::Range<u64>, value: impl Fn(u64) -> f64) {
    for look in looks {
        world.look(100 + look * 5, 1);
        world.report(100 + look * 5, CustomSubject::Pid(7), "sessions", value(look));
    }
}

fn firsts(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split(": ").next()).collect()
}

#[test]
fn a_gauge_that_climbs_is_a_finding_of_its_own_until_it_stops() {
    let mut world = World::new("");
    gauge(&mut world, 0..120, |look| 50.0 + look as f64);
    let text = world.text();
    assert!(text.starts_with("FINDING [low] custom_growth api (pid 7): sessions"), "{text}");
    let open = world.engine.open_findings(FindingState::Open);
    let [finding] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!((finding.resource.as_str(), finding.rate_unit), ("sessions", Some("items")));
    let rate = finding.rate_per_min.unwrap();
    assert!((11.0..13.0).contains(&rate), "{rate} a minute");
    gauge(&mut world, 120..400, |_| 170.0);
    let text = world.text();
    assert!(text.contains("RESOLVED custom_growth api (pid 7): growth stopped"), "{text}");
    assert!(world.engine.open_findings(FindingState::Open).is_empty());
}

#[test]
fn growth_that_comes_back_within_the_cooldown_is_not_told_again() {
    let is_told_again = |rules: &str| {
        let mut world = World::new(rules);
        gauge(&mut world, 0..120, |look| 50.0 + look as f64);
        gauge(&mut world, 120..400, |_| 170.0);
        assert!(world.text().contains("RESOLVED custom_growth"));
        gauge(&mut world, 400..560, |look| look as f64 - 230.0);
        world.text().contains("FINDING")
    };
    let rule =
        |cooldown: &str| format!("[[rule]]\nname = \"custom_growth\"\ncooldown = \"{cooldown}\"\n");
    assert!(is_told_again(""));
    assert!(is_told_again(&rule("5m")), "the rest is over long before");
    assert!(!is_told_again(&rule("1d")));
    let is_told_of_threads = |rules: &str| {
        let (mut world, text) = climbing_threads(rules, 0..120);
        assert!(text.starts_with("FINDING"), "{text}");
        (0..280).for_each(|look| world.look(700 + look * 5, 129));
        let text = world.text();
        assert!(text.contains("RESOLVED thread_growth"), "{text}");
        assert!(text.contains("growth stopped") && !text.contains("ended"), "{text}");
        (0..160).for_each(|look| world.look(2100 + look * 5, 129 + look as u32));
        world.text().contains("FINDING")
    };
    assert!(is_told_of_threads(""));
    assert!(!is_told_of_threads("[[rule]]\nname = \"thread_growth\"\ncooldown = \"1d\"\n"));
}

#[test]
fn what_is_open_about_a_gauge_ends_with_its_process() {
    let mut world = World::new("");
    gauge(&mut world, 0..120, |look| 50.0 + look as f64);
    world.text();
    world.end(800);
    assert_eq!(firsts(&world.text()), ["RESOLVED custom_growth api (pid 7)"]);
    assert!(world.engine.open_findings(FindingState::Open).is_empty());
}

#[test]
fn a_counter_that_climbs_is_none() {
    let mut world = World::new("");
    for look in 0..200 {
        world.look(100 + look * 5, 1);
        let at_ns = (100 + look * 5) * SECOND;
        let (subject, kind) = (CustomSubject::Pid(7), CustomKind::Counter);
        let name = "served".to_owned();
        let value = CustomValue { at_ns, subject, name, kind, value: (look * look) as f64 };
        let reading = CustomReading { values: vec![value], rejected: 0 };
        world.feed(&Input::Custom(Box::new(reading)));
    }
    assert_eq!(world.text(), "");
}

#[test]
fn a_gauge_of_a_component_is_judged_too_and_may_have_a_rule_of_its_own() {
    let rules = "[[rule]]\nname = \"my_queue\"\nsubject = \"component\"\nseverity = \"computed\"\n\
                 condition = \"growth.custom.queue.confidence >= 0.5 && component == 'a.service'\"\n";
    let mut world = World::new(rules);
    for look in 0..120_u64 {
        for (component, name) in
            [("a.service", "queue"), ("b.service", "queue"), ("b.service", "other")]
        {
            let subject = CustomSubject::Component(component.to_owned());
            world.report(100 + look * 5, subject, name, 50.0 + look as f64);
        }
    }
    let text = world.text();
    let mut names = firsts(&text);
    names.retain(|name| name.starts_with("FINDING [low]"));
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names,
        ["FINDING [low] custom_growth b.service", "FINDING [low] my_queue a.service"],
        "{text}"
    );
}

#[test]
fn a_growth_rule_that_is_switched_off_tells_nothing() {
    let off = "[[rule]]\nname = \"thread_growth\"\nenabled = false\n";
    assert_eq!(climbing_threads(off, 0..120).1, "");
    let (_, text) = climbing_threads("", 0..120);
    assert!(text.starts_with("FINDING [low] thread_growth api (pid 7)"), "{text}");
}

#[test]
fn a_growth_rule_may_ask_for_more_and_have_a_severity_of_its_own() {
    let rule = |condition: &str| {
        format!(
            "[[rule]]\nname = \"thread_growth\"\nseverity = \"critical\"\n\
             condition = \"growth.threads.confidence >= 0.5 && {condition}\"\n"
        )
    };
    let (mut world, text) = climbing_threads(&rule("comm == 'api' && threads > 100"), 0..120);
    assert!(text.starts_with("FINDING [critical] thread_growth api (pid 7)"), "{text}");
    world.end(800);
    assert_eq!(firsts(&world.text()), ["RESOLVED thread_growth api (pid 7)"]);
    for condition in ["comm == 'other'", "threads > 1000", "growth.threads.rate_per_min > 100"] {
        let (mut world, text) = climbing_threads(&rule(condition), 0..120);
        assert_eq!(text, "", "{condition}");
        world.end(800);
        assert_eq!(world.text(), "", "what was never told does not end");
    }
}

#[test]
fn a_growth_rule_tells_what_has_held_for_long_enough() {
    let opened = |rules: &str| {
        let (world, _) = climbing_threads(rules, 0..240);
        let open = world.engine.open_findings(FindingState::Open);
        let told = world.engine.told_growths(7).map(|(_, told)| told.opened_ns).next();
        assert_eq!(open.len(), usize::from(told.is_some()));
        told
    };
    let at_once = opened("").unwrap();
    let held = opened("[[rule]]\nname = \"thread_growth\"\nfor = \"5m\"\n").unwrap();
    assert!((300..400).contains(&((held - at_once) / SECOND)), "{at_once} {held}");
    assert_eq!(opened("[[rule]]\nname = \"thread_growth\"\nfor = \"1h\"\n"), None);
}

#[test]
fn a_growth_rule_that_fails_is_told_once_and_tells_nothing_else() {
    let rules = "[[rule]]\nname = \"thread_growth\"\n\
                 condition = \"growth.threads.confidence / children > 1\"\n";
    let (_, text) = climbing_threads(rules, 0..120);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("thread_growth") && text.contains("division by zero"), "{text}");
}

#[test]
fn rules_with_a_severity_of_their_own_see_growth() {
    let rules = "[[rule]]\nname = \"fast\"\nseverity = \"high\"\n\
                 condition = \"growth.threads.rate_per_min > 5\"\n";
    let (_, text) = climbing_threads(rules, 0..120);
    assert!(text.contains("FINDING [high] fast api (pid 7)"), "{text}");
    assert!(text.contains("thread_growth"), "{text}");
}

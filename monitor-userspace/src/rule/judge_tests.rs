use super::*;
use crate::{
    event::RuleFile,
    output::Snapshot,
    rule::{Limits, ProcessView},
};

const SECOND: u64 = 1_000_000_000;

/// One process under one rule of its own.
struct World {
    rules: Rules,
    watched: Watched,
}

impl World {
    fn new(condition: &str, hold: &str) -> Self {
        Self::with(condition, &format!("for = \"{hold}\""))
    }

    fn with(condition: &str, keys: &str) -> Self {
        let text = format!(
            "[[rule]]\nname = \"mine\"\nseverity = \"high\"\ncondition = '{condition}'\n{keys}"
        );
        let rules = Rules::load(&[RuleFile { name: "my.toml".to_owned(), text }]).unwrap();
        Self { rules, watched: Watched::default() }
    }

    /// What a look changes: in short.
    fn look(&mut self, second: u64, threads: Option<u32>, sockets: Option<u64>) -> Vec<String> {
        let snapshot = Snapshot { sockets, threads, ..Snapshot::default() };
        let view = View::Process(ProcessView {
            snapshot: &snapshot,
            age_seconds: Some(second as f64),
            limits: Limits::default(),
            growth: &[],
            gauges: super::super::GaugeGrowths::default(),
            custom: None,
        });
        let verdicts = self.rules.observe(&mut self.watched, &view, second * SECOND);
        verdicts.iter().map(short).collect()
    }
}

fn short(verdict: &Verdict) -> String {
    let figures = |held: &Held| {
        let quotes = held.quotes.iter().map(|quote| format!("{} {}", quote.name, quote.value));
        format!("since {} {}", held.since_ns / SECOND, quotes.collect::<Vec<_>>().join(" "))
    };
    match verdict {
        Verdict::Opened(held) => format!("opened {}", figures(held)),
        Verdict::Updated(held) => format!("updated {}", figures(held)),
        Verdict::Resolved(held) => format!("resolved {}", figures(held)),
        Verdict::Failed { message, .. } => format!("failed {message}"),
    }
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn a_rule_opens_after_its_hold_time_updates_each_minute_and_resolves() {
    let mut world = World::new("threads > 10", "30s");
    assert_eq!(world.look(0, Some(10), None), none());
    assert_eq!(world.look(10, Some(11), None), none());
    assert_eq!(world.look(20, Some(12), None), none());
    assert_eq!(world.look(40, Some(12), None), ["opened since 10 threads 12"]);
    assert_eq!(world.look(50, Some(13), None), none());
    assert_eq!(world.look(99, Some(13), None), none());
    assert_eq!(world.look(105, Some(14), None), ["updated since 10 threads 14"]);
    assert_eq!(world.look(200, Some(14), None), none(), "nothing new");
    assert_eq!(world.look(210, Some(9), None), ["resolved since 10 threads 14"]);
    assert_eq!(world.look(220, Some(11), None), none(), "it begins anew");
}

#[test]
fn a_break_starts_the_hold_time_anew_and_what_never_changes_still_opens() {
    let mut world = World::new("threads > 10", "30s");
    world.look(0, Some(11), None);
    world.look(20, Some(9), None);
    assert_eq!(world.look(25, Some(11), None), none());
    assert_eq!(world.look(40, Some(11), None), none());
    assert_eq!(world.look(55, Some(11), None), ["opened since 25 threads 11"]);
}

#[test]
fn after_a_finding_nothing_opens_until_the_cooldown_is_over() {
    let mut world = World::with("threads > 10", "for = \"30s\"\ncooldown = \"10m\"");
    world.look(0, Some(11), None);
    assert_eq!(world.look(30, Some(11), None), ["opened since 0 threads 11"]);
    assert_eq!(world.look(100, Some(1), None), ["resolved since 0 threads 11"]);
    assert_eq!(world.look(200, Some(12), None), none());
    assert_eq!(world.look(300, Some(12), None), none(), "it has held, and rests");
    assert_eq!(world.look(400, Some(2), None), none());
    assert_eq!(world.look(500, Some(2), None), none(), "what never held is not taken for it");
    assert_eq!(world.look(680, Some(13), None), none());
    assert_eq!(world.look(700, Some(13), None), none(), "rested, held for 20 s");
    assert_eq!(world.look(710, Some(13), None), ["opened since 680 threads 13"]);
    // The other way round: it has long held when the rest is over.
    assert_eq!(world.look(800, Some(1), None), ["resolved since 680 threads 13"]);
    world.look(900, Some(14), None);
    assert_eq!(world.look(1000, None, None), none(), "not known to hold all the time");
    world.look(1010, Some(14), None);
    assert_eq!(world.look(1399, Some(14), None), none());
    assert_eq!(world.look(1400, Some(14), None), ["opened since 1010 threads 14"]);
}

#[test]
fn what_is_unknown_neither_opens_nor_resolves() {
    let mut world = World::new("threads > 10", "30s");
    world.look(0, Some(11), None);
    world.look(10, None, None);
    assert_eq!(world.look(31, Some(11), None), none(), "it was not known to hold all the time");
    assert_eq!(world.look(61, Some(11), None), ["opened since 31 threads 11"]);
    assert_eq!(world.look(70, None, None), none());
    assert_eq!(world.watched.open().count(), 1);
    assert_eq!(world.look(80, Some(1), None), ["resolved since 31 threads 11"]);
}

#[test]
fn a_failing_rule_waits_for_the_next_change_and_then_works_again() {
    let mut world = World::new("sockets / threads > 2", "0s");
    assert_eq!(world.look(0, Some(0), Some(9)), ["failed division by zero"]);
    assert_eq!(world.look(5, Some(0), Some(9)), none(), "nothing changed");
    assert_eq!(world.look(10, Some(0), Some(8)), ["failed division by zero"]);
    assert_eq!(world.look(15, Some(3), Some(9)), ["opened since 15 sockets 9 threads 3"]);
    assert_eq!(world.look(20, Some(0), Some(9)), ["failed division by zero"]);
    assert_eq!(world.watched.open().count(), 1, "nobody knows that it ended");
    assert_eq!(world.look(25, Some(9), Some(9)), ["resolved since 15 sockets 9 threads 3"]);
}

#[test]
fn other_rules_go_on_while_one_fails() {
    let mut world = World::new("sockets / threads > 2", "0s");
    let snapshot =
        Snapshot { threads: Some(0), sockets: Some(9), zombies: 100, ..Snapshot::default() };
    let mut said = Vec::new();
    for second in [0, 61] {
        let view = View::Process(ProcessView {
            snapshot: &snapshot,
            age_seconds: None,
            limits: Limits::default(),
            growth: &[],
            gauges: super::super::GaugeGrowths::default(),
            custom: None,
        });
        let verdicts = world.rules.observe(&mut world.watched, &view, second * SECOND);
        said.extend(verdicts.iter().map(short));
    }
    assert_eq!(said, ["failed division by zero", "opened since 0 zombies 100"]);
}

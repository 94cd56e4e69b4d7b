use std::collections::BTreeMap;

use super::*;

pub(super) const SECOND: i64 = 1_000_000_000;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

pub(super) fn wish(channel: &str, group: i64, cool_down: i64) -> Wish {
    let (group_ns, cool_down_ns) = (group * SECOND, cool_down * SECOND);
    let severities = vec![Severity::Medium, Severity::High];
    Wish { channel: channel.to_owned(), severities, group_ns, cool_down_ns }
}

/// A finding about the process of this pid.
pub(in crate::alert) fn about(id: &str, pid: u32, severity: Severity) -> About {
    About {
        id: id.to_owned(),
        cause: Cause {
            rule: "heap_growth".to_owned(),
            pid: Some(pid),
            start_time: Some(at(i64::from(pid))),
            resource: "heap_bytes".to_owned(),
            component: Some("app.service".to_owned()),
        },
        severity,
        verdict: "leak".to_owned(),
        comm: Some("app".to_owned()),
        since: at(1),
        rate_per_min: Some(1e6),
        rate_unit: Some("bytes".to_owned()),
        confidence: Some(0.9),
        size: None,
        sentence: format!("app (pid {pid}): grows"),
        recommendation: String::new(),
    }
}

pub(super) fn over(id: &str) -> Ending {
    Ending { id: id.to_owned(), why: "growth stopped".to_owned() }
}

/// What waits for a channel: kinds and finding ids.
fn waiting(ledger: &Ledger, channel: &str) -> Vec<(MessageKind, Vec<String>)> {
    let of = |message: &&Message| message.channel == channel;
    let ids = |message: &Message| message.alerts.iter().map(|it| it.about.id.clone()).collect();
    let messages = ledger.rows().messages.values().filter(of);
    messages.map(|message| (message.kind, ids(message))).collect()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

/// The same after kill -9 at this time.
fn restarted(ledger: &mut Ledger, now: Timestamp) -> Ledger {
    let mut rows = Rows::default();
    for change in ledger.rows.changes() {
        rows.apply(change);
    }
    Ledger::new(ledger.wishes.clone(), rows, now)
}

#[test]
fn a_group_is_told_together_and_each_finding_once_by_who_wants_its_severity() {
    let mut ledger = Ledger::new(vec![wish("ops", 10, 0)], Rows::default(), at(0));
    ledger.heard(about("a", 1, Severity::High), at(1));
    ledger.heard(about("a", 1, Severity::High), at(2));
    ledger.heard(about("b", 2, Severity::Low), at(3));
    ledger.heard(about("c", 3, Severity::Medium), at(4));
    assert_eq!((waiting(&ledger, "ops"), ledger.due()), (vec![], Some(at(11))));
    ledger.tick(at(11));
    assert_eq!(waiting(&ledger, "ops"), [(MessageKind::Open, ids(&["a", "c"]))]);
    // What becomes worse is told then.
    ledger.heard(about("b", 2, Severity::High), at(12));
    ledger.tick(at(22));
    assert_eq!(waiting(&ledger, "ops")[1..], [(MessageKind::Open, ids(&["b"]))]);
    ledger.over(over("a"), at(23));
    ledger.over(over("c"), at(24));
    ledger.over(over("c"), at(25));
    ledger.tick(at(33));
    assert_eq!(waiting(&ledger, "ops")[2..], [(MessageKind::Resolved, ids(&["a", "c"]))]);
    assert_eq!(ledger.rows().cases.len(), 1);
}

#[test]
fn what_ends_while_it_is_gathered_is_told_nevertheless_its_end_after_its_beginning() {
    let mut ledger = Ledger::new(vec![wish("ops", 10, 0)], Rows::default(), at(0));
    ledger.heard(about("a", 1, Severity::High), at(1));
    ledger.over(over("a"), at(2));
    ledger.tick(at(11));
    ledger.tick(at(21));
    let told = [(MessageKind::Open, ids(&["a"])), (MessageKind::Resolved, ids(&["a"]))];
    assert_eq!(waiting(&ledger, "ops"), told);
    assert!(ledger.rows().cases.is_empty());
}

#[test]
fn a_cause_that_comes_back_is_told_after_its_cool_down_if_it_is_still_there() {
    let mut ledger = Ledger::new(vec![wish("ops", 0, 60)], Rows::default(), at(0));
    ledger.heard(about("a", 1, Severity::High), at(1));
    ledger.over(over("a"), at(10));
    ledger.heard(about("b", 1, Severity::High), at(20));
    ledger.over(over("b"), at(30));
    ledger.heard(about("c", 1, Severity::High), at(40));
    ledger.tick(at(69));
    assert_eq!(waiting(&ledger, "ops").len(), 2, "the first life alone");
    assert_eq!(ledger.due(), Some(at(70)));
    ledger.tick(at(70));
    assert_eq!(waiting(&ledger, "ops")[2], (MessageKind::Open, ids(&["c"])));
}

#[test]
fn after_a_restart_the_same_growth_is_recognised_and_who_is_gone_is_resolved() {
    let mut ledger = Ledger::new(vec![wish("ops", 0, 0)], Rows::default(), at(0));
    for (id, pid) in [("a", 1), ("b", 2), ("c", 3)] {
        ledger.heard(about(id, pid, Severity::High), at(1));
    }
    let mut ledger = restarted(&mut ledger, at(100));
    let sent: Vec<u64> = ledger.rows().messages.keys().copied().collect();
    for order in sent {
        ledger.done(order);
    }
    assert_eq!(ledger.standing("ops").len(), 3);
    let mut again = about("x", 1, Severity::High);
    again.cause.start_time = Some(Timestamp(again.cause.start_time.unwrap().0 + SECOND / 2));
    let processes = vec![(1, again.cause.start_time), (3, Some(at(3)))];
    let look = Look { open: vec![again], processes, components: vec![] };
    ledger.looked(look.clone(), at(110));
    assert!(waiting(&ledger, "ops").is_empty(), "one look may not have seen everything");
    ledger.looked(look.clone(), at(120));
    assert_eq!(waiting(&ledger, "ops"), [(MessageKind::Resolved, ids(&["b"]))]);
    ledger.over(over("x"), at(130));
    assert_eq!(waiting(&ledger, "ops")[1], (MessageKind::Resolved, ids(&["a"])));
    ledger.looked(Look { open: vec![], ..look }, at(100 + 3600));
    assert_eq!(waiting(&ledger, "ops")[2], (MessageKind::Resolved, ids(&["c"])));
}

#[test]
fn a_silent_cause_stays_quiet_until_it_doubles_or_the_silence_is_over() {
    let mut ledger = Ledger::new(vec![wish("ops", 10, 0)], Rows::default(), at(0));
    for (id, pid) in [("aa", 1), ("ab", 2), ("b", 3)] {
        ledger.heard(about(id, pid, Severity::High), at(1));
    }
    assert!(ledger.silence("a", SECOND, "", at(2)).is_err(), "which of the two?");
    assert!(ledger.silence("z", SECOND, "", at(2)).is_err());
    for (id, seconds) in [("aa", 3600), ("ab", 3600), ("b", 600)] {
        ledger.silence(id, seconds * SECOND, "we know", at(2)).unwrap();
    }
    let mut ledger = restarted(&mut ledger, at(3));
    for (id, pid) in [("x", 1), ("y", 2), ("z", 3)] {
        ledger.heard(about(id, pid, Severity::High), at(4));
    }
    ledger.tick(at(20));
    assert!(waiting(&ledger, "ops").is_empty());
    let rate_per_min = Some(2.1e6);
    ledger.heard(About { rate_per_min, ..about("x", 1, Severity::High) }, at(30));
    ledger.tick(at(602));
    ledger.tick(at(612));
    let told: BTreeMap<_, _> =
        waiting(&ledger, "ops").into_iter().flat_map(|it| it.1).zip(0..).collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["x", "z"]);
    let id = ledger.rows().silences.keys().next().unwrap().clone();
    assert!(ledger.unsilence(&id, at(613)) && !ledger.unsilence(&id, at(613)));
}

#[test]
fn a_full_spool_keeps_what_is_open_and_drops_what_ended_untold() {
    let mut ledger = Ledger::new(vec![wish("ops", 0, 0)], Rows::default(), at(0));
    for pid in 0..1100 {
        ledger.heard(about(&format!("id{pid:04}"), pid, Severity::High), at(1));
    }
    assert_eq!(waiting(&ledger, "ops").len(), 1000);
    ledger.over(over("id1050"), at(2));
    ledger.tick(at(2));
    assert_eq!((ledger.dropped(), waiting(&ledger, "ops").len()), (1, 1000));
    let first: Vec<u64> = ledger.rows().messages.keys().copied().take(500).collect();
    for order in first {
        ledger.done(order);
    }
    ledger.tick(at(3));
    let told: Vec<String> = waiting(&ledger, "ops").into_iter().flat_map(|it| it.1).collect();
    assert_eq!(told.len(), 500 + 99);
    assert!(!told.contains(&"id1050".to_owned()));
}

#[test]
fn a_channel_that_is_no_more_is_forgotten_and_an_id_is_never_used_for_something_else() {
    let wishes = vec![wish("ops", 0, 0), wish("old", 0, 0)];
    let mut ledger = Ledger::new(wishes, Rows::default(), at(0));
    ledger.heard(about("a", 1, Severity::High), at(1));
    ledger.over(over("a"), at(2));
    let ids: std::collections::BTreeSet<_> =
        ledger.rows().messages.values().map(|message| message.id.clone()).collect();
    assert_eq!(ids.len(), 4);
    ledger.wishes.pop();
    let ledger = restarted(&mut ledger, at(3));
    assert_eq!((waiting(&ledger, "ops").len(), waiting(&ledger, "old").len()), (2, 0));
}

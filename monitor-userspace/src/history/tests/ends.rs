//! What becomes of findings that are open when their agent ends.

use rusqlite::Connection;

use super::{super::schema, *};

/// Id, state, what ended it and when, of all findings.
fn ends(store: &Store) -> Vec<String> {
    let sql = "SELECT id || ' ' || state || ' ' || coalesce(ended_by, '-') || ' ' || coalesce(resolved_ms, '-') \
               FROM finding ORDER BY id";
    let mut select = store.db.prepare(sql).unwrap();
    let all = select.query_map([], |row| row.get(0)).unwrap();
    all.collect::<rusqlite::Result<_>>().unwrap()
}

fn one<T: rusqlite::types::FromSql>(store: &Store, sql: &str) -> T {
    store.db.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_open_when_the_agent_was_killed_ends_when_it_was_last_seen() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut store = Store::open(&options, at(T0)).unwrap();
    let mut ended = finding("ended", T0);
    store.findings([&ended, &finding("open", T0)]).unwrap();
    let mut worse = finding("open", T0 + MINUTE);
    worse.state = FindingState::Updated;
    store.findings([&worse]).unwrap();
    worse.ts = at(T0 + 2 * MINUTE);
    worse.severity = Severity::High;
    (ended.ts, ended.state) = (at(T0 + 2 * MINUTE), FindingState::Resolved);
    store.findings([&worse, &ended]).unwrap();
    let open = "SELECT group_concat(id || ' ' || severity) FROM open_finding";
    assert_eq!(one::<String>(&store, open), "open high");
    watch(&mut store, T0 + 3 * MINUTE, 5, 1, |_, _| 4096);
    let seen = T0 + 5 * MINUTE;
    // Killed: nothing is closed in order.
    let mut other = Store::open(&options, at(T0 + HOUR)).unwrap();
    let resolved = format!("ended resolved observed {}", T0 + 2 * MINUTE);
    assert_eq!(ends(&other), [resolved.clone(), format!("open resolved agent_killed {seen}")]);
    assert_eq!(one::<Option<String>>(&other, open), None);
    let changes = "SELECT group_concat(state || ' ' || severity, ', ') FROM finding_change WHERE finding = 'open'";
    let changes: String = one(&other, changes);
    assert_eq!(
        changes, "open medium, updated high, resolved high",
        "an update that changes nothing is no change"
    );
    let kept = Reader::open(&options.path).unwrap().findings_since(seen).unwrap();
    assert_eq!((kept.len(), kept[0].ended_by.as_deref()), (1, Some("agent_killed")));
    (worse.state, worse.ts) = (FindingState::Resolved, at(T0 + 2 * MINUTE));
    assert_eq!(serde_json::from_str::<Finding>(&kept[0].line).unwrap(), worse);
    // The new run finds it again: it goes on.
    (worse.state, worse.ts) = (FindingState::Updated, at(T0 + HOUR));
    other.findings([&worse]).unwrap();
    assert_eq!(ends(&other), [resolved, "open updated - -".to_owned()]);
}

#[test]
fn what_is_open_when_the_agent_stops_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut store = Store::open(&options, at(T0)).unwrap();
    store.findings([&finding("aa", T0)]).unwrap();
    store.end(at(T0 + MINUTE)).unwrap();
    let expected = [format!("aa resolved agent_stopped {}", T0 + MINUTE)];
    let db = Connection::open(&options.path).unwrap();
    let sql = "SELECT count(*) FROM open_finding";
    assert_eq!(db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "at once");
    let store = Store::open(&options, at(T0 + HOUR)).unwrap();
    assert_eq!(ends(&store), expected);
    assert_eq!(one::<i64>(&store, "SELECT count(*) FROM finding_change"), 2);
}

#[test]
fn a_file_that_is_opened_again_in_one_run_goes_on_and_is_told_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut store = Store::open(&options, at(T0)).unwrap();
    store.findings([&finding("aa", T0)]).unwrap();
    drop(store);
    let mut store = Store::open(&options, at(T0)).unwrap();
    assert_eq!(one::<i64>(&store, "SELECT count(*) FROM run"), 1);
    let mut newer = finding("aa", T0 + MINUTE);
    newer.severity = Severity::High;
    store.restate(&[newer, finding("bb", T0 + MINUTE)]).unwrap();
    assert_eq!(ends(&store), ["aa open - -", "bb open - -"]);
    let severe: i64 = one(&store, "SELECT count(*) FROM finding WHERE severity = 'high'");
    assert_eq!(severe, 0, "what the file has from this run is its own business");
}

#[test]
fn a_file_of_version_1_is_brought_up_with_its_findings() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut db = Connection::open(&options.path).unwrap();
    schema::migrate_to(1, &mut db).unwrap();
    let insert = |id: &str, state: &str, resolved_ms: Option<i64>| {
        let line = serde_json::to_string(&finding(id, T0)).unwrap();
        db.execute(
            "INSERT INTO finding (id, rule, state, severity, verdict, resource, since_ms, opened_ms, updated_ms, \
             resolved_ms, run, line) VALUES (?1, 'heap_growth', ?2, 'high', 'leak', 'heap', ?3, ?3, ?3, ?4, 1, ?5)",
            rusqlite::params![id, state, T0, resolved_ms, line],
        )
    };
    insert("aa", "resolved", Some(T0)).unwrap();
    insert("bb", "updated", None).unwrap();
    insert("no run", "open", None).unwrap();
    let run = "INSERT INTO run (version, started_ms, last_ms, ended_ms) VALUES ('0', ?, ?, ?)";
    db.execute(run, [T0, T0 + MINUTE, T0 + 2 * MINUTE]).unwrap();
    db.execute("UPDATE finding SET run = 9 WHERE id = 'no run'", []).unwrap();
    drop(db);
    let store = Store::open(&options, at(T0 + HOUR)).unwrap();
    assert_eq!(one::<i64>(&store, "PRAGMA user_version"), schema::VERSION);
    assert_eq!(
        ends(&store),
        [
            format!("aa resolved observed {T0}"),
            format!("bb resolved agent_stopped {}", T0 + 2 * MINUTE),
            format!("no run resolved agent_stopped {T0}"),
        ]
    );
    assert_eq!(one::<i64>(&store, "SELECT count(*) FROM open_finding"), 0);
    let again = Store::open(&options, at(T0 + HOUR)).unwrap();
    assert_eq!(ends(&again), ends(&store));
}

//! The history as its writer and its readers have it, on files of their own.

mod damage;
mod docs;
mod ends;
mod month;

use std::{path::Path, time::Duration};

use super::{Of, Options, Reader, Rows, Since, Store, Value};
use crate::{
    config::{ByteSize, TimeSpan},
    output::{
        ComponentSnapshot, Finding, FindingState, FindingVerdict, HostSnapshot, Interval, Severity,
        Snapshot, Stats, Timestamp, View, Viewed,
    },
};

/// The beginning of an hour: 2026-01-17T10:00:00Z.
const T0: i64 = 1_768_644_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn options(dir: &Path) -> Options {
    Options { path: dir.join(super::FILE), ..Options::default() }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn snapshot(pid: u32, heap: u64) -> Snapshot {
    Snapshot {
        pid,
        start_time: Some(at(T0 - 5 * HOUR + i64::from(pid))),
        comm: format!("server-{pid}"),
        cmdline: Some(format!("server-{pid} --listen 80")),
        component: Some("web.service".to_owned()),
        rss_bytes: Some(heap + (1 << 20)),
        rss_anon_bytes: Some(heap),
        heap_bytes: Some(heap),
        descriptors: Some(12),
        threads: Some(3),
        cpu_percent: Some(12.34),
        ..Snapshot::default()
    }
}

fn interval(ms: i64, snapshots: Vec<Snapshot>) -> Interval {
    let component = ComponentSnapshot {
        component: "web.service".to_owned(),
        cgroup: ["", "system.slice", "web.service"].join("/"),
        working_set_bytes: Some(7 << 20),
        ..ComponentSnapshot::default()
    };
    let host = HostSnapshot {
        mem_total_bytes: 8 << 30,
        mem_available_bytes: 6 << 30,
        cpu_percent: Some(50.0),
        ..HostSnapshot::default()
    };
    Interval {
        ts: at(ms),
        snapshots,
        open_findings: Vec::new(),
        stats: Stats::default(),
        host: Some(host),
        components: vec![component],
    }
}

#[test]
fn what_is_committed_outlives_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&options(dir.path()), at(T0)).unwrap();
    let synchronous: i64 =
        store.db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    // FULL: the log is synced with each commit, not only at a checkpoint.
    assert_eq!(synchronous, 2);
}

fn finding(id: &str, ms: i64) -> Finding {
    let line = serde_json::json!({
        "ts": at(ms), "id": id, "rule": "heap_growth", "state": "open", "severity": "medium",
        "verdict": "leak", "pid": 7, "start_time": null, "comm": "api", "component": null,
        "resource": "heap", "rate_per_min": 5e6, "rate_unit": "bytes", "rate_interval": null,
        "confidence": 0.98, "e_value_log10": null,
        "rival": {"hypothesis": "fill", "probability": 0.01, "decided_by": "time"},
        "since": at(ms), "forecast": null,
        "evidence": [{"name": "staleness", "value": 0.99, "says": "leak", "text": "…"}],
        "explanations": [], "limits": [], "runs": null, "stacks": [], "recommendation": "…"
    });
    serde_json::from_value(line).unwrap()
}

/// Looks every half minute at processes whose heap is what this says of (pid, look).
fn watch(store: &mut Store, from: i64, looks: i64, pids: u32, heap: impl Fn(u32, i64) -> u64) {
    for look in 0..looks {
        let all = (1..=pids).map(|pid| snapshot(pid, heap(pid, look))).collect();
        store.look(&interval(from + look * MINUTE / 2, all)).unwrap();
    }
}

fn rows(store: &Store, of: &Of, from: i64, to: i64, value: Value) -> Rows {
    let reader = Reader::open(&store.options.path).unwrap();
    reader.rows(of, from, to, value).unwrap().unwrap()
}

fn process(pid: u32) -> Of {
    Of::Process { pid, started: None }
}

fn column(rows: &Rows, name: &str) -> Vec<Option<f64>> {
    let at = rows.columns.iter().position(|it| *it == name).unwrap();
    rows.rows.iter().map(|(_, row)| row[at]).collect()
}

#[test]
fn what_was_seen_is_read_back_across_the_end_of_an_hour() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    let heap = |pid: u32, look: i64| (u64::from(pid) << 20) + look as u64 * 4096;
    watch(&mut store, T0 + 30 * MINUTE, 180, 3, heap);
    let count = |sql| store.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(
        count("SELECT count(*) FROM chunk"),
        4,
        "three processes and a component, of one hour"
    );
    assert_eq!(count("SELECT count(*) FROM recent"), 4 * 120, "the hour that goes on");
    let found = rows(&store, &process(2), T0, T0 + 3 * HOUR, Value::Mean);
    assert_eq!(found.step_ms, None);
    let expected: Vec<_> = (0..180).map(|look| Some(heap(2, look) as f64)).collect();
    assert_eq!(column(&found, "heap_bytes"), expected);
    assert_eq!(found.rows[61].0, T0 + 30 * MINUTE + 61 * MINUTE / 2);
    assert_eq!(column(&found, "cpu_percent")[100], Some(12.34));
    assert_eq!(column(&found, "sockets")[100], None, "unknown stays unknown");
    let component =
        rows(&store, &Of::Component("web.service".into()), T0, T0 + HOUR - 1, Value::Mean);
    assert_eq!(column(&component, "working_set_bytes"), vec![Some(f64::from(7 << 20)); 60]);
    let host = rows(&store, &Of::Host, T0 + HOUR, T0 + 2 * HOUR - 1, Value::Mean);
    assert_eq!(host.rows.len(), 120);
    assert_eq!(column(&host, "memory_used_bytes")[0], Some(2.0 * f64::from(1 << 30)));
    let reader = Reader::open(&store.options.path).unwrap();
    assert_eq!(reader.rows(&process(9), T0, T0 + HOUR, Value::Mean).unwrap(), None);
}

#[test]
fn long_times_come_in_steps_of_least_mean_and_greatest() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    watch(&mut store, T0, 190, 1, |_, look| (look as u64 % 10) << 20);
    for (value, mib) in [(Value::Min, 0.0), (Value::Mean, 4.5), (Value::Max, 9.0)] {
        for (back, step) in [(48, 5 * MINUTE), (20 * 24, HOUR)] {
            let found = rows(&store, &process(1), T0 + HOUR - back * HOUR, T0 + HOUR + HOUR, value);
            assert_eq!(found.step_ms, Some(step));
            assert_eq!(found.rows[0].0, T0);
            let heaps = column(&found, "heap_bytes");
            assert_eq!(heaps.len() as i64, 95 * MINUTE / step + 1 - i64::from(step < HOUR));
            assert_eq!(
                heaps,
                vec![Some(mib * 1_048_576.0); heaps.len()],
                "kept and of the hour that goes on"
            );
        }
    }
}

#[test]
fn another_run_goes_on_with_the_same_processes_whose_start_it_reads_a_little_differently() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut store = Store::open(&options, at(T0)).unwrap();
    watch(&mut store, T0, 10, 1, |_, _| 4096);
    store.end(at(T0 + 5 * MINUTE)).unwrap();
    let mut store = Store::open(&options, at(T0 + 6 * MINUTE)).unwrap();
    let mut again = snapshot(1, 8192);
    again.start_time = again.start_time.map(|it| Timestamp(it.0 + 3_000_000));
    store.look(&interval(T0 + 6 * MINUTE, vec![again])).unwrap();
    let mut other = snapshot(1, 1 << 20);
    other.start_time = Some(at(T0 + 6 * MINUTE));
    store.look(&interval(T0 + 7 * MINUTE, vec![other.clone()])).unwrap();
    let first = Of::Process { pid: 1, started: snapshot(1, 0).start_time };
    assert_eq!(rows(&store, &first, T0, T0 + HOUR, Value::Mean).rows.len(), 11);
    let second = Of::Process { pid: 1, started: other.start_time };
    assert_eq!(rows(&store, &second, T0, T0 + HOUR, Value::Mean).rows.len(), 1);
    assert_eq!(
        rows(&store, &process(1), T0, T0 + HOUR, Value::Mean).rows.len(),
        1,
        "the last of that pid"
    );
}

#[test]
fn what_is_old_is_forgotten_and_what_is_fine_in_half_that_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.keep = TimeSpan(Duration::from_hours(4));
    let mut store = Store::open(&options, at(T0)).unwrap();
    store.findings([&finding("old", T0), &finding("new", T0 + 6 * HOUR)]).unwrap();
    watch(&mut store, T0, 1, 1, |_, _| 4096);
    watch(&mut store, T0 + HOUR / 2, 8 * 120, 2, |_, _| 4096);
    let one = |sql| store.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let now = T0 + 8 * HOUR;
    assert_eq!(one("SELECT min(hour) * 3600000 FROM chunk"), now - 2 * HOUR);
    assert_eq!(one("SELECT min(ts_ms) FROM five_minutes_step"), now - 2 * HOUR);
    assert_eq!(one("SELECT min(ts_ms) FROM one_hour_step"), now - 4 * HOUR);
    assert_eq!(one("SELECT min(ts_ms) FROM look"), now - 4 * HOUR);
    assert_eq!(one("SELECT count(*) FROM finding"), 1);
    assert_eq!(one("SELECT count(*) FROM series"), 3, "who is still there is known");
}

#[test]
fn the_file_stays_within_its_size_and_keeps_what_is_newest() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.max_bytes = ByteSize(super::LEAST_BYTES);
    let mut store = Store::open(&options, at(T0)).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut largest = 0;
    for look in 0..36 * 120 {
        let all = (1..=40).map(|pid| snapshot(pid, random.u64(..1 << 30))).collect();
        store.look(&interval(T0 + look * MINUTE / 2, all)).unwrap();
        largest = largest.max(store.file_bytes().unwrap());
    }
    assert!(largest <= super::LEAST_BYTES, "{largest}");
    let one = |sql| store.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let first = one("SELECT min(hour) * 3600000 FROM chunk");
    assert!(first > T0 + HOUR, "something had to go");
    assert!(first < T0 + 34 * HOUR, "more than the last hours is there");
    let last = rows(&store, &process(3), T0 + 34 * HOUR, T0 + 36 * HOUR, Value::Mean);
    assert_eq!(last.rows.len(), 240);
    assert_eq!(one("SELECT min(ts_ms) FROM one_hour_step"), T0, "coarse steps stay longest");
}

#[test]
fn a_view_since_a_time_before_this_run_has_its_findings_and_its_trends() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    store.findings([&finding("before", T0 + HOUR), &finding("long ago", T0)]).unwrap();
    watch(&mut store, T0, 240, 2, |pid, look| if pid == 1 { look as u64 * 524_288 } else { 4096 });
    let living = Viewed { snapshot: snapshot(1, 0), ..Viewed::default() };
    let mut ours = finding("ours", T0 + 2 * HOUR);
    ours.verdict = FindingVerdict::Suspect;
    let view = View {
        from: at(T0 + 2 * HOUR - MINUTE),
        to: at(T0 + 2 * HOUR),
        seconds: 60.0,
        processes: vec![living],
        findings: vec![ours],
        ..View::default()
    };
    let since = Since::read("90m", view.to).unwrap();
    let whole = Reader::open(&store.options.path).unwrap().since(&view, since).unwrap();
    let ids: Vec<_> = whole.findings.iter().map(|it| (it.id.as_str(), it.state)).collect();
    let (open, over) = (FindingState::Open, FindingState::Resolved);
    assert_eq!(ids, [("before", over), ("ours", open)], "nobody watches the first any more");
    let ended = crate::sink::ended(&whole.findings[0]);
    assert!(ended.contains("how it went on is not known"), "{ended}");
    assert_eq!((whole.from, whole.seconds), (at(T0 + HOUR / 2), 5400.0));
    let trends = &whole.processes[0].trends;
    let heap = trends.iter().find(|it| it.resource == "heap").unwrap();
    assert!((heap.rate_per_min - 1_048_576.0).abs() < 1e4, "{heap:?}");
    let other = &whole.processes[1];
    assert_eq!(
        (other.snapshot.pid, other.snapshot.is_final),
        (2, true),
        "it is not there any more"
    );
    assert!(other.trends.is_empty() && other.constant >= 3, "{other:?}");
}

#[test]
fn times_are_read_as_spans_and_as_dates() {
    let now = at(T0);
    assert_eq!(Since::read("2h", now), Ok(Since(at(T0 - 2 * HOUR))));
    assert_eq!(Since::read("2026-01-17T09:30:00Z", now), Ok(Since(at(T0 - HOUR / 2))));
    for wrong in ["yesterday", "", "-3h", "2036-01-01T00:00:00Z"] {
        assert!(Since::read(wrong, now).is_err(), "{wrong:?}");
    }
}

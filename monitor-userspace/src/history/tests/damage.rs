//! Disks that are full, files that are damaged, and what becomes of them.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    super::{Handle, History, HistoryState, StoreError},
    *,
};

/// Waits until the health is like this; how it is if that never comes.
fn wait(handle: &Handle, is_so: impl Fn(&HistoryState) -> bool) -> HistoryState {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let state = handle.health().now();
        if is_so(&state) || Instant::now() > limit {
            return state;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn look(ms: i64) -> Arc<Interval> {
    Arc::new(interval(ms, vec![snapshot(1, 4096)]))
}

/// A history with a few hundred pages.
fn filled(options: &Options) {
    let mut store = Store::open(options, at(T0)).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for look in 0..130 {
        let all = (1..=100).map(|pid| snapshot(pid, random.u64(..1 << 30))).collect();
        store.look(&interval(T0 + look * MINUTE / 2, all)).unwrap();
    }
    store.end(at(T0 + 2 * HOUR)).unwrap();
}

#[test]
fn a_damaged_file_is_set_aside_told_and_replaced() {
    for damage in ["no database", "zeroed pages"] {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        filled(&options);
        let mut file = fs::OpenOptions::new().write(true).open(&options.path).unwrap();
        if damage == "no database" {
            file.write_all(b"this is no database at all").unwrap();
        } else {
            file.seek(SeekFrom::Start(3 * 4096)).unwrap();
            file.write_all(&vec![0; 40 * 4096]).unwrap();
        }
        drop(file);
        let history = History::start(options.clone());
        history.handle().look(look(T0 + 3 * HOUR));
        let state = wait(history.handle(), |it| it.rows > 0);
        assert_eq!((state.rows, &state.problem), (2, &None), "{damage}: {state:?}");
        let aside = state.set_aside.expect(damage);
        assert!(aside.contains("history.db.damaged-"), "{aside}");
        assert!(fs::metadata(&aside).unwrap().len() > 100 << 10, "what is left can be looked at");
        let found = Reader::open(&options.path).unwrap();
        let found = found.rows(&process(1), T0, T0 + 4 * HOUR, Value::Mean).unwrap().unwrap();
        assert_eq!(found.rows.len(), 1);
    }
}

#[test]
fn what_is_written_over_an_open_file_is_seen_and_told_until_the_damaged_one_is_gone() {
    for damage in ["cut off", "garbage"] {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let history = History::start(options.clone());
        let handle = history.handle();
        handle.look(look(T0));
        wait(handle, |it| it.rows == 2);
        let mut file = fs::OpenOptions::new().write(true).open(&options.path).unwrap();
        if damage == "cut off" {
            file.set_len(0).unwrap();
        } else {
            file.write_all(&[7; 4096]).unwrap();
        }
        drop(file);
        handle.look(look(T0 + MINUTE));
        let state = wait(handle, |it| it.rows == 4);
        let aside = state.set_aside.clone().expect(damage);
        let to_mend = state.to_mend().unwrap();
        assert!(to_mend.contains(&aside), "{to_mend}");
        let reader = Reader::open(&options.path).unwrap();
        let found = reader.rows(&Of::Host, T0, T0 + HOUR, Value::Mean).unwrap().unwrap();
        assert_eq!(found.rows.len(), 1, "{damage}");
        fs::remove_file(aside).unwrap();
        handle.look(look(T0 + 2 * MINUTE));
        let state = wait(handle, |it| it.rows == 6);
        assert_eq!((state.to_mend(), state.set_aside), (None, None));
    }
}

#[test]
fn a_look_that_is_written_is_not_written_again_where_making_room_fails() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.max_bytes = ByteSize(super::super::LEAST_BYTES);
    let mut store = Store::open(&options, at(T0)).unwrap();
    let refuse = "CREATE TRIGGER no BEFORE DELETE ON recent BEGIN SELECT RAISE(ABORT, 'no'); END";
    store.db.execute_batch(refuse).unwrap();
    let all = |ms| interval(ms, (1..=900).map(|pid| snapshot(pid, 1 << 45)).collect());
    let count = |store: &Store| {
        store.db.query_row("SELECT count(*) FROM look", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    for look in 0..400 {
        let before = count(&store);
        let written = store.look(&all(T0 + look * 1000));
        assert_eq!(count(&store), before + i64::from(written.is_ok()));
        if let Err(error) = written {
            assert!(error.to_string().contains("no"), "{error}");
            return;
        }
    }
    unreachable!("there was always room");
}

#[test]
fn only_the_last_damaged_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = options(dir.path()).path;
    for second in 0..4 {
        fs::write(&path, "broken").unwrap();
        super::super::aside::set_aside(&path, at(T0 + second * 1000)).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let name = |second| format!("history.db.damaged-20260117T10000{second}Z");
    assert_eq!(names, [name(2), name(3)]);
}

#[test]
fn what_cannot_be_written_is_told_and_written_when_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    // A file stands where the directory should be: as good as a read-only disk, for root too.
    let state = dir.path().join("state");
    fs::write(&state, "").unwrap();
    options.path = state.join("history.db");
    let history = History::start(options);
    let handle = history.handle();
    handle.look(look(T0));
    handle.finding(Arc::new(finding("aa", T0)));
    let problem = wait(handle, |it| it.problem.is_some()).problem.unwrap();
    assert!(problem.contains("state"), "{problem}");
    assert!(!handle.health().is_well());
    fs::remove_file(&state).unwrap();
    let now = wait(handle, |it| it.problem.is_none());
    assert_eq!((now.rows, now.lost_looks, now.lost_findings), (2, 0, 0), "{now:?}");
    let reader = Reader::open(&handle.options().path).unwrap();
    assert_eq!(reader.findings_since(T0).unwrap().len(), 1);
}

#[test]
fn a_full_disk_is_an_error_that_passes_and_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    watch(&mut store, T0, 10, 50, |_, _| 4096);
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let all = |ms| interval(ms, (1..=900).map(|pid| snapshot(pid, 1 << 30)).collect());
    store.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let error = store.look(&all(T0 + 5 * MINUTE)).unwrap_err();
    assert!(!error.is_damage() && error.to_string().contains("full"), "{error}");
    store.db.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    assert_eq!(store.look(&all(T0 + 6 * MINUTE)).unwrap(), 901);
    let found = rows(&store, &process(800), T0, T0 + HOUR, Value::Mean);
    assert_eq!(found.rows.len(), 1, "half a look is none");
    assert_eq!(rows(&store, &Of::Host, T0, T0 + HOUR, Value::Mean).rows.len(), 11);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let store = Store::open(&options, at(T0)).unwrap();
    store.db.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let error = Store::open(&options, at(T0)).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }) && !error.is_damage(), "{error}");
}

#[test]
fn a_file_that_was_taken_away_is_made_anew_and_forgetting_empties_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let history = History::start(options.clone());
    let handle = history.handle();
    handle.look(look(T0));
    wait(handle, |it| it.rows == 2);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", options.path.display()));
    }
    let mut with_findings = interval(T0 + MINUTE, vec![snapshot(1, 4096)]);
    with_findings.open_findings = vec![finding("aa", T0)];
    handle.look(Arc::new(with_findings));
    wait(handle, |it| it.rows == 4);
    let kept = Reader::open(&options.path).unwrap().findings_since(T0).unwrap();
    assert_eq!(kept.len(), 1, "the new file knows what is open");
    let count = || {
        let reader = Reader::open(&options.path).unwrap();
        reader.rows(&Of::Host, T0, T0 + HOUR, Value::Mean).unwrap().unwrap().rows.len()
    };
    assert_eq!(count(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(handle.reset()).unwrap();
    assert_eq!(count(), 0);
    handle.look(look(T0 + 2 * MINUTE));
    // The end waits for what is on its way.
    drop(history);
    let wal = format!("{}-wal", options.path.display());
    assert!(!fs::exists(wal).unwrap(), "closed in order");
    assert_eq!(count(), 1);
}

#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    watch(&mut store, T0, 1, 1, |_, _| 4096);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::{Value, json};

use super::*;
use crate::client::{Address, Unknown, fake};

fn look_of(processes: &Value, findings: &Value) -> Value {
    json!({
        "agent": {"version": "0.1.0", "uptime": 7300.0, "stats": {"events_lost": 0}},
        "host": {"mem_total_bytes": 8_u64 << 30, "mem_available_bytes": 6_u64 << 30,
                 "swap_total_bytes": 0, "swap_free_bytes": 0, "cpu_percent": 12.34},
        "processes": processes,
        "total": 3,
        "findings": findings,
    })
}

fn processes() -> Value {
    json!([
        {"pid": 7, "start_time": "a", "comm": "api", "user": "www", "component": "api.service",
         "rss_bytes": 80_u64 << 20, "rss_anon_bytes": 64_u64 << 20, "swap_bytes": 1 << 20,
         "descriptors": 12, "threads": 4, "cpu_percent": 1.25},
        {"pid": 3, "start_time": "a", "comm": "e\u{1b}[2Jvil", "rss_bytes": null,
         "rss_anon_bytes": null, "descriptors": 900, "threads": 1},
        {"pid": 1, "start_time": "a", "comm": "init", "user": "root", "rss_bytes": 4 << 20,
         "rss_anon_bytes": 1 << 20, "descriptors": 50, "threads": 1, "cpu_percent": 30.0},
    ])
}

fn findings() -> Value {
    json!([{"severity": "high", "rule": "heap_growth", "pid": 7, "comm": "api", "resource": "heap",
            "rate_per_min": 5_242_880, "rate_unit": "bytes", "confidence": 0.97, "id": "0a"}])
}

fn state() -> State {
    let mut state = State::new(Sort::Memory, false);
    state.take(Frame::of(&look_of(&processes(), &findings())));
    state
}

/// The screen of this size as text.
fn screen(state: &mut State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|screen| draw::draw(screen, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned() + "\n").collect()
}

fn press(state: &mut State, keys: &str) -> Next {
    let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
    keys.chars().fold(Next::Stay, |_, c| state.key(key(c)))
}

fn pids(state: &State) -> Vec<u64> {
    state.rows().iter().map(|row| row.pid).collect()
}

#[test]
fn the_screen_has_the_host_processes_findings_and_keys() {
    let wanted = "\
memwatch-ebpf 0.1.0: 3 processes, watched for 2 h, nothing lost
memory 2.0 GiB of 8.0 GiB in use, swap 0 B, CPU 12.3 %
     PID NAME                MEMORYv  GROWTH/min        RSS     FDS  THREADS   CPU% USER     COMPONENT
       7 api                65.0 MiB           -   80.0 MiB      12        4    1.2 www      api.service
       1 init                1.0 MiB           -    4.0 MiB      50        1   30.0 root
       3 e\\u{1b}[2Jvil             -           -          -     900        1      -


┌ findings ──────────────────────────────────────────────────────────────────────────────────────────────────┐
│[high] heap_growth api (pid 7): heap by 5.0 MiB/min, a leak at 97 %  0a                                     │
└────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
q leaves, ? helps, / filters, m g d t c p n sort, r turns, f findings
";
    assert_eq!(screen(&mut state(), 110, 12), wanted);
}

#[test]
fn a_narrow_screen_keeps_who_it_is_and_what_it_holds() {
    let narrow = screen(&mut state(), 60, 8);
    let heading = narrow.lines().nth(2).unwrap();
    let words: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(words, ["PID", "NAME", "MEMORYv", "GROWTH/min", "FDS"]);
    assert!(narrow.contains("65.0 MiB"), "{narrow}");
    let tiny = screen(&mut state(), 20, 8);
    assert!(tiny.contains("NAME") && tiny.contains("api"), "{tiny}");
}

#[test]
fn help_lies_over_the_table_until_a_key() {
    let mut state = state();
    press(&mut state, "?");
    let shown = screen(&mut state, 90, 24);
    assert!(shown.contains("keys") && shown.contains("by growth of it"), "{shown}");
    assert_eq!(press(&mut state, "q"), Next::Stay, "any key goes on");
    assert!(!screen(&mut state, 90, 24).contains("by growth of it"));
}

#[test]
fn no_size_and_no_state_breaks_the_screen() {
    let hard =
        json!([{"pid": 1, "comm": "x".repeat(500), "component": "\u{202e}é日本".repeat(40)}]);
    let mut full = state();
    full.take(Frame::of(&look_of(&hard, &json!([findings()[0], {}, null, 7]))));
    let mut empty = State::new(Sort::Growth, true);
    let mut odd = State::new(Sort::Growth, true);
    odd.take(Frame::of(&json!({"processes": {"a": 1}, "findings": "x"})));
    odd.amiss = Some("no agent answers".to_owned());
    for state in [&mut full, &mut empty, &mut odd] {
        for mode in [state::Mode::Table, state::Mode::Filter, state::Mode::Help] {
            state.mode = mode;
            for (width, height) in [(1, 1), (3, 2), (20, 5), (79, 7), (300, 100)] {
                screen(state, width, height);
            }
        }
    }
}

#[test]
fn each_key_sorts_by_its_column_and_unknown_comes_last() {
    let mut state = state();
    assert_eq!(pids(&state), [7, 1, 3]);
    for (keys, order) in [
        ("d", [3, 1, 7]),
        ("c", [1, 7, 3]),
        ("p", [1, 3, 7]),
        ("pr", [7, 3, 1]),
        ("n", [7, 3, 1]),
        ("t", [7, 1, 3]),
        ("m", [7, 1, 3]),
    ] {
        press(&mut state, keys);
        assert_eq!(pids(&state), order, "{keys}");
    }
}

#[test]
fn a_filter_shows_names_users_components_and_pids() {
    let mut state = state();
    for (filter, wanted) in [("API", &[7][..]), ("root", &[1]), ("3", &[3]), ("none", &[])] {
        press(&mut state, "/");
        press(&mut state, filter);
        state.key(KeyEvent::from(KeyCode::Enter));
        assert_eq!(pids(&state), wanted, "{filter}");
        assert!(screen(&mut state, 120, 12).contains(&format!("filter: {filter}")));
        assert_eq!(state.key(KeyEvent::from(KeyCode::Esc)), Next::Stay, "drops the filter");
        assert_eq!(pids(&state), [7, 1, 3]);
    }
    press(&mut state, "/q");
    assert_eq!(state.filter, "q", "q is a letter while a filter is typed");
    state.key(KeyEvent::from(KeyCode::Backspace));
    assert_eq!(state.filter, "");
}

#[test]
fn q_escape_and_ctrl_c_leave() {
    let leave = |key: KeyEvent| state().key(key);
    assert_eq!(leave(KeyEvent::from(KeyCode::Char('q'))), Next::Leave);
    assert_eq!(leave(KeyEvent::from(KeyCode::Esc)), Next::Leave);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(leave(ctrl_c), Next::Leave);
    let mut filtering = state();
    press(&mut filtering, "/");
    assert_eq!(filtering.key(ctrl_c), Next::Leave);
    assert_eq!(leave(KeyEvent::from(KeyCode::Char('x'))), Next::Stay);
}

#[test]
fn the_selection_stays_within_the_rows() {
    let mut state = state();
    press(&mut state, "jjjjjj");
    assert_eq!(state.selected, 2);
    state.take(Frame::of(&look_of(&json!([]), &json!([]))));
    screen(&mut state, 80, 20);
    assert_eq!(state.selected, 0);
    press(&mut state, "kj");
    assert_eq!(state.selected, 0);
}

#[test]
fn growth_is_what_was_added_while_it_was_watched_by_who_is_the_same() {
    let mut growths = Growths::default();
    let mut look = |at, start: &str, bytes: u64| {
        let process =
            json!([{"pid": 7, "start_time": start, "comm": "x", "rss_anon_bytes": bytes}]);
        let mut frame = Frame::of(&look_of(&process, &json!([])));
        growths.look(at, &mut frame);
        frame.rows[0].growth_per_min
    };
    assert_eq!(look(0.0, "a", 0), None);
    assert_eq!(look(2.0, "a", 10), None, "too short");
    assert_eq!(look(10.0, "a", 100), Some(600.0));
    assert_eq!(look(20.0, "b", 50), None, "another process of this pid");
    for at in 3..200 {
        look(f64::from(at * 10), "b", 1000);
    }
    assert_eq!(look(2000.0, "b", 1000), Some(0.0), "what is old is forgotten");
}

#[test]
fn a_look_is_put_together_of_four_answers_and_needs_them_all() {
    let agent = fake::Agent::of(&[
        ("/api/monitoring/agent", r#"{"version":"0.1.0"}"#),
        ("/api/monitoring/host", r#"{"host":{"mem_total_bytes":5}}"#),
        ("/api/monitoring/processes", r#"{"processes":[{"pid":7}],"total":9}"#),
        ("/api/monitoring/findings", r#"{"findings":[]}"#),
    ]);
    let seen = look(&Client::new(agent.address(), None)).unwrap();
    let wanted = json!({"agent": {"version": "0.1.0"}, "host": {"mem_total_bytes": 5},
                        "processes": [{"pid": 7}], "total": 9, "findings": []});
    assert_eq!(seen, wanted);
    let old = fake::Agent::of(&[("/api/monitoring/agent", "{}")]);
    let error = look(&Client::new(old.address(), None)).unwrap_err();
    assert!(error.is::<Unknown>(), "{error}");
    let nobody = Client::new(Address::Socket("/nowhere".into()), None);
    assert!(look(&nobody).is_err());
}

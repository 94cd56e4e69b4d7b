//! The history of a running service: asked over HTTP and read with `sqlite3`, kept over a kill.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use memwatch_tests::{agent, wait_until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// The line of a finding as a run left it.
const LEAK: &str = r#"{"ts":"2026-01-17T10:00:00Z","id":"aa","rule":"heap_growth","state":"open","severity":"high","verdict":"leak","pid":7,"start_time":null,"comm":"api","component":null,"resource":"heap","rate_per_min":5e6,"rate_unit":"bytes","rate_interval":null,"confidence":0.98,"e_value_log10":null,"rival":null,"since":"2026-01-17T10:00:00Z","forecast":null,"evidence":[],"explanations":[],"limits":[],"runs":null,"stacks":[],"recommendation":""}"#;

/// A service of two processes that reads /proc alone; killed with -9 when dropped.
struct Service {
    child: Child,
    address: String,
    /// Read by nobody, and kept: a service whose output nobody can read ends.
    _output: BufReader<ChildStdout>,
}

impl Service {
    fn start(dir: &Path) -> Self {
        let own = std::process::id().to_string();
        let mut child = Command::new(agent::binary())
            .args(["serve", "--no-ebpf", "--pid", &own, "--listen", "127.0.0.1:0"])
            .args(["--history-interval", "1s", "--state"])
            .arg(dir)
            .arg("--socket")
            .arg(dir.join("agent.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Self { child, address, _output: output }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
    }

    /// Waits until so many looks are there of this process.
    fn wait_for_rows(&self, count: usize) -> Value {
        let path = format!("/api/monitoring/history?pid={}&minutes=5", std::process::id());
        wait_until(LIMIT, "rows of the history", || {
            let (status, answer) = self.get(&path);
            (status == 200 && answer["rows"].as_array().unwrap().len() >= count).then_some(answer)
        })
    }
}

impl Service {
    /// A second agent with the same folder of state names this one and goes.
    fn is_alone(&self, dir: &Path) {
        let state = dir.to_str().unwrap();
        let second =
            agent::run(["serve", "--no-ebpf", "--listen", "127.0.0.1:0", "--state", state]);
        let first = format!("another agent (pid {})", self.child.id());
        assert!(second.status == Some(1) && second.stderr.contains(&first), "{}", second.stderr);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn sqlite(dir: &Path, sql: &str) -> String {
    // The agent may be writing.
    let mut command = Command::new("sqlite3");
    command.args(["-cmd", ".timeout 5000"]).arg(dir.join("history.db")).arg(sql);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_history_outlives_a_kill_is_asked_and_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let own = std::process::id();
    let service = Service::start(dir);
    let answer = service.wait_for_rows(3);
    assert_eq!(answer["stepSeconds"], 1.0);
    assert_eq!(&answer["columns"].as_array().unwrap()[..2], [json!("ts"), json!("rss_bytes")]);
    let last = answer["rows"].as_array().unwrap().last().unwrap();
    assert!(last[1].as_f64().unwrap() > 1e6, "{last}");
    let (_, host) = service.get("/api/monitoring/history?minutes=5");
    assert_eq!(host["columns"][1], "memory_used_bytes");
    let looks = host["rows"].as_array().unwrap().len();
    let (_, status) = service.get("/api/monitoring/agent");
    assert_eq!(status["history"]["problem"], Value::Null);
    service.is_alone(dir);
    for (path, expected) in [
        ("/api/monitoring/history?pid=4294967295", 404),
        ("/api/monitoring/history?pid=1&component=x", 400),
        ("/api/monitoring/history?minutes=0", 400),
        ("/api/monitoring/answers/trends?since=never", 400),
    ] {
        let (status, problem) = service.get(path);
        assert_eq!((status, &problem["status"]), (expected, &json!(expected)), "{path}: {problem}");
    }
    // Killed.
    drop(service);
    assert_eq!(sqlite(dir, "PRAGMA integrity_check"), "ok");
    let kept: usize = sqlite(dir, "SELECT count(*) FROM host").parse().unwrap();
    assert!(kept >= looks, "{kept} of {looks} looks that were told");

    let service = Service::start(dir);
    let answer = service.wait_for_rows(kept + 2);
    assert!(answer["rows"].as_array().unwrap().len() > kept, "both runs are of one process");
    assert_eq!(sqlite(dir, "SELECT count(*) FROM series WHERE kind = 'process'"), "1");
    let (_, report) = service.get("/api/monitoring/answers/trends?since=1h");
    let (_, now) = service.get("/api/monitoring/answers/trends");
    let seconds = |answer: &Value| answer["trackingSeconds"].as_f64().unwrap();
    assert!(seconds(&report) > seconds(&now) + 0.5, "{report} {now}");

    let socket = dir.join("agent.sock");
    let socket = socket.to_str().unwrap();
    // A leak that was open when the first one was killed.
    let leak = format!(
        "INSERT INTO finding (id, rule, state, severity, verdict, resource, since_ms, opened_ms, updated_ms, \
         run, line) SELECT 'aa', 'heap_growth', 'resolved', 'high', 'leak', 'heap', 0, 0, last_ms, 1, '{LEAK}' \
         FROM run WHERE id = 1"
    );
    sqlite(dir, &leak);
    for (severity, expected) in [("critical", 0), ("high", 3)] {
        let socket = ["--socket", socket];
        let since = ["leaks", "--since", "1h", "--fail-on", severity];
        let leaks = agent::run([&since[..], &socket[..]].concat());
        assert_eq!(leaks.status, Some(expected), "{severity}: {} {}", leaks.stdout, leaks.stderr);
        assert!(leaks.stdout.contains("its agent ended"), "{}", leaks.stdout);
    }
    let refused = agent::run(["reset", "--socket", socket]);
    assert_eq!(refused.status, Some(2), "nobody can be asked: {}", refused.stderr);
    let emptied = agent::run(["reset", "--yes", "--socket", socket]).expect_success();
    assert_eq!(emptied.stdout, "the history is empty\n");
    let first = "SELECT count(*) FROM run WHERE ended_ms IS NULL";
    assert_eq!(sqlite(dir, first), "1", "the run that goes on, pid {own}");
    assert!(sqlite(dir, "SELECT count(*) FROM look").parse::<usize>().unwrap() < kept);
}

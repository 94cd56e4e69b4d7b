//! The monitoring API of a running agent: figures that agree with /proc, events, who may change what, callers
//! that would hold it up, and the JavaScript client. What every answer looks like is held against its
//! description by `cargo xtask prove api`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use memwatch_tests::agent::binary;
use memwatch_tests::require;
use memwatch_tests::wait_until;
use memwatch_tests::workload::Program;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const MB: f64 = 1_048_576.0;

/// A served agent; ended with its guard.
struct Served {
    _program: Program,
    dir: TempDir,
    address: String,
}

impl Served {
    fn start(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        command
            .args(["--interval", "1s", "serve", "--no-ebpf", "--listen", "127.0.0.1:0", "--socket"])
            .arg(dir.path().join("socket"))
            .arg("--state")
            .arg(dir.path().join("state"))
            .arg("--token-file")
            .arg(dir.path().join("token"))
            .args(more);
        let program = Program::start(&mut command);
        let line = program.line(LIMIT);
        let address = line.strip_prefix("listening on http://").unwrap().to_owned();
        let served = Self { _program: program, dir, address };
        wait_until(LIMIT, "processes to be read", || {
            (served.ask("GET", "/readyz", "", "").0 == 200).then_some(())
        });
        served
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn token(&self) -> String {
        fs::read_to_string(self.dir.path().join("token")).unwrap().trim().to_owned()
    }

    /// Asks over TCP, with more header lines: the status and the body.
    fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let host =
            if fields.contains("Host:") { String::new() } else { "Host: localhost\r\n".into() };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}{fields}Content-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        answer_of(&text)
    }

    /// Asks for what must be there.
    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", &format!("/api/monitoring/{path}"), "", "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Changes something over the unix socket, where no token is needed.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let body = body.to_string();
        let length = body.len();
        write!(
            stream,
            "POST /api/monitoring/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        answer_of(&text)
    }
}

fn answer_of(text: &str) -> (u16, Value) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A field of /proc in KiB, in bytes.
fn kib(path: &str, name: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let number: f64 =
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap();
    number * 1024.0
}

fn agrees(value: &Value, wanted: f64) -> bool {
    value.as_f64().is_some_and(|value| (value / wanted - 1.0).abs() <= 0.05)
}

#[test]
fn figures_move_when_a_program_takes_300_mib_and_agree_with_proc() {
    require!(root, "python3");
    let served = Served::start(&["--all"]);
    let host = served.get("health");
    let total = kib("/proc/meminfo", "MemTotal") as u64;
    assert_eq!(host["memory"]["heapTotal"], total);
    let code = "x = b'x' * (300 << 20); print('holding', flush=True); input()";
    let program = Program::start(Command::new("python3").args(["-c", code]));
    program.wait_for_line("holding", LIMIT);
    let pid = program.pid();
    let status = format!("/proc/{pid}/status");
    let held = || kib(&status, "RssAnon") + kib(&status, "VmSwap");
    let health = format!("health?pid={pid}");
    wait_until(LIMIT, "the process in health, as in its status", || {
        let (code, body) = served.ask("GET", &format!("/api/monitoring/{health}"), "", "");
        (code == 200 && agrees(&body["memory"]["heapUsed"], held())).then_some(())
    });
    let metrics = served.get(&format!("metrics?period=60&pid={pid}"));
    assert!(agrees(&metrics["stats"]["peakMemory"], held() / MB), "{metrics}");
    assert_eq!((&metrics["period"], &metrics["scope"]["pid"]), (&json!(60), &json!(pid)));
    wait_until(LIMIT, "the host in health and metrics, as in meminfo", || {
        let used = kib("/proc/meminfo", "MemTotal") - kib("/proc/meminfo", "MemAvailable");
        let health = served.get("health");
        let metrics = served.get("metrics?period=60");
        let peak = metrics["stats"]["peakMemory"].as_f64()? * MB;
        (agrees(&health["memory"]["heapUsed"], used) && peak >= used * 0.95).then_some(())
    });
    let report = served.get("report");
    let top = report["topProcesses"].as_array().unwrap();
    let found = top.iter().find(|it| it["pid"] == pid).unwrap_or_else(|| unreachable!("{report}"));
    assert!(agrees(&found["memory"], held() / MB), "{found}");
    assert!(report["performance"]["summary"]["totalMetrics"].as_u64().unwrap() > 0);
    let process = served.get(&format!("processes/{pid}"));
    assert_eq!(process["process"]["comm"], "python3");
    let (code, body) = served.ask("GET", "/api/monitoring/health?pid=4294967295", "", "");
    assert_eq!((code, &body["type"]), (404, &json!("not-found")));
}

/// A stream of events, line by line.
fn events(served: &Served, fields: &str) -> impl Iterator<Item = String> {
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET /api/monitoring/events HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
        .unwrap();
    BufReader::new(stream).lines().map(Result::unwrap)
}

#[test]
fn who_may_not_is_refused_and_who_is_slow_holds_nobody_up() {
    require!(root);
    let own = std::process::id().to_string();
    let served = Served::start(&["--pid", &own]);
    let new = r#"{"type":"cache","id":"users"}"#;
    let post = |fields: &str| served.ask("POST", "/api/monitoring/resources", fields, new).0;
    assert_eq!(post(""), 401);
    assert_eq!(post("Authorization: Bearer wrong\r\n"), 401);
    assert_eq!(post(&format!("Authorization: Bearer {}\r\n", served.token())), 201);
    assert_eq!(served.get("report")["leakPrevention"]["resourcesTracked"]["caches"], 1);
    let evil = served.ask("GET", "/api/monitoring/health", "Host: evil.example\r\n", "");
    assert_eq!(evil.0, 421, "another site's name that was made to point here");
    let large = format!(r#"{{"type":"cache","source":"{}"}}"#, "x".repeat(300 << 10));
    let token = format!("Authorization: Bearer {}\r\n", served.token());
    assert_eq!(served.ask("POST", "/api/monitoring/resources", &token, &large).0, 413);
    let refused = Command::new(binary())
        .args(["serve", "--no-ebpf", "--listen", "0.0.0.0:0", "--socket"])
        .arg(served.dir.path().join("other"))
        .arg("--state")
        .arg(served.dir.path().join("other-state"))
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--token-file"));
    // As many as may be begin a request and say no more.
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
        slow.push(stream);
    }
    let (status, _) = served.post("resources", &json!({"type": "cache", "id": "more"}));
    assert_eq!(status, 201, "the unix socket has places of its own");
    assert_eq!(served.get("agent")["processes"], 1, "after the head was waited for in vain");
    let mut end = Vec::new();
    slow[0].set_read_timeout(Some(LIMIT)).unwrap();
    // Answered with a timeout or reset: either way it is over.
    let _ = slow[0].read_to_end(&mut end);
    // An event's number, and what came after it once the stream was lost.
    let mut heard = events(&served, "");
    let id = heard.find_map(|line| Some(line.strip_prefix("id: ")?.parse::<u64>().unwrap()));
    let id = id.unwrap();
    drop(heard);
    let fields = format!("Last-Event-ID: {id}\r\n");
    let mut heard = events(&served, &fields);
    let next = heard.find_map(|line| Some(line.strip_prefix("id: ")?.parse::<u64>().unwrap()));
    assert!(next.unwrap() > id);
    let data = heard.find_map(|line| Some(line.strip_prefix("data: ")?.to_owned())).unwrap();
    assert!(serde_json::from_str::<Value>(&data).unwrap()["stats"].is_object());
}

const CLIENT: &str = r"
const { Memwatch } = await import(process.argv[1]);
const errors = [];
const onError = (error) => errors.push(error.status);
const memwatch = new Memwatch({ socketPath: process.argv[2], component: 'shop', onError });
memwatch.trackResource('cache', 'users', { size: 4096, metadata: { rows: 12 } });
memwatch.trackResource('cache', 'items');
memwatch.untrackResource('items');
memwatch.registerComponent('shop', { thresholds: { memoryWarning: 1 } });
for (let n = 1; n <= 100; n += 1) memwatch.trackRequest(n);
await memwatch.flush();
const overTcp = new Memwatch({ url: process.argv[3], token: process.argv[4], onError });
await overTcp.trackResource('stream', 'over tcp');
const stranger = new Memwatch({ url: process.argv[3], onError });
await stranger.trackResource('stream', 'never');
const unknown = await overTcp.getHealth({ pid: 4294967295 }).catch((error) => error.status);
const [metrics, report] = await Promise.all([memwatch.getMetrics(60), memwatch.getReport()]);
let health;
for (const start = Date.now(); health?.status !== 'warning' && Date.now() - start < 30000;) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  health = await overTcp.getHealth({ component: 'shop' }).catch((error) => error.message);
}
console.log(JSON.stringify({ pid: process.pid, errors, unknown, health, metrics, report }));
";

#[test]
fn the_javascript_client_reports_and_asks() {
    require!(root, "node");
    let served = Served::start(&["--all"]);
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor-userspace/js/memwatch.js");
    let mut command = Command::new("node");
    command.args(["--input-type=module", "-e", CLIENT, module]).arg(served.socket());
    command.args([format!("http://{}", served.address), served.token()]);
    let run = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{stderr}");
    let said: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&said["errors"], &said["unknown"]), (&json!([401]), &json!(404)));
    assert_eq!(said["report"]["leakPrevention"]["resourcesTracked"]["caches"], 1);
    let times = &said["metrics"]["stats"]["responseTime"];
    assert!(agrees(&times["p50"], 50.0) && agrees(&times["p99"], 99.0), "{times}");
    let resources = served.get("resources?type=cache");
    let one = &resources["resources"][0];
    assert_eq!(
        (&one["id"], &one["size"], &one["component"]),
        (&json!("users"), &json!(4096), &json!("shop"))
    );
    assert_eq!(one["pid"], said["pid"]);
    assert_eq!(said["health"]["status"], "warning", "1 MB is its threshold: {}", said["health"]);
}

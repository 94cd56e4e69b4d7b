//! Every command that asks a running agent, twice: while all is well, and while a rule of the user holds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use memwatch_tests::agent::{self, binary};
use memwatch_tests::run::Run;
use memwatch_tests::{require, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
/// Descriptors that are held, and how many the rule allows.
const HELD: usize = 300;
const RULE: &str = "many_descriptors";

/// A running `serve`; ends with its guard.
struct Service {
    child: Child,
    socket: PathBuf,
    address: String,
}

impl Service {
    fn start(dir: &Path) -> Self {
        let pid = std::process::id();
        let rules = dir.join("rules.toml");
        let rule = format!(
            "[[rule]]\nname = \"{RULE}\"\nseverity = \"high\"\n\
             condition = \"pid == {pid} && descriptors > 250\"\nresource = \"descriptors\"\n\
             recommendation = \"close what is not needed\"\n"
        );
        fs::write(&rules, rule).unwrap();
        let socket = dir.join("agent.sock");
        let mut child = Command::new(binary())
            .arg("--rules")
            .arg(&rules)
            .args(["serve", "--pid", &pid.to_string(), "--listen", "127.0.0.1:0", "--socket"])
            .arg(&socket)
            .arg("--state")
            .arg(dir.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().to_owned();
        // Findings are printed, too: who does not read them holds the service up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, socket, address }
    }

    /// Runs a command of the client.
    fn ask(&self, command: &str, more: &[&str]) -> Run {
        let words = command.split(' ').chain(more.iter().copied());
        agent::run(words.chain(["--socket", self.socket.to_str().unwrap()]))
    }

    /// What a command answers in JSON.
    fn json(&self, command: &str) -> Value {
        let run = self.ask(command, &["--json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| {
            unreachable!("{command}: {error}: {} {}", run.stdout, run.stderr)
        })
    }

    /// The page of metrics.
    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already where this fails.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT);
        let _ = self.child.wait();
    }
}

/// A command, its exit status and a part of its text while all is well, and both while the rule holds.
const COMMANDS: &[(&str, i32, &str, i32, &str)] = &[
    ("status", 0, "no open findings", 0, "1 open finding"),
    ("health", 0, "healthy, watched for", 0, "warning, watched for"),
    ("health --plugin", 0, "MEMWATCH OK - 0 open", 1, "MEMWATCH WARNING - 1 open finding"),
    ("metrics --period 30m", 0, "the last 30 min", 0, "the last 30 min"),
    ("performance", 0, ", 0 alerts", 0, ", 1 alert\n"),
    ("trends", 0, "pid", 0, "pid"),
    ("leaks", 0, "too little was seen", 0, "too little was seen"),
    ("leak-check", 0, "0 findings are open", 0, "1 finding is open"),
    ("leak-check --fail-on high", 0, "0 findings are open", 3, "1 finding is open"),
    ("leak-rules --running", 0, RULE, 0, RULE),
    ("report", 0, "0 findings", 0, RULE),
    ("report --fail-on critical", 0, "0 findings", 0, RULE),
    ("optimize", 0, "", 0, "close what is not needed"),
    ("explain", 0, "nothing to explain", 0, RULE),
    ("cleanup", 1, "not there yet", 1, "not there yet"),
    ("gc", 1, "not there yet", 1, "not there yet"),
    ("leak-force-cleanup", 1, "not there yet", 1, "not there yet"),
];

/// What each says while all is well, or while the rule holds.
fn check(service: &Service, is_well: bool) -> Vec<String> {
    let mut all = Vec::new();
    for &(command, well, says, amiss, tells) in COMMANDS {
        let run = service.ask(command, &[]);
        let (status, part) = if is_well { (well, says) } else { (amiss, tells) };
        assert_eq!(run.status, Some(status), "{command}: {} {}", run.stdout, run.stderr);
        assert!(run.stdout.contains(part), "{command} lacks {part:?}: {}", run.stdout);
        assert!(!run.stdout.contains('\x1b'), "{command} is no terminal's: {}", run.stdout);
        all.push(run.stdout);
    }
    all
}

#[test]
fn every_command_says_what_is_so_and_what_changed() {
    require!(root);
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(dir.path());
    wait_until(LIMIT, "the first looks", || {
        let run = service.ask("status", &["--json"]);
        let status: Value = serde_json::from_str(&run.stdout).ok()?;
        (status["processes"] == 1).then_some(())
    });
    check(&service, true);
    assert_eq!(service.json("health")["components"]["resources"], "healthy");
    assert_eq!(service.json("top")["findings"], Value::Array(Vec::new()));
    assert!(service.metrics().contains("\nmemwatch_findings{severity=\"high\"} 0\n"));
    let run = service.ask("explain", &["0a"]);
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("nothing was found at all"), "{}", run.stderr);

    // Sockets, which events tell of: plain files are counted when the process is looked at.
    let held: Vec<_> = (0..HELD / 2).map(|_| UnixStream::pair().unwrap()).collect();
    let is_found = || service.json("status")["openFindings"] == 1;
    wait_until(LIMIT * 2, "the finding", || is_found().then_some(()));
    check(&service, false);
    assert_eq!(service.json("health")["components"]["resources"], "warning");
    assert_eq!(service.json("leak-check")["violationsFound"], 1);
    let top = service.json("top");
    assert_eq!(top["findings"][0]["rule"], RULE);
    assert_eq!(top["processes"][0]["pid"], std::process::id());
    assert!(top["processes"][0]["descriptors"].as_u64().unwrap() > 250, "{top}");
    let page = service.metrics();
    assert!(page.contains("\nmemwatch_findings{severity=\"high\"} 1\n"), "{page}");
    let pid = format!("pid=\"{}\"", std::process::id());
    let info = page.lines().find(|line| line.starts_with("memwatch_finding_info{")).unwrap();
    assert!(info.contains(RULE) && info.contains(&pid), "{info}");
    drop(held);
}

#[test]
fn without_an_agent_one_line_says_so_and_what_needs_none() {
    let none = ["--socket", "/nowhere/agent.sock"];
    for (command, status, says) in [
        ("leaks", 1, "or look yourself: memwatch-ebpf leaks --all\n"),
        ("trends", 1, "memwatch-ebpf trends --all\n"),
        ("report", 1, "memwatch-ebpf report --all\n"),
        ("optimize", 1, "memwatch-ebpf optimize --all\n"),
        ("explain", 1, "memwatch-ebpf explain --all\n"),
        ("leak-check", 1, "memwatch-ebpf leak-check --all\n"),
        ("status", 1, "memwatch-ebpf --all\n"),
        ("metrics", 1, "memwatch-ebpf --all\n"),
        ("top --json", 1, "memwatch-ebpf --all\n"),
        ("top", 2, "top needs a terminal"),
        ("leaks --all", 2, "not both"),
    ] {
        let run = agent::run(command.split(' ').chain(none));
        assert_eq!(run.status, Some(status), "{command}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{command}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{command}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{command}");
    }
    let run = agent::run(["health", "--plugin"].into_iter().chain(none));
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert_eq!(run.stdout, "MEMWATCH UNKNOWN - no agent answers at /nowhere/agent.sock\n");
}

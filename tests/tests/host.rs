//! Where the memory of the host is: the parts add up, and what somebody takes is in its part.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use memwatch_tests::agent::Agent;
use memwatch_tests::require;
use memwatch_tests::workload::Program;
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
const MIB: f64 = 1_048_576.0;
/// The promise: what no part explains, as a share of all.
const UNEXPLAINED: f64 = 0.02;
/// How well what was taken must be found, as a share of it.
const PRECISION: f64 = 0.05;
/// What is taken, in MiB.
const ANON: f64 = 300.0;
const FILE: f64 = 200.0;
const SEGMENT: f64 = 64.0;
const ANON_PART: &str = "/memory/anon_bytes";
/// Where in the line of the host each is found.
const PARTS: [(&str, f64); 4] = [
    (ANON_PART, ANON),
    ("/unowned/tmpfs_bytes", FILE),
    ("/unowned/orphan_shm_bytes", SEGMENT),
    ("/memory/shmem_bytes", FILE + SEGMENT),
];
/// Times that it is taken anew, where other programs of the host take and give back so much beside
/// it that even the witness cannot tell.
const ROUNDS: usize = 12;
const DAY: f64 = 86_400.0;

/// Why so much memory cannot be taken here; `None` if it can.
fn lacks_memory() -> Option<String> {
    let available = of_meminfo("MemAvailable:");
    let wanted = 4.0 * (ANON + FILE + SEGMENT) * MIB;
    (available < wanted).then(|| format!("only {available} bytes of memory are available"))
}

fn of_meminfo(name: &str) -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// What private anonymous memory all processes but one have, moment by moment: other programs do
/// not hold still meanwhile.
struct Witness {
    /// Second of the day, and bytes.
    moments: Arc<Mutex<Vec<(f64, f64)>>>,
    is_over: Arc<AtomicBool>,
}

impl Witness {
    const EVERY: Duration = Duration::from_millis(20);

    fn of_all_but(pid: u32) -> Self {
        let witness = Self { moments: Arc::default(), is_over: Arc::default() };
        let (moments, is_over) = (Arc::clone(&witness.moments), Arc::clone(&witness.is_over));
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                let anon = anon_of_all_but(pid);
                moments.lock().unwrap().push((now.as_secs_f64() % DAY, anon));
                thread::sleep(Self::EVERY);
            }
        });
        witness
    }

    /// Bytes at the moment of a line.
    fn at(&self, line: &Value) -> f64 {
        let at = second_of_day(line["ts"].as_str().unwrap());
        let distance = |moment: &(f64, f64)| {
            let distance = (moment.0 - at).abs();
            distance.min(DAY - distance)
        };
        let moments = self.moments.lock().unwrap();
        let nearest = moments.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.unwrap().1
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn anon_of_all_but(pid: u32) -> f64 {
    let anon = |path: std::path::PathBuf| {
        let status = fs::read_to_string(path.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok()
    };
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap());
    let own = pid.to_string();
    let others = entries.filter(|entry| entry.file_name() != own.as_str());
    others.filter_map(|entry| anon(entry.path())).sum::<f64>() * 1024.0
}

/// Of an RFC 3339 time in UTC.
fn second_of_day(ts: &str) -> f64 {
    let time = ts.split_once('T').unwrap().1.trim_end_matches('Z');
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    (parts[0] * 60.0 + parts[1]) * 60.0 + parts[2]
}

fn number(line: &Value, path: &str) -> f64 {
    let number = line.pointer(path).and_then(Value::as_f64);
    assert!(number.is_some(), "no {path} in {line}");
    number.unwrap()
}

/// Panics unless the parts of a line add up, with little left unexplained.
fn assert_adds_up(line: &Value) {
    let total = number(line, "/mem_total_bytes");
    let parts = line["memory"].as_object().unwrap().values();
    let sum: f64 = parts.map(|part| part.as_f64().unwrap()).sum();
    assert!((sum - total).abs() < 1.0, "{sum} of {total} in {line}");
    let unexplained = number(line, "/memory/unexplained_bytes");
    assert!(unexplained.abs() <= UNEXPLAINED * total, "{unexplained} of {total} in {line}");
}

/// By how many MiB each part of a line is larger than before, beside what all others took.
fn changes(before: &Value, after: &Value, witness: &Witness) -> [f64; PARTS.len()] {
    PARTS.map(|(path, _)| {
        let others = if path == ANON_PART { witness.at(after) - witness.at(before) } else { 0.0 };
        (number(after, path) - number(before, path) - others) / MIB
    })
}

/// Whether all that was taken is in its part; given back where `sign` is negative.
fn is_taken(changes: &[f64], sign: f64) -> bool {
    let mut pairs = changes.iter().zip(PARTS);
    pairs.all(|(change, (_, mib))| (sign * change - mib).abs() <= PRECISION * mib)
}

/// The line of the host that was made of a look at it after what went before.
fn next_line(agent: &Agent, after: &Value) -> Value {
    // The look after the next began after now.
    let mut last = after.clone();
    for _ in 0..2 {
        let earlier = last["ts"].as_str().unwrap_or_default().to_owned();
        last = agent.wait_for_line(MINUTE, "another look at the host", |line| {
            line["type"] == "host" && line["ts"].as_str().unwrap() > earlier.as_str()
        });
    }
    last
}

#[test]
fn the_parts_of_the_hosts_memory_add_up_and_what_is_taken_is_in_its_part() {
    require!(root, "gcc", "/dev/shm");
    if require::is_skipped(lacks_memory()) {
        return;
    }
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = dir.path().join("file");
    let sizes = [ANON, FILE, SEGMENT].map(|mib| mib.to_string());
    let arguments = [file.to_str().unwrap(), &sizes[0], &sizes[1], &sizes[2]];
    let mut hoard = Program::workload("hoard", &arguments);
    let witness = Witness::of_all_but(hoard.pid());
    let agent = Agent::start(["--all", "--events", "none", "--interval", "1s"]);
    let mut before = next_line(&agent, &Value::Null);
    let right = (1..=ROUNDS).find(|round| {
        hoard.go();
        hoard.wait_for_line("taken", MINUTE);
        let during = next_line(&agent, &before);
        hoard.go();
        hoard.wait_for_line("given back", MINUTE);
        let after = next_line(&agent, &during);
        let taken = changes(&before, &during, &witness);
        let given_back = changes(&during, &after, &witness);
        eprintln!("round {round}: {taken:.1?} MiB, then {given_back:.1?}, of {PARTS:?}");
        before = after;
        is_taken(&taken, 1.0) && is_taken(&given_back, -1.0)
    });
    assert!(right.is_some(), "in none of {ROUNDS} rounds was all that was taken in its part");
    let run = agent.interrupt().expect_success();
    let hosts: Vec<_> = run.of_type("host").collect();
    for line in &hosts {
        assert_adds_up(line);
    }
    let busy = number(hosts.last().unwrap(), "/cpu_percent");
    assert!((0.0..=100.0).contains(&busy), "{busy} % of all CPUs");
    let total = number(hosts.last().unwrap(), "/mem_total_bytes");
    assert!((total - of_meminfo("MemTotal:")).abs() < 1.0, "{total}");
    let rests = hosts.iter().map(|line| number(line, "/memory/unexplained_bytes"));
    let worst = rests.map(f64::abs).fold(0.0, f64::max) / total * 100.0;
    eprintln!("{} lines, at most {worst:.2} % unexplained", hosts.len());
}

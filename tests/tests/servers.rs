//! Real servers under real load: once they are quiet, what the agent says each of their processes
//! holds is what /proc says, and the agent's own accuracy, taken before any correction, agrees.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::held::{Stopped, Truth, once_quiet};
use memwatch_tests::run::Run;
use memwatch_tests::servers::{self, Nginx, Postgres, Redis, Server};
use memwatch_tests::workload::Program;
use memwatch_tests::{require, wait_until};
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
/// Nothing is corrected: after the first reading there are events only.
const EVENTS_ONLY: [&str; 4] = ["--reconcile", "off", "--events", "none"];

/// What each of these processes holds. Those of `timed` run an interval timer, which /proc does not
/// show; no other does.
fn read(pids: &[u32], timed: &[u32]) -> BTreeMap<u32, Truth> {
    pids.iter().map(|pid| (*pid, Truth::of(*pid, timed.contains(pid).into()))).collect()
}

/// Waits until these processes, which are all of the server, have come to rest, ends the agent, and
/// gives what it wrote and what is true.
fn settle(
    server: &Server,
    agent: Agent,
    pids: &[u32],
    timed: &[u32],
) -> (Run, BTreeMap<u32, Truth>) {
    once_quiet(|| read(pids, timed));
    let _stopped = Stopped::all(pids);
    let truth = read(pids, timed);
    let run = agent.interrupt().expect_success();
    assert_eq!(truth, read(pids, timed), "what is stopped did not hold still");
    assert_eq!(pids, server.pids(), "it has other processes than it had");
    (run, truth)
}

/// Where the last word about a process is not what is true, or not known to be. Of threads and of
/// who is not waited for no event tells: their numbers are those of the last look, seconds ago.
fn errors(snapshot: &Value, truth: &Truth) -> Vec<String> {
    let mut truth = truth.clone();
    truth.counts.retain(|name, _| name != "threads" && name != "zombies");
    let mut errors = truth.errors(snapshot);
    let accuracy = &snapshot["accuracy"];
    if snapshot["source"] != "events" {
        errors.push(format!("the source is {}", snapshot["source"]));
    }
    if accuracy["mapping_error_bytes"] != 0 || accuracy["descriptor_error"] != 0 {
        errors.push(format!("the accuracy is {accuracy}"));
    }
    errors
}

/// Panics unless the agent was exact about every process, from events, and knew it.
fn assert_exact(server: &Server, agent: Agent, pids: &[u32], timed: &[u32]) {
    let (run, truth) = settle(server, agent, pids, timed);
    let of_process = |(pid, truth): (&u32, &Truth)| {
        let snapshot = run.final_snapshot(*pid);
        let errors = errors(snapshot, truth);
        (!errors.is_empty()).then(|| format!("{pid}: {errors:#?} in {snapshot}"))
    };
    let wrong: Vec<String> = truth.iter().filter_map(of_process).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let events = &run.lossless_stats()["events_seen"];
    eprintln!("{} processes are exact after {events} events", pids.len());
}

/// The sum of one number over all processes.
fn sum(truth: &BTreeMap<u32, Truth>, name: &str) -> u64 {
    truth.values().map(|truth| truth.counts[name]).sum()
}

fn load_redis(redis: &mut Redis) -> Program {
    let many = ["-n", "4000", "-c", "60", "-P", "4", "-r", "2000", "-d", "8000"];
    // A connection for every request.
    let short = ["-n", "2000", "-c", "20", "-k", "0"];
    for over_tcp in [false, true] {
        redis.load(over_tcp, &[&many[..], &["-t", "set,get,lpush,hset"]].concat());
        redis.load(over_tcp, &[&short[..], &["-t", "set,get"]].concat());
    }
    redis.save();
    redis.request(b"FLUSHALL\r\n", b"+OK\r\n");
    redis.idle_clients(10)
}

#[test]
fn redis_is_followed_exactly() {
    require!(root, "redis-server", "redis-benchmark");
    let mut redis = Redis::start();
    let agent = redis.server.attach(&EVENTS_ONLY);
    let _clients = load_redis(&mut redis);
    let pids = redis.server.wait_for_processes(1);
    assert!(sum(&read(&pids, &[]), "connections.established") >= 10);
    assert_exact(&redis.server, agent, &pids, &[]);
}

#[test]
fn among_all_processes_a_server_is_known_exactly_before_anything_is_corrected() {
    require!(root, "redis-server", "redis-benchmark");
    let mut redis = Redis::start();
    let pids = redis.server.pids();
    let agent = Agent::start(["--all", "--events", "none", "--interval", "1s"]);
    agent.wait_until_seeded(&pids);
    let _clients = load_redis(&mut redis);
    let (run, truth) = settle(&redis.server, agent, &pids, &[]);
    let of_server = |line: &&Value| line["pid"] == pids[0] && !line["accuracy"].is_null();
    let checked: Vec<&Value> = run.of_type("snapshot").filter(of_server).collect();
    for line in &checked {
        let accuracy = &line["accuracy"];
        for name in ["mapping_error_bytes", "descriptor_error"] {
            assert!(accuracy[name].as_u64().unwrap_or(0) == 0, "{line}");
        }
    }
    let last = run.final_snapshot(pids[0]);
    let errors = errors(last, &truth[&pids[0]]);
    assert!(errors.is_empty(), "{errors:#?} in {last}");
    run.lossless_stats();
}

#[test]
fn postgresql_is_followed_exactly() {
    let programs = Postgres::programs();
    let program = |name: &str| programs.join(name).to_string_lossy().into_owned();
    require!(root, &program("postgres"), &program("pgbench"), &program("psql"));
    let postgres = Postgres::start();
    let before = postgres.server.pids();
    let agent = postgres.server.attach(&EVENTS_ONLY);
    let early = postgres.idle_client(false, "begin; create temp table held (x int)");
    postgres.bench(false, &["--initialize", "--quiet", "--scale", "2"]);
    postgres.bench(false, &["-c", "8", "-j", "2", "-t", "150"]);
    postgres.bench(true, &["-c", "4", "-t", "100", "--protocol", "prepared"]);
    // A process for every transaction.
    postgres.bench(true, &["-c", "4", "-t", "25", "--connect", "--select-only"]);
    let parallel = "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; \
                    set min_parallel_table_scan_size = 0; \
                    select count(*) from pgbench_accounts one join pgbench_accounts two using (aid)";
    assert_eq!(postgres.query(parallel).trim(), "200000");
    let sorting =
        "begin; select count(*) from (select * from pgbench_accounts order by filler, aid) x";
    let late = [false, true].map(|over_tcp| postgres.idle_client(over_tcp, sorting));
    let pids = postgres.server.wait_for_processes(before.len() + late.len() + 1);
    // In a transaction all that runs is the time that it had to say who it is: it never stops that.
    let timed: Vec<u32> = pids.iter().copied().filter(|pid| !before.contains(pid)).collect();
    assert_exact(&postgres.server, agent, &pids, &timed);
    drop((early, late));
}

#[test]
fn nginx_is_followed_exactly() {
    require!(root, "/usr/sbin/nginx", "wrk");
    let nginx = Nginx::start();
    let pids = nginx.server.pids();
    let agent = nginx.server.attach(&EVENTS_ONLY);
    Nginx::load("/index.html", 48, 2);
    Nginx::load("/passed", 4, 2);
    let clients: Vec<_> = ["/index.html", "/passed"].repeat(6).into_iter().collect();
    let clients: Vec<_> = clients.into_iter().map(|path| nginx.idle_client(path)).collect();
    wait_until(MINUTE, "those of the load to be gone", || {
        let established = sum(&read(&pids, &[]), "connections.established");
        (established == clients.len() as u64).then_some(())
    });
    assert_exact(&nginx.server, agent, &pids, &[]);
}

/// What changes while it is first read is right in the end, too.
#[test]
fn nginx_that_is_busy_when_it_is_first_read_is_followed_exactly() {
    require!(root, "/usr/sbin/nginx", "wrk");
    let nginx = Nginx::start();
    let pids = nginx.server.pids();
    let is_read = AtomicBool::new(false);
    let agent = thread::scope(|scope| {
        scope.spawn(|| {
            // Not for ever: the test may have failed.
            let rounds = (0..30).take_while(|_| !is_read.load(Ordering::Relaxed));
            rounds.for_each(|_| Nginx::load("/passed", 4, 2));
        });
        nginx.wait_until_busy();
        let agent = nginx.server.attach(&EVENTS_ONLY);
        is_read.store(true, Ordering::Relaxed);
        agent
    });
    let _clients: Vec<_> = (0..6).map(|_| nginx.idle_client("/passed")).collect();
    assert_exact(&nginx.server, agent, &pids, &[]);
}

/// A program of our own that says when it is ready, holding something of each of these.
fn assert_script(mut server: Server, runs_timer: bool, processes: usize, kinds: &[&str]) {
    let agent = server.attach(&EVENTS_ONLY);
    server.program.go();
    server.program.wait_for_line("ready", MINUTE);
    let pids = server.wait_for_processes(processes);
    let timed = &pids[..usize::from(runs_timer)];
    let truth = read(&pids, timed);
    for kind in kinds {
        assert!(sum(&truth, kind) > 0, "it holds no {kind}: {truth:?}");
    }
    assert_exact(&server, agent, &pids, timed);
}

#[test]
fn node_is_followed_exactly() {
    require!(root, "/usr/bin/node");
    let kinds = ["sockets", "listeners", "epolls", "epoll_watches", "inotify_watches", "eventfds"];
    assert_script(servers::node(), false, 4, &kinds);
}

#[test]
fn python_is_followed_exactly() {
    require!(root, "/usr/bin/python3");
    let kinds = [
        "sockets",
        "listeners",
        "epoll_watches",
        "eventfds",
        "pipes",
        "memfds",
        "timers",
        "connections.close_wait",
    ];
    assert_script(servers::python(), true, 5, &kinds);
}

#[test]
fn a_jvm_is_followed_exactly() {
    require!(root, "java", "javac");
    let kinds = [
        "sockets",
        "listeners",
        "epoll_watches",
        "inotify_watches",
        "pipes",
        "connections.close_wait",
    ];
    assert_script(servers::jvm(), false, 3, &kinds);
}

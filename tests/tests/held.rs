//! What the agent says a program held when it was killed is what the program itself counted, kind
//! by kind, from events alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

use memwatch_tests::agent::Agent;
use memwatch_tests::held::{Counts, counts, differences};
use memwatch_tests::maps::Totals;
use memwatch_tests::workload::Program;
use memwatch_tests::{require, workload};
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
/// How many seeds there are; `MEMWATCH_SEEDS` tries fewer of them on a slow machine.
const SEEDS: u32 = 20;
/// What a program holds after any seed, or the seeds are no test.
const EVERYTHING: [&str; 16] = [
    "pipes",
    "eventfds",
    "sockets",
    "listeners",
    "timerfds",
    "epolls",
    "inotifies",
    "memfds",
    "other_descriptors",
    "timers",
    "epoll_watches",
    "inotify_watches",
    "shm_segments",
    "connections.established",
    "connections.close_wait",
    "connections.close",
];

/// The seeds that the agent is tried with.
fn tried() -> RangeInclusive<u32> {
    let number = env::var("MEMWATCH_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    assert!((1..=SEEDS).contains(&number), "MEMWATCH_SEEDS is {number}");
    1..=number
}

/// What a program wrote before it was killed.
fn truth(counted: &std::path::Path, maps: &std::path::Path) -> (Counts, Totals) {
    let read = |path| fs::read_to_string(path).unwrap();
    let object: Value = serde_json::from_str(&read(counted)).unwrap();
    let mut truth = counts(&object);
    // Files are seen in /proc only.
    truth.retain(|name, _| name != "files" && name != "descriptors");
    (truth, Totals::parse(&read(maps)))
}

/// Without the agent: the program holds something of every kind at the end of some seed.
#[test]
fn the_program_holds_something_of_every_kind() {
    require!(root, "gcc");
    let dir = tempfile::tempdir().unwrap();
    let [counted, maps] = ["counted", "maps"].map(|name| dir.path().join(name));
    let mut sums = Counts::new();
    for seed in 1..=SEEDS {
        let paths = [&counted, &maps].map(|path| path.to_str().unwrap());
        let mut program = Program::workload("holder", &[&seed.to_string(), paths[0], paths[1]]);
        program.wait_for_line("ready", MINUTE);
        program.wait(MINUTE);
        let (truth, totals) = truth(&counted, &maps);
        assert!(totals.anon > 0 && totals.shared > 0 && totals.file > 0, "{totals:?}");
        for (name, number) in truth {
            *sums.entry(name).or_default() += number;
        }
    }
    for name in EVERYTHING {
        assert!(sums[name] > 0, "no seed leaves any {name}: {sums:?}");
    }
    assert!(sums["descriptor_objects"] > 0, "{sums:?}");
}

/// The peer's answer moves a socket from FIN_WAIT1 to FIN_WAIT2 whenever it comes, also between the
/// program's counting and its end: both states are one here.
fn fold_fin_wait(snapshot: &mut Value, truth: &mut Counts) {
    const NAMES: [&str; 2] = ["fin_wait1", "fin_wait2"];
    let states = &mut snapshot["connections"];
    let said: u64 = NAMES.iter().filter_map(|name| states[name].as_u64()).sum();
    (states[NAMES[0]], states[NAMES[1]]) = (0.into(), said.into());
    let names = NAMES.map(|name| format!("connections.{name}"));
    let true_sum: u64 = names.iter().filter_map(|name| truth.get(name)).sum();
    truth.insert(names[0].clone(), 0);
    truth.insert(names[1].clone(), true_sum);
}

#[test]
fn what_a_killed_program_held_is_what_it_counted_itself() {
    require!(root, "gcc");
    for seed in tried() {
        let dir = tempfile::tempdir().unwrap();
        let [counted, maps] = ["counted", "maps"].map(|name| dir.path().join(name));
        let program = workload::compile("holder");
        let seed_text = seed.to_string();
        let arguments = ["--reconcile", "off", "--", program.to_str().unwrap(), &seed_text];
        let paths = [&counted, &maps].map(|path| path.to_str().unwrap());
        let run = Agent::spawn(arguments.iter().chain(&paths)).finish(MINUTE);
        run.lossless_stats();
        let (truth, totals) = truth(&counted, &maps);
        let last = run.of_type("snapshot").filter(|line| line["final"] == true).last();
        let last = last.unwrap_or_else(|| panic!("seed {seed}: no final snapshot: {}", run.stderr));
        let mut last = last.clone();
        let mut truth = truth;
        fold_fin_wait(&mut last, &mut truth);
        let last = &last;
        let differences = differences(last, &truth);
        assert!(differences.is_empty(), "seed {seed}: {differences:#?} in {last}");
        assert_eq!(Totals::of_snapshot(last), totals, "seed {seed}: {last}");
        assert_eq!(last["source"], "events", "seed {seed}: {last}");
    }
}

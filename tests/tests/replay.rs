//! A recording replays to the same bytes, whoever replays it and however often.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use memwatch_tests::agent::{self, Agent};
use memwatch_tests::run::is_final_snapshot;
use memwatch_tests::{require, workload};
use serde_json::Value;

#[test]
fn a_recording_replays_to_the_same_bytes_for_anybody() {
    require!(root, "gcc", "setpriv");
    let dir = tempfile::tempdir().unwrap();
    let everyones = agent::copy_for_everyone(dir.path());
    let recording = dir.path().join("recording");
    let family = workload::compile("family");
    let live = Agent::spawn([
        "--follow".as_ref(),
        "--record".as_ref(),
        recording.as_os_str(),
        "--".as_ref(),
        family.as_os_str(),
        "250".as_ref(),
    ])
    .finish(Duration::from_mins(1))
    .expect_success();
    live.lossless_stats();

    // What was recorded is worth replaying.
    let kinds: BTreeSet<_> =
        live.of_type("event").filter_map(|event| event["kind"].as_str()).collect();
    assert!(kinds.len() >= 5, "{kinds:?}");
    let processes: BTreeSet<_> =
        live.events("fork").map(|event| event["child_pid"].as_u64()).collect();
    assert!(processes.len() >= 200, "{} processes", processes.len());

    fs::set_permissions(&recording, PermissionsExt::from_mode(0o644)).unwrap();
    let replay = |command: &mut Command| {
        let output = command
            .arg("--json")
            .arg("--replay")
            .arg(&recording)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    };
    let first = replay(&mut Command::new(&everyones));
    let second = replay(&mut Command::new(&everyones));
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let ordinary = replay(Command::new("setpriv").args(nobody).arg(&everyones));
    assert!(first == second, "two replays differ");
    assert!(first == ordinary, "an ordinary user's replay differs");

    let lasting = |text: &str| {
        let is_lasting = |line: &&str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["type"] == "finding" || is_final_snapshot(&line)
        };
        text.lines().filter(is_lasting).map(str::to_owned).collect::<Vec<_>>()
    };
    let (live, replayed) = (lasting(&live.text), lasting(&first));
    assert!(live.len() >= 200, "{} final snapshots", live.len());
    let differing = live.iter().zip(&replayed).find(|(one, other)| one != other);
    assert_eq!(differing, None, "live (left) and replayed (right) differ");
    assert_eq!(live.len(), replayed.len());
}

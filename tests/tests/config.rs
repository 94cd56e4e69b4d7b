//! The configuration of a running service: what changes on disk counts at once, what is wrong changes
//! nothing. From /proc alone: no root is needed.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use memwatch_tests::{agent::binary, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);

/// Killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(file: &Path, what: &str) {
    wait_until(LIMIT, what, || fs::read_to_string(file).ok()?.contains(what).then_some(()));
}

/// Runs a command of the agent; whether it went well, and what it printed.
fn run(arguments: &[&str]) -> (bool, String) {
    let out = Command::new(binary()).args(arguments).output().expect("the agent starts");
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    (out.status.success(), text.into_owned())
}

#[test]
fn a_running_service_takes_changes_and_refuses_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let place = dir.path().to_str().unwrap();
    let socket = at("socket");
    let rules = at("my-rules");
    let rule = "[[rule]]\nname = \"is_there\"\nseverity = \"low\"\ncondition = \"threads >= 1\"\n";
    fs::write(&rules, rule).unwrap();
    fs::create_dir(at("conf.d")).unwrap();
    let text = format!(
        "# mine\n[serve]\nlisten = []\nsocket = {socket:?}\n[watch]\nebpf = false # for anybody\n"
    );
    fs::write(at("config.toml"), text).unwrap();
    let asleep = Killed(Command::new("sleep").arg("600").spawn().unwrap());
    let pid = asleep.0.id().to_string();
    let service = Command::new(binary())
        .args(["serve", "--config", place, "--pid", &pid, "--state"])
        .arg(at("state"))
        .stdin(Stdio::null())
        .stdout(File::create(at("out")).unwrap())
        .stderr(File::create(at("err")).unwrap())
        .spawn();
    let mut service = Killed(service.unwrap());
    wait_until(LIMIT, "the service", || {
        run(&["status", "--socket", socket.to_str().unwrap()]).0.then_some(())
    });

    let set = format!("watch.rules={}", rules.display());
    let (went_well, said) = run(&["config", "update", "--config", place, &set]);
    assert!(went_well, "{said}");
    let text = fs::read_to_string(at("config.toml")).unwrap();
    assert!(text.starts_with("# mine\n") && text.contains("# for anybody"), "{text}");
    wait_for(&at("out"), "FINDING [low] is_there sleep");

    // Not by this way, but by an editor.
    assert!(!run(&["config", "update", "--config", place, "watch.ruless=/x"]).0);
    fs::write(at("conf.d/wrong.toml"), "[watch]\nruless = []\n").unwrap();
    wait_for(&at("err"), "wrong.toml:2: there is no key \"ruless\": did you mean \"rules\"?");
    fs::write(at("conf.d/wrong.toml"), "[serve]\ninterval = \"7s\"\n").unwrap();
    wait_for(&at("err"), "count after a restart: serve.interval");
    let (_, shown) = run(&["config", "--config", place]);
    assert!(shown.contains("\"7s\"") && shown.contains("wrong.toml:2"), "{shown}");

    fs::write(&rules, rule.replace("is_there", "is_still_there")).unwrap();
    wait_for(&at("out"), "RESOLVED is_there sleep");
    wait_for(&at("out"), "FINDING [low] is_still_there sleep");
    let alerts = at("conf.d/alerts.toml");
    fs::write(&alerts, "[[alerts.channels]]\nkind = \"slack\"\n").unwrap();
    wait_for(&at("err"), "slack needs a url");
    let (_, status) = run(&["status", "--socket", socket.to_str().unwrap()]);
    assert!(status.contains("the configuration on disk is wrong"), "{status}");
    fs::write(&alerts, "[alerts]\nlog_level = \"error\"\n").unwrap();
    wait_for(&at("err"), "alerts go to the channels that the configuration names now");
    let pid = Pid::from_raw(service.0.id().try_into().unwrap());
    kill(pid, Signal::SIGHUP).unwrap();
    wait_for(&at("err"), "the configuration has not changed");
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(service.0.wait().unwrap().success());
    assert!(!socket.exists());
}

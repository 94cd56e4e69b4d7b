//! The script of the README for a user's CI: taken from there and run as it stands.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::agent;
use crate::workload::{Program, Session};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
const OPENING: &str = "<!-- ci:example -->\n```sh\n";
const CLOSING: &str = "```\n<!-- /ci:example -->";

/// A running script; with all that it started it is killed when dropped.
#[derive(Debug)]
pub struct Snippet {
    session: Session,
    dir: tempfile::TempDir,
}

impl Snippet {
    /// Starts it where `./server` runs this program with these arguments.
    pub fn start(program: &Path, arguments: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("ci.sh"), script()).unwrap();
        let server = format!("#!/bin/sh\nexec '{}' {arguments}\n", program.display());
        for (name, text) in
            [("server", server.as_str()), ("load-test", "#!/bin/sh\nexec sleep 1h\n")]
        {
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        symlink(agent::binary().canonicalize().unwrap(), at("memwatch-ebpf")).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let log = File::create(at("log")).unwrap();
        let child = Command::new("sh")
            .arg("ci.sh")
            .current_dir(dir.path())
            .env("PATH", format!("{}:{path}", dir.path().display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { session: Session(Program::adopt(child)), dir }
    }

    /// Waits for its end; says its status and what it printed.
    pub fn finish(mut self, limit: Duration) -> (Option<i32>, String) {
        let status = self.session.0.wait(limit).code();
        let log = fs::read(self.dir.path().join("log")).unwrap();
        (status, String::from_utf8_lossy(&log).into_owned())
    }
}

/// The script as the README has it.
fn script() -> String {
    let readme = fs::read_to_string(README).unwrap();
    let (_, rest) = readme.split_once(OPENING).expect("README.md has no example for CI");
    let (script, _) = rest.split_once(CLOSING).expect("the example for CI has no end");
    script.to_owned()
}

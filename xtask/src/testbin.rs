//! The test executables of a package, compiled and found without running them: where they run is
//! somebody else's business, under a time limit or on another kernel.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::sh;

/// A test executable and the target it was made of (`exact`, `monitor_userspace`).
#[derive(Debug, PartialEq)]
pub(crate) struct TestBinary {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Runs a `cargo test …` with `--no-run` added; what the compiler says goes to stderr.
pub(crate) fn build(cargo_test: &mut Command) -> Result<Vec<TestBinary>> {
    cargo_test.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let out = cargo_test
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {}", sh::quoted(cargo_test)))?;
    if !out.status.success() {
        bail!("`{}` ended with {}", sh::quoted(cargo_test), out.status);
    }
    Ok(of_messages(&String::from_utf8_lossy(&out.stdout)))
}

/// The executables that cargo's messages name.
fn of_messages(messages: &str) -> Vec<TestBinary> {
    let binary = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        let name = message["target"]["name"].as_str()?.to_owned();
        Some(TestBinary { name, path: message["executable"].as_str()?.into() })
    };
    messages.lines().filter_map(binary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_executables_are_taken_from_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"exact"},"profile":{"test":true},"executable":"/t/exact-1"}
{"reason":"compiler-artifact","target":{"name":"lib"},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}
"#;
        let path = PathBuf::from("/t/exact-1");
        assert_eq!(of_messages(messages), [TestBinary { name: "exact".into(), path }]);
    }
}

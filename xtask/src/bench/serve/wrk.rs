//! wrk as the caller: which calls, how many at once, and what it says came of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::sh;

/// Names what came of it in lines that are read here.
const SCRIPT: &str = include_str!("load.lua");
/// How long a call may take before it counts as an error: as long as the agent gives it.
const TIMEOUT: &str = "30s";

/// What came of a load of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Called {
    pub(super) requests: f64,
    pub(super) bytes: f64,
    pub(super) seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) most_ms: f64,
    /// Answers with a status that says that it failed: 4xx and 5xx.
    pub(super) refused: f64,
    /// Connections that failed, broke, or stayed silent for too long.
    pub(super) broken: f64,
}

impl Called {
    pub(super) fn per_second(&self) -> f64 {
        self.requests / self.seconds
    }
}

/// Goes round these calls for so long, with so many connections that stay open.
pub(super) fn call(
    dir: &Path,
    address: &str,
    connections: u32,
    seconds: f64,
    calls: &[&str],
) -> Result<Called> {
    let script = dir.join("load.lua");
    fs::write(&script, SCRIPT).with_context(|| format!("failed to write {}", script.display()))?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "--timeout", TIMEOUT, "-c", &connections.to_string()]);
    command.args(["-d", &format!("{seconds:.0}s"), "-s"]).arg(script);
    command.arg(format!("http://{address}/")).arg("--").args(calls);
    let text = sh::output(&mut command)?;
    read(&text).with_context(|| format!("`{}` printed {text:?}", sh::quoted(&command)))
}

/// What the script printed; `None` where a figure is missing.
fn read(text: &str) -> Option<Called> {
    let figure = |name: &str| -> Option<f64> {
        let start = format!("figure {name} ");
        text.lines().find_map(|line| line.strip_prefix(&start))?.parse().ok()
    };
    let milliseconds = |name: &str| Some(figure(name)? / 1e3);
    Some(Called {
        requests: figure("requests")?,
        bytes: figure("bytes")?,
        seconds: figure("duration_us")? / 1e6,
        p50_ms: milliseconds("p50_us")?,
        p99_ms: milliseconds("p99_us")?,
        most_ms: milliseconds("most_us")?,
        refused: figure("refused")?,
        broken: figure("connect")? + figure("read")? + figure("write")? + figure("timeout")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 2 connections\n\
                           Requests/sec:    250.00\nfigure bytes 4096\nfigure requests 500\n\
                           figure duration_us 2000000\nfigure p50_us 1500\nfigure p99_us 12000\n\
                           figure most_us 31250\nfigure refused 3\nfigure connect 1\nfigure read 2\n\
                           figure write 4\nfigure timeout 8\n";

    #[test]
    fn every_figure_is_read_and_none_is_taken_for_nought() {
        let called = read(PRINTED).unwrap();
        let wanted = Called {
            requests: 500.0,
            bytes: 4096.0,
            seconds: 2.0,
            p50_ms: 1.5,
            p99_ms: 12.0,
            most_ms: 31.25,
            refused: 3.0,
            broken: 15.0,
        };
        assert_eq!(called, wanted);
        assert!((called.per_second() - 250.0).abs() < 1e-9);
        for name in
            ["requests", "bytes", "p99_us", "refused", "connect", "read", "write", "timeout"]
        {
            let line = format!("figure {name} ");
            let without: String =
                PRINTED.split_inclusive('\n').filter(|it| !it.starts_with(&line)).collect();
            assert_eq!(read(&without), None, "{name}");
        }
    }
}

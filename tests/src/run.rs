//! What a run of the agent left behind: its status, its lines, its messages.

use serde_json::Value;

/// An agent that has ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// The NDJSON, byte by byte.
    pub text: String,
    /// The same, parsed.
    pub lines: Vec<Value>,
    /// Standard output, where the NDJSON did not go there.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Panics unless the run ended well.
    #[must_use]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.status, Some(0), "the agent failed: {}", self.stderr);
        self
    }

    /// Lines of one type, in order.
    pub fn of_type<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["type"] == wanted)
    }

    /// Events of one kind, in order.
    pub fn events<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.of_type("event").filter(move |line| line["kind"] == kind)
    }

    /// The texts of the lines that `wanted` picks.
    pub fn texts(&self, wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
        let lines = self.text.lines().zip(&self.lines);
        lines.filter(|(_, line)| wanted(line)).map(|(text, _)| text).collect()
    }

    /// The one final snapshot of a process.
    pub fn final_snapshot(&self, pid: u32) -> &Value {
        let of_pid = |line: &&Value| line["pid"] == pid && is_final_snapshot(line);
        let found: Vec<_> = self.lines.iter().filter(of_pid).collect();
        assert_eq!(found.len(), 1, "final snapshots of {pid}: {found:?}; stderr: {}", self.stderr);
        found[0]
    }

    /// The statistics of the run; panics where nothing was counted or events were lost.
    pub fn lossless_stats(&self) -> &Value {
        let stats = self.of_type("stats").last().expect("no stats line");
        assert_eq!(stats["events_lost"], 0, "{stats}");
        assert_eq!(stats["decode_errors"], 0, "{stats}");
        assert_eq!(stats["events_not_printed"], 0, "{stats}");
        stats
    }
}

/// Whether a line is the last snapshot of its process.
pub fn is_final_snapshot(line: &Value) -> bool {
    line["type"] == "snapshot" && line["final"] == true
}

/// Parses NDJSON; panics with the line that is none.
pub fn parse_lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

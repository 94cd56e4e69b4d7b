//! The live table of a terminal: redrawn in place at each interval, findings kept below it.

use super::{
    Sink,
    human::{Plain, interval_lines, rule_error_line},
    words::{Paint, finding_line},
};
use crate::output::Output;

/// Clears the screen and puts the cursor into its first place (ECMA-48 ED, CUP).
const CLEAR: &str = "\x1b[H\x1b[2J";
/// Rows kept for head, findings and the prompt.
const MARGIN: usize = 10;
/// Findings remembered below the table.
const KEPT: usize = 5;

/// The live form.
#[derive(Debug)]
pub struct Live {
    rows: usize,
    paint: Paint,
    recent: Vec<String>,
}

impl Live {
    /// For a screen of so many rows.
    pub fn new(rows: usize, paint: Paint) -> Self {
        Self { rows, paint, recent: Vec::new() }
    }

    fn keep(&mut self, line: String) {
        self.recent.push(line);
        let surplus = self.recent.len().saturating_sub(KEPT);
        self.recent.drain(..surplus);
    }
}

impl Sink for Live {
    fn write(&mut self, output: &Output<'_>, into: &mut Vec<u8>) {
        match output {
            Output::Interval(interval) => {
                let shown = self.rows.saturating_sub(MARGIN).max(3);
                into.extend_from_slice(CLEAR.as_bytes());
                for line in interval_lines(interval, shown).lines() {
                    let is_growing = line.contains("/min (");
                    let is_head = line.trim_start().starts_with("PID");
                    let text = match (is_growing, is_head) {
                        (true, _) => self.paint.red(line),
                        (_, true) => self.paint.bold(line),
                        _ => line.to_owned(),
                    };
                    into.extend_from_slice(text.as_bytes());
                    into.push(b'\n');
                }
                into.push(b'\n');
                for line in &self.recent {
                    into.extend_from_slice(self.paint.red(line).as_bytes());
                    into.push(b'\n');
                }
                into.extend_from_slice(b"Ctrl-C ends and prints a summary\n");
            }
            Output::Finding(finding) => self.keep(finding_line(finding)),
            Output::RuleError(error) => self.keep(rule_error_line(error)),
            Output::Header(_) | Output::Event(_) | Output::Final(_) | Output::Summary(_) => {
                Plain.write(output, into);
            }
        }
    }
}

//! The live table of a terminal: redrawn in place at each interval, findings kept below it.

use super::{
    Sink,
    human::{Plain, finding_line, interval_lines, rule_error_line},
};
use crate::output::Output;

/// Clears the screen and puts the cursor into its first place (ECMA-48 ED, CUP).
const CLEAR: &str = "\x1b[H\x1b[2J";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";
/// Rows kept for head, findings and the prompt.
const MARGIN: usize = 10;
/// Findings remembered below the table.
const KEPT: usize = 5;

/// The live form.
#[derive(Debug)]
pub struct Live {
    rows: usize,
    has_colour: bool,
    recent: Vec<String>,
}

impl Live {
    /// For a screen of so many rows.
    pub fn new(rows: usize, has_colour: bool) -> Self {
        Self { rows, has_colour, recent: Vec::new() }
    }

    fn keep(&mut self, line: String) {
        self.recent.push(line);
        let surplus = self.recent.len().saturating_sub(KEPT);
        self.recent.drain(..surplus);
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.has_colour { format!("{colour}{text}{RESET}") } else { text.to_owned() }
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
                        (true, _) => self.paint(RED, line),
                        (_, true) => self.paint(BOLD, line),
                        _ => line.to_owned(),
                    };
                    into.extend_from_slice(text.as_bytes());
                    into.push(b'\n');
                }
                into.push(b'\n');
                for line in &self.recent {
                    into.extend_from_slice(self.paint(RED, line).as_bytes());
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

//! Findings and nothing else, as they come.

use super::{Json, Sink, human::rule_error_line, words::finding_line};
use crate::output::{Output, Summary};

/// Only findings: text, or the lines of the NDJSON.
#[derive(Debug)]
pub struct Findings {
    json: Option<Json>,
}

impl Findings {
    /// As JSON or as text.
    pub fn new(as_json: bool) -> Self {
        Self { json: as_json.then(|| Json::new(Vec::new())) }
    }
}

impl Sink for Findings {
    fn write(&mut self, output: &Output<'_>, into: &mut Vec<u8>) {
        let text = match (output, &mut self.json) {
            (Output::Finding(_) | Output::RuleError(_), Some(json)) => {
                return json.write(output, into);
            }
            (Output::Finding(finding), None) => finding_line(finding),
            (Output::RuleError(error), None) => rule_error_line(error),
            (Output::Summary(summary), None) => last_words(summary),
            _ => return,
        };
        into.extend_from_slice(text.as_bytes());
        into.push(b'\n');
    }
}

/// That nothing was found must be told from nothing having been looked at.
fn last_words(summary: &Summary) -> String {
    let seconds = super::words::time(summary.seconds);
    let found = summary.findings.len() as u64 + summary.earlier_findings;
    let processes = summary.stats.processes;
    match found {
        0 => format!("no findings in {seconds}, {processes} processes at the end"),
        1 => format!("1 finding in {seconds}"),
        _ => format!("{found} findings in {seconds}"),
    }
}

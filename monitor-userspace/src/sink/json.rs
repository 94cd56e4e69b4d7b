//! One JSON object a line.

use super::Sink;
use crate::{
    event::Family,
    output::{Line, Output},
};

/// The NDJSON form.
#[derive(Debug)]
pub struct Json {
    families: Vec<Family>,
}

impl Json {
    /// Prints the events of these families.
    pub fn new(families: Vec<Family>) -> Self {
        Self { families }
    }
}

impl Sink for Json {
    fn write(&mut self, output: &Output<'_>, into: &mut Vec<u8>) {
        match output {
            Output::Header(header) => push(&Line::Header(header), into),
            Output::Event(event) => {
                if self.families.contains(&event.family())
                    && let Some(record) = event.record()
                {
                    push(&Line::Event(&record), into);
                }
            }
            Output::Interval(interval) => {
                for snapshot in &interval.snapshots {
                    push(&Line::Snapshot(snapshot), into);
                }
                for component in &interval.components {
                    push(&Line::Component(component), into);
                }
                if let Some(host) = &interval.host {
                    push(&Line::Host(host), into);
                }
                push(&Line::Stats(&interval.stats), into);
            }
            Output::Final(snapshot) => push(&Line::Snapshot(snapshot), into),
            Output::Finding(finding) => push(&Line::Finding(finding), into),
            Output::RuleError(error) => push(&Line::RuleError(error), into),
            Output::Summary(summary) => push(&Line::Stats(&summary.stats), into),
        }
    }
}

fn push(line: &Line<'_>, into: &mut Vec<u8>) {
    let start = into.len();
    // Our own types always serialize; if one ever did not, half a line would be worse than none.
    if serde_json::to_writer(&mut *into, line).is_ok() {
        into.push(b'\n');
    } else {
        into.truncate(start);
    }
}

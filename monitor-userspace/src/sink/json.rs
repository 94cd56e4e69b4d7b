//! One JSON object a line.

use serde::Serialize;

use super::Sink;
use crate::{event::Family, output::Output};

/// The NDJSON form.
#[derive(Debug)]
pub struct Json {
    families: Vec<Family>,
}

/// An object with its `type` in front.
#[derive(Serialize)]
struct Typed<'a, T: Serialize> {
    r#type: &'static str,
    #[serde(flatten)]
    value: &'a T,
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
            Output::Header(header) => line("header", *header, into),
            Output::Event(event) => {
                if self.families.contains(&event.event.kind().family()) {
                    push(*event, into);
                }
            }
            Output::Interval(interval) => {
                for snapshot in &interval.snapshots {
                    line("snapshot", snapshot, into);
                }
                line("stats", &interval.stats, into);
            }
            Output::Final(snapshot) => line("snapshot", *snapshot, into),
            Output::Finding(finding) => line("finding", *finding, into),
            Output::Summary(summary) => line("stats", &summary.stats, into),
        }
    }
}

fn line<T: Serialize>(r#type: &'static str, value: &T, into: &mut Vec<u8>) {
    push(&Typed { r#type, value }, into);
}

fn push<T: Serialize + ?Sized>(value: &T, into: &mut Vec<u8>) {
    let start = into.len();
    // Our own types always serialize; if one ever did not, half a line would be worse than none.
    if serde_json::to_writer(&mut *into, value).is_ok() {
        into.push(b'\n');
    } else {
        into.truncate(start);
    }
}

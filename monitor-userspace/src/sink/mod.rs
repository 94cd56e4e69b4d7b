//! Where output goes: text or JSON, through a queue that never blocks who fills it.

pub mod answer;
mod findings;
mod human;
mod json;
mod queue;
mod table;
mod words;

pub use findings::Findings;
pub use human::Plain;
pub use json::Json;
pub use queue::{Hurry, Queue, QueueReader};
pub use table::Live;
pub use words::Paint;
pub(crate) use words::time as time_text;
pub(crate) use words::{ended, finding_sentence};

use crate::output::{Output, is_hostile};

/// A form of output. Text is appended to `into`; whoever owns the sink decides where it goes.
pub trait Sink: Send {
    /// Writes one output; says whether it was an event, which may be dropped when the reader is
    /// slow.
    fn write(&mut self, output: &Output<'_>, into: &mut Vec<u8>);
}

/// The form of what is asked only in the end.
#[derive(Debug)]
pub struct Silent;

impl Sink for Silent {
    fn write(&mut self, _: &Output<'_>, _: &mut Vec<u8>) {}
}

/// Text from a process, safe for a terminal: control characters and what reorders text are shown
/// as escapes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) || c == '\\' {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_move_the_cursor_or_reorder_text() {
        assert_eq!(escape("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(escape("a\u{202e}txt.exe"), "a\\u{202e}txt.exe");
        assert_eq!(escape("naïve-日本"), "naïve-日本");
    }
}

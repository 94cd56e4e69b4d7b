//! Turns outputs into queued text, keeping droppable events apart from what must get through.

use super::desk::Press;
use crate::{
    event::Family,
    output::Output,
    sink::{Findings, Json, Live, Paint, Plain, Queue, Silent, Sink},
};

/// Which events are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventChoice(pub Vec<Family>);

/// What the output looks like.
#[derive(Clone, Debug)]
pub enum Form {
    /// NDJSON with these events.
    Json(EventChoice),
    /// Plain lines.
    Plain,
    /// A table redrawn in place on a terminal of so many rows.
    Live {
        /// Rows of the terminal.
        rows: usize,
        /// Colours.
        paint: Paint,
    },
    /// Findings as they come, and nothing else.
    Findings {
        /// Whether as JSON.
        as_json: bool,
    },
    /// Nothing: the view at the end is what is wanted.
    View,
}

impl Form {
    /// The sink of this form.
    pub fn sink(&self) -> Box<dyn Sink> {
        match self {
            Self::Json(events) => Box::new(Json::new(events.0.clone())),
            Self::Plain => Box::new(Plain),
            Self::Live { rows, paint } => Box::new(Live::new(*rows, *paint)),
            Self::Findings { as_json } => Box::new(Findings::new(*as_json)),
            Self::View => Box::new(Silent),
        }
    }

    /// Whether events are printed at all.
    pub fn wants_events(&self) -> bool {
        matches!(self, Self::Json(events) if !events.0.is_empty())
    }

    /// Whether the output is JSON.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Findings { as_json: true })
    }

    /// Whether the view at the end is wanted.
    pub fn wants_view(&self) -> bool {
        matches!(self, Self::View)
    }
}

/// Batches are handed over at this size at the latest.
const BATCH_BYTES: usize = 256 << 10;

/// The end of the pipeline inside the engine thread.
pub struct Outlet {
    sink: Box<dyn Sink>,
    queue: Queue,
    text: Vec<u8>,
    holds_events: bool,
    form: Form,
    press: Option<Press>,
}

impl Outlet {
    /// Output of this form into this queue.
    pub fn new(form: Form, queue: Queue) -> Self {
        Self { sink: form.sink(), queue, text: Vec::new(), holds_events: false, form, press: None }
    }

    /// Tells others too what is said.
    pub(super) fn with_press(self, press: Option<Press>) -> Self {
        Self { press, ..self }
    }

    /// What the output looks like.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Takes one output.
    pub fn take(&mut self, output: &Output<'_>) {
        if let Output::RuleError(error) = output {
            let message = crate::sink::escape(&error.message);
            tracing::warn!("rule {} cannot be evaluated: {message}", error.rule);
        }
        if let Some(press) = &self.press {
            press.tell(output);
        }
        let is_event = matches!(output, Output::Event(_));
        if is_event != self.holds_events {
            self.flush();
            self.holds_events = is_event;
        }
        self.sink.write(output, &mut self.text);
        self.queue.put(&self.text);
        self.text.clear();
        if self.queue.pending() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Adds a finished line that is no output of the engine.
    pub fn line(&mut self, line: &str) {
        self.flush();
        self.holds_events = false;
        self.queue.put(line.as_bytes());
        self.queue.put(b"\n");
    }

    /// Hands what is written so far to the writer.
    pub fn flush(&mut self) {
        self.queue.flush(self.holds_events);
    }

    /// Lines the reader was too slow for.
    pub fn dropped_lines(&self) -> u64 {
        self.queue.dropped_lines()
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("form", &self.form).finish_non_exhaustive()
    }
}

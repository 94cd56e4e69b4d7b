//! The text of OpenMetrics 1.0 and of its forebear, the text format of Prometheus 0.0.4: families, labels and
//! their escapes.

use std::fmt::Write as _;

use super::super::is_hostile;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

impl Format {
    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only rises; its samples end in `_total`.
    Counter,
    /// Says something in its labels; its samples end in `_info`.
    Info,
}

/// A family of a kind of subject.
pub(super) struct Measure<T> {
    /// Name without the suffix of its kind; its unit comes last.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) of: fn(&T) -> Option<f64>,
}

/// What goes up and down.
pub(super) const fn gauge<T>(
    name: &'static str,
    help: &'static str,
    of: fn(&T) -> Option<f64>,
) -> Measure<T> {
    Measure { name, kind: Kind::Gauge, help, of }
}

/// What only rises.
pub(super) const fn counter<T>(
    name: &'static str,
    help: &'static str,
    of: fn(&T) -> Option<f64>,
) -> Measure<T> {
    Measure { name, kind: Kind::Counter, help, of }
}

/// Labels of a sample, rendered.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                // Nothing of a name may move the cursor of who reads the page: shown as `\u{1b}`.
                _ if is_hostile(c) => {
                    self.0.push('\\');
                    self.0.extend(c.escape_default());
                }
                _ => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }
}

/// The page.
#[derive(Debug)]
pub(super) struct Page {
    format: Format,
    text: String,
}

/// Units that a name may end in (OpenMetrics wants them said).
const UNITS: [&str; 3] = ["bytes", "seconds", "ratio"];

impl Page {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(64 << 10) }
    }

    /// Writes a family of these subjects; nothing where none of them knows its value.
    pub(super) fn measure<T>(&mut self, measure: &Measure<T>, subjects: &[(Labels, &T)]) {
        let known = subjects.iter().filter_map(|(labels, it)| Some((labels, (measure.of)(it)?)));
        self.family(measure.name, measure.kind, measure.help, known);
    }

    /// Writes a family; nothing where it has no sample.
    pub(super) fn family<'a>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (&'a Labels, f64)>,
    ) {
        let (word, suffix) = match kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Counter => ("counter", "_total"),
            Kind::Info if self.format == Format::OpenMetrics => ("info", "_info"),
            Kind::Info => ("gauge", "_info"),
        };
        let mut samples = samples.into_iter().filter(|(_, value)| value.is_finite()).peekable();
        if samples.peek().is_none() {
            return;
        }
        // The older format names a family as its samples are named.
        let title = if self.format == Format::OpenMetrics { "" } else { suffix };
        // A String takes whatever is written, here and below.
        let _ = writeln!(self.text, "# HELP memwatch_{name}{title} {help}");
        let _ = writeln!(self.text, "# TYPE memwatch_{name}{title} {word}");
        let unit = name.rsplit('_').next().filter(|unit| UNITS.contains(unit));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            let _ = writeln!(self.text, "# UNIT memwatch_{name} {unit}");
        }
        for (Labels(labels), value) in samples {
            let _ = match labels.as_str() {
                "" => writeln!(self.text, "memwatch_{name}{suffix} {value}"),
                _ => writeln!(self.text, "memwatch_{name}{suffix}{{{labels}}} {value}"),
            };
        }
    }

    /// The whole.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

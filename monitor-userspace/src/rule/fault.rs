//! What is wrong with a file of rules, and where.

use std::{fmt, ops::Range};

use crate::event::RuleFile;

/// A mistake in a file of rules. Printed as `FILE:LINE:COLUMN: what`, the line, and a mark under the
/// place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to write instead where that is known.
    pub message: String,
    /// The line.
    shown: String,
    /// Characters that are marked.
    width: usize,
}

/// All mistakes that were found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct RuleFaults(
    /// In the order of the files.
    pub Vec<RuleFault>,
);

impl RuleFault {
    /// A mistake at these bytes of a file.
    pub(super) fn new(file: &RuleFile, at: &Range<usize>, message: impl Into<String>) -> Self {
        let text = file.text.as_str();
        let start = floor(text, at.start);
        let line_start = text[..start].rfind('\n').map_or(0, |before| before + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let end = floor(text, at.end).clamp(start, line_end);
        Self {
            file: file.name.clone(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message: message.into(),
            shown: text[line_start..line_end].trim_end().to_owned(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

/// The next place at or before this one where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, shown, width } = self;
        writeln!(f, "{file}:{line}:{column}: {message}")?;
        let number = line.to_string();
        let blank = " ".repeat(number.len());
        // A tab is one column wide here as there.
        let before: String =
            shown.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "  {number} | {shown}\n  {blank} | {before}{}", "^".repeat(*width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_under_its_line() {
        let file = RuleFile { name: "my.toml".to_owned(), text: "a = 1\n\tä = bc\nd".to_owned() };
        let at = file.text.find("bc").unwrap();
        let fault = RuleFault::new(&file, &(at..at + 2), "no");
        assert_eq!(fault.to_string(), "my.toml:2:6: no\n  2 | \tä = bc\n    | \t    ^^");
        let past = RuleFault::new(&file, &(999..1000), "end");
        assert_eq!((past.line, past.column), (3, 2));
    }
}

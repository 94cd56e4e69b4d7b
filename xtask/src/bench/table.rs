//! A table of results: on the terminal, and between its markers in the documents.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::sh;

/// Documents that may have a place for a table.
const DOCUMENTS: &[&str] = &["README.md", "docs/benchmarks.md"];

/// A heading, rows of cells, and what has to be said beside them.
pub(super) struct Table {
    pub(super) heading: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) notes: Vec<String>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let heading: Vec<String> = self.heading.iter().map(|&cell| cell.to_owned()).collect();
        writeln!(f, "{}", line(&heading))?;
        writeln!(f, "|{}", "---|".repeat(heading.len()))?;
        for row in &self.rows {
            writeln!(f, "{}", line(row))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// Whether a budget is met, as a cell.
pub(super) fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "**no**" }.to_owned()
}

/// All tables of a measurement, as they are printed.
pub(super) fn text_of(tables: &[Table]) -> String {
    tables.iter().map(Table::to_string).collect::<Vec<_>>().join("\n")
}

/// Puts tables into whichever document has a place of that name.
pub(super) fn update_docs(tables: &[Table], name: &str) -> Result<()> {
    let root = sh::root()?;
    for path in DOCUMENTS.iter().map(|document| root.join(document)) {
        if update(&path, name, &text_of(tables))? {
            println!("bench: wrote the table into {}", path.display());
            return Ok(());
        }
    }
    bail!("no document has the markers {} and {}", opening(name), closing(name));
}

/// Says whether the document has a place of that name; it then has `text` there.
fn update(path: &Path, name: &str, text: &str) -> Result<bool> {
    let Ok(document) = fs::read_to_string(path) else { return Ok(false) };
    let Some(updated) = replaced(&document, name, text) else { return Ok(false) };
    fs::write(path, updated).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(true)
}

fn replaced(document: &str, name: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(&opening(name))?;
    let (_, after) = rest.split_once(&closing(name))?;
    Some(format!("{before}{}\n{text}{}{after}", opening(name), closing(name)))
}

fn opening(name: &str) -> String {
    format!("<!-- bench:{name} -->")
}

fn closing(name: &str) -> String {
    format!("<!-- /bench:{name} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let wanted = "a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n";
        assert_eq!(replaced(document, "x", "new\n").as_deref(), Some(wanted));
        assert_eq!(replaced(document, "y", "new\n"), None);
    }

    #[test]
    fn a_table_is_markdown() {
        let rows = vec![vec!["1".to_owned(), "2".to_owned()]];
        let table = Table { heading: vec!["a", "b"], rows, notes: vec!["Note.".to_owned()] };
        let text = "| a | b |\n|---|---|\n| 1 | 2 |\n\nNote.\n";
        assert_eq!(table.to_string(), text);
        let last = Table { heading: vec!["c"], rows: Vec::new(), notes: Vec::new() };
        assert_eq!(text_of(&[table, last]), format!("{text}\n| c |\n|---|\n"));
    }
}

//! What can be asked of a view, and the answer as text or as a line of JSON.

use super::{explain, leaks, optimize, report, trends};
use crate::{
    output::{
        Line, View,
        answer::{Explanation, Leaks, Optimization, Report, Trends, UnknownFinding},
    },
    sink::Paint,
};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who leaks.
    Leaks,
    /// What grew and what shrank.
    Trends,
    /// The time watched on one page.
    Report,
    /// What to change.
    Optimize,
    /// Of the finding whose id begins so, or of the only one.
    Explain(Option<String>),
}

impl Question {
    /// The answer, as text or as one line of JSON.
    pub fn answer(
        &self,
        view: &View,
        as_json: bool,
        paint: Paint,
    ) -> Result<String, UnknownFinding> {
        Ok(match self {
            Self::Leaks => {
                let answer = Leaks::of(view);
                form(as_json, &Line::Leaks(&answer), || leaks(&answer, paint))
            }
            Self::Trends => {
                let answer = Trends::of(view);
                form(as_json, &Line::Trends(&answer), || trends(&answer, paint))
            }
            Self::Report => {
                let answer = Report::of(view);
                form(as_json, &Line::Report(&answer), || report(&answer, paint))
            }
            Self::Optimize => {
                let answer = Optimization::of(view);
                form(as_json, &Line::Optimize(&answer), || optimize(&answer, paint))
            }
            Self::Explain(id) => {
                let answer = Explanation::of(view, id.as_deref())?;
                form(as_json, &Line::Explain(&answer), || explain(&answer, paint))
            }
        })
    }
}

fn form(as_json: bool, line: &Line<'_>, text: impl FnOnce() -> String) -> String {
    if !as_json {
        return text();
    }
    // Our own types always serialize.
    serde_json::to_string(line).map(|line| line + "\n").unwrap_or_default()
}

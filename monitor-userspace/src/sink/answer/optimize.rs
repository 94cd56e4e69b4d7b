//! `optimize` as text.

use std::fmt::Write as _;

use super::{Paint, watched};
use crate::{output::answer::Optimization, sink::escape};

/// The answer of `optimize`.
pub fn optimize(answer: &Optimization<'_>, paint: Paint) -> String {
    let time = watched(answer.tracking_seconds, answer.scope);
    let head = match answer.recommendations.len() {
        0 => format!("nothing to change that a figure speaks for ({time})"),
        1 => format!("1 recommendation ({time})"),
        count => format!("{count} recommendations ({time})"),
    };
    let mut text = format!("{}\n", paint.bold(&head));
    for advice in &answer.recommendations {
        let source =
            advice.finding.as_deref().map_or(String::new(), |id| format!("  finding {id}"));
        // A String takes whatever is written.
        let _ = writeln!(
            text,
            "\n{}: {}{source}\n    {}",
            escape(&advice.who()),
            escape(&advice.figure.words()),
            escape(&advice.text)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{
        FindingVerdict, Severity,
        answer::tests::{finding, view},
    };

    #[test]
    fn each_line_has_its_figure_and_where_it_comes_from() {
        let mut view = view();
        view.findings = vec![finding("aa", Severity::High, FindingVerdict::Leak)];
        view.processes[0].snapshot.zombies = 4;
        view.processes[0].snapshot.comm = "a\x1bpi".to_owned();
        assert_eq!(
            optimize(&Optimization::of(&view), Paint::default()),
            "2 recommendations (180 s of every process)\n\n\
             api (pid 7): growth of heap: 5.0 MiB/min  finding aa\n    look for what allocates it\n\n\
             a\\u{1b}pi (pid 7): zombies: 4\n    \
             these children ended and it has not waited for them: each keeps its pid\n"
        );
    }
}

//! `explain` as text.

use std::fmt::Write as _;

use super::{Paint, TOO_SHORT, tag, words};
use crate::{
    output::{
        Evidence, Finding, FindingState, FindingVerdict, LEAST_SECONDS, amount_text,
        answer::Explanation,
    },
    sink::escape,
};

/// The answer of `explain`.
pub fn explain(answer: &Explanation<'_>, paint: Paint) -> String {
    let Some(finding) = answer.finding else {
        let time = words::time(answer.tracking_seconds);
        let is_short = answer.tracking_seconds < LEAST_SECONDS;
        let more = if is_short { format!("; {TOO_SHORT}") } else { String::new() };
        return format!("no findings, so nothing to explain ({time}{more})\n");
    };
    let mut text = format!(
        "{} {} {}  {}\n",
        tag(finding.severity, paint),
        finding.rule,
        paint.bold(&words::whose(finding)),
        finding.id
    );
    let lines = [
        Some(format!("{} since {}", words::what_happens(finding), words::second(finding.since))),
        Some(verdict(finding)),
        answer.rule.as_deref().map(|rule| format!("rule: {}", escape(rule))),
    ];
    for line in lines.into_iter().flatten() {
        // A String takes whatever is written, here and below.
        let _ = writeln!(text, "  {line}");
    }
    evidence("what speaks for it", &answer.speaks_for, paint, &mut text);
    evidence("what speaks against it", &answer.against, paint, &mut text);
    explanations(finding, paint, &mut text);
    limits(finding, paint, &mut text);
    let is_leak = finding.verdict == FindingVerdict::Leak;
    let head = if is_leak { "what would still refute it" } else { "what would decide" };
    list(head, answer.decided_by.iter().cloned(), paint, &mut text);
    let steps = answer.next.iter().map(|step| format!("{}\n      {}", step.command, step.why));
    let advice = Some(finding.recommendation.clone()).filter(|advice| !advice.is_empty());
    list("what to run next", steps.chain(advice), paint, &mut text);
    text
}

/// What it is taken for, in a sentence.
fn verdict(finding: &Finding) -> String {
    let taken = match finding.verdict {
        FindingVerdict::Leak => "it is taken for a leak",
        FindingVerdict::Suspect => "it is suspected to leak",
        FindingVerdict::PossibleFill => "it may be filling something that has a bound",
        FindingVerdict::WarmingUp => "it may be warming up to a level",
        FindingVerdict::LoadDriven => "it may follow the load",
        FindingVerdict::AllocatorRetention => "the program gave it back, its allocator keeps it",
        FindingVerdict::Periodic => "it may rise and fall by itself",
        FindingVerdict::Stopped => "it grew and has stopped",
        FindingVerdict::Threshold => "a threshold is passed",
    };
    let is_over = finding.state == FindingState::Resolved;
    let state =
        if is_over { format!("; it is over: {}", words::ended(finding)) } else { String::new() };
    match words::sureness(finding) {
        Some(sure) => format!("{taken}: {sure}{state}"),
        None => format!("{taken}{state}"),
    }
}

fn evidence(head: &str, all: &[&Evidence], paint: Paint, text: &mut String) {
    list(head, all.iter().map(|it| escape(&it.text)), paint, text);
}

fn explanations(finding: &Finding, paint: Paint, text: &mut String) {
    let line = finding.explanations.iter().map(|it| {
        format!("{:>4.0} %  {}", it.probability * 100.0, words::hypothesis(it.hypothesis))
    });
    list("explanations", line, paint, text);
}

fn limits(finding: &Finding, paint: Paint, text: &mut String) {
    let unit = finding.rate_unit.unwrap_or("items");
    let amount = |value| amount_text(value, unit);
    let mut lines: Vec<String> = finding
        .limits
        .iter()
        .map(|it| {
            let limit = escape(&it.limit);
            format!("{limit}: {} of {} used", amount(it.used), amount(it.limit_value))
        })
        .collect();
    lines.extend(words::forecast(finding));
    list("limits on its way", lines.into_iter(), paint, text);
}

/// A head and what is under it, if anything is.
fn list(head: &str, lines: impl Iterator<Item = String>, paint: Paint, text: &mut String) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{}", paint.bold(head));
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{
        Severity, View,
        answer::tests::{finding, view},
    };

    #[test]
    fn the_text_has_evidence_beliefs_limits_and_what_to_do() {
        let mut view = view();
        let mut leak = finding("aa", Severity::Medium, FindingVerdict::Leak);
        let evidence = |says, text: &str| Evidence {
            name: "e".into(),
            value: 1.0,
            says,
            text: text.to_owned(),
        };
        leak.evidence = vec![evidence("leak", "heap grows"), evidence("use", "90 % was used")];
        view.findings = vec![leak];
        assert_eq!(
            explain(&Explanation::of(&view, None).unwrap(), Paint::default()),
            "[medium] heap_growth api (pid 7)  aa\n  \
             heap grows by 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB) since 1970-01-01T00:00:00Z\n  \
             it is taken for a leak: a leak at 97 %, else a fill to its \
             bound (2 %)\n  \
             rule: The heap climbs.\n\n\
             what speaks for it\n  heap grows\n\n\
             what speaks against it\n  90 % was used\n\n\
             explanations\n    97 %  a steady leak\n     2 %  a fill \
             to its bound\n\n\
             limits on its way\n  memory of the host: 424.0 MiB of 1.0 GiB used\n  \
             memory of the host is reached in 2 h (100 min or later)\n\n\
             what would still refute it\n  its bound\n  \
             whether what was added is ever used again: its pages have not been looked at yet\n\n\
             what to run next\n  memwatch-ebpf --pid 7 --stacks memory --json --events memory\n      \
             where its heap and its mappings grow, with call stacks, as it happens\n  \
             pmap -x 7 | sort -n -k3 | tail\n      which of its mappings are largest\n  \
             look for what allocates it\n"
        );
    }

    #[test]
    fn without_findings_it_says_so() {
        let mut view = view();
        let text = |view: &View| explain(&Explanation::of(view, None).unwrap(), Paint::default());
        assert_eq!(text(&view), "no findings, so nothing to explain (180 s)\n");
        view.seconds = 5.0;
        assert!(text(&view).contains("too little was seen"));
    }
}

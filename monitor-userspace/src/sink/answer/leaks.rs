//! `leaks` as text.

use std::fmt::Write as _;

use super::{Paint, TOO_SHORT, tag, watched, words};
use crate::{
    output::{Finding, FindingVerdict, Severity, answer::Leaks},
    sink::escape,
};

/// The answer of `leaks`.
pub fn leaks(answer: &Leaks<'_>, paint: Paint) -> String {
    let time = watched(answer.tracking_seconds, answer.scope);
    let mut text = format!("{}\n", paint.bold(&format!("{} ({time})", verdict(answer))));
    for finding in &answer.findings {
        let is_suspicion = finding.severity == Severity::Low;
        text.push_str(&if is_suspicion {
            suspicion(finding, paint)
        } else {
            growth(finding, paint)
        });
    }
    for finding in &answer.ended {
        // A String takes whatever is written.
        let _ = writeln!(
            text,
            "\nended: {} of {}: {}, {}  {}",
            finding.resource,
            words::whose(finding),
            words::rate(finding),
            words::ended(finding),
            finding.id
        );
    }
    text
}

/// How many of what.
fn verdict(answer: &Leaks<'_>) -> String {
    let all = || answer.findings.iter().chain(&answer.ended);
    let leaks = all().filter(|it| it.verdict == FindingVerdict::Leak).count();
    let suspicions = answer.findings.iter().filter(|it| it.severity == Severity::Low).count();
    let some = |count: usize, one: &str| match count {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let rate = answer.leak_rate.filter(|rate| *rate > 0.0);
    let rate = rate.map_or(String::new(), |rate| format!(", together {rate:.1} MB/min"));
    match (answer.is_leak_detected, suspicions) {
        (None, 0) => TOO_SHORT.to_owned(),
        (_, 0) => format!("{}{rate}", some(leaks, "leak")),
        (_, _) => format!("{}{rate}, and {}", some(leaks, "leak"), some(suspicions, "suspicion")),
    }
}

/// What may be nothing has one line, and how sure it is.
fn suspicion(finding: &Finding, paint: Paint) -> String {
    let of = words::whereof(finding).map_or(String::new(), |of| format!("; {of}"));
    format!(
        "\n{} {} {}  {}\n    {}{of}; {}\n",
        tag(finding.severity, paint),
        finding.rule,
        words::whose(finding),
        finding.id,
        words::what_happens(finding),
        words::sureness(finding).unwrap_or_default(),
    )
}

fn growth(finding: &Finding, paint: Paint) -> String {
    let group = finding.component.as_deref().filter(|_| finding.pid.is_some());
    let group = group.map_or(String::new(), |group| format!(" of {}", words::short_group(group)));
    let mut text = format!(
        "\n{} {} {}{group}  {}\n    {} since {}\n",
        tag(finding.severity, paint),
        finding.rule,
        words::whose(finding),
        finding.id,
        words::what_happens(finding),
        words::second(finding.since),
    );
    let no_limit = || "no limit on its way is in sight".to_owned();
    let verdict = words::sureness(finding).unwrap_or_default();
    let forecast = words::forecast(finding).unwrap_or_else(no_limit);
    let of = words::whereof(finding).unwrap_or_default();
    for line in [of, verdict, forecast, escape(&finding.recommendation)] {
        if !line.is_empty() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{
        FindingState, View,
        answer::tests::{finding, view},
    };

    #[test]
    fn the_text_names_who_how_fast_how_sure_and_when() {
        let mut view = view();
        let mut leak = finding("e28fe3fd85722285", Severity::High, FindingVerdict::Leak);
        leak.component = Some("api.service".to_owned());
        view.findings = vec![leak.clone()];
        assert_eq!(
            leaks(&Leaks::of(&view), Paint::default()),
            "1 leak, together 5.0 MB/min (180 s of every process)\n\n\
             [high] heap_growth api (pid 7) of api.service  e28fe3fd85722285\n    \
             heap grows by 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB) since 1970-01-01T00:00:00Z\n    \
             a leak at 97 %, else a fill to its bound (2 %)\n    \
             memory of the host is reached in 2 h (100 min or later)\n    \
             look for what allocates it\n"
        );
        leak.state = FindingState::Resolved;
        view.findings = vec![leak];
        assert!(leaks(&Leaks::of(&view), Paint::default()).ends_with(
            "\nended: heap of api (pid 7): 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB), the process \
             ended  e28fe3fd85722285\n"
        ));
    }

    #[test]
    fn nothing_found_is_told_from_nothing_known() {
        let mut view = view();
        let text = |view: &View| leaks(&Leaks::of(view), Paint::default());
        assert_eq!(text(&view), "no leak (180 s of every process)\n");
        view.findings = vec![finding("aa", Severity::Low, FindingVerdict::PossibleFill)];
        assert_eq!(
            text(&view),
            "no leak, and 1 suspicion (180 s of every process)\n\n[low] heap_growth api (pid 7)  aa\n    \
             heap grows by 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB); a leak at 97 %, else a fill to its \
             bound (2 %)\n"
        );
        view.findings.clear();
        view.seconds = 20.0;
        assert!(text(&view).starts_with("too little was seen to tell"));
    }
}

//! `report` as text.

use std::fmt::Write as _;

use super::{Paint, TOO_SHORT, tag, watched, words};
use crate::{
    output::{Direction, answer::Report, byte_text},
    sink::escape,
};

/// Findings and pieces of advice that are shown; the worst come first.
const SHOWN: usize = 10;

/// The answer of `report`.
pub fn report(answer: &Report<'_>, paint: Paint) -> String {
    let summary = &answer.performance.summary;
    let time = watched(summary.tracking_duration * 3600.0, answer.scope);
    let mut text = match summary.health_status {
        Some("healthy") => format!("{}\n", paint.bold(&format!("healthy ({time})"))),
        Some(status) => format!("{} ({time})\n", paint.red(status)),
        None => format!("{} ({time})\n", paint.bold(TOO_SHORT)),
    };
    // A String takes whatever is written, here and below.
    let _ = writeln!(
        text,
        "{}, {}; {}, {} of them medium or worse; {}",
        counted(answer.processes as u64, "process", "processes"),
        counted(summary.total_metrics, "look", "looks"),
        counted(answer.leak_prevention.violations_found as u64, "finding", "findings"),
        summary.alerts,
        match answer.leak_prevention.rules_checked {
            Some(rules) => format!("{rules} rules checked"),
            None => "growth only, no rules checked".to_owned(),
        }
    );
    host(answer, &mut text);
    tracked(answer, &mut text);
    top(answer, paint, &mut text);
    findings(answer, paint, &mut text);
    let recommendations = &answer.performance.recommendations;
    if !recommendations.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("what to do"));
    }
    for advice in recommendations.iter().take(SHOWN) {
        let _ = writeln!(text, "  {}", escape(advice));
    }
    more(recommendations.len(), "optimize", &mut text);
    text
}

/// How many are left out, and what has them.
fn more(count: usize, command: &str, text: &mut String) {
    if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "  {more} more: {command} has all");
    }
}

/// So many of something.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn host(answer: &Report<'_>, text: &mut String) {
    let trends = &answer.performance.trends;
    if let Some(host) = answer.host {
        let used = host.mem_total_bytes.saturating_sub(host.mem_available_bytes);
        let swap = host.swap_total_bytes.saturating_sub(host.swap_free_bytes);
        let _ = write!(
            text,
            "host: memory {} of {} in use",
            byte_text(used as f64),
            byte_text(host.mem_total_bytes as f64)
        );
        if let (Some(word), Some(rate)) = (trends.memory_trend, trends.memory_rate) {
            let _ = write!(text, ", {}", moved(word, &format!("{:.1} MB/min", rate.abs())));
        }
        let _ = writeln!(text, "; swap {}", byte_text(swap as f64));
    }
    if let (Some(word), Some(rate)) = (trends.cpu_trend, trends.cpu_rate) {
        let _ = writeln!(
            text,
            "CPU of what is watched: {}",
            moved(word, &format!("{:.1} %/min", rate.abs()))
        );
    }
}

/// A direction, with its rate where it has one.
fn moved(word: &str, rate: &str) -> String {
    if word == Direction::Steady.word() { word.to_owned() } else { format!("{word} by {rate}") }
}

fn tracked(answer: &Report<'_>, text: &mut String) {
    let tracked = &answer.leak_prevention.resources_tracked;
    let parts = [
        ("timers", tracked.timers),
        ("listeners", tracked.listeners),
        ("streams", tracked.streams),
        ("connections", tracked.connections),
        ("caches", tracked.caches),
    ];
    let known = parts.into_iter().filter_map(|(name, count)| Some(format!("{} {name}", count?)));
    let known: Vec<String> = known.collect();
    if !known.is_empty() {
        let _ = writeln!(text, "held: {}", known.join(", "));
    }
}

fn top(answer: &Report<'_>, paint: Paint, text: &mut String) {
    if answer.top_processes.is_empty() {
        return;
    }
    let head = format!(
        "{:>8} {:<16} {:>11} {:>6} {:>7} {:>6}  COMPONENT",
        "PID", "NAME", "MEMORY", "FDS", "THREADS", "CPU%"
    );
    let _ = writeln!(text, "\n{}", paint.bold(&head));
    let maybe = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    for process in &answer.top_processes {
        let cpu = process.cpu_percent.map_or("-".to_owned(), |cpu| format!("{cpu:.1}"));
        let row = format!(
            "{:>8} {:<16} {:>11} {:>6} {:>7} {cpu:>6}  {}",
            process.pid,
            words::short_name(process.comm),
            byte_text(process.memory * crate::output::answer::MB),
            maybe(process.descriptors),
            maybe(process.threads.map(u64::from)),
            words::short_group(process.component.unwrap_or_default()),
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

fn findings(answer: &Report<'_>, paint: Paint, text: &mut String) {
    if !answer.findings.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("findings"));
    }
    for finding in answer.findings.iter().take(SHOWN) {
        let lines = [words::sureness(finding), words::forecast(finding)];
        let _ = writeln!(
            text,
            "  {} {} {}: {}  {}",
            tag(finding.severity, paint),
            finding.rule,
            words::whose(finding),
            words::what_happens(finding),
            finding.id
        );
        for line in lines.into_iter().flatten() {
            let _ = writeln!(text, "      {line}");
        }
    }
    more(answer.findings.len(), "--json", text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{
        FindingVerdict, Severity,
        answer::tests::{finding, view},
    };

    #[test]
    fn the_page_has_everything_in_its_place() {
        let mut view = view();
        view.findings = vec![finding("aa", Severity::High, FindingVerdict::Leak)];
        assert_eq!(
            report(&Report::of(&view), Paint::default()),
            "warning (180 s of every process)\n\
             1 process, 40 looks; 1 finding, 1 of them medium or worse; 1 rules checked\n\
             host: memory 8.0 GiB of 8.0 GiB in use, increasing by 4.0 MB/min; swap 0 B\n\
             held: 3 timers\n\n     \
             PID NAME                  MEMORY    FDS THREADS   CPU%  COMPONENT\n       \
             7 api                 64.0 MiB     12       4   12.5\n\n\
             findings\n  \
             [high] heap_growth api (pid 7): heap grows by 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB)  \
             aa\n      \
             a leak at 97 %, else a fill to its bound (2 %)\n      \
             memory of the host is reached in 2 h (100 min or later)\n\n\
             what to do\n  \
             api (pid 7): look for what allocates it (growth of heap: 5.0 MiB/min)\n"
        );
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let mut view = view();
        (view.host, view.host_memory, view.seconds) = (None, None, 5.0);
        (view.rules, view.tracked, view.processes) = (Vec::new(), <_>::default(), Vec::new());
        assert_eq!(
            report(&Report::of(&view), Paint::default()),
            format!(
                "{TOO_SHORT} (5 s of every process)\n0 processes, 40 looks; 0 findings, 0 \
                 of them medium or worse; growth only, no rules checked\n"
            )
        );
    }
}

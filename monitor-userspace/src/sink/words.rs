//! Findings, amounts, times and scopes in words, for every form of text.

use std::fmt::Write as _;

use super::escape;
use crate::{
    event::Filters,
    output::{Finding, FindingState, FindingVerdict, Timestamp, amount_text, grows},
};

/// Letters of a time that say the second.
const TO_THE_SECOND: usize = "2026-01-17T10:30:00".len();

/// Colours, where they are welcome (ECMA-48 SGR).
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    /// Whether they are.
    pub has_colour: bool,
}

impl Paint {
    const BOLD: &'static str = "\x1b[1m";
    const RED: &'static str = "\x1b[31m";
    const RESET: &'static str = "\x1b[0m";

    /// What is bad.
    pub(crate) fn red(self, text: &str) -> String {
        self.with(Self::RED, text)
    }

    /// What heads something.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with(Self::BOLD, text)
    }

    fn with(self, colour: &str, text: &str) -> String {
        if self.has_colour { format!("{colour}{text}{}", Self::RESET) } else { text.to_owned() }
    }
}

/// The sentence of a finding.
pub(super) fn finding_line(finding: &Finding) -> String {
    if finding.state == FindingState::Resolved {
        return format!("RESOLVED {} {}: {}", finding.rule, whose(finding), ended(finding));
    }
    let verb = if finding.state == FindingState::Open { "FINDING" } else { "UPDATE" };
    let what = finding_sentence(finding);
    format!("{verb} [{}] {} {what}", finding.severity, finding.rule)
}

/// Whom a finding that is open is about, what is so, since when, and what else is known of it.
pub(crate) fn finding_sentence(finding: &Finding) -> String {
    let more: String = [whereof(finding), sureness(finding), forecast(finding)]
        .into_iter()
        .flatten()
        .fold(String::new(), |mut all, part| {
            // A String takes whatever is written.
            let _ = write!(all, "; {part}");
            all
        });
    format!("{}: {} since {}{more}", whose(finding), what_happens(finding), second(finding.since))
}

/// Whom a finding is about.
pub(super) fn whose(finding: &Finding) -> String {
    subject(finding.pid, finding.comm.as_deref(), finding.component.as_deref())
}

/// Whom a line is about.
pub(super) fn subject(pid: Option<u32>, comm: Option<&str>, component: Option<&str>) -> String {
    match (pid, comm, component) {
        (Some(pid), comm, _) => {
            format!("{} (pid {pid})", escape(comm.unwrap_or_default()))
        }
        (None, _, Some(component)) => escape(component),
        (None, _, None) => "this host".to_owned(),
    }
}

/// What is so, without since when.
pub(super) fn what_happens(finding: &Finding) -> String {
    if finding.rate_per_min.is_none() {
        let texts = finding.evidence.iter().map(|evidence| evidence.text.as_str());
        let texts = escape(&texts.collect::<Vec<_>>().join(", "));
        return format!("{}: {texts}", finding.resource);
    }
    format!("{} {} by {}", finding.resource, grows(&finding.resource), rate(finding))
}

/// Of what no single process holds: which part of it grows, and who grew with it.
pub(super) fn whereof(finding: &Finding) -> Option<String> {
    finding.rate_per_min.filter(|_| finding.pid.is_none())?;
    let is_told = |name: &str| name == "grew" || name.ends_with("_share");
    let texts = finding.evidence.iter().filter(|it| is_told(&it.name));
    let texts: Vec<&str> = texts.map(|it| it.text.as_str()).collect();
    (!texts.is_empty()).then(|| escape(&texts.join(", ")))
}

/// How fast, with the interval.
pub(super) fn rate(finding: &Finding) -> String {
    let Some(rate) = finding.rate_per_min else { return "-".to_owned() };
    let interval = finding.rate_interval.map_or(String::new(), |[low, high]| {
        format!(" (95 %: {} to {})", amount(finding, low), amount(finding, high))
    });
    format!("{}/min{interval}", amount(finding, rate))
}

/// An amount of what a finding counts.
pub(super) fn amount(finding: &Finding, value: f64) -> String {
    amount_text(value, finding.rate_unit.unwrap_or("items"))
}

/// How sure it is, and what else it may be.
pub(super) fn sureness(finding: &Finding) -> Option<String> {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let leak = percent(finding.confidence?);
    Some(match &finding.rival {
        Some(rival) if rival.probability >= 0.005 => {
            let else_ = hypothesis(rival.hypothesis);
            format!("a leak at {leak}, else {else_} ({})", percent(rival.probability))
        }
        _ => format!("a leak at {leak}"),
    })
}

/// An explanation of growth in words.
pub(super) fn hypothesis(name: &str) -> &str {
    match name {
        "steady_leak" => "a steady leak",
        "load_leak" => "a leak with each piece of work",
        "jump_leak" => "a leak in jumps",
        "accelerating_leak" => "a leak that speeds up",
        "noise" => "chance",
        "settling" => "warming up",
        "steps" => "steps that end",
        "load" => "load",
        "periodic" => "a period",
        "fill" => "a fill to its bound",
        other => other,
    }
}

/// Which limit is reached when.
pub(super) fn forecast(finding: &Finding) -> Option<String> {
    let forecast = finding.forecast.as_ref()?;
    let after = |at: Timestamp| time((at.0 - finding.ts.0) as f64 / 1e9);
    let (early, late) = forecast.interval;
    let range = match late {
        Some(late) => format!("{} to {}", after(early), after(late)),
        None => format!("{} or later", after(early)),
    };
    Some(format!("{} is reached in {} ({range})", escape(&forecast.limit), after(forecast.at)))
}

/// How a finding ended.
pub(crate) fn ended(finding: &Finding) -> &'static str {
    let has = |name: &str| finding.evidence.iter().any(|it| it.name == name);
    match finding.verdict {
        _ if has("unwatched") => "its agent ended, how it went on is not known",
        FindingVerdict::Stopped => "growth stopped",
        FindingVerdict::Threshold => "no longer so",
        _ if has("explained") => "findings about what is within say it now",
        _ if finding.pid.is_none() => "its processes ended",
        _ => "the process ended",
    }
}

/// A span of time in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds.max(0.0) {
        s if s < 300.0 => (s, "s"),
        s if s < 7200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3600.0, "h"),
        s if s < 63_072_000.0 => (s / 86_400.0, "d"),
        s => (s / 31_536_000.0, "years"),
    };
    format!("{value:.0} {unit}")
}

/// A moment to the second.
pub(super) fn second(at: Timestamp) -> String {
    let mut text = at.to_string();
    text.truncate(TO_THE_SECOND);
    text.push('Z');
    text
}

/// What is watched.
pub(super) fn scope(filters: &Filters) -> String {
    if filters.all {
        return "every process".to_owned();
    }
    let mut parts: Vec<String> = filters.pids.iter().map(|pid| format!("pid {pid}")).collect();
    if let Some(comm) = &filters.comm {
        parts.push(format!("names like {}", escape(comm)));
    }
    if parts.is_empty() {
        parts.push("the command".to_owned());
    }
    let children = if filters.follow { " and their children" } else { "" };
    format!("{}{children}", parts.join(", "))
}

/// Letters of a container's id that tell it from all others, as container tools show it.
const SHORT_ID: usize = 12;

/// The name of a group; of a container's id the beginning.
pub(super) fn short_group(name: &str) -> String {
    let is_id = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    escape(if is_id { name.get(..SHORT_ID).unwrap_or(name) } else { name })
}

/// A name that fits its column.
pub(super) fn short_name(comm: &str) -> String {
    let name = escape(comm);
    if name.chars().count() > 16 {
        return name.chars().take(15).chain(['…']).collect();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Severity, answer};

    #[test]
    fn a_finding_says_how_sure_it_is_and_when_it_hurts() {
        let mut finding = answer::tests::finding("aa", Severity::High, FindingVerdict::Leak);
        assert_eq!(
            finding_line(&finding),
            "FINDING [high] heap_growth api (pid 7): heap grows by 5.0 MiB/min (95 %: 4.0 MiB to \
             6.0 MiB) since 1970-01-01T00:00:00Z; a leak at 97 %, else a fill to its bound (2 %); \
             memory of the host is reached in 2 h (100 min or later)"
        );
        finding.forecast = None;
        finding.rival = None;
        assert!(finding_line(&finding).ends_with("Z; a leak at 97 %"));
    }

    #[test]
    fn a_containers_id_is_cut_and_nothing_else() {
        assert_eq!(short_group(&"0a".repeat(32)), "0a0a0a0a0a0a");
        assert_eq!(short_group("api.service"), "api.service");
        assert_eq!(
            short_group(&"no id of a container".repeat(4)),
            "no id of a container".repeat(4)
        );
    }

    #[test]
    fn times_read_well() {
        let texts = [0.4, 150.0, 400.0, 7300.0, 200_000.0, 9e7].map(time);
        assert_eq!(texts, ["0 s", "150 s", "7 min", "2 h", "2 d", "3 years"]);
    }

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Paint::default().red("high"), "high");
        assert_eq!(Paint { has_colour: true }.bold("x"), "\x1b[1mx\x1b[0m");
    }
}

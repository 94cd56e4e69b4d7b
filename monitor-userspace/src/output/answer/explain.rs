//! `explain FINDING`: what speaks for it and against, what would decide, and what to run next.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{Evidence, Finding, FindingState, FindingVerdict, RuleText, Timestamp, View, worse},
    is_growth,
    steps::{Step, steps},
};

/// Probability from which growth is called a leak (`detect::LEAK`).
const LEAK: f64 = crate::detect::LEAK;
/// Digits of an id that are shown where the whole is not needed.
const SHORT_ID: usize = 8;
/// Findings that are listed where one is to be chosen.
const LISTED: usize = 8;

/// A finding, explained.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// How long was watched, in seconds.
    pub tracking_seconds: f64,
    /// The finding, with the explanations that were weighed and the limits on its way; `null` where
    /// there is none.
    pub finding: Option<&'a Finding>,
    /// What its rule says; `null` where rules are not known.
    pub rule: Option<String>,
    /// What speaks for it.
    #[serde(rename = "for")]
    pub speaks_for: Vec<&'a Evidence>,
    /// What speaks against it, or for another explanation.
    pub against: Vec<&'a Evidence>,
    /// What would decide.
    pub decided_by: Vec<String>,
    /// What to run next.
    pub next: Vec<Step>,
}

/// No finding, or more than one, has such an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFinding(pub String);

impl<'a> Explanation<'a> {
    /// Of the finding whose id begins with `id`; without one of the only finding, if there is one.
    pub fn of(view: &'a View, id: Option<&str>) -> Result<Self, UnknownFinding> {
        let finding = find(view, id)?;
        let evidence = || finding.into_iter().flat_map(|finding| &finding.evidence);
        let is_for = |it: &&Evidence| matches!(it.says, "leak" | "growth" | "threshold");
        Ok(Self {
            timestamp: view.to,
            tracking_seconds: view.seconds,
            finding,
            rule: finding.and_then(|finding| rule(view, finding)),
            speaks_for: evidence().filter(is_for).collect(),
            against: evidence().filter(|it| !is_for(it)).collect(),
            decided_by: finding.map(decided_by).unwrap_or_default(),
            next: finding.map(steps).unwrap_or_default(),
        })
    }
}

fn find<'a>(view: &'a View, id: Option<&str>) -> Result<Option<&'a Finding>, UnknownFinding> {
    let all = || view.findings.iter();
    let Some(id) = id else {
        return match view.findings.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            _ => Err(UnknownFinding(format!("say which finding: {}", list(all())))),
        };
    };
    let mut found = all().filter(|finding| !id.is_empty() && finding.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(Some(only)),
        (Some(one), Some(other)) => {
            let found = [one, other].into_iter().chain(found);
            Err(UnknownFinding(format!("several findings begin with {id:?}: {}", list(found))))
        }
        (None, _) if view.findings.is_empty() => {
            Err(UnknownFinding(format!("there is no finding {id:?}: nothing was found at all")))
        }
        (None, _) => {
            Err(UnknownFinding(format!("there is no finding {id:?}: there are {}", list(all()))))
        }
    }
}

/// Findings by their short ids, the worst first.
fn list<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut all: Vec<&Finding> = findings.collect();
    all.sort_by(|one, other| worse(one, other));
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    let name = |finding: &Finding| {
        let id = finding.id.get(..SHORT_ID).unwrap_or(&finding.id);
        let whose = match (finding.pid, &finding.component) {
            (Some(pid), _) => format!(" of pid {pid}"),
            (None, Some(component)) => format!(" of {}", component.escape_debug()),
            (None, None) => String::new(),
        };
        format!("{id} ({}{whose})", finding.rule)
    };
    let names = all.into_iter().map(name).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

fn rule(view: &View, finding: &Finding) -> Option<String> {
    let RuleText { description, condition, hold_seconds, .. } =
        view.rules.iter().find(|rule| rule.name == finding.rule)?;
    // The condition of a growth rule repeats what the evidence says.
    if is_growth(finding) {
        return Some(description.clone());
    }
    Some(format!("{description} {condition}, for {hold_seconds} s"))
}

fn decided_by(finding: &Finding) -> Vec<String> {
    if finding.state == FindingState::Resolved {
        return Vec::new();
    }
    if !is_growth(finding) {
        return vec!["nothing is to be decided: the condition holds, or it does not".to_owned()];
    }
    let mut all = Vec::new();
    let confidence = finding.confidence.unwrap_or(0.0);
    if finding.verdict != FindingVerdict::Leak {
        all.push(format!(
            "it is called a leak from {:.0} % on, twice in a row; now it is {:.0} %",
            LEAK * 100.0,
            confidence * 100.0
        ));
    }
    all.extend(finding.rival.as_ref().map(|rival| rival.decided_by.to_owned()));
    let is_memory = finding.rate_unit == Some("bytes") && finding.pid.is_some();
    if is_memory && !finding.evidence.iter().any(|it| it.name == "touched_share") {
        let text =
            "whether what was added is ever used again: its pages have not been looked at yet";
        all.push(text.to_owned());
    }
    let is_counted = finding.rate_unit == Some("items");
    if is_counted && !finding.evidence.iter().any(|it| it.name == "idle_objects") {
        all.push("whether what was added is used: that has not been seen".to_owned());
    }
    if finding.forecast.is_none() {
        all.push("when it hurts: no limit on its way is in sight".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, view},
        *,
    };
    use crate::output::Severity;

    fn leaking(ids: &[&str]) -> View {
        let leak = |id: &&str| finding(id, Severity::Medium, FindingVerdict::Leak);
        View { findings: ids.iter().map(leak).collect(), ..view() }
    }

    #[test]
    fn a_unique_prefix_or_being_the_only_one_is_enough() {
        let view = leaking(&["abcd", "abef"]);
        let id = |id| Explanation::of(&view, id).map(|it| it.finding.unwrap().id.clone());
        assert_eq!(id(Some("abc")), Ok("abcd".to_owned()));
        assert_eq!(id(Some("abef")), Ok("abef".to_owned()));
        let refused = |asked| id(asked).unwrap_err().0;
        let both = "abcd (heap_growth of pid 7), abef (heap_growth of pid 7)";
        assert_eq!(refused(Some("ab")), format!("several findings begin with \"ab\": {both}"));
        assert_eq!(refused(None), format!("say which finding: {both}"));
        assert_eq!(refused(Some("x")), format!("there is no finding \"x\": there are {both}"));
        assert_eq!(refused(Some("")), format!("there is no finding \"\": there are {both}"));
        let alone = leaking(&["abcd"]);
        assert_eq!(Explanation::of(&alone, None).unwrap().finding.unwrap().id, "abcd");
    }

    #[test]
    fn without_findings_there_is_nothing_to_explain_unless_one_was_named() {
        let view = leaking(&[]);
        assert!(Explanation::of(&view, None).unwrap().finding.is_none());
        let refused = Explanation::of(&view, Some("a")).unwrap_err().0;
        assert_eq!(refused, "there is no finding \"a\": nothing was found at all");
    }

    #[test]
    fn evidence_is_told_apart_by_what_it_speaks_for() {
        let mut view = leaking(&["abcd"]);
        let evidence = |says: &'static str| Evidence {
            name: says.into(),
            value: 1.0,
            says,
            text: String::new(),
        };
        view.findings[0].evidence = ["leak", "settling", "growth", "use"].map(evidence).to_vec();
        let explained = Explanation::of(&view, None).unwrap();
        let names = |list: &[&Evidence]| list.iter().map(|it| it.says).collect::<Vec<_>>();
        assert_eq!(names(&explained.speaks_for), ["leak", "growth"]);
        assert_eq!(names(&explained.against), ["settling", "use"]);
        assert_eq!(explained.rule.as_deref(), Some("The heap climbs."));
    }

    #[test]
    fn what_would_decide_is_what_is_missing() {
        let mut view = leaking(&["abcd"]);
        view.findings[0].verdict = FindingVerdict::PossibleFill;
        view.findings[0].confidence = Some(0.7);
        let decided = Explanation::of(&view, None).unwrap().decided_by;
        assert_eq!(decided[0], "it is called a leak from 91 % on, twice in a row; now it is 70 %");
        assert_eq!(decided[1], "its bound");
        assert!(decided[2].starts_with("whether what was added is ever used again"), "{decided:?}");
        assert_eq!(decided.len(), 3, "the forecast is known");
    }
}

//! `optimize`: what to change, each piece of advice with the finding or the figure it comes from.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{Finding, Snapshot, Timestamp, View, amount_text},
    figures,
};
use crate::event::Filters;

/// What to change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Optimization<'a> {
    /// When the last look was.
    pub timestamp: Timestamp,
    /// How long was watched, in seconds.
    pub tracking_seconds: f64,
    /// What was watched; `null` of exported lines.
    pub scope: Option<&'a Filters>,
    /// What findings advise, the worst first, then what figures advise.
    pub recommendations: Vec<Advice>,
}

/// A piece of advice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// For which process.
    pub pid: Option<u32>,
    /// Its name.
    pub comm: Option<String>,
    /// For which component; `null` beside `pid` `null` is the host.
    pub component: Option<String>,
    /// What to do.
    pub text: String,
    /// Why.
    pub figure: Figure,
    /// The finding it comes from; `null` where a figure alone says it.
    pub finding: Option<String>,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// How much.
    pub value: f64,
    /// `bytes`, `items`, `percent`, or either of the first a minute.
    pub unit: &'static str,
    /// Of how much at most, or beside what, in its unit.
    pub of: Option<f64>,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: u64, unit: &'static str) -> Self {
        Self { name: name.into(), value: value as f64, unit, of: None }
    }

    pub(super) fn of(self, of: u64) -> Self {
        Self { of: Some(of as f64), ..self }
    }

    /// For a person.
    pub fn words(&self) -> String {
        let of = self.of.map_or(String::new(), |of| format!(" of {}", amount(of, self.unit)));
        format!("{}: {}{of}", self.name, amount(self.value, self.unit))
    }
}

/// An amount in one of the units of a figure.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let (unit, per) = match unit.strip_suffix("/min") {
        Some(unit) => (unit, "/min"),
        None => (unit, ""),
    };
    format!("{}{per}", amount_text(value, unit))
}

impl Advice {
    /// Whom it concerns.
    pub fn who(&self) -> String {
        match (self.pid, &self.comm, &self.component) {
            (Some(pid), comm, _) => {
                format!("{} (pid {pid})", comm.as_deref().unwrap_or_default())
            }
            (None, _, Some(component)) => component.clone(),
            (None, _, None) => "this host".to_owned(),
        }
    }

    /// The whole in one line.
    pub fn line(&self) -> String {
        format!("{}: {} ({})", self.who(), self.text, self.figure.words())
    }

    pub(super) fn of_process(snapshot: &Snapshot, figure: Figure, text: String) -> Self {
        Self {
            pid: Some(snapshot.pid),
            comm: Some(snapshot.comm.clone()),
            component: snapshot.component.clone(),
            text,
            figure,
            finding: None,
        }
    }
}

impl<'a> Optimization<'a> {
    /// What a view advises.
    pub fn of(view: &'a View) -> Self {
        let mut recommendations: Vec<Advice> =
            view.standing_findings().into_iter().filter_map(of_finding).collect();
        recommendations.extend(figures::advice(view));
        Self {
            timestamp: view.to,
            tracking_seconds: view.seconds,
            scope: view.scope.as_ref(),
            recommendations,
        }
    }
}

fn growth(finding: &Finding, rate: f64) -> Figure {
    Figure {
        name: format!("growth of {}", finding.resource),
        value: rate,
        unit: if finding.rate_unit == Some("bytes") { "bytes/min" } else { "items/min" },
        of: None,
    }
}

/// The first variable of the condition; variables have their unit in the name.
fn threshold(finding: &Finding) -> Option<Figure> {
    let first = finding.evidence.first()?;
    let unit = if first.name.ends_with("_bytes") { "bytes" } else { "items" };
    Some(Figure { name: first.name.to_string(), value: first.value, unit, of: None })
}

/// A finding advises with its rate, or with the figure of its threshold.
fn of_finding(finding: &Finding) -> Option<Advice> {
    let figure = match finding.rate_per_min {
        Some(rate) => growth(finding, rate),
        None => threshold(finding)?,
    };
    Some(Advice {
        pid: finding.pid,
        comm: finding.comm.clone(),
        component: finding.component.clone(),
        text: finding.recommendation.clone(),
        figure,
        finding: Some(finding.id.clone()),
    })
    .filter(|advice| !advice.text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, view},
        *,
    };
    use crate::output::{FindingVerdict, Severity};

    #[test]
    fn a_finding_advises_with_its_rate_and_its_id() {
        let mut view = view();
        view.findings = vec![finding("aa", Severity::Medium, FindingVerdict::Leak)];
        let advice = Optimization::of(&view).recommendations;
        assert_eq!(advice[0].finding.as_deref(), Some("aa"));
        assert_eq!(
            advice[0].line(),
            "api (pid 7): look for what allocates it (growth of heap: 5.0 MiB/min)"
        );
    }

    #[test]
    fn a_healthy_host_is_given_no_advice() {
        assert_eq!(Optimization::of(&view()).recommendations, []);
    }

    #[test]
    fn amounts_have_their_unit() {
        assert_eq!(amount(1536.0, "bytes"), "1.5 KiB");
        assert_eq!(amount(2.5, "items/min"), "2.5/min");
    }
}

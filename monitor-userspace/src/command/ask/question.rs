//! `leaks`, `trends`, `report`, `optimize` and `explain` of a running agent: it renders the answer itself, so
//! that what is printed is what the agent means.

use std::io::{self, IsTerminal as _, Write};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::{Reach, watch};
use crate::{
    client::{Client, NoAgent},
    output::Severity,
    sink::answer::Question,
};

/// Status of a run with findings at or above `--fail-on`.
const FOUND: u8 = 3;

/// How an answer is wanted.
pub(in crate::command) struct Form<'a> {
    pub(in crate::command) as_json: bool,
    pub(in crate::command) has_colour: bool,
    pub(in crate::command) fail_on: Option<Severity>,
    pub(in crate::command) out: &'a mut dyn Write,
}

/// Asks the agent and writes its answer; the exit status.
pub(in crate::command) fn question(
    question: &Question,
    reach: &Reach,
    form: &mut Form<'_>,
) -> Result<u8> {
    let (name, id) = match question {
        Question::Leaks => ("leaks", None),
        Question::Trends => ("trends", None),
        Question::Report => ("report", None),
        Question::Optimize => ("optimize", None),
        Question::Explain(id) => ("explain", id.as_deref()),
    };
    let path = path(name, id, form.as_json, form.has_colour)?;
    let answer = reach.client()?.get(&path).map_err(|error| look_yourself(name, error))?;
    match form.out.write_all(&answer).and_then(|()| form.out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.context("write the answer")?,
    }
    judged(reach, form.fail_on, "")
}

/// Whether colours are welcome where this command prints.
pub(in crate::command) fn has_colour() -> bool {
    io::stdout().is_terminal() && watch::paint().has_colour
}

fn path(name: &str, id: Option<&str>, as_json: bool, has_colour: bool) -> Result<String> {
    let id = id.unwrap_or_default();
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let message = format!("{id:?} is no id of a finding, which is hexadecimal");
        return Err(crate::command::Refusal::new(crate::command::Refusal::USAGE, message).into());
    }
    let finding = if id.is_empty() { String::new() } else { format!("&finding={id}") };
    Ok(format!(
        "/api/monitoring/answers/{name}?text={}&colour={}{finding}",
        !as_json,
        has_colour && !as_json
    ))
}

/// Who finds no agent is told how to have one, and how the question is answered without.
pub(in crate::command) fn look_yourself(name: &str, error: anyhow::Error) -> anyhow::Error {
    if error.is::<NoAgent>() {
        return anyhow!(
            "{error}: start one with `memwatch-ebpf serve`, or look yourself: memwatch-ebpf {name} --all"
        );
    }
    error
}

/// The exit status that `--fail-on` makes of the findings of a running agent: those that are open, and leaks
/// whose process ended. `of` may be a query that says of which time.
pub(in crate::command) fn judged(reach: &Reach, fail_on: Option<Severity>, of: &str) -> Result<u8> {
    let Some(least) = fail_on else { return Ok(0) };
    Ok(if is_worst_at_least(&findings(&reach.client()?, of)?, least) { FOUND } else { 0 })
}

fn findings(client: &Client, of: &str) -> Result<Value> {
    let mut report = client.get_json(&format!("/api/monitoring/answers/report{of}"))?;
    Ok(report["findings"].take())
}

fn is_worst_at_least(findings: &Value, least: Severity) -> bool {
    let severities = findings.as_array().into_iter().flatten();
    severities
        .filter_map(|finding| finding["severity"].as_str()?.parse::<Severity>().ok())
        .any(|severity| severity >= least)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::fake;

    #[test]
    fn a_question_is_asked_by_its_path() {
        let asked = |id, as_json, colour| path("explain", id, as_json, colour).unwrap();
        let base = "/api/monitoring/answers/explain?";
        assert_eq!(asked(None, false, true), format!("{base}text=true&colour=true"));
        assert_eq!(
            asked(Some("0a"), true, true),
            format!("{base}text=false&colour=false&finding=0a")
        );
        assert!(path("explain", Some("0a&text=x"), false, false).is_err());
    }

    #[test]
    fn the_findings_are_those_of_the_time_that_was_asked_for() {
        let agent = fake::Agent::start(|request| {
            let is_since = request.starts_with("GET /api/monitoring/answers/report?since=2h ");
            let found = if is_since { r#"{"severity":"high"}"# } else { "" };
            fake::Reply::json(200, format!(r#"{{"findings":[{found}]}}"#))
        });
        let client = Client::new(agent.address(), None);
        assert!(is_worst_at_least(&findings(&client, "?since=2h").unwrap(), Severity::High));
        assert!(!is_worst_at_least(&findings(&client, "").unwrap(), Severity::Low));
    }

    #[test]
    fn the_worst_finding_decides() {
        let found = json!([{"severity": "low"}, {"severity": "high"}, {"severity": null}]);
        assert!(is_worst_at_least(&found, Severity::High));
        assert!(!is_worst_at_least(&found, Severity::Critical));
        assert!(!is_worst_at_least(&Value::Null, Severity::Low));
    }
}

//! Messages as JSON: the body of a webhook, which has the shape of Alertmanager's (version 4) and more, and
//! alerts for the API of an Alertmanager.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{About, Alert, Message, MessageKind};
use crate::output::Timestamp;

/// Labels and annotations.
type Words = BTreeMap<&'static str, String>;

/// An alert as an Alertmanager takes it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    labels: Words,
    annotations: Words,
    starts_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

/// The body of a webhook.
pub fn webhook(message: &Message, host: &str) -> Value {
    let alerts: Vec<Value> =
        message.alerts.iter().map(|alert| webhook_alert(alert, host)).collect();
    let status = if message.kind == MessageKind::Resolved { "resolved" } else { "firing" };
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{group={:?}}}", message.group),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": message.channel,
        "groupLabels": {"group": message.group, "instance": host},
        "commonLabels": {"instance": host},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
        "messageId": message.id,
        "kind": message.kind,
        "host": host,
    })
}

fn webhook_alert(alert: &Alert, host: &str) -> Value {
    let Posted { labels, annotations, starts_at, ends_at } = posted(alert, host, None);
    let about = &alert.about;
    json!({
        "status": if alert.ended.is_some() { "resolved" } else { "firing" },
        "labels": labels,
        "annotations": annotations,
        "startsAt": starts_at,
        "endsAt": ends_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
        "generatorURL": "",
        "fingerprint": about.id,
        "finding": finding(about),
        "ended": alert.ended.as_ref().map(|ended| &ended.why),
    })
}

/// The finding, by the names that its own lines have.
fn finding(about: &About) -> Value {
    json!({
        "id": about.id,
        "rule": about.cause.rule,
        "severity": about.severity,
        "verdict": about.verdict,
        "pid": about.cause.pid,
        "start_time": about.cause.start_time,
        "comm": about.comm,
        "component": about.cause.component,
        "resource": about.cause.resource,
        "rate_per_min": about.rate_per_min,
        "rate_unit": about.rate_unit,
        "confidence": about.confidence,
        "since": about.since,
        "recommendation": about.recommendation,
    })
}

/// An alert for an Alertmanager; one that is not over holds until `until`. What it is known by does not
/// change in its life.
pub fn posted(alert: &Alert, host: &str, until: Option<Timestamp>) -> Posted {
    let Alert { about, ended } = alert;
    let optional = [
        ("component", about.cause.component.clone()),
        ("process", about.comm.clone()),
        ("pid", about.cause.pid.map(|pid| pid.to_string())),
    ];
    let mut labels = Words::from([
        ("alertname", about.cause.rule.clone()),
        ("severity", about.severity.name().to_owned()),
        ("instance", host.to_owned()),
        ("resource", about.cause.resource.clone()),
        ("finding", about.id.clone()),
    ]);
    labels.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let mut annotations = Words::from([("summary", about.sentence.clone())]);
    if !about.recommendation.is_empty() {
        annotations.insert("description", about.recommendation.clone());
    }
    let ends_at = ended.as_ref().map(|ended| ended.at).or(until);
    Posted { labels, annotations, starts_at: about.since, ends_at }
}

/// What is posted to an Alertmanager to see whether it arrives.
pub fn posted_test(host: &str, now: Timestamp, until: Timestamp) -> Posted {
    let labels = Words::from([
        ("alertname", "memwatch_test".to_owned()),
        ("severity", "none".to_owned()),
        ("instance", host.to_owned()),
    ]);
    let text = "This is a test message of memwatch-ebpf. Nothing happened.".to_owned();
    let annotations = Words::from([("summary", text)]);
    Posted { labels, annotations, starts_at: now, ends_at: Some(until) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Ended,
            tests::{about, at},
        },
        *,
    };
    use crate::output::Severity;

    #[test]
    fn an_alert_keeps_its_labels_until_its_end() {
        let open = Alert { about: about("id", 7, Severity::High), ended: None };
        let ended = Some(Ended { at: at(9), why: "it ended".to_owned() });
        let over = Alert { ended, ..open.clone() };
        let [first, last] = [&open, &over].map(|it| json!(posted(it, "host", Some(at(5)))));
        assert_eq!(first["labels"], last["labels"]);
        assert_eq!((&first["endsAt"], &last["endsAt"]), (&json!(at(5)), &json!(at(9))));
        assert_eq!(first["labels"]["pid"], "7");
    }

    #[test]
    fn a_webhook_says_what_alertmanagers_would_and_the_finding() {
        let alerts = vec![Alert { about: about("id", 7, Severity::High), ended: None }];
        let message = Message {
            order: 3,
            id: "open-1".to_owned(),
            channel: "ops".to_owned(),
            made_at: at(1),
            group: "app.service".to_owned(),
            alerts,
            kind: MessageKind::Open,
        };
        let body = webhook(&message, "host");
        assert_eq!((&body["version"], &body["status"]), (&json!("4"), &json!("firing")));
        assert_eq!(body["alerts"][0]["fingerprint"], "id");
        assert_eq!(body["alerts"][0]["finding"]["pid"], 7);
        let over = Message { kind: MessageKind::Resolved, ..message };
        assert_eq!(webhook(&over, "host")["status"], "resolved");
    }
}

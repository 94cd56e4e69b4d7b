//! Messages as text for people. Names of others are escaped here once for all channels; what a channel
//! takes for a sign of its own, it escapes itself.

use super::{Alert, Message, MessageKind};
use crate::sink::escape;

/// Letters of a subject.
const MAX_SUBJECT: usize = 150;

/// The heading of a message from this host.
pub fn subject(message: &Message, host: &str) -> String {
    let host = escape(host);
    let Some(first) = message.alerts.first() else {
        return format!("[memwatch] {host}: test message");
    };
    let what = match message.kind {
        MessageKind::Resolved => "resolved".to_owned(),
        _ => message
            .alerts
            .iter()
            .map(|it| it.about.severity)
            .max()
            .map_or_else(String::new, |worst| worst.name().to_uppercase()),
    };
    let more = match message.alerts.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    let rule = escape(&first.about.cause.rule);
    let group = escape(&message.group);
    let text = format!("[memwatch] {host}: {what}: {rule} of {group}{more}");
    text.chars().take(MAX_SUBJECT).collect()
}

/// The message, a line for each alert.
pub fn lines(message: &Message, host: &str) -> Vec<String> {
    if message.kind == MessageKind::Test {
        let host = escape(host);
        return vec![format!(
            "This is a test message of memwatch-ebpf on {host}. Nothing happened: channel {} works.",
            escape(&message.channel)
        )];
    }
    message.alerts.iter().map(line).collect()
}

/// One alert in a line.
pub fn line(alert: &Alert) -> String {
    let about = &alert.about;
    let rule = escape(&about.cause.rule);
    let finding = format!("(finding {})", escape(&about.id));
    if let Some(ended) = &alert.ended {
        return format!("RESOLVED {rule}: {}; it was: {} {finding}", ended.why, about.sentence);
    }
    let advice = match about.recommendation.as_str() {
        "" => String::new(),
        advice => format!(" What to do: {}", escape(advice)),
    };
    format!("FINDING [{}] {rule}: {} {finding}{advice}", about.severity, about.sentence)
}

/// Text that Slack takes for text: no mention, no link.
pub fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
    fn hostile_names_stay_text() {
        let mut about = about("id", 7, Severity::High);
        about.cause.rule = "rule\r\nBcc: all@example.org".to_owned();
        let message = Message {
            order: 0,
            id: "m".to_owned(),
            channel: "ops".to_owned(),
            made_at: at(0),
            group: "a\nb\u{202e}".to_owned(),
            alerts: vec![
                Alert { about: about.clone(), ended: None },
                Alert { about, ended: Some(Ended { at: at(1), why: "it ended".to_owned() }) },
            ],
            kind: MessageKind::Open,
        };
        let texts = [vec![subject(&message, "h\u{7}")], lines(&message, "h")].concat();
        for text in texts {
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
        assert_eq!(slack("<!channel> & <http://a|b>"), "&lt;!channel&gt; &amp; &lt;http://a|b&gt;");
        let test = Message { alerts: Vec::new(), kind: MessageKind::Test, ..message };
        assert!(lines(&test, "h")[0].contains("Nothing happened"));
        assert!(subject(&test, "h").contains("test"));
    }
}

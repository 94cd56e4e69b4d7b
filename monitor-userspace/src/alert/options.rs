//! The section `[alerts]` of the configuration.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::{config::TimeSpan, output::Severity};

/// Environment variable with the address of a Slack channel.
const SLACK_VARIABLE: &str = "SLACK_WEBHOOK_URL";

/// Who is told of findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether anybody is.
    pub enabled: bool,
    /// As what alerts are written to the agent's own log.
    pub log_level: LogLevel,
    /// Mail alerts to this address, by the mail server of this host.
    pub email: Option<String>,
    /// Send alerts to this Slack channel. `SLACK_WEBHOOK_URL` in the environment comes before it.
    pub slack_webhook_url: Option<Secret>,
    /// Further channels, each with its own choice.
    pub channels: Vec<ChannelOptions>,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// What it is called; its kind if nobody says.
    pub name: String,
    /// How it speaks.
    pub kind: Kind,
    /// Where it leads: `http://` or `https://`, of mail `smtp://` or `smtps://` (with `?tls=required`
    /// for STARTTLS).
    pub url: Option<Secret>,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Findings that it is told of.
    pub severities: Vec<Severity>,
    /// Findings of one component that come within this time are told together.
    pub group_window: TimeSpan,
    /// A cause that comes back within this time after its end is told only after it.
    pub cool_down: TimeSpan,
    /// How long one attempt to deliver may take.
    pub timeout: TimeSpan,
    /// Sender of mails; `memwatch-ebpf@HOST` if nobody says.
    pub from: Option<String>,
    /// Receivers of mails.
    pub to: Vec<String>,
    /// The program of a command channel, and its arguments.
    pub command: Vec<String>,
    /// As whom the program runs.
    pub user: String,
    /// How often open alerts are sent again to an Alertmanager.
    pub resend: TimeSpan,
}

/// How a channel speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To the agent's own log.
    Log,
    /// JSON by HTTP POST.
    #[default]
    Webhook,
    /// An incoming webhook of Slack, or of what understands the same.
    Slack,
    /// SMTP.
    Email,
    /// A program, with JSON on its standard input.
    Command,
    /// The API of a Prometheus Alertmanager, version 2.
    Alertmanager,
}

/// As what alerts are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Not at all.
    Off,
    /// As errors.
    Error,
    /// As warnings.
    #[default]
    Warn,
    /// As information.
    Info,
    /// For who looks closely.
    Debug,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: true,
            log_level: LogLevel::default(),
            email: None,
            slack_webhook_url: None,
            channels: Vec::new(),
        }
    }
}

impl Default for ChannelOptions {
    fn default() -> Self {
        let seconds = |seconds| TimeSpan(Duration::from_secs(seconds));
        Self {
            name: String::new(),
            kind: Kind::default(),
            url: None,
            token: None,
            severities: vec![Severity::Medium, Severity::High, Severity::Critical],
            group_window: seconds(10),
            cool_down: seconds(300),
            timeout: seconds(10),
            from: None,
            to: Vec::new(),
            command: Vec::new(),
            user: "nobody".to_owned(),
            resend: seconds(60),
        }
    }
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Command => "command",
            Self::Alertmanager => "alertmanager",
        }
    }
}

impl Options {
    /// With what the environment says.
    #[must_use]
    pub fn with_environment(mut self) -> Self {
        if let Some(url) = std::env::var(SLACK_VARIABLE).ok().filter(|url| !url.is_empty()) {
            self.slack_webhook_url = Some(Secret::new(url));
        }
        self
    }

    /// Every channel, the short forms written out. An error says what is wrong with one.
    pub fn all_channels(&self) -> Result<Vec<ChannelOptions>, String> {
        let of = |kind| ChannelOptions { kind, ..ChannelOptions::default() };
        let mut all = Vec::new();
        if self.log_level != LogLevel::Off {
            all.push(ChannelOptions { severities: Severity::ALL.to_vec(), ..of(Kind::Log) });
        }
        if let Some(address) = &self.email {
            let url = Some(Secret::new("smtp://localhost:25"));
            all.push(ChannelOptions { url, to: vec![address.clone()], ..of(Kind::Email) });
        }
        if let Some(url) = &self.slack_webhook_url {
            all.push(ChannelOptions { url: Some(url.clone()), ..of(Kind::Slack) });
        }
        all.extend(self.channels.iter().cloned());
        let mut names = BTreeSet::new();
        for channel in &mut all {
            if channel.name.is_empty() {
                channel.kind.name().clone_into(&mut channel.name);
            }
            channel.check().map_err(|error| format!("channel {:?}: {error}", channel.name))?;
            if !names.insert(channel.name.clone()) {
                return Err(format!("two channels are called {:?}: name them", channel.name));
            }
        }
        Ok(all)
    }
}

impl ChannelOptions {
    fn check(&self) -> Result<(), String> {
        let kind = self.kind.name();
        let schemes: &[&str] = match self.kind {
            Kind::Log | Kind::Command => &[],
            Kind::Email => &["smtp://", "smtps://"],
            Kind::Webhook | Kind::Slack | Kind::Alertmanager => &["http://", "https://"],
        };
        let leads = |url: &Secret| schemes.iter().any(|scheme| url.reveal().starts_with(scheme));
        if !schemes.is_empty() && !self.url.as_ref().is_some_and(leads) {
            return Err(format!("{kind} needs a url that begins with {}", schemes.join(" or ")));
        }
        if self.kind == Kind::Email && self.to.is_empty() {
            return Err("email needs receivers: to = [\"ADDRESS\"]".to_owned());
        }
        if self.kind == Kind::Command && !self.command.first().is_some_and(|it| it.starts_with('/'))
        {
            return Err(
                "command needs the full path of a program: command = [\"/PATH\"]".to_owned()
            );
        }
        if self.severities.is_empty() {
            return Err("it has no severities, so that it is never told anything".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> Result<Options, toml::de::Error> {
        toml::from_str(section)
    }

    #[test]
    fn short_forms_are_channels_and_what_makes_no_sense_is_said() {
        let text = "email = \"ops@example.org\"\n\
                    slack_webhook_url = \"https://hooks.example.com/secretsecret\"\n\
                    [[channels]]\nkind = \"command\"\ncommand = [\"/bin/true\"]\n\
                    severities = [\"critical\"]\ngroup_window = \"1s\"\n";
        let options = read(text).unwrap();
        let names: Vec<_> =
            options.all_channels().unwrap().into_iter().map(|channel| channel.name).collect();
        assert_eq!(names, ["log", "email", "slack", "command"]);
        assert!(!format!("{options:?}").contains("secretsecret"));
        let wrong = |lines: &str| {
            let options = read(&format!("[[channels]]\n{lines}"));
            options.map_err(|error| error.to_string()).and_then(|it| it.all_channels()).unwrap_err()
        };
        assert!(wrong("kind = \"slack\"").contains("http:// or https://"));
        assert!(wrong("kind = \"email\"\nurl = \"smtp://a\"").contains("receivers"));
        assert!(wrong("kind = \"command\"\ncommand = [\"sh\"]").contains("full path"));
        assert!(wrong("url = \"http://a\"\nseverities = []").contains("severities"));
        assert!(wrong("url = \"http://a\"\nname = \"log\"").contains("two channels"));
        assert!(wrong("color = 1").contains("unknown field"));
    }
}

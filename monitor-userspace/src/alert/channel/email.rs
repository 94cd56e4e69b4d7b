//! Mail by SMTP: plain text, so that nothing in a name can become markup.

use anyhow::{Context as _, Result, bail};
use lettre::{
    Message as Mail, SmtpTransport, Transport as _,
    message::{Mailbox, header::ContentType},
};

use super::{Channel, Failure, answer_of};
use crate::{
    alert::{
        ChannelOptions, Secret,
        decide::{Message, text},
    },
    output::Timestamp,
};

pub(super) struct Email {
    transport: SmtpTransport,
    url: Secret,
    from: Mailbox,
    to: Vec<Mailbox>,
    host: String,
}

impl Email {
    pub(super) fn new(options: &ChannelOptions, host: String) -> Result<Self> {
        let url = options.url.clone().context("it has no url")?;
        if is_in_the_clear(url.reveal()) {
            bail!(
                "{url}: a password would be sent in the clear; add ?tls=required, or use smtps://"
            );
        }
        // The error of the address would show it.
        let transport = SmtpTransport::from_url(url.reveal()).ok();
        let transport =
            transport.with_context(|| format!("{url} is no address of a mail server"))?;
        let transport = transport.timeout(Some(options.timeout.0)).build();
        let from = options.from.clone().unwrap_or_else(|| format!("memwatch-ebpf@{host}"));
        let mailbox = |address: &String| {
            let parsed = address.parse::<Mailbox>();
            parsed.with_context(|| format!("{address:?} is no address of a mailbox"))
        };
        let to = options.to.iter().map(mailbox).collect::<Result<_>>()?;
        Ok(Self { transport, url, from: mailbox(&from)?, to, host })
    }

    fn mail(&self, message: &Message) -> Result<Mail, lettre::error::Error> {
        let mut lines = text::lines(message, &self.host);
        lines.push(String::new());
        lines.push(format!("From memwatch-ebpf on {}, message {}.", self.host, message.id));
        let id = format!("<{}@{}>", message.id, self.from.email.domain());
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(text::subject(message, &self.host))
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        mail.body(lines.join("\r\n"))
    }
}

/// Whether a password would go over the network as it is.
fn is_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("smtp://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let Some((_, host)) = authority.rsplit_once('@') else { return false };
    let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|it| host.starts_with(it));
    !is_here && !url.contains("tls=required")
}

impl Channel for Email {
    fn send(&self, message: &Message, _: Timestamp) -> Result<String, Failure> {
        let mail = self.mail(message);
        let mail =
            mail.map_err(|error| Failure::refused(format!("no mail can be made: {error}")))?;
        match self.transport.send(&mail) {
            Ok(response) => {
                let said: Vec<&str> = response.message().collect();
                Ok(answer_of(&format!("{} {}", response.code(), said.join(" "))))
            }
            Err(error) => {
                let text =
                    format!("{}: {}", self.url, answer_of(&self.url.scrub(&explain(&error))));
                Err(Failure { is_refused: error.is_permanent(), ..Failure::passing(text) })
            }
        }
    }
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_sent_in_the_clear() {
        assert!(is_in_the_clear("smtp://a:b@mail.example.org:587"));
        assert!(!is_in_the_clear("smtp://a:b@mail.example.org:587?tls=required"));
        assert!(!is_in_the_clear("smtps://a:b@mail.example.org"));
        assert!(!is_in_the_clear("smtp://a:b@localhost"));
        assert!(!is_in_the_clear("smtp://mail.example.org"));
    }
}

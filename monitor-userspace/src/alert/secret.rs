//! Text that must not be shown: an address with a token in it, a password.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What is printed in the place of a secret.
const HIDDEN: &str = "***";
/// Shorter pieces of a secret are words that may stand in an error by chance.
const LEAST_PIECE: usize = 6;

/// A secret. It shows itself to nobody but the channel that connects with it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever connects.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text of others, in which the secret or a piece of it may stand, without it.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut clean = text.replace(&self.0, HIDDEN);
        let pieces = self.0.split(['/', '?', '&', '=', ':', '@']);
        let host = self.host();
        for piece in pieces.filter(|it| it.len() >= LEAST_PIECE && Some(*it) != host) {
            clean = clean.replace(piece, HIDDEN);
        }
        clean
    }

    /// The host of an address.
    fn host(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        Some(host.split(':').next().unwrap_or(host))
    }
}

/// Of an address its scheme and host, of anything else nothing.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.host()) {
            (Some((scheme, _)), Some(host)) => write!(f, "{scheme}://{host}/{HIDDEN}"),
            _ => f.write_str(HIDDEN),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_where_it_leads_and_nothing_more() {
        let url = Secret::new(
            "https://user:hunter22@hooks.example.com:8443/services/T0/B0/tokentoken?k=v",
        );
        for shown in [format!("{url}"), format!("{url:?}"), serde_json::to_string(&url).unwrap()] {
            assert!(shown.contains("https://hooks.example.com/***"), "{shown}");
            assert!(!shown.contains("hunter") && !shown.contains("token"), "{shown}");
        }
        assert_eq!(Secret::new("hunter2").to_string(), "***");
        let said = url.scrub(
            "cannot reach hooks.example.com: bad uri /services/T0/B0/tokentoken?k=v of hunter22",
        );
        assert!(said.contains("hooks.example.com"), "{said}");
        assert!(!said.contains("hunter") && !said.contains("tokentoken"), "{said}");
    }
}

//! `[api]` of the configuration: the token, and what callers may take.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{ByteSize, TimeSpan};

/// How the API may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A file with the token that calls over TCP need which change something, and all calls at addresses
    /// that are not loopback. Made, with a random token, if it is not there. Without it nothing can be changed
    /// over TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Bytes of a request's body at most.
    pub max_body: ByteSize,
    /// How long a caller may take for the head of a request, and be silent between two.
    pub header_timeout: TimeSpan,
    /// How long a request may take, its body included.
    pub request_timeout: TimeSpan,
    /// How long a caller may take to read what is sent before it is cut off.
    pub write_timeout: TimeSpan,
    /// Connections over TCP at the same time, and as many over the unix socket; others wait.
    pub max_connections: usize,
    /// Of these, streams of events.
    pub max_streams: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token_file: None,
            max_body: ByteSize(256 << 10),
            header_timeout: TimeSpan(Duration::from_secs(10)),
            request_timeout: TimeSpan(Duration::from_secs(30)),
            write_timeout: TimeSpan(Duration::from_secs(20)),
            max_connections: 256,
            max_streams: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_says_little_leaves_the_rest_and_one_that_says_nonsense_is_refused() {
        let options: Options = toml::from_str("max_streams = 5\nmax_body = \"1M\"").unwrap();
        assert_eq!(options.max_body, ByteSize(1 << 20));
        assert_eq!(options.max_connections, Options::default().max_connections);
        assert!(toml::from_str::<Options>("max_stream = 5").is_err());
    }
}

//! What is wrong with the configuration, and where. The text of a file is not quoted: there may be
//! secrets in it.

use std::fmt;

/// A mistake. Printed as `WHERE: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file and line, the environment's variable, or the option.
    pub place: String,
    /// What is wrong, and what to write instead where that is known.
    pub message: String,
}

/// All mistakes that were found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(
    /// In the order of the layers.
    pub Vec<Fault>,
);

impl Fault {
    /// At this place.
    pub(super) fn new(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

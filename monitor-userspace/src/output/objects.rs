//! What looks at counted objects found, as part of a snapshot.

use schemars::JsonSchema;
use serde::Serialize;

use super::Timestamp;

/// Whether the objects that a process holds more and more of are used, and whether they are given back.
/// Objects that are leaked are held and not used again.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ObjectsLine {
    /// What they are, by the name that the snapshot counts them under.
    pub kind: String,
    /// When the last look was.
    pub at: Timestamp,
    /// Objects that were watched for half a minute and longer, the newest 256 at most, and whose use
    /// can be told.
    pub told: u32,
    /// What of these was not used.
    pub idle: u32,
    /// For how long their births and deaths were watched.
    pub watched_seconds: u64,
    /// Objects made in that time that lived to be seen.
    pub born: u32,
    /// Objects that were watched and were given back.
    pub died: u32,
    /// How many more there are than when that began.
    pub grown: f64,
    /// Share of objects that live longer than any that died (Kaplan and Meier's estimate).
    pub lasting: f64,
    /// Objects that have lived longer than any that died.
    pub beyond: u32,
    /// Plain files among those that are watched.
    pub files: u32,
    /// What of these is open more than once.
    pub repeated: u32,
}

//! Names of the maps and globals, as userspace asks for them.

/// Ring buffer of all records.
pub const EVENTS: &str = "EVENTS";
/// Per-CPU array of counters, indexed by [`crate::Counter`].
pub const COUNTERS: &str = "COUNTERS";
/// Hash of watched thread-group ids; the value has no meaning.
pub const WATCHED: &str = "WATCHED";
/// The [`crate::Settings`] global.
pub const SETTINGS: &str = "SETTINGS";

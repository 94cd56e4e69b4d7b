//! What was seen, kept in a file: an SQLite database that one thread writes and anybody may read. It hears
//! what the engine says and never the engine itself, and whatever becomes of the disk, observing goes on.
//!
//! - [`Options`]: the section `[history]` of the configuration
//! - [`History`]: the running history; it ends when it is dropped
//! - [`Store`]: the file as its one writer has it; [`Reader`]: as everybody else has it

mod aside;
mod codec;
mod error;
mod finding;
mod health;
mod hear;
mod keep;
mod measure;
mod past;
mod read;
mod roll;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::{path::PathBuf, time::Duration};

pub use error::StoreError;
pub use health::{Health, HistoryState};
pub use hear::hear;
pub use past::Since;
pub use read::{Kept, Of, Reader, Rows, Value};
use serde::{Deserialize, Serialize};
pub use store::Store;
pub use writer::{Handle, History};

use crate::config::{ByteSize, TimeSpan};

/// The file in the state directory.
pub const FILE: &str = "history.db";
/// Where the state is kept if nobody says.
pub const STATE_DIR: &str = "/var/lib/memwatch-ebpf";
/// Less would not hold the last hour of a small host.
pub const LEAST_BYTES: u64 = 8 << 20;

/// The section `[history]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether a history is kept.
    pub enabled: bool,
    /// The file.
    pub path: PathBuf,
    /// What it may take on disk, its write-ahead log aside; at least 8M. The finest and oldest goes first.
    pub max_bytes: ByteSize,
    /// For how long it is kept. Samples and steps of five minutes, which take most room, are kept half as
    /// long.
    pub keep: TimeSpan,
    /// How often the state of all processes is kept.
    pub interval: TimeSpan,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: true,
            path: PathBuf::from(STATE_DIR).join(FILE),
            max_bytes: ByteSize(1 << 30),
            keep: TimeSpan(Duration::from_hours(30 * 24)),
            interval: TimeSpan(Duration::from_secs(30)),
        }
    }
}

//! Real programs whose truth is known, for the judge: leakers, and healthy programs that look like
//! them. The catalogue names them, `start` brings them up, `record` keeps what the agent sees of them.

pub mod catalogue;
mod load;
mod record;
mod recording;
mod start;

use std::path::PathBuf;

pub use record::{Plan, record};
pub use recording::{Label, Recording, labels};
pub use start::{Running, Settings};

/// Where the recordings and their labels are kept.
pub fn recordings() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/recordings"))
}

//! Rules and the life of their findings. Pure.
//!
//! Growth rules: what a process holds climbs and does not come back, named after what climbs.

mod growth;
mod signal;
mod watched;

pub use growth::{Change, Growths, Report, Sample};
pub use signal::{Cause, Quanta, Signal, Values};

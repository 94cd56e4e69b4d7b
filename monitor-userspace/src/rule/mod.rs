//! Rules and the life of their findings. Pure.
//!
//! Until rules are data, there is one rule: memory of a process that climbs and does not come
//! back, named after where it climbs.

mod growth;

pub use growth::{Change, Growths, Report, Sample};

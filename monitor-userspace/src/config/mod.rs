//! Configuration: values with their units. Each part of the service defines its own section, strictly.

mod units;

pub use units::{ByteSize, TimeSpan};

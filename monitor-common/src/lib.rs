//! The contract between the kernel programs and userspace.
//!
//! Everything that crosses the kernel boundary is named here once: the records in the ring
//! buffer, the settings that userspace writes before the programs load, the counters the programs
//! keep, the names of the maps and every capacity. Both sides compile this crate, so they cannot
//! disagree; [`WIRE_VERSION`] stands in each record, so a recording made by another version is
//! refused instead of misread.
//!
//! Rules of the wire: records are `#[repr(C)]` without padding (the zerocopy derives prove it),
//! integers cross and enums do not ([`EventKind::from_raw`] is total), and each kind has a length
//! of its own so that small events stay small.
#![no_std]

pub mod counter;
pub mod limits;
pub mod map;
pub mod pod;
pub mod record;
pub mod settings;

pub use counter::Counter;
pub use record::{EventKind, Family, RawHeader};
pub use settings::{Offsets, Settings};

/// Version of every layout in this crate. Raised when a record or a setting changes shape.
pub const WIRE_VERSION: u16 = 3;

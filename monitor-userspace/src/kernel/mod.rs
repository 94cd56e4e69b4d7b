//! The kernel boundary: loads the programs, attaches them, drains their ring and reads their
//! counters. The only user of aya.

mod counters;
mod detach;
mod loader;
mod log;
mod ring;
mod table;

pub use counters::Counters;
pub use loader::{Kernel, KernelError};
pub use log::LogPump;
pub use ring::Ring;
pub use table::{PassError, TablePass};

//! The descriptors every process holds, from events and readings. Pure.
//!
//! Tables are entities of their own, keyed by the kernel's `files_struct`: threads and
//! `CLONE_FILES` share one, fork copies it, `unshare`, `CLOSE_RANGE_UNSHARE` and exec leave it. What
//! a descriptor names is an open file ([`Object`]), which lives until its last descriptor in any
//! table is closed, and takes the epoll watches on it along. Plain files are only counted: their
//! closing is not reported.

mod counts;
mod log;
mod members;
#[cfg(test)]
mod naming_tests;
mod object;
mod op;
mod reading;
mod table;
mod tables;
#[cfg(test)]
mod tests;

pub use counts::{DescriptorCounts, GroupCounts, TCP_STATES};
pub use members::Held;
use object::ObjectId;
pub use object::{Object, Objects};
pub use op::{FdOp, fd_ops};
pub use table::{Table, TableAccuracy};
pub use tables::{Maker, Tables};

//! One file per family. A program's name says family, call and moment.
//!
//! A release is stamped when the call starts and an acquisition when it returns, so that an
//! address or a descriptor another thread gets right after its release never looks like a double.

mod call;
mod descriptor;
mod memory;
mod process;
mod socket;
mod table;
mod timer;

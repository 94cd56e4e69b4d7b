//! One file per family. A program's name says family, call and moment.

mod memory;
mod process;

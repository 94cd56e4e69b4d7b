//! What every process holds, from events and readings. Pure: no I/O, no clock.
//!
//! Address spaces are entities of their own, keyed by the kernel's `mm_struct`; processes refer to
//! them, so that fork, vfork and `CLONE_VM` cost what they cost the kernel.

mod mappings;
mod oplog;
mod process;
mod space;
mod window;

pub use mappings::{Mapping, Mappings, Totals};
pub use oplog::{MemOp, OpLog};
pub use process::{Process, ProcessTable, Watch};
pub use space::{Accuracy, Applied, Space, SpaceKey, mem_op};

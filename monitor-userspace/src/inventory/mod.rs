//! What every process holds, from events and readings. Pure: no I/O, no clock.
//!
//! Address spaces are entities of their own, keyed by the kernel's `mm_struct`; processes refer to
//! them, so that fork, vfork and `CLONE_VM` cost what they cost the kernel.

mod descriptors;
mod load;
mod mappings;
mod oplog;
mod packed;
mod process;
mod segments;
mod space;
mod stacks;
mod timers;
mod window;

pub use descriptors::{
    DescriptorCounts, FdOp, GroupCounts, Held, Maker, Object, Objects, TCP_STATES, Table,
    TableAccuracy, Tables, fd_ops,
};
pub use load::{Load, Work};
pub use mappings::{Mapping, Mappings, Origin, Totals};
pub use oplog::{MemOp, OpLog};
pub use process::{Process, ProcessTable, Watch};
pub use segments::Segments;
pub use space::{Accuracy, Applied, Space, SpaceKey, mem_op};
pub use stacks::Stacks;
pub use timers::Timers;

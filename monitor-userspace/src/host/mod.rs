//! Asks the host: the only readers of /proc, /sys and the clocks. Every reader works below a root
//! path and returns facts; what they mean is decided elsewhere. Nothing here keeps state between
//! calls except buffers and the agent's own meter.

pub mod btf;
mod cgroup;
pub mod clock;
pub mod kernel;
mod own;
mod pressure;
pub mod procfs;
pub mod sock_diag;
mod terminal;

pub use self::btf::{Btf, BtfError, kernel_offsets};
pub use self::cgroup::Cgroups;
pub use self::kernel::{HostFacts, KernelError, mount_tracefs, syscall_events};
pub use self::own::own_descriptors;
pub use self::procfs::{Proc, ProcError, Scratch, SelfMeter, Want};
pub use self::terminal::terminal_rows;

//! Parts of the line of a process: what others wait for, or what it keeps from them.

use schemars::JsonSchema;
use serde::Serialize;

/// The queue of connections that wait for a program to accept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptQueue {
    /// Connections in it.
    pub waiting: u64,
    /// Most there may be: the lower of what listen(2) was given and net.core.somaxconn. Further
    /// clients are not answered.
    pub limit: u64,
}

/// Files on disks that were deleted while the process has them open: their space comes back only when
/// it closes them. Of the first 16,384 descriptors; what is in memory (tmpfs, memfds) or behind a
/// server is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeletedFiles {
    /// How many, each once.
    pub files: u64,
    /// What they take on disk. Of a file that several processes have open each shows all.
    pub disk_bytes: u64,
    /// The name that the largest had.
    pub largest_path: Option<String>,
    /// What that one takes on disk.
    pub largest_bytes: Option<u64>,
    /// Size of the file system that it is on.
    pub file_system_bytes: Option<u64>,
}

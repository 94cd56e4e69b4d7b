//! What is read of files that a process has open and that no name reaches any more.

use serde::{Deserialize, Serialize};

use super::ProcessId;

/// One look at the files of a process that were deleted while it has them open. Files in memory (tmpfs,
/// memfds, shared memory) are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedReading {
    /// Whose.
    pub process: ProcessId,
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// How many, each once however many descriptors name it.
    pub files: u64,
    /// What they take on disk, in bytes.
    pub disk_bytes: u64,
    /// The one that takes most.
    pub largest: Option<DeletedFile>,
    /// False when the process was gone or its descriptors are hidden: then the rest says nothing.
    pub found: bool,
}

/// A file that was deleted while it was open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedFile {
    /// The name it had, in the process's own view. Not safe to print.
    pub path: String,
    /// What it takes on disk, in bytes.
    pub disk_bytes: u64,
    /// Size of the file system that it is on, in bytes.
    pub file_system_bytes: u64,
}

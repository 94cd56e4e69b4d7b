//! Reading of one file below a process's directory into a buffer that lives on.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::ProcError;
use super::sockets::NetTables;
use super::users::Users;

/// Bytes that hold nearly every small file of /proc whole.
const SMALL_BYTES: usize = 4096;

/// Whose directory: a process's, or that of one of its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) pid: u32,
    pub(super) tid: Option<u32>,
}

impl Target {
    pub(super) const fn process(pid: u32) -> Self {
        Self { pid, tid: None }
    }

    /// A file or directory below it, for what is read seldom.
    pub(super) fn path(self, root: &Path, parts: &[&str]) -> PathBuf {
        let mut path = root.join(self.pid.to_string());
        if let Some(tid) = self.tid {
            path.push("task");
            path.push(tid.to_string());
        }
        path.extend(parts);
        path
    }
}

/// Buffers of a reader of /proc, used again for each file. One for each thread that reads.
#[derive(Debug, Default)]
pub struct Scratch {
    path: OsString,
    small: Vec<u8>,
    long: Vec<u8>,
    /// Of an address space being read; stays empty in a reader that never reads one.
    pub(super) large: Vec<u8>,
    /// Of the network namespaces that were looked at last.
    pub(super) nets: NetTables,
    /// Names of users.
    pub(super) users: Users,
}

impl Scratch {
    /// The first `limit` bytes of a file; `None` when its process is gone.
    pub(super) fn read(
        &mut self,
        root: &Path,
        target: Target,
        file: &str,
        limit: usize,
    ) -> Result<Option<&[u8]>, ProcError> {
        self.aim(root, target, file);
        match read_start(Path::new(&self.path), &mut self.small, limit) {
            Ok(len) => Ok(Some(&self.small[..len])),
            Err(error) if is_gone(&error) => Ok(None),
            Err(source) => Err(self.read_error(source)),
        }
    }

    /// As [`Self::read`], of a file that the kernel makes in pieces or that may be long.
    pub(super) fn read_long(
        &mut self,
        root: &Path,
        target: Target,
        file: &str,
        limit: usize,
    ) -> Result<Option<&[u8]>, ProcError> {
        self.aim(root, target, file);
        // A long file must not stay in memory after its reading.
        self.long = Vec::new();
        match read_whole(Path::new(&self.path), &mut self.long, limit) {
            Ok(()) => Ok(Some(&self.long)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(source) => Err(self.read_error(source)),
        }
    }

    /// Sets the path of the file that is read next, and that errors name.
    pub(super) fn aim(&mut self, root: &Path, target: Target, file: &str) {
        self.path.clear();
        self.path.push(root);
        // Writing to a string in memory cannot fail.
        let _infallible = match target.tid {
            None => write!(self.path, "/{}/{file}", target.pid),
            Some(tid) => write!(self.path, "/{}/task/{tid}/{file}", target.pid),
        };
    }

    /// Opens the file aimed at.
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(Path::new(&self.path))
    }

    /// What there is to know of the file aimed at without opening it.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        std::fs::metadata(Path::new(&self.path))
    }

    /// The error that the file aimed at could not be read.
    pub(super) fn read_error(&self, source: io::Error) -> ProcError {
        ProcError::Read { path: PathBuf::from(&self.path), source }
    }

    /// The error that the file aimed at could not be understood.
    pub(super) fn parse_error(&self, what: &'static str) -> ProcError {
        ProcError::Parse { path: PathBuf::from(&self.path), what }
    }
}

/// Reads a file of /proc into `buffer`, which grows as needed up to `limit` bytes. The kernel makes
/// such a file in one piece, so that a read which leaves room has reached its end.
pub(in crate::host) fn read_start(
    path: &Path,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut len = 0;
    if buffer.is_empty() {
        buffer.resize(SMALL_BYTES, 0);
    }
    loop {
        if len == buffer.len() {
            if len >= limit {
                break;
            }
            buffer.resize(len * 2, 0);
        }
        let read = read_some(&mut file, &mut buffer[len..])?;
        len += read;
        if read == 0 || len < buffer.len() {
            break;
        }
    }
    Ok(len.min(limit))
}

/// Reads a file that the kernel makes in pieces of whole lines, so that only the read which gives
/// nothing has reached its end.
pub(super) fn read_whole(path: &Path, buffer: &mut Vec<u8>, limit: usize) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.take(limit as u64).read_to_end(buffer)?;
    Ok(())
}

/// One read, repeated when a signal interrupts it.
pub(super) fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether an error says that the process has ended: before the file was opened, or after.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

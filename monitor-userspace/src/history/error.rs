//! Why the history cannot be opened or written, in words for whoever has to mend it.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

/// Why the history cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says so.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system says so.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which file or directory.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// What is in the file makes no sense.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A newer version of the agent wrote it.
    #[error("{path} was written by a newer version of the agent (tables of version {found})", path = path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
    },
}

impl StoreError {
    /// Whether the file itself is broken, so that only another one helps.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(_) => {
                matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            Self::File { .. } | Self::Newer { .. } => false,
        }
    }

    /// Whether the open file will stay like this: its file system went read-only, failed, or went away, and
    /// what is mounted there now has to be opened anew.
    pub(super) fn wants_reopening(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
        )
    }

    /// What is wrong with the file at `path` and what helps, in a sentence.
    pub fn in_words(&self, path: &Path) -> String {
        let path = path.display();
        let because = self.to_string();
        match self.code() {
            Some(ErrorCode::DiskFull) => {
                format!("{path}: no space is left on its disk; make room there ({because})")
            }
            Some(ErrorCode::ReadOnly) => format!(
                "{path}: it or its disk is read-only; mount it for writing, or look at its owner and \
                 mode ({because})"
            ),
            Some(ErrorCode::SystemIoFailure) => format!(
                "{path}: its disk fails or is read-only; the kernel's log says more ({because})"
            ),
            Some(ErrorCode::CannotOpen) => format!(
                "{path}: it cannot be opened for writing; its disk may be read-only, or its owner or \
                 mode wrong ({})",
                first_line(&because)
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("{path}: another program keeps it locked ({because})")
            }
            _ => match self {
                Self::Sqlite(_) | Self::Damaged(_) => format!("{path}: {because}"),
                Self::File { path, error } => of_file(path, error),
                Self::Newer { .. } => {
                    format!("{because}; move it away, or update the agent")
                }
            },
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        }
    }
}

/// SQLite puts the path behind some of its messages, which has been said.
fn first_line(because: &str) -> &str {
    because.split(": ").next().unwrap_or(because)
}

fn of_file(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{path}: no space is left on its disk; make room there")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("{path}: its disk is read-only; mount it for writing")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{path}: the agent may not write there; look at its owner and mode")
        }
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            format!("{path}: a file stands where a folder should be; move it away")
        }
        _ => format!("{path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_helps_is_said_beside_what_is_wrong() {
        let sqlite = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::from(error).in_words(Path::new("/state/history.db"))
        };
        for (code, words) in [
            (ffi::SQLITE_FULL, "make room"),
            (ffi::SQLITE_READONLY, "read-only"),
            (ffi::SQLITE_IOERR_WRITE, "fails or is read-only"),
            (ffi::SQLITE_CANTOPEN, "owner or mode"),
            (ffi::SQLITE_BUSY, "another program"),
        ] {
            let said = sqlite(code);
            assert!(said.starts_with("/state/history.db: ") && said.contains(words), "{said}");
        }
        let file = |kind| {
            let path = PathBuf::from("/state");
            StoreError::File { path, error: io::Error::from(kind) }.in_words(Path::new("/other"))
        };
        for (kind, words) in [
            (io::ErrorKind::StorageFull, "make room"),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
            (io::ErrorKind::PermissionDenied, "may not write"),
            (io::ErrorKind::NotADirectory, "a file stands"),
        ] {
            let said = file(kind);
            assert!(said.starts_with("/state: ") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn only_another_opening_helps_where_the_disk_failed_or_became_another() {
        let of =
            |code| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(of(ffi::SQLITE_IOERR_FSYNC).wants_reopening());
        assert!(of(ffi::SQLITE_READONLY_DBMOVED).wants_reopening());
        assert!(!of(ffi::SQLITE_FULL).wants_reopening());
        assert!(!of(ffi::SQLITE_BUSY).wants_reopening());
    }
}

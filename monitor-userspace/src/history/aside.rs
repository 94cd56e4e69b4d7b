//! Files of the history: made where there are none, set aside where they are damaged.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::StoreError;
use crate::output::Timestamp;

/// Set-aside files that are kept; older ones go.
const KEPT_ASIDE: usize = 2;

/// Makes the directory and an empty file that only its owner reads; SQLite gives its log the same mode.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |path: &Path, error| StoreError::File { path: path.to_owned(), error };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {
            // That the file is there must outlive a power cut. SQLite sees to it for files that it makes; like
            // it we go on where a file system cannot.
            let dir = path.parent().and_then(|dir| fs::File::open(dir).ok());
            let _ = dir.map(|dir| dir.sync_all());
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Renames a damaged file and what belongs to it, so that a new one can take its place; its new name.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let at = now.to_string();
    let stamp: String = at.chars().take(19).filter(|it| !matches!(it, '-' | ':')).collect();
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let aside = beside(&format!(".damaged-{stamp}Z"));
    fs::rename(path, &aside).map_err(|error| StoreError::File { path: path.to_owned(), error })?;
    for end in ["-wal", "-shm"] {
        let mut name = aside.as_os_str().to_owned();
        name.push(end);
        // Not every file has a log.
        let _ = fs::rename(beside(end), name);
    }
    forget_older(path);
    Ok(aside)
}

/// Damaged files are kept to be looked at, not for ever.
fn forget_older(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|it| it.to_str()))
    else {
        return;
    };
    let prefix = format!("{name}.damaged-");
    let is_ours = |it: &PathBuf| {
        it.file_name()
            .and_then(|it| it.to_str())
            .is_some_and(|it| it.starts_with(&prefix) && it.ends_with('Z'))
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut aside: Vec<PathBuf> = entries.map(|it| it.path()).filter(is_ours).collect();
    aside.sort();
    for old in aside.iter().rev().skip(KEPT_ASIDE) {
        for end in ["", "-wal", "-shm"] {
            let mut name = old.as_os_str().to_owned();
            name.push(end);
            let _ = fs::remove_file(name);
        }
    }
}

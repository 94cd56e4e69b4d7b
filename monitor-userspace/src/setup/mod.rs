//! Installing the service: what would be made is a plan first, which is shown, asked about, carried
//! out, and remembered, so that only what was made is ever taken away.

mod made;
mod plan;
mod unit;

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
pub use made::{Made, Removal, remove};
pub use plan::{Facts, Plan, Step, plan};
pub use unit::{GROUP, UNIT_NAME, unit_text};

/// Where things go: below the root directory, or that of an image.
#[derive(Clone, Debug)]
pub struct Places {
    /// Of the configuration.
    pub config: PathBuf,
    /// Of the unit.
    pub unit: PathBuf,
    /// Of what the agent keeps.
    pub state: PathBuf,
}

impl Places {
    /// Below this directory.
    pub fn below(root: &Path) -> Self {
        Self {
            config: root.join("etc/memwatch-ebpf"),
            unit: root.join("etc/systemd/system").join(UNIT_NAME),
            state: root.join("var/lib/memwatch-ebpf"),
        }
    }
}

/// Writes a file so that there is the old text or the new one, never a part: beside it, then renamed.
/// Owner and mode stay as they were.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    // What a link names is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = fs::metadata(&path).ok();
    let mode = before.as_ref().map_or(0o640, |meta| meta.permissions().mode() & 0o7777);
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = written_beside(&beside, mode, text, before.as_ref());
    let placed = written.and_then(|()| fs::rename(&beside, &path));
    if placed.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&beside);
    }
    placed.with_context(|| format!("write {}", path.display()))
}

/// Writes a file that must not be there yet.
pub fn write_new(path: &Path, mode: u32, text: &str) -> Result<()> {
    written_beside(path, mode, text, None).with_context(|| format!("write {}", path.display()))
}

fn written_beside(
    beside: &Path,
    mode: u32,
    text: &str,
    before: Option<&fs::Metadata>,
) -> io::Result<()> {
    if let Some(dir) = beside.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    if let Some(before) = before {
        // Who may not give it away keeps it.
        let _ = chown(beside, Some(before.uid()), Some(before.gid()));
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

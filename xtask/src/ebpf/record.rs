//! BUILD.json: what the committed object was built from and with.
//!
//! It holds nothing that changes from one machine or day to another, so building twice gives the
//! same file. Reads the sources; writes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Toolchain;

/// Everything of ours that goes into the object. Directories are taken whole.
const SOURCES: &[&str] = &[
    "monitor-common/Cargo.toml",
    "monitor-common/src",
    "monitor-ebpf/Cargo.toml",
    "monitor-ebpf/build.rs",
    "monitor-ebpf/src",
];

/// Crates of others whose version decides what the kernel gets.
const CRATES: &[&str] = &["aya-ebpf", "aya-log-ebpf"];

#[derive(Serialize, Deserialize)]
pub(super) struct BuildRecord {
    pub(super) object_sha256: String,
    pub(super) source_sha256: String,
    pub(super) toolchain: Toolchain,
    /// Name and version as in Cargo.lock.
    pub(super) crates: BTreeMap<String, String>,
}

impl BuildRecord {
    pub(super) fn new(root: &Path, toolchain: Toolchain, object: &[u8]) -> Result<Self> {
        let lock = root.join("Cargo.lock");
        let lock = fs::read_to_string(&lock)
            .with_context(|| format!("failed to read {}", lock.display()))?;
        Ok(Self {
            object_sha256: sha256_hex(object),
            source_sha256: source_sha256(root)?,
            toolchain,
            crates: locked_versions(&lock, CRATES),
        })
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        Ok(serde_json::from_slice(json)?)
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// One hash over the names and contents of all sources, in the order of their names.
fn source_sha256(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
        let content =
            fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
        // Lengths first, or moving a byte from one file to the next would go unseen.
        hash.update(format!("{} {name} {}\n", name.len(), content.len()));
        hash.update(&content);
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Adds `path`, or the Rust files below it; what an editor left behind is not a source. A path
/// that does not exist adds nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        if path.is_file() {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    let failed = || format!("failed to list {}", path.display());
    for entry in fs::read_dir(path).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
            collect(&path, files)?;
        }
    }
    Ok(())
}

/// The versions of `names` in the text of a Cargo.lock, which puts `version` after `name`.
fn locked_versions(lock: &str, names: &[&str]) -> BTreeMap<String, String> {
    let value = |line: &str, key: &str| {
        Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
    };
    let lines: Vec<&str> = lock.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| Some((value(pair[0], "name")?, value(pair[1], "version")?)))
        .filter(|(name, _)| names.contains(&name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_named_crates_only() {
        let lock = "[[package]]\nname = \"aya\"\nversion = \"0.14.0\"\n\n[[package]]\n\
                    name = \"aya-ebpf\"\nversion = \"0.2.1\"\nsource = \"registry\"\n";
        let versions = locked_versions(lock, &["aya-ebpf", "aya-log-ebpf"]);
        assert_eq!(versions, BTreeMap::from([("aya-ebpf".to_owned(), "0.2.1".to_owned())]));
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256_hex(b""), empty);
    }
}

//! Limits that a load needs raised, and that are put back.

use std::fs;
use std::path::PathBuf;

use crate::sh;
use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A setting of the kernel that is put back when this goes.
pub(super) struct Sysctl {
    path: PathBuf,
    before: String,
}

impl Sysctl {
    /// Raises a number, unless it is high enough.
    pub(super) fn raise(path: &str, wanted: u64) -> Result<Self> {
        let before = fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        let now: u64 = before.trim().parse().with_context(|| format!("{path} is no number"))?;
        // Ctrl-C ends the load and the agent, but not us before the setting is put back.
        sh::survive_interrupt()?;
        let guard = Self { path: path.into(), before };
        if now < wanted {
            fs::write(path, wanted.to_string()).with_context(|| format!("failed to set {path}"))?;
        }
        Ok(guard)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.before) {
            let (path, before) = (self.path.display(), self.before.trim());
            eprintln!("bench: put {path} back to {before} by hand: {error}");
        }
    }
}

/// How many files the children of this process may open, put back when this goes.
pub(super) struct OpenFiles {
    soft: u64,
    hard: u64,
}

impl OpenFiles {
    /// Raises the hard limit, up to which a child may raise its own; `None` where this process may
    /// not (it needs CAP_SYS_RESOURCE).
    pub(super) fn raise(wanted: u64) -> Result<Option<Self>> {
        let (soft, hard) =
            getrlimit(Resource::RLIMIT_NOFILE).context("failed to read the limit of open files")?;
        let may_open = hard >= wanted || setrlimit(Resource::RLIMIT_NOFILE, soft, wanted).is_ok();
        Ok(may_open.then_some(Self { soft, hard }))
    }
}

impl Drop for OpenFiles {
    fn drop(&mut self) {
        // Ours alone; it ends with this process anyway.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_raised_is_put_back() {
        let path = std::env::temp_dir().join(format!("memwatch-sysctl-{}", std::process::id()));
        let read = || fs::read_to_string(&path).unwrap();
        fs::write(&path, "7\n").unwrap();
        let name = path.to_str().unwrap();
        let guard = Sysctl::raise(name, 8).unwrap();
        assert_eq!(read(), "8");
        drop(guard);
        assert_eq!(read(), "7\n");
        drop(Sysctl::raise(name, 6).unwrap());
        assert_eq!(read(), "7\n");
        fs::remove_file(&path).unwrap();
    }
}

//! Mutants of operations: a copy of the repository in which one snippet after another is replaced,
//! and the unit tests of the agent's library that should not survive it.
//!
//! The tables are data in `inventory.rs` and `space.rs`: a row says in words what would be wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::ask::{Fate, ask};
use super::{descriptors, inventory, resources, space};
use crate::{sh, testbin};

/// The tests take seconds; a mutant may well never end.
const TEST_LIMIT: Duration = Duration::from_mins(2);

/// One way to break the agent.
pub(super) struct Operation {
    /// What is wrong then, in words.
    pub(super) name: &'static str,
    /// File below `monitor-userspace/src`.
    pub(super) file: &'static str,
    /// What stands there, exactly once, outside the tests of the file.
    pub(super) snippet: &'static str,
    /// What stands there instead.
    pub(super) replacement: &'static str,
    /// Tests that are asked: parts of their names, any of which is enough.
    pub(super) tests: &'static [&'static str],
}

/// Every row there is.
fn all() -> impl Iterator<Item = &'static Operation> {
    inventory::OPERATIONS
        .iter()
        .chain(space::OPERATIONS)
        .chain(descriptors::OPERATIONS)
        .chain(resources::MADE)
        .chain(resources::OPERATIONS)
}

pub(super) fn run(
    is_wanted: impl Fn(&str) -> bool,
    note: &mut dyn FnMut(&str, &Fate),
) -> Result<()> {
    let wanted: Vec<&Operation> = all().filter(|operation| is_wanted(operation.name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let scratch = Scratch::make()?;
    // What fails unbroken says nothing of any mutant.
    let tests: Vec<&str> = wanted.iter().flat_map(|operation| operation.tests).copied().collect();
    if let Fate::Killed(by) = scratch.test(&tests)? {
        bail!("{by} fails without any mutation; mend that first");
    }
    for operation in wanted {
        let fate =
            scratch.try_out(operation).with_context(|| format!("mutant `{}`", operation.name))?;
        note(operation.name, &fate);
    }
    Ok(())
}

/// A copy of the repository to break, with a target directory of its own.
struct Scratch {
    source: PathBuf,
    target: PathBuf,
}

impl Scratch {
    /// Copies what git tracks, as it stands on disk.
    fn make() -> Result<Self> {
        let dir = sh::target_dir()?.join("mutate");
        let scratch = Self { source: dir.join("src"), target: dir.join("target") };
        if scratch.source.exists() {
            fs::remove_dir_all(&scratch.source).context("failed to remove the last copy")?;
        }
        let root = sh::root()?;
        let list = sh::output(Command::new("git").arg("ls-files").current_dir(&root))?;
        for file in list.lines().filter(|file| root.join(file).is_file()) {
            copy(&root.join(file), &scratch.source.join(file))?;
        }
        Ok(scratch)
    }

    /// Breaks one thing, asks the tests, and mends it again.
    fn try_out(&self, operation: &Operation) -> Result<Fate> {
        let path = self.source.join("monitor-userspace/src").join(operation.file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let broken = replaced(&text, operation)?;
        let write = |text: &str| {
            fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
        };
        write(&broken)?;
        let fate = self.test(operation.tests);
        write(&text)?;
        fate
    }

    /// Compiles and runs the unit tests that match any of `names`.
    fn test(&self, names: &[&str]) -> Result<Fate> {
        let mut build = sh::cargo()?;
        build
            .current_dir(&self.source)
            .args(["test", "--quiet", "--locked", "--package", "monitor-userspace", "--lib"])
            // Compiling is most of the time: only the crate that changes is left slow.
            .args(["--config", "profile.dev.package.monitor-userspace.opt-level=0"])
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_TARGET_DIR", &self.target)
            // Nobody debugs a mutant, and what is left unused by breaking is no news.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUSTFLAGS", "--cap-lints=allow");
        let binaries = testbin::build(&mut build).context("the mutant does not compile")?;
        let [binary] = binaries.as_slice() else {
            bail!("{} test executables where there should be one", binaries.len());
        };
        let mut tests = Command::new(&binary.path);
        tests.args(names).current_dir(self.source.join("monitor-userspace"));
        // That it fails is all that is asked, not the smallest case in which it does.
        tests.env("PROPTEST_MAX_SHRINK_ITERS", "0");
        ask(&mut tests, &self.target.join("output"), TEST_LIMIT)
    }
}

/// The text with the snippet replaced; an error unless the code has it exactly once.
fn replaced(text: &str, operation: &Operation) -> Result<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let count = code.matches(operation.snippet).count();
    if count != 1 {
        bail!("{} has the snippet {count} times: {}", operation.file, operation.snippet);
    }
    Ok(text.replacen(operation.snippet, operation.replacement, 1))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("failed to copy to {}", to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Whoever changes the code finds out here that a mutant has lost its place.
    #[test]
    fn every_snippet_stands_in_the_code_exactly_once() {
        let sources = sh::root().unwrap().join("monitor-userspace/src");
        let mut lost = Vec::new();
        for operation in all() {
            let text = fs::read_to_string(sources.join(operation.file)).unwrap();
            match replaced(&text, operation) {
                Ok(broken) => assert_ne!(broken, text, "{}", operation.name),
                Err(error) => lost.push(format!("{}: {error}", operation.name)),
            }
        }
        assert!(lost.is_empty(), "{}", lost.join("\n"));
    }

    #[test]
    fn no_two_mutants_have_one_name() {
        let names: BTreeSet<_> = all().map(|operation| operation.name).collect();
        assert_eq!(names.len(), all().count());
    }
}

//! `cargo xtask web`: the page that is committed as it is served, and the proof that it is the one its
//! sources give.
//!
//! Only people who change the page need node, because what is built is in the repository
//! (`monitor-userspace/web/dist/`). `--check` builds it again, elsewhere, and compares every byte.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{setup, sh};

#[derive(Args)]
pub(crate) struct Options {
    /// Change nothing: test the page, build it again and compare with what is committed
    #[arg(long)]
    pub(crate) check: bool,
}

/// What is to be done when the committed page is not what it should be.
const REBUILD: &str = "run `cargo xtask web` and commit monitor-userspace/web/dist/";

pub(crate) fn web(options: &Options) -> Result<()> {
    if options.check { check().map(drop) } else { update() }
}

/// Where the sources of the page are.
pub(crate) fn dir() -> Result<PathBuf> {
    Ok(sh::root()?.join("monitor-userspace/web"))
}

/// Installs exactly the packages that are locked; none of their scripts runs.
pub(crate) fn packages() -> Result<()> {
    setup::web()?;
    let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    let mut install = npm()?;
    install.args(quiet).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    sh::run(&mut install).context("the packages of the page are missing")
}

/// npm in the folder of the page.
pub(crate) fn npm() -> Result<Command> {
    let mut npm = Command::new("npm");
    npm.current_dir(dir()?);
    Ok(npm)
}

fn update() -> Result<()> {
    packages()?;
    sh::run(npm()?.args(["run", "--silent", "build"]))
}

/// Whether it was done; else why not, on a machine that is no CI.
pub(crate) fn check() -> Result<Option<String>> {
    match packages() {
        Ok(()) => {}
        Err(error) if env::var_os("CI").is_some() => return Err(error),
        Err(error) => {
            println!("web: not built again, so not compared: {error:#}");
            return Ok(Some(format!("{error:#}")));
        }
    }
    sh::run(npm()?.args(["test", "--silent"]))?;
    let built = sh::target_dir()?.join("web");
    sh::run(
        npm()?.args(["run", "--silent", "build", "--", "--emptyOutDir", "--outDir"]).arg(&built),
    )?;
    same(&files(&dir()?.join("dist"))?, &files(&built)?)?;
    Ok(None)
}

/// Every file below a folder, by its path there.
fn files(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![dir.to_owned()];
    while let Some(next) = rest.pop() {
        let entries = fs::read_dir(&next)
            .with_context(|| format!("failed to read {}", next.display()))
            .context(REBUILD)?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                rest.push(path);
                continue;
            }
            let bytes =
                fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
            found.insert(path.strip_prefix(dir)?.to_owned(), bytes);
        }
    }
    Ok(found)
}

fn same(committed: &BTreeMap<PathBuf, Vec<u8>>, built: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let names = committed.keys().chain(built.keys());
    let mut differing: Vec<String> = names
        .filter(|name| committed.get(*name) != built.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    differing.sort();
    differing.dedup();
    if differing.is_empty() {
        println!("web: built again, byte for byte the committed page ({} files)", built.len());
        return Ok(());
    }
    bail!("the committed page is not what its sources give ({}); {REBUILD}", differing.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_differs_names_the_files() {
        let page = |files: &[(&str, &[u8])]| {
            files.iter().map(|(name, bytes)| (PathBuf::from(name), bytes.to_vec())).collect()
        };
        let one = page(&[("index.html", b"a"), ("assets/x.js", b"b")]);
        assert!(same(&one, &one).is_ok());
        let other = page(&[("index.html", b"a"), ("assets/y.js", b"b")]);
        let error = format!("{:#}", same(&one, &other).unwrap_err());
        assert!(error.contains("(assets/x.js assets/y.js)"), "{error}");
        assert!(error.contains("cargo xtask web"), "{error}");
    }
}

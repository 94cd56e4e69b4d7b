//! Kernels to boot: Debian packages, downloaded and unpacked below the target directory, never
//! installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::sh;

/// A line of kernels that Debian keeps up to date.
pub(super) struct Series {
    pub(super) name: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

pub(super) const SERIES: [Series; 2] = [
    Series { name: "6.1", prefix: "linux-image-6.1.", suffix: "-cloud-amd64-unsigned" },
    Series { name: "6.12", prefix: "linux-image-6.12.", suffix: "+deb12-cloud-amd64-unsigned" },
];

/// Names that stay in apt's lists after their package is gone from the archive.
const MOST_TRIED: usize = 3;

/// The newest kernel of a series, ready to boot.
pub(super) fn fetch(series: &Series, dir: &Path) -> Result<PathBuf> {
    let mut names = Command::new("apt-cache");
    let names = sh::output(names.args(["pkgnames", series.prefix]))?;
    let packages = newest_first(series, &names);
    if packages.is_empty() {
        bail!(
            "apt knows no {}*{}; these are Debian 12's, and `apt-get update` may help",
            series.prefix,
            series.suffix
        );
    }
    let mut last = None;
    for package in packages.into_iter().take(MOST_TRIED) {
        match unpacked(package, dir) {
            Ok(image) => return Ok(image),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no package was tried")?)
}

/// Those of the names that are kernels of this series, the newest first.
fn newest_first<'a>(series: &Series, names: &'a str) -> Vec<&'a str> {
    let fits = |name: &&str| name.starts_with(series.prefix) && name.ends_with(series.suffix);
    let mut packages: Vec<&str> = names.lines().filter(fits).collect();
    packages.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    packages
}

/// The numbers in a name, in order: what makes 6.1.0-100 newer than 6.1.0-56.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The kernel image of a package, which is downloaded unless it was before.
fn unpacked(package: &str, dir: &Path) -> Result<PathBuf> {
    let tree = dir.join(package);
    if let Ok(image) = image(&tree) {
        return Ok(image);
    }
    let downloads = dir.join(format!("{package}.download"));
    fs::create_dir_all(&downloads)
        .with_context(|| format!("failed to create {}", downloads.display()))?;
    println!("vm: downloading {package}");
    let mut apt = Command::new("apt-get");
    // As root, apt would drop to a user who may not write here.
    apt.args(["--quiet=2", "-o", "APT::Sandbox::User=root", "download", package]);
    sh::run(apt.current_dir(&downloads))?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|end| end == "deb");
    let deb = entries(&downloads)?.into_iter().find(is_package);
    let deb = deb.with_context(|| format!("apt-get left no package in {}", downloads.display()))?;
    sh::run(Command::new("dpkg").arg("-x").arg(&deb).arg(&tree))?;
    fs::remove_dir_all(&downloads)
        .with_context(|| format!("failed to remove {}", downloads.display()))?;
    image(&tree)
}

/// The kernel image in an unpacked package.
fn image(tree: &Path) -> Result<PathBuf> {
    let is_image = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    };
    let boot = tree.join("boot");
    entries(&boot)?
        .into_iter()
        .find(is_image)
        .with_context(|| format!("there is no kernel in {}", boot.display()))
}

/// These modules of the package that an image is of.
pub(super) fn modules(image: &Path, names: &[&str]) -> Result<Vec<PathBuf>> {
    let tree = image.ancestors().nth(2).context("a kernel that is in no package")?;
    let mut find = Command::new("find");
    let found = sh::output(find.arg(tree.join("lib/modules")).args(["-name", "*.ko"]))?;
    let of = |name: &&str| {
        let file = format!("/{name}.ko");
        let path = found.lines().find(|path| path.ends_with(&file));
        path.map(PathBuf::from).with_context(|| format!("{} has no {name}", tree.display()))
    };
    names.iter().map(of).collect()
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
    Ok(read.flatten().map(|entry| entry.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_by_number_and_of_its_own_series() {
        let names = "linux-image-6.12.99+deb12-cloud-amd64-unsigned
linux-image-6.12.117+deb12-cloud-amd64-unsigned
linux-image-6.12.118-cloud-amd64-unsigned
linux-image-6.1.0-56-cloud-amd64-unsigned
linux-image-6.1.0-100-cloud-amd64-unsigned
linux-image-6.1.0-101-cloud-amd64
";
        let first = |series: &Series| newest_first(series, names)[0];
        assert_eq!(first(&SERIES[0]), "linux-image-6.1.0-100-cloud-amd64-unsigned");
        assert_eq!(first(&SERIES[1]), "linux-image-6.12.117+deb12-cloud-amd64-unsigned");
    }
}

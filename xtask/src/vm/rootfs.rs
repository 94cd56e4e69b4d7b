//! The machine's file system: busybox, the agent, the tests, what they watch, and the libraries
//! all of these were linked with. Its init is `init.sh`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Tests;
use super::archive::Archive;
use crate::sh;
use crate::testbin::{self, TestBinary};

const INIT: &str = include_str!("init.sh");
/// Replaced in [`INIT`] by one line for each test executable.
const TESTS_HERE: &str = "#TESTS#";

/// The applet is another program than the one the tests know by that name.
const NOT_OURS: &[&str] = &["setpriv", "busybox"];

/// The last three are watched by tests.
/// How the line of a source starts that names more options of gcc.
const GCC_OPTIONS: &str = "// gcc: ";

const DIRECTORIES: &[&str] = &["proc", "sys", "dev", "tmp", "run", "root", "etc", "usr", "var"];

/// Programs of this machine that the tests start in that one.
const PROGRAMS: &[&str] = &["strace", "setpriv", "redis-server", "bpftool", "prlimit"];

/// Who has a name there.
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n";

/// How many seeds of a random test are tried, unless all are.
const SEEDS: u32 = 4;

/// Compiles what is missing and writes the file system; returns where.
pub(super) fn build(dir: &Path, agent: &Path, tests: &[Tests<'_>], full: bool) -> Result<PathBuf> {
    let mut cargo = sh::cargo()?;
    cargo.args(["test", "--quiet", "--locked", "--package", "memwatch-tests"]);
    let binaries = testbin::build(&mut cargo)?;

    let mut archive = Archive::default();
    for directory in DIRECTORIES {
        archive.directory(directory);
    }
    busybox(&mut archive)?;
    let mut linked: Vec<(String, PathBuf)> = vec![("bin/memwatch-ebpf".into(), agent.to_owned())];
    for name in PROGRAMS {
        let program = find(name).with_context(|| format!("{name} is not on the path"))?;
        linked.push((format!("bin/{name}"), program));
    }
    for (name, _) in tests {
        linked.push((format!("tests/{name}"), executable(&binaries, name)?));
    }
    for (name, path) in workloads(&dir.join("workloads"))? {
        linked.push((format!("workloads/{name}"), path));
    }
    for (inside, path) in &linked {
        archive.file(inside, &read(path)?);
    }
    for library in libraries(linked.iter().map(|(_, path)| path.as_path()))? {
        archive.file(&library, &read(Path::new(&library))?);
    }
    archive.file("etc/passwd", PASSWD.as_bytes());
    archive.file("init", init(tests, full).as_bytes());
    let file = dir.join("initramfs.cpio");
    fs::write(&file, archive.finish())
        .with_context(|| format!("failed to write {}", file.display()))?;
    Ok(file)
}

/// A program on the path, or where only root's path leads.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let of_root = Path::new("/usr/sbin").join(name);
    sh::find_on_path(name).or_else(|| Some(of_root).filter(|path| path.is_file()))
}

/// A shell and the small programs it needs, all in one.
pub(super) fn busybox(archive: &mut Archive) -> Result<()> {
    let program = sh::find_on_path("busybox").context("busybox is not on the path")?;
    archive.file("bin/busybox", &read(&program)?);
    let applets = sh::output(Command::new(&program).arg("--list"))?;
    for applet in applets.lines().filter(|applet| !NOT_OURS.contains(applet)) {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    Ok(())
}

fn executable(binaries: &[TestBinary], name: &str) -> Result<PathBuf> {
    let binary = binaries.iter().find(|binary| binary.name == name);
    Ok(binary.with_context(|| format!("there is no test executable {name}"))?.path.clone())
}

/// Compiles the C programs that the tests watch, as the tests would.
pub(super) fn workloads(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))?;
    let sources = sh::root()?.join("tests/workloads");
    let listed =
        fs::read_dir(&sources).with_context(|| format!("failed to read {}", sources.display()))?;
    let mut compiled = Vec::new();
    for source in listed.flatten().map(|entry| entry.path()) {
        if source.extension().is_none_or(|end| end != "c") {
            continue;
        }
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let program = dir.join(&name);
        let text = fs::read_to_string(&source)
            .with_context(|| format!("failed to read {}", source.display()))?;
        let more = text.lines().find_map(|line| line.strip_prefix(GCC_OPTIONS)).unwrap_or_default();
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]);
        sh::run(gcc.args(more.split_whitespace()).arg("-o").arg(&program).arg(&source))?;
        compiled.push((name, program));
    }
    Ok(compiled)
}

/// The libraries that these programs load, and their loader, by absolute path.
pub(super) fn libraries<'a>(programs: impl Iterator<Item = &'a Path>) -> Result<BTreeSet<String>> {
    let mut libraries = BTreeSet::new();
    for program in programs {
        let mut ldd = Command::new("ldd");
        let output = ldd.arg(program).output().context("failed to run ldd")?;
        // It fails for a program that needs none.
        libraries.extend(paths_of(&String::from_utf8_lossy(&output.stdout)));
    }
    Ok(libraries)
}

/// The absolute path in each line like `libc.so.6 => /lib/libc.so.6 (0x7f…)`.
fn paths_of(ldd: &str) -> impl Iterator<Item = String> + '_ {
    let path = |line: &str| line.split_whitespace().find(|w| w.starts_with('/')).map(str::to_owned);
    ldd.lines().filter_map(path)
}

fn init(tests: &[Tests<'_>], full: bool) -> String {
    let line = |(name, filters): &Tests<'_>| format!("run {name} {}\n", filters.join(" "));
    let seeds = if full { String::new() } else { format!("export MEMWATCH_SEEDS={SEEDS}\n") };
    INIT.replace(TESTS_HERE, &tests.iter().map(line).fold(seeds, |all, line| all + &line))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_runs_the_tests_that_were_chosen() {
        let tests = [("exact", vec!["a", "b"]), ("life", vec![])];
        for full in [false, true] {
            let text = init(&tests, full);
            assert!(text.contains("\nrun exact a b\nrun life \n"), "{text}");
            assert!(!text.contains(TESTS_HERE));
            assert_eq!(text.contains("MEMWATCH_SEEDS"), !full);
        }
    }

    #[test]
    fn libraries_are_found_with_and_without_an_arrow() {
        let ldd = "\tlinux-vdso.so.1 (0x7f)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\t/lib64/ld.so (0x7f)\n";
        assert_eq!(paths_of(ldd).collect::<Vec<_>>(), ["/lib/libc.so.6", "/lib64/ld.so"]);
        assert_eq!(paths_of("\tnot a dynamic executable\n").count(), 0);
    }
}

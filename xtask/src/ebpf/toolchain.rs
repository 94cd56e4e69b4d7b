//! The pinned compiler and linker of the kernel object, and building with them.
//!
//! The bytes must depend on the sources and on the versions below, and on nothing else: not on
//! where the clone or cargo's registry lies, not on the user's flags, not on a rustup beside it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSection as _};
use serde::{Deserialize, Serialize};

use super::btf;
use crate::{setup, sh};

const RUSTC: &str = "/usr/bin/rustc";
/// Cargo of the same package: it has a say in symbol names.
const CARGO: &str = "/usr/bin/cargo";
/// By its path: cargo itself would find rustup's first, which lints with another compiler.
const CARGO_CLIPPY: &str = "/usr/bin/cargo-clippy";
const TARGET: &str = "bpfel-unknown-none";
/// Whose registers the programs read. The object of another architecture is another object.
const ARCH: &str = "x86_64";

/// What rustup and cargo export to this tool, and what a user may have set for other builds.
const FOREIGN_VARIABLES: &[&str] =
    &["CARGO", "LD_LIBRARY_PATH", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
const FOREIGN_PREFIXES: &[&str] =
    &["CARGO_BUILD_RUST", "CARGO_BUILD_TARGET", "CARGO_PROFILE_", "CARGO_TARGET_", "RUSTUP_"];

/// The versions that decide the bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Toolchain {
    rustc: String,
    llvm: String,
    bpf_linker: String,
    arch: String,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, llvm, bpf_linker, arch } = self;
        write!(f, "rustc {rustc}, LLVM {llvm}, bpf-linker {bpf_linker}, for {arch}")
    }
}

impl Toolchain {
    /// What is installed here.
    pub(crate) fn installed() -> Result<Self> {
        let text = sh::output(clean(RUSTC).arg("-vV"))?;
        let linker = setup::find_bpf_linker()
            .context("bpf-linker is not installed; run `cargo xtask setup --ebpf`")?;
        Ok(Self {
            // The whole first line: two builds of one version have different commits.
            rustc: field(&text, "rustc ")?,
            llvm: field(&text, "LLVM version: ")?,
            bpf_linker: setup::bpf_linker_version(&linker)?,
            arch: ARCH.to_owned(),
        })
    }

    /// Builds the object and returns the path of the one fit to be committed.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        // The registry must be there before its path can be taken out of the bytes.
        sh::run(self.command(CARGO)?.args(["fetch", "--locked", "--target", TARGET]))?;
        let target_dir = target_dir()?;
        sh::run(
            self.command(CARGO)?
                .args(["build", "--locked", "--release"])
                .args(["--package", "monitor-ebpf", "--target", TARGET])
                .arg("--target-dir")
                .arg(&target_dir)
                .env("CARGO_ENCODED_RUSTFLAGS", rustflags()?),
        )?;
        finish(&target_dir.join(TARGET).join("release/memwatch"), &target_dir)
    }

    /// Lints the kernel crate with the clippy of the same compiler, the only one that knows its
    /// target; warnings are errors.
    pub(crate) fn clippy(&self) -> Result<()> {
        sh::run(
            self.command(CARGO_CLIPPY)?
                .env("CARGO", CARGO)
                .args(["clippy", "--locked", "--release"])
                .args(["--package", "monitor-ebpf", "--target", TARGET])
                .arg("--target-dir")
                .arg(target_dir()?)
                .args(["--", "-D", "warnings"])
                .env("CARGO_ENCODED_RUSTFLAGS", rustflags()?),
        )
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut path: Vec<PathBuf> = vec![PathBuf::from("/usr/bin")];
        let linker = setup::find_bpf_linker().unwrap_or_default();
        path.extend(linker.parent().map(Path::to_owned));
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut command = clean(program);
        command
            .current_dir(sh::root()?)
            .env("PATH", env::join_paths(path).context("PATH cannot be extended")?)
            .env("RUSTC", RUSTC)
            // aya-ebpf asks for a feature of nightly (asm_experimental_arch).
            .env("RUSTC_BOOTSTRAP", "1")
            .env("AYA_BPF_TARGET_ARCH", &self.arch);
        Ok(command)
    }
}

/// Makes of what the linker wrote what can be committed: sound BTF, and no DWARF.
fn finish(built: &Path, dir: &Path) -> Result<PathBuf> {
    let bytes = fs::read(built).with_context(|| format!("failed to read {}", built.display()))?;
    let elf = object::File::parse(bytes.as_slice())
        .with_context(|| format!("{} is no ELF object", built.display()))?;
    let section = elf
        .section_by_name(".BTF")
        .with_context(|| format!("{} has no section .BTF", built.display()))?;
    let mended = dir.join("memwatch.btf");
    fs::write(&mended, btf::mend(section.data()?)?)
        .with_context(|| format!("failed to write {}", mended.display()))?;

    let finished = dir.join("memwatch.bpf.o");
    let mut update = OsString::from("--update-section=.BTF=");
    update.push(&mended);
    sh::run(
        Command::new(Path::new(setup::LLVM_BIN).join("llvm-objcopy"))
            // The loader and the verifier read BTF; DWARF is ten times its size and read by nobody.
            .arg("--strip-debug")
            // Only a linker reads these, and llvm-objcopy leaves them pointing to a section that is
            // gone, which makes the loader refuse the file.
            .args(["--remove-section=.rel.BTF", "--remove-section=.rel.BTF.ext"])
            .arg(update)
            .arg(built)
            .arg(&finished),
    )?;
    Ok(finished)
}

/// Apart from the host's target directory: another compiler would evict what the first one built.
fn target_dir() -> Result<PathBuf> {
    Ok(sh::target_dir()?.join("ebpf"))
}

/// The program in an environment that rustup, cargo and the user have not touched.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let foreign = FOREIGN_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if foreign || FOREIGN_VARIABLES.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

/// Flags of every rustc call, in cargo's encoding, which paths with spaces survive.
fn rustflags() -> Result<String> {
    let mut flags = vec!["-Clinker=bpf-linker".to_owned(), "-Clink-arg=--btf".to_owned()];
    // Where several prefixes fit, the last one given wins: the registry may lie inside the clone.
    let mut remap = |from: &Path, to: &str| -> Result<()> {
        let Some(from) = from.to_str() else {
            bail!("the path {} is not UTF-8; build from another place", from.display());
        };
        flags.push(format!("--remap-path-prefix={from}={to}"));
        Ok(())
    };
    remap(&sh::root()?, "/memwatch-ebpf")?;
    let registry = sh::cargo_home()?.join("registry/src");
    let failed = || format!("failed to list {}", registry.display());
    for entry in fs::read_dir(&registry).with_context(failed)? {
        // One directory for each registry, named by its address; mirrors have other names.
        remap(&entry.with_context(failed)?.path(), "/cargo")?;
    }
    let sysroot = sh::output(clean(RUSTC).args(["--print", "sysroot"]))?;
    // Only there if the sources of the standard library are installed; then rustc prefers them.
    remap(&Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "/rustc")?;
    Ok(flags.join("\u{1f}"))
}

/// The rest of the line that starts with `key`.
fn field(text: &str, key: &str) -> Result<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    Ok(value.with_context(|| format!("`{RUSTC} -vV` has no line {key:?}: {text}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_rest_of_its_line() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\nLLVM version: 22.1.8\n";
        assert_eq!(field(text, "LLVM version: ").unwrap(), "22.1.8");
        assert!(field(text, "commit-hash: ").is_err());
    }
}

//! `cargo xtask ebpf`: the kernel object that is committed, and the proof that it is the one its
//! sources give.
//!
//! Only people who change kernel code need the toolchain, because the object is in the repository
//! (`monitor-ebpf/prebuilt/`). What keeps it honest is `--check`: a hash over the sources catches a
//! stale object anywhere, and where the recorded toolchain is installed the bytes must be equal.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{setup, sh};
use record::{BuildRecord, sha256_hex};
use shape::Shape;
pub(crate) use toolchain::Toolchain;

mod btf;
mod record;
mod shape;
mod toolchain;

#[derive(Args)]
pub(crate) struct Options {
    /// Change nothing: rebuild and compare with the committed object
    #[arg(long)]
    pub(crate) check: bool,
}

/// What is to be done when the committed object is not what it should be.
const REBUILD: &str = "run `cargo xtask ebpf` and commit monitor-ebpf/prebuilt/";

/// The committed files.
struct Prebuilt {
    object: PathBuf,
    record: PathBuf,
}

impl Prebuilt {
    fn of(root: &Path) -> Self {
        let dir = root.join("monitor-ebpf/prebuilt");
        Self { object: dir.join("memwatch.bpf.o"), record: dir.join("BUILD.json") }
    }
}

pub(crate) fn ebpf(options: &Options) -> Result<()> {
    if options.check { check() } else { update() }
}

/// Builds the object and writes it with its record.
fn update() -> Result<()> {
    let root = sh::root()?;
    let prebuilt = Prebuilt::of(&root);
    setup::ebpf()?;
    let toolchain = Toolchain::installed()?;
    let object = read(&toolchain.build()?)?;
    let record = BuildRecord::new(&root, toolchain, &object)?;
    let dir = prebuilt.object.parent().unwrap_or(&root);
    fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))?;
    write(&prebuilt.object, &object)?;
    write(&prebuilt.record, record.to_json()?.as_bytes())?;
    println!(
        "ebpf: wrote {} ({} bytes, sha256 {})",
        prebuilt.object.display(),
        object.len(),
        record.object_sha256
    );
    Ok(())
}

/// Compares the committed object with what its sources give, as far as this machine can.
fn check() -> Result<()> {
    let root = sh::root()?;
    let prebuilt = Prebuilt::of(&root);
    let committed = read(&prebuilt.object).context(REBUILD)?;
    let record = BuildRecord::from_json(&read(&prebuilt.record).context(REBUILD)?)
        .with_context(|| format!("{} is unreadable; {REBUILD}", prebuilt.record.display()))?;

    check_record(&root, &record, &committed)?;
    println!("ebpf: the record matches the sources and the committed object");

    let toolchain = match setup::ebpf().and_then(|()| Toolchain::installed()) {
        Ok(toolchain) => toolchain,
        // CI is there to rebuild; a person without root or Debian still has the answer above.
        Err(error) if env::var_os("CI").is_some() => return Err(error),
        Err(error) => {
            println!("ebpf: not rebuilt, only the hashes were compared: {error:#}");
            return Ok(());
        }
    };
    let built = read(&toolchain.build()?)?;
    if toolchain == record.toolchain {
        return same_bytes(&committed, &built);
    }
    println!("ebpf: this toolchain is not the one recorded, so bytes cannot be compared:");
    println!("ebpf:   recorded  {}", record.toolchain);
    println!("ebpf:   installed {toolchain}");
    same_shape(&committed, &built)
}

/// What can be checked without building anything.
fn check_record(root: &Path, record: &BuildRecord, committed: &[u8]) -> Result<()> {
    let object_sha256 = sha256_hex(committed);
    if record.object_sha256 != object_sha256 {
        bail!(
            "the committed object has sha256 {object_sha256}, its record says {}; {REBUILD}",
            record.object_sha256
        );
    }
    let now = BuildRecord::new(root, record.toolchain.clone(), committed)?;
    if record.source_sha256 != now.source_sha256 {
        bail!(
            "the committed object is stale: its sources (monitor-ebpf, monitor-common) have \
             changed since it was built; {REBUILD}"
        );
    }
    if record.crates != now.crates {
        bail!(
            "the committed object is stale: it was built with {:?}, Cargo.lock has {:?}; {REBUILD}",
            record.crates,
            now.crates
        );
    }
    Ok(())
}

fn same_bytes(committed: &[u8], built: &[u8]) -> Result<()> {
    if committed == built {
        println!("ebpf: rebuilt, byte for byte the committed object ({} bytes)", built.len());
        return Ok(());
    }
    bail!(
        "rebuilding with the recorded toolchain gives other bytes ({} instead of {}, sections that \
         differ: {}); {REBUILD}",
        built.len(),
        committed.len(),
        shape::differing_sections(committed, built)?.join(" ")
    )
}

fn same_shape(committed: &[u8], built: &[u8]) -> Result<()> {
    let (committed, built) = (Shape::of(committed)?, Shape::of(built)?);
    let differences = committed.differences(&built);
    if !differences.is_empty() {
        bail!(
            "the rebuilt object differs from the committed one: {}; {REBUILD}",
            differences.join("; ")
        );
    }
    println!("ebpf: rebuilt, the same {committed}");
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}

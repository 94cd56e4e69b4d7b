//! A machine with disks that is killed, not switched off: its file system is made here and its init is
//! `kills-init.sh`. What it says while it lives is handed out line by line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;

use anyhow::{Context as _, Result, ensure};

use super::archive::Archive;
use super::boot::{self, Machine};
use super::kernel;
use super::rootfs::{busybox, find, libraries, read, workloads};
use crate::sh;

/// What Debian 12's kernel does not have built in to see our disks, in the order of loading; ext4 it has.
const MODULES: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

const FILES: &[(&str, &str)] = &[
    ("init", include_str!("kills-init.sh")),
    ("bin/tell", include_str!("kills-tell.sh")),
    ("etc/agent.toml", AGENT),
    ("etc/rules.toml", RULES),
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
];

const AGENT: &str = "\
[alerts]
log_level = \"off\"

[[alerts.channels]]
name = \"disk\"
kind = \"command\"
command = [\"/bin/tell\"]
group_window = \"200ms\"
cool_down = \"1s\"
";

const RULES: &str = "\
[[rule]]
name = \"there_is_a_worker\"
severity = \"high\"
condition = 'comm == \"worker\" && threads >= 1'
";

const DISK_BYTES: u64 = 256 << 20;

/// What to boot, and its disks, which outlive it.
pub(crate) struct Killed {
    image: PathBuf,
    initramfs: PathBuf,
    /// The agent's state.
    pub(crate) state: PathBuf,
    /// What was heard of its alerts.
    pub(crate) told: PathBuf,
}

impl Killed {
    /// Makes the file system and two empty disks.
    pub(crate) fn new(dir: &Path, agent: &Path) -> Result<Self> {
        let kernels = sh::target_dir()?.join("vm");
        fs::create_dir_all(&kernels)
            .with_context(|| format!("failed to create {}", kernels.display()))?;
        let image = kernel::fetch(&kernel::SERIES[0], &kernels)?;
        let initramfs = build(dir, agent, &kernel::modules(&image, MODULES)?)?;
        let (state, told) = (dir.join("state.img"), dir.join("told.img"));
        for disk in [&state, &told] {
            let file = fs::File::create(disk)
                .with_context(|| format!("failed to create {}", disk.display()))?;
            file.set_len(DISK_BYTES)
                .with_context(|| format!("failed to make {} large", disk.display()))?;
            let mut mkfs = Command::new(find("mkfs.ext4").context("mkfs.ext4 is not installed")?);
            sh::run(mkfs.args(["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(disk))?;
        }
        Ok(Self { image, initramfs, state, told })
    }

    /// Starts it; it ends when what is returned is dropped, as one whose plug is pulled.
    pub(crate) fn boot(&self, boot: &str, waiting: u32) -> Result<(Machine, Receiver<String>)> {
        let drive = |disk: &Path| {
            // The machine sees a disk with a cache that it can flush, and a flush is a sync of the image. Writes
            // that are not flushed reach the image too, in the host's page cache, which a kill of QEMU leaves:
            // what is lost is what the machine's own kernel still had, not the cache of the disk.
            format!("file={},format=raw,if=virtio,cache=writeback", disk.display())
        };
        let more = format!("boot={boot} waiting={waiting}");
        boot::start(&self.image, &self.initramfs, &more, |qemu| {
            for disk in [&self.state, &self.told] {
                qemu.arg("-drive").arg(drive(disk));
            }
        })
    }
}

/// Copies everything off a disk whose machine was killed: of a copy of the disk, whose journal is replayed
/// there, so that the machine finds its own as it was. Needs neither root nor a mount.
pub(crate) fn copy_off(disk: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("failed to remove {}", to.display()))?;
    }
    fs::create_dir_all(to).with_context(|| format!("failed to create {}", to.display()))?;
    let copy = to.with_extension("copy");
    sh::run(Command::new("cp").arg("--sparse=always").arg(disk).arg(&copy))?;
    let program = |name| find(name).with_context(|| format!("{name} is not installed"));
    // It fails with 1 where something was to be mended: that the file system was in use.
    let replayed = Command::new(program("e2fsck")?)
        .args(["-p", "-E", "journal_only"])
        .arg(&copy)
        .output()
        .context("failed to run e2fsck")?;
    ensure!(
        replayed.status.code().is_some_and(|code| code <= 1),
        "e2fsck: {}",
        String::from_utf8_lossy(&replayed.stdout)
    );
    sh::output(Command::new(program("e2fsck")?).args(["-f", "-n"]).arg(&copy))?;
    let dump = format!("rdump / {}", to.display());
    sh::output(Command::new(program("debugfs")?).args(["-R", &dump]).arg(&copy))?;
    Ok(())
}

fn build(dir: &Path, agent: &Path, modules: &[PathBuf]) -> Result<PathBuf> {
    let mut archive = Archive::default();
    for directory in ["proc", "sys", "dev", "tmp", "run", "root", "state", "told"] {
        archive.directory(directory);
    }
    busybox(&mut archive)?;
    let worker = workloads(&dir.join("workloads"))?.into_iter().find(|(name, _)| name == "worker");
    let worker = worker.context("there is no program to have a finding of")?.1;
    let linked = [("bin/memwatch-ebpf", agent), ("bin/worker", &worker)];
    for (inside, path) in linked {
        archive.file(inside, &read(path)?);
    }
    for library in libraries(linked.iter().map(|(_, path)| *path))? {
        archive.file(&library, &read(Path::new(&library))?);
    }
    for (number, module) in modules.iter().enumerate() {
        archive.file(&format!("modules/{number}"), &read(module)?);
    }
    for (path, text) in FILES {
        archive.file(path, text.as_bytes());
    }
    let file = dir.join("initramfs.cpio");
    fs::write(&file, archive.finish())
        .with_context(|| format!("failed to write {}", file.display()))?;
    Ok(file)
}

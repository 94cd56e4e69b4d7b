//! The file system of a machine in which systemd is the first process: what it takes to start a
//! service, with units of Debian's package, and a scenario that installs ours, uses it and takes it away.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::archive::Archive;
use super::rootfs::{busybox, find, libraries, read, workloads};

/// Where the package has its units and programs.
const SYSTEMD: &str = "lib/systemd";

/// What a machine needs that starts services and does nothing else.
const UNITS: &[&str] = &[
    "basic.target",
    "emergency.target",
    "local-fs.target",
    "local-fs-pre.target",
    "multi-user.target",
    "network.target",
    "paths.target",
    "shutdown.target",
    "slices.target",
    "sockets.target",
    "sysinit.target",
    "sys-kernel-tracing.mount",
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "timers.target",
    "umount.target",
];

/// Links that make a target want a unit.
const WANTED: &[(&str, &str)] = &[
    ("sysinit.target.wants", "systemd-journald.service"),
    ("sysinit.target.wants", "sys-kernel-tracing.mount"),
    ("sockets.target.wants", "systemd-journald.socket"),
    ("sockets.target.wants", "systemd-journald-dev-log.socket"),
];

/// Programs beside busybox's.
const PROGRAMS: &[&str] = &["systemctl", "journalctl", "systemd-analyze", "groupadd", "groupdel"];

const FILES: &[(&str, &str)] = &[
    ("init", include_str!("systemd-init.sh")),
    ("scenario.sh", include_str!("systemd-scenario.sh")),
    ("etc/systemd/system/scenario.service", SCENARIO_UNIT),
    ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("etc/os-release", "ID=debian\nNAME=Debian\n"),
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/gshadow", "root:*::\nnogroup:*::\n"),
    ("etc/login.defs", "SYS_GID_MIN 100\nSYS_GID_MAX 999\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\n"),
];

const SCENARIO_UNIT: &str = "\
[Unit]
Description=what is tested
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh /scenario.sh
TimeoutStartSec=infinity
";

/// Writes the file system; returns where.
pub(super) fn build(dir: &Path, agent: &Path) -> Result<PathBuf> {
    let mut archive = Archive::default();
    for directory in ["proc", "sys", "dev", "tmp", "run", "root", "usr", "var/log", "new"] {
        archive.directory(directory);
    }
    busybox(&mut archive)?;
    for (link, target) in [("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin")] {
        archive.link(link, target);
    }
    let mut linked: Vec<(String, PathBuf)> = vec![("bin/memwatch-ebpf".into(), agent.to_owned())];
    for name in PROGRAMS {
        let program = find(name).with_context(|| format!("{name} is not on the path"))?;
        linked.push((format!("bin/{name}"), program));
    }
    for name in ["systemd", "systemd-journald", "systemd-shutdown"] {
        let inside = format!("{SYSTEMD}/{name}");
        linked.push((inside.clone(), Path::new("/").join(inside)));
    }
    let worker = workloads(&dir.join("workloads"))?.into_iter().find(|(name, _)| name == "worker");
    linked.push(("bin/worker".into(), worker.context("there is no program that leaks")?.1));
    for (inside, path) in &linked {
        archive.file(inside, &read(path)?);
    }
    let libraries: BTreeSet<String> = libraries(linked.iter().map(|(_, path)| path.as_path()))?;
    for library in libraries {
        archive.file(&library, &read(Path::new(&library))?);
    }
    let units = format!("{SYSTEMD}/system");
    for unit in UNITS {
        archive.file(&format!("{units}/{unit}"), &read(&Path::new("/").join(&units).join(unit))?);
    }
    for (target, unit) in WANTED {
        archive.link(&format!("{units}/{target}/{unit}"), &format!("../{unit}"));
    }
    archive.link("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target");
    let scenario = "etc/systemd/system/multi-user.target.wants/scenario.service";
    archive.link(scenario, "../scenario.service");
    for (path, text) in FILES {
        archive.file(path, text.as_bytes());
    }
    let file = dir.join("systemd.cpio");
    fs::write(&file, archive.finish())
        .with_context(|| format!("failed to write {}", file.display()))?;
    Ok(file)
}

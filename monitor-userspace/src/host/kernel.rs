//! Facts about this host, asked once at the start. What follows from them is decided elsewhere.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::unistd::{SysconfVar, sysconf};

use super::procfs::page_bytes;
use super::procfs::stat::{kib_field, line_value};

/// Inode of the initial pid namespace (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const INITIAL_PID_NS: &str = "pid:[4026531836]";
/// Default huge page where the kernel has none to name.
const HUGE_PAGE_BYTES: u64 = 2 << 20;

const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_PERFMON: u64 = 1 << 38;
const CAP_BPF: u64 = 1 << 39;

/// A fact that could not be had, or a file system that could not be mounted.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not say what it should.
    #[error("no {what} in {}", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
    /// tracefs could not be mounted.
    #[error("cannot mount tracefs at {}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What this host is and what the agent may do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// Kernel release.
    pub release: String,
    /// Host name.
    pub hostname: String,
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Bytes of a default huge page.
    pub huge_page_bytes: u64,
    /// CPUs that are online.
    pub cpus: u32,
    /// Whether programs may be loaded: effective CAP_SYS_ADMIN, or CAP_BPF together with
    /// CAP_PERFMON.
    pub may_load: bool,
    /// Where `kernel.perf_event_paranoid` keeps everybody without CAP_SYS_ADMIN from attaching to
    /// tracepoints: its value, which Debian's kernels set to 3 and others at most to 2.
    pub perf_refused_at: Option<i64>,
    /// Whether the kernel describes its structures.
    pub has_btf: bool,
    /// Where tracefs with system-call events is mounted.
    pub tracefs: Option<PathBuf>,
    /// Whether pids are those the kernel's records carry; `None` when it could not be told.
    pub in_initial_pid_ns: Option<bool>,
}

impl HostFacts {
    /// Asks this host.
    pub fn probe() -> Result<Self, KernelError> {
        Self::probe_below(Path::new("/proc"), Path::new("/sys"))
    }

    /// Asks the host whose /proc and /sys are mounted at these paths.
    pub fn probe_below(proc: &Path, sys: &Path) -> Result<Self, KernelError> {
        let meminfo = read(&proc.join("meminfo"))?;
        let capabilities = effective_capabilities(&proc.join("self/status"))?;
        let has = |wanted| capabilities & wanted == wanted;
        let paranoid = read_line(&proc.join("sys/kernel/perf_event_paranoid"))
            .ok()
            .and_then(|level| level.parse::<i64>().ok());
        let cpus = sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
        Ok(Self {
            release: read_line(&proc.join("sys/kernel/osrelease"))?,
            hostname: read_line(&proc.join("sys/kernel/hostname"))?,
            boot_id: read_line(&proc.join("sys/kernel/random/boot_id"))?,
            page_bytes: page_bytes(),
            huge_page_bytes: kib_field(&meminfo, "Hugepagesize:").unwrap_or(HUGE_PAGE_BYTES),
            cpus: cpus.and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(1),
            may_load: has(CAP_SYS_ADMIN) || has(CAP_BPF | CAP_PERFMON),
            perf_refused_at: paranoid.filter(|level| *level > 2 && !has(CAP_SYS_ADMIN)),
            has_btf: sys.join("kernel/btf/vmlinux").exists(),
            tracefs: find_tracefs(sys),
            in_initial_pid_ns: std::fs::read_link(proc.join("self/ns/pid"))
                .ok()
                .map(|target| target == Path::new(INITIAL_PID_NS)),
        })
    }
}

/// Mounts tracefs where the kernel expects it, unless it is mounted already; gives its place. Needs
/// root, and stays mounted: it is the host's to keep, as the kernel mounts it itself on first use
/// of debugfs.
pub fn mount_tracefs() -> Result<PathBuf, KernelError> {
    let sys = Path::new("/sys");
    if let Some(path) = find_tracefs(sys) {
        return Ok(path);
    }
    let path = sys.join("kernel/tracing");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("tracefs"), &path, Some("tracefs"), flags, None::<&str>) {
        Ok(()) => Ok(path),
        Err(errno) => Err(KernelError::Mount { path, source: errno.into() }),
    }
}

/// Names of the events of system calls (`sys_enter_*`, `sys_exit_*`) this kernel has.
pub fn syscall_events(tracefs: &Path) -> Result<BTreeSet<String>, KernelError> {
    let path = tracefs.join("events/syscalls");
    let failed = |source| KernelError::Read { path: path.clone(), source };
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    Ok(names)
}

fn find_tracefs(sys: &Path) -> Option<PathBuf> {
    let places = ["kernel/tracing", "kernel/debug/tracing"];
    places.map(|place| sys.join(place)).into_iter().find(|it| it.join("events/syscalls").exists())
}

fn effective_capabilities(status: &Path) -> Result<u64, KernelError> {
    let bytes = read(status)?;
    line_value(&bytes, "CapEff:")
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
        .ok_or_else(|| KernelError::Missing { path: status.to_owned(), what: "CapEff" })
}

fn read(path: &Path) -> Result<Vec<u8>, KernelError> {
    std::fs::read(path).map_err(|source| KernelError::Read { path: path.to_owned(), source })
}

fn read_line(path: &Path) -> Result<String, KernelError> {
    Ok(String::from_utf8_lossy(&read(path)?).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn fake(capabilities: &str, namespace: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("proc/sys/kernel/osrelease", "6.1.0-test\n".to_owned()),
            ("proc/sys/kernel/hostname", "box\n".to_owned()),
            ("proc/sys/kernel/random/boot_id", "b-o-o-t\n".to_owned()),
            ("proc/meminfo", "Hugepagesize:  64 kB\n".to_owned()),
            ("proc/self/status", format!("Name:\tx\nCapEff:\t{capabilities}\n")),
        ];
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(root.path().join("proc/self/ns")).unwrap();
        symlink(namespace, root.path().join("proc/self/ns/pid")).unwrap();
        root
    }

    fn probe(root: &Path) -> HostFacts {
        HostFacts::probe_below(&root.join("proc"), &root.join("sys")).unwrap()
    }

    #[test]
    fn facts_are_what_the_files_say() {
        let root = fake("000000c000000000", "pid:[4026531836]");
        let facts = probe(root.path());
        assert_eq!((facts.release.as_str(), facts.hostname.as_str()), ("6.1.0-test", "box"));
        assert_eq!(facts.boot_id, "b-o-o-t");
        assert_eq!((facts.huge_page_bytes, facts.may_load), (64 << 10, true));
        assert_eq!((facts.has_btf, facts.tracefs), (false, None));
        assert_eq!(facts.in_initial_pid_ns, Some(true));
        let place = root.path().join("sys/kernel/debug/tracing");
        fs::create_dir_all(place.join("events/syscalls")).unwrap();
        fs::create_dir(place.join("events/syscalls/sys_exit_mmap")).unwrap();
        assert!(syscall_events(&place).unwrap().contains("sys_exit_mmap"));
        assert_eq!(probe(root.path()).tracefs, Some(place));
    }

    #[test]
    fn one_of_two_capabilities_is_not_enough() {
        for (capabilities, allowed) in [
            ("0000000000200000", true),
            ("0000008000000000", false),
            ("0000004000000000", false),
            ("0000000000000000", false),
        ] {
            let root = fake(capabilities, "pid:[4026532000]");
            let facts = probe(root.path());
            assert_eq!(facts.may_load, allowed, "{capabilities}");
            assert_eq!(facts.in_initial_pid_ns, Some(false));
        }
    }

    #[test]
    fn a_paranoid_kernel_refuses_whoever_is_not_an_administrator() {
        for (capabilities, paranoid, refused) in [
            ("000000c000000000", "3", Some(3)),
            ("000000c000000000", "2", None),
            ("0000000000200000", "3", None),
        ] {
            let root = fake(capabilities, "pid:[1]");
            fs::write(root.path().join("proc/sys/kernel/perf_event_paranoid"), paranoid).unwrap();
            assert_eq!(probe(root.path()).perf_refused_at, refused, "{capabilities} {paranoid}");
        }
    }

    #[test]
    fn a_missing_fact_names_its_file() {
        let root = fake("0", "pid:[1]");
        fs::remove_file(root.path().join("proc/meminfo")).unwrap();
        let error =
            HostFacts::probe_below(&root.path().join("proc"), Path::new("/none")).unwrap_err();
        assert!(error.to_string().ends_with("proc/meminfo"), "{error}");
    }

    #[test]
    fn this_host_answers() {
        let facts = HostFacts::probe().unwrap();
        assert!(facts.cpus > 0 && !facts.boot_id.is_empty());
    }
}

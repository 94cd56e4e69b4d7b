//! Pressure stall information, of the host and of cgroups: one form of file.

use std::path::Path;

use super::procfs::read_start;
use crate::event::{Pressure, Pressures, Stall};

/// Such a file has two lines.
const FILE_BYTES: usize = 4096;

/// The pressures of the host, from the files in `dir`, the directory `pressure` of a /proc. `full`
/// of the CPU is left out: it is undefined there, and the kernel writes zeros
/// (Documentation/accounting/psi.rst).
pub(super) fn of_host(dir: &Path, buffer: &mut Vec<u8>) -> Pressures {
    let mut read = |name: &str| of_file(&dir.join(name), buffer);
    let cpu = read("cpu").map(|cpu| Pressure { full: None, ..cpu });
    Pressures { memory: read("memory"), cpu, io: read("io") }
}

/// The pressures of a cgroup of the v2 tree.
pub(super) fn of_cgroup(dir: &Path, buffer: &mut Vec<u8>) -> Pressures {
    let mut read = |name: &str| of_file(&dir.join(name), buffer);
    Pressures {
        memory: read("memory.pressure"),
        cpu: read("cpu.pressure"),
        io: read("io.pressure"),
    }
}

/// One file; `None` where the kernel was built without it, or was told not to measure (then
/// reading it is not supported).
fn of_file(path: &Path, buffer: &mut Vec<u8>) -> Option<Pressure> {
    let len = read_start(path, buffer, FILE_BYTES).ok()?;
    parse(std::str::from_utf8(&buffer[..len]).ok()?)
}

/// `some avg10=0.13 avg60=2.73 avg300=19.53 total=5583349593`, and the same for `full`.
fn parse(text: &str) -> Option<Pressure> {
    let stall = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let value = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        let share = |name: &str| {
            let share: f64 = value(name)?.parse().ok()?;
            share.is_finite().then_some(share)
        };
        Some(Stall {
            avg10: share("avg10=")?,
            avg60: share("avg60=")?,
            total_us: value("total=")?.parse().ok()?,
        })
    };
    Some(Pressure { some: stall("some ")?, full: stall("full ") })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &str = "some avg10=0.13 avg60=2.73 avg300=19.53 total=5583349593\n\
                        full avg10=0.00 avg60=1.00 avg300=0.00 total=7\n";

    #[test]
    fn both_lines_are_read() {
        let pressure = parse(TEXT).unwrap();
        let some = Stall { avg10: 0.13, avg60: 2.73, total_us: 5_583_349_593 };
        assert_eq!(pressure.some, some);
        assert_eq!(pressure.full, Some(Stall { avg10: 0.0, avg60: 1.0, total_us: 7 }));
        // The file of the CPU before Linux 5.13.
        assert_eq!(parse(TEXT.lines().next().unwrap()), Some(Pressure { some, full: None }));
        for text in
            ["", "some", "some avg10=x avg60=1.00 total=1", "some avg10=nan avg60=1 total=1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_measured_is_not_zero() {
        let dir = tempfile::tempdir().unwrap();
        let mut buffer = Vec::new();
        assert_eq!(of_host(dir.path(), &mut buffer), Pressures::default());
        for name in ["memory", "cpu"] {
            fs::write(dir.path().join(name), TEXT).unwrap();
        }
        let host = of_host(dir.path(), &mut buffer);
        assert!(host.memory.unwrap().full.is_some() && host.io.is_none());
        assert_eq!(host.cpu.unwrap().full, None, "undefined for the whole host");
    }
}

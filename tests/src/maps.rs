//! A reader of /proc/PID/maps that shares nothing with the agent's: the bytes of each class.

use std::fs;

/// Bytes mapped by class, as a snapshot names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// No name, `[anon:…]` or huge pages, private.
    pub anon: u64,
    /// Shared memory without a path of its own.
    pub shared: u64,
    /// Any other path.
    pub file: u64,
    /// `[heap]`
    pub heap: u64,
}

impl Totals {
    /// Reads the maps of a living process.
    pub fn of(pid: u32) -> Self {
        let path = format!("/proc/{pid}/maps");
        Self::parse(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// What a snapshot says; what it does not know is no number of bytes at all.
    pub fn of_snapshot(snapshot: &serde_json::Value) -> Self {
        let bytes = |field: &str| snapshot[field].as_u64().unwrap_or(u64::MAX);
        Self {
            anon: bytes("anon_mapped_bytes"),
            shared: bytes("shared_mapped_bytes"),
            file: bytes("file_mapped_bytes"),
            heap: bytes("heap_bytes"),
        }
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Self {
        let mut totals = Self::default();
        for line in text.lines() {
            let mut words = line.splitn(6, ' ');
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let address = |digits| u64::from_str_radix(digits, 16).unwrap();
            let bytes = address(end) - address(start);
            let name = words.nth(4).unwrap_or_default().trim_start();
            if let Some(total) = totals.class(name) {
                *total += bytes;
            }
        }
        totals
    }

    /// The total that a line of this name adds to; `None` where the kernel made the mapping.
    fn class(&mut self, name: &str) -> Option<&mut u64> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match name {
            "" => Some(&mut self.anon),
            "[heap]" => Some(&mut self.heap),
            "[stack]" | "[vdso]" | "[vvar]" | "[vvar_vclock]" | "[vsyscall]" | "[uprobes]" => None,
            _ if starts(&["[anon:", "/anon_hugepage"]) => Some(&mut self.anon),
            _ if starts(&["/dev/zero (deleted)", "/SYSV", "/memfd:"]) => Some(&mut self.shared),
            _ if starts(&["["]) => panic!("a mapping of a kind not known here: {name}"),
            _ => Some(&mut self.file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_adds_to_its_class() {
        let text = "\
00001000-00002000 r--p 00000000 fe:00 12                          /usr/bin/a b
00010000-00014000 rw-p 00000000 00:00 0                           [heap]
00020000-00021000 rw-p 00000000 00:00 0 
00030000-00032000 rw-s 00000000 00:01 9                           /dev/zero (deleted)
00040000-00044000 rw-s 00000000 00:01 9                           /memfd:x (deleted)
00050000-00051000 rw-p 00000000 00:00 0                           [anon:glibc: malloc]
00060000-00081000 rw-p 00000000 00:00 0                           [stack]
00090000-00091000 r-xp 00000000 00:00 0                           [vdso]
";
        let expected = Totals { anon: 0x2000, shared: 0x6000, file: 0x1000, heap: 0x4000 };
        assert_eq!(Totals::parse(text), expected);
    }

    #[test]
    fn a_living_process_has_files_and_anonymous_memory() {
        let totals = Totals::of(std::process::id());
        assert!(totals.file > 0 && totals.anon > 0, "{totals:?}");
    }
}

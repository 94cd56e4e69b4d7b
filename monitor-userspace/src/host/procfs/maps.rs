//! The lines of /proc/PID/maps and their classes. Pure: bytes in, ranges out. The kernel writes a
//! newline in a path as `\012`, so that a line is a line whatever it names.

use super::stat::decimal;
use crate::event::{MappingClass, ReadRange};

/// What is used of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    start: u64,
    end: u64,
    shared: bool,
    inode: &'a [u8],
    name: &'a [u8],
}

/// What the lines of one address space add up to.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Start of the heap, page-rounded up, where it is known.
    pub(super) start_brk: Option<u64>,
    /// In address order, neighbours of one class joined unless they are System V segments.
    pub(super) ranges: Vec<ReadRange>,
    /// Lines that are VMAs of the process.
    pub(super) vmas: u32,
}

impl Layout {
    /// Takes one line, without its newline; `None` when it is not a line of maps.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<()> {
        let line = parse_line(line)?;
        // The gate area is the same page of the kernel in every process: no VMA of its own.
        self.vmas += u32::from(line.name != b"[vsyscall]");
        match classify(line) {
            Some(MappingClass::Heap) => self.push_heap(line),
            Some(class) => self.push(line.start, line.end, class, segment_of(line)),
            None => {}
        }
        Some(())
    }

    /// The part of a heap below its start is private anonymous memory that lies against it and has
    /// been merged with it: a program's bss.
    fn push_heap(&mut self, line: Line<'_>) {
        let split = self.start_brk.unwrap_or(line.start).clamp(line.start, line.end);
        self.push(line.start, split, MappingClass::Anonymous, None);
        self.push(split, line.end, MappingClass::Heap, None);
    }

    fn push(&mut self, start: u64, end: u64, class: MappingClass, segment: Option<i32>) {
        if start == end {
            return;
        }
        match self.ranges.last_mut() {
            Some(last)
                if last.1 == start && last.2 == class && last.3.is_none() && segment.is_none() =>
            {
                last.1 = end;
            }
            _ => self.ranges.push(ReadRange(start, end, class, segment)),
        }
    }
}

/// The class of a line; `None` for stacks and the kernel's own pages, which no call of the process
/// makes.
fn classify(line: Line<'_>) -> Option<MappingClass> {
    let anonymous = if line.shared { MappingClass::Shared } else { MappingClass::Anonymous };
    match line.name {
        [] => Some(anonymous),
        [b'[', inner @ ..] => classify_special(inner, anonymous),
        b"/dev/zero (deleted)" => Some(MappingClass::Shared),
        b"/anon_hugepage" | b"/anon_hugepage (deleted)" => Some(MappingClass::Anonymous),
        name if name.starts_with(b"/memfd:") || is_sysv(name) => Some(MappingClass::Shared),
        _ => Some(MappingClass::File),
    }
}

/// The class of a name in brackets, given without the first of them.
fn classify_special(inner: &[u8], anonymous: MappingClass) -> Option<MappingClass> {
    if inner == b"heap]" {
        Some(MappingClass::Heap)
    } else if inner.starts_with(b"anon:") {
        Some(anonymous)
    } else if inner.starts_with(b"anon_shmem:") {
        Some(MappingClass::Shared)
    } else {
        None
    }
}

/// Whether a name is that of a System V segment: its key in eight digits.
fn is_sysv(name: &[u8]) -> bool {
    let Some((key, rest)) = name.strip_prefix(b"/SYSV").and_then(|rest| rest.split_at_checked(8))
    else {
        return false;
    };
    key.iter().all(u8::is_ascii_hexdigit) && (rest.is_empty() || rest == b" (deleted)")
}

/// The shmid of an attached System V segment: the kernel gives its file that inode number
/// (ipc/shm.c, `newseg`). Such a file never has a link, so that it shows as deleted.
fn segment_of(line: Line<'_>) -> Option<i32> {
    if !is_sysv(line.name) || !line.name.ends_with(b" (deleted)") {
        return None;
    }
    decimal(line.inode).and_then(|id| i32::try_from(id).ok())
}

/// `start-end perms offset device inode`, blanks, and a name that may hold blanks of its own.
fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let (start, rest) = split_at_byte(line, b'-')?;
    let (end, rest) = split_at_byte(rest, b' ')?;
    let (perms, rest) = split_at_byte(rest, b' ')?;
    let (_offset, rest) = split_at_byte(rest, b' ')?;
    let (_device, rest) = split_at_byte(rest, b' ')?;
    let (inode, name) = split_at_byte(rest, b' ').unwrap_or((rest, &[]));
    let blanks = name.iter().take_while(|&&byte| byte == b' ').count();
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    let shared = *perms.get(3)? == b's';
    (start < end).then_some(Line { start, end, shared, inode, name: &name[blanks..] })
}

/// What is before and after the first `byte`.
fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&other| other == byte)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// A number made of lower-case hexadecimal digits only.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use MappingClass::{Anonymous, File, Heap, Shared};

    fn class_of(perms: &str, name: &str) -> Option<MappingClass> {
        let line = format!("00001000-00002000 {perms} 00000000 00:00 0      {name}");
        let mut layout = Layout::default();
        layout.take(line.as_bytes()).unwrap();
        layout.ranges.first().map(|range| range.2)
    }

    #[test]
    fn every_kind_of_line_has_its_class() {
        let cases = [
            ("rw-p", "", Some(Anonymous)),
            ("rw-s", "", Some(Shared)),
            ("rw-p", "[anon:jemalloc_pg]", Some(Anonymous)),
            ("rw-s", "[anon_shmem:x]", Some(Shared)),
            ("rw-p", "/anon_hugepage (deleted)", Some(Anonymous)),
            ("rw-s", "/dev/zero (deleted)", Some(Shared)),
            ("rw-p", "/dev/zero", Some(File)),
            ("rw-s", "/SYSV0052e2c1 (deleted)", Some(Shared)),
            ("rw-s", "/SYSV00000000", Some(Shared)),
            ("r--p", "/SYSVINIT/x", Some(File)),
            ("r--p", "/SYSV", Some(File)),
            ("rw-s", "/memfd:a b\\012c (deleted)", Some(Shared)),
            ("r--p", "/tmp/[heap]", Some(File)),
            ("rw-s", "anon_inode:[perf_event]", Some(File)),
            ("rw-s", "socket:[12345]", Some(File)),
            ("r--p", "(unreachable)/x", Some(File)),
            ("rw-p", "[heap]", Some(Heap)),
            ("rw-p", "[stack]", None),
            ("rw-p", "[stack:77]", None),
            ("r--p", "[vvar]", None),
            ("r--p", "[vvar_vclock]", None),
            ("r-xp", "[vdso]", None),
            ("--xp", "[vsyscall]", None),
            ("--xp", "[uprobes]", None),
            ("r--p", "[something new]", None),
        ];
        for (perms, name, class) in cases {
            assert_eq!(class_of(perms, name), class, "{perms} {name}");
        }
    }

    #[test]
    fn a_segment_has_its_id_and_stays_apart() {
        let lines = [
            "10000-11000 rw-s 00000000 00:01 0                          /SYSV00000000 (deleted)",
            "11000-12000 rw-s 00000000 00:01 32769                      /SYSV0052e2c1 (deleted)",
            "12000-13000 rw-s 00001000 00:01 32769                      /SYSV0052e2c1 (deleted)",
            "13000-14000 rw-s 00000000 00:01 9                          /dev/zero (deleted)",
            "14000-15000 rw-s 00000000 00:01 9                          /memfd:x (deleted)",
            "15000-16000 rw-s 00000000 08:01 77                         /SYSV0052e2c1",
            "16000-17000 rw-s 00000000 00:01 4294967296                 /SYSV00000001 (deleted)",
        ];
        let mut layout = Layout::default();
        for line in lines {
            layout.take(line.as_bytes()).unwrap();
        }
        let expected = [
            ReadRange(0x10000, 0x11000, Shared, Some(0)),
            ReadRange(0x11000, 0x12000, Shared, Some(32769)),
            ReadRange(0x12000, 0x13000, Shared, Some(32769)),
            ReadRange(0x13000, 0x17000, Shared, None),
        ];
        assert_eq!(layout.ranges, expected);
    }

    #[test]
    fn what_is_not_a_line_is_refused() {
        for line in ["", "x", "1000-2000", "2000-1000 rw-p 0 0 0 ", "1000-2000 rw- 0 0 0 "] {
            assert_eq!(Layout::default().take(line.as_bytes()), None, "{line}");
        }
    }
}

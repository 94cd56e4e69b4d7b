//! Parsers of /proc/PID/stat, statm and status. Pure and total: bytes in, numbers out, `None` for
//! what is not such a file.

use crate::event::ProcDetail;

/// What is used of /proc/PID/stat. Field numbers as in proc_pid_stat(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// Field 3.
    pub(super) state: u8,
    /// Field 4.
    pub(super) ppid: u64,
    /// Field 9, `PF_*`.
    pub(super) flags: u64,
    /// Field 14.
    pub(super) user_ticks: u64,
    /// Field 15.
    pub(super) system_ticks: u64,
    /// Field 20.
    pub(super) threads: u64,
    /// Field 22.
    pub(super) start_ticks: u64,
    /// Field 23.
    pub(super) virtual_bytes: u64,
    /// Field 28; 0 where the reader may not see addresses.
    pub(super) start_stack: u64,
    /// Field 47; 0 where the reader may not see addresses.
    pub(super) start_brk: u64,
}

impl Stat {
    /// Whether this task has ended: a zombie, or dead.
    pub(super) const fn ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

/// Memory of /proc/PID/statm, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) size: u64,
    pub(super) resident: u64,
    pub(super) shared: u64,
}

impl Pages {
    /// Resident pages of anonymous memory. The two counters are not read at one instant.
    pub(super) const fn resident_anon(self) -> u64 {
        self.resident.saturating_sub(self.shared)
    }
}

/// What is used of /proc/PID/status.
pub(super) struct Status(pub(super) ProcDetail);

/// The numbers and the name of a stat line. The name may hold any bytes, parentheses and newlines
/// included; it ends at the last `)`, because only numbers follow.
pub(super) fn parse(bytes: &[u8]) -> Option<(Stat, &[u8])> {
    let open = bytes.iter().position(|&byte| byte == b'(')?;
    let close = bytes.iter().rposition(|&byte| byte == b')')?;
    let comm = bytes.get(open + 1..close)?;
    let rest = bytes.get(close + 1..)?.strip_prefix(b" ")?;
    let mut stat = Stat::default();
    let mut last = 0;
    for (field, number) in rest.split(u8::is_ascii_whitespace).zip(3..=47) {
        let target = match field_of(&mut stat, number) {
            Some(target) => target,
            None if number == 3 => {
                let &[state] = field else { return None };
                stat.state = state;
                continue;
            }
            None => continue,
        };
        if field.is_empty() {
            break;
        }
        *target = decimal(field)?;
        last = number;
    }
    (last >= 23).then_some((stat, comm))
}

/// Where a numeric field of stat goes.
fn field_of(stat: &mut Stat, number: u32) -> Option<&mut u64> {
    match number {
        4 => Some(&mut stat.ppid),
        9 => Some(&mut stat.flags),
        14 => Some(&mut stat.user_ticks),
        15 => Some(&mut stat.system_ticks),
        20 => Some(&mut stat.threads),
        22 => Some(&mut stat.start_ticks),
        23 => Some(&mut stat.virtual_bytes),
        28 => Some(&mut stat.start_stack),
        47 => Some(&mut stat.start_brk),
        _ => None,
    }
}

/// The first three numbers of statm.
pub(super) fn parse_statm(bytes: &[u8]) -> Option<Pages> {
    let mut fields = bytes.split(u8::is_ascii_whitespace).map(decimal);
    let mut next = || fields.next().flatten();
    Some(Pages { size: next()?, resident: next()?, shared: next()? })
}

/// The lines of status that are used. A task without memory has none of the memory lines. The
/// kernel escapes newlines in the name, so that a name cannot pose as a line.
pub(super) fn parse_status(bytes: &[u8]) -> Option<Status> {
    let mut detail = ProcDetail::default();
    let mut uid = None;
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(value) = line.strip_prefix(b"Uid:") {
            uid = first_number(value);
        } else if let Some(value) = line.strip_prefix(b"RssFile:") {
            detail.rss_file_bytes = kib(value)?;
        } else if let Some(value) = line.strip_prefix(b"RssShmem:") {
            detail.rss_shmem_bytes = kib(value)?;
        } else if let Some(value) = line.strip_prefix(b"VmSwap:") {
            detail.swap_bytes = kib(value)?;
            break;
        }
    }
    detail.uid = u32::try_from(uid?).ok()?;
    Some(Status(detail))
}

/// The value of one line of /proc/meminfo or of a status, in bytes.
pub(in crate::host) fn kib_field(bytes: &[u8], name: &str) -> Option<u64> {
    kib(line_value(bytes, name)?)
}

/// What follows `name` on the line that starts with it.
pub(in crate::host) fn line_value<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    bytes.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()))
}

/// The first number of `  1234 kB`, in bytes.
fn kib(value: &[u8]) -> Option<u64> {
    first_number(value)?.checked_mul(1024)
}

/// The first of several numbers set apart by blanks.
fn first_number(value: &[u8]) -> Option<u64> {
    decimal(value.split(u8::is_ascii_whitespace).find(|field| !field.is_empty())?)
}

/// A number made of decimal digits only.
pub(in crate::host) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

//! What a process did, in the one form in which the agent's events and strace's lines are
//! compared. Numbers as the kernel was given them; flags and protections as bits.

pub mod calls;

use serde_json::Value;

/// One successful deed of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The process.
    pub pid: u32,
    /// The thread; for [`Deed::Exit`] the process, because which thread was last is chance.
    pub tid: u32,
    /// What it did.
    pub deed: Deed,
}

/// What was done, with its arguments and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// mmap.
    Mmap {
        /// Address returned.
        addr: u64,
        /// Address asked for.
        hint: u64,
        /// Length asked for.
        length: u64,
        /// `PROT_*`
        prot: u64,
        /// `MAP_*`
        flags: u64,
        /// Descriptor; `None` where the mapping is anonymous and it means nothing.
        fd: Option<i64>,
        /// Offset into the file.
        offset: u64,
    },
    /// munmap.
    Munmap {
        /// First address.
        addr: u64,
        /// Length.
        length: u64,
    },
    /// mremap.
    Mremap {
        /// Address returned.
        addr: u64,
        /// New length.
        length: u64,
        /// Address of the source.
        old_addr: u64,
        /// Length of the source.
        old_length: u64,
        /// `MREMAP_*`
        flags: u64,
    },
    /// brk.
    Brk {
        /// End after the call.
        addr: u64,
        /// End asked for, 0 to ask only.
        requested: u64,
    },
    /// A process was made.
    Fork {
        /// The new process.
        child: u32,
        /// Whether it runs in the same address space.
        shares_memory: bool,
        /// Whether it has the same descriptor table.
        shares_descriptors: bool,
    },
    /// Another program took over.
    Exec {
        /// Path given to the call.
        filename: String,
    },
    /// The process ended.
    Exit {
        /// Its status, where it exited.
        code: Option<i64>,
        /// The signal, where it was killed.
        signal: Option<i64>,
    },
    /// A call of [`calls::KINDS`].
    Call {
        /// Its kind.
        name: &'static str,
        /// Its fields, in their order.
        numbers: Vec<i64>,
    },
}

/// Names of `MAP_*` bits; the two lowest bits are the type and stand in [`MAP_TYPES`].
const MAP_FLAGS: [(&str, u64); 16] = [
    ("droppable", 0x08),
    ("fixed", 0x10),
    ("anonymous", 0x20),
    ("32bit", 0x40),
    ("growsdown", 0x100),
    ("denywrite", 0x800),
    ("executable", 0x1000),
    ("locked", 0x2000),
    ("noreserve", 0x4000),
    ("populate", 0x8000),
    ("nonblock", 0x1_0000),
    ("stack", 0x2_0000),
    ("hugetlb", 0x4_0000),
    ("sync", 0x8_0000),
    ("fixed_noreplace", 0x10_0000),
    ("uninitialized", 0x400_0000),
];
const MAP_TYPES: [(&str, u64); 3] = [("shared", 1), ("private", 2), ("shared_validate", 3)];
const MREMAP_FLAGS: [(&str, u64); 3] = [("maymove", 1), ("fixed", 2), ("dontunmap", 4)];

/// `MAP_ANONYMOUS`
pub const MAP_ANONYMOUS: u64 = 0x20;

impl Act {
    /// The deeds among the agent's lines, in their order; failures and renames are none.
    pub fn from_lines(lines: &[Value]) -> Vec<Self> {
        lines.iter().filter(|line| line["type"] == "event").filter_map(Self::from_event).collect()
    }

    fn from_event(event: &Value) -> Option<Self> {
        if !event["errno"].is_null() {
            return None;
        }
        let deed = Deed::from_event(event)?;
        let pid = number(event, "pid") as u32;
        let tid = if matches!(deed, Deed::Exit { .. }) { pid } else { number(event, "tid") as u32 };
        Some(Self { pid, tid, deed })
    }
}

impl Deed {
    fn from_event(event: &Value) -> Option<Self> {
        Some(match event["kind"].as_str().unwrap_or_default() {
            "mmap" => Self::Mmap {
                addr: address(event, "addr"),
                hint: address(event, "hint"),
                length: number(event, "length_bytes"),
                prot: protection(event),
                flags: bits(event, &[&MAP_TYPES, &MAP_FLAGS]),
                fd: event["fd"].as_i64(),
                offset: number(event, "offset_bytes"),
            },
            "munmap" => {
                Self::Munmap { addr: address(event, "addr"), length: number(event, "length_bytes") }
            }
            "mremap" => Self::Mremap {
                addr: address(event, "addr"),
                length: number(event, "length_bytes"),
                old_addr: address(event, "old_addr"),
                old_length: number(event, "old_length_bytes"),
                flags: bits(event, &[&MREMAP_FLAGS]),
            },
            "brk" => {
                Self::Brk { addr: address(event, "addr"), requested: address(event, "requested") }
            }
            "fork" => Self::Fork {
                child: number(event, "child_pid") as u32,
                shares_memory: shares(event, "memory"),
                shares_descriptors: shares(event, "descriptors"),
            },
            "exec" => Self::Exec { filename: event["filename"].as_str()?.to_owned() },
            "exit" => {
                Self::Exit { code: event["exit_code"].as_i64(), signal: event["signal"].as_i64() }
            }
            other => {
                let (name, fields) = calls::fields(other)?;
                Self::Call { name, numbers: calls::numbers(event, fields) }
            }
        })
    }
}

fn number(event: &Value, field: &str) -> u64 {
    event[field].as_u64().unwrap_or_else(|| panic!("{field} is not a count in {event}"))
}

/// A hexadecimal address; null is 0.
fn address(event: &Value, field: &str) -> u64 {
    if event[field].is_null() {
        return 0;
    }
    let text = event[field].as_str().and_then(|text| text.strip_prefix("0x"));
    text.and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_else(|| panic!("{field} is not an address in {event}"))
}

fn shares(event: &Value, what: &str) -> bool {
    let shares = event["shares"].as_array().unwrap_or_else(|| panic!("no shares in {event}"));
    shares.iter().any(|shared| shared == what)
}

/// `rw-` as `PROT_*` bits.
fn protection(event: &Value) -> u64 {
    let letters = event["prot"].as_str().unwrap_or_else(|| panic!("no prot in {event}"));
    let bit = |(position, letter): (usize, char)| match (position, letter) {
        (_, '-') => 0,
        (0, 'r') => 1,
        (1, 'w') => 2,
        (2, 'x') => 4,
        _ => panic!("prot is {letters:?} in {event}"),
    };
    letters.chars().enumerate().map(bit).sum()
}

/// The sum of the named flags; a name like `0x8000000` stands for bits without a name.
fn bits(event: &Value, tables: &[&[(&str, u64)]]) -> u64 {
    let names = event["flags"].as_array().unwrap_or_else(|| panic!("no flags in {event}"));
    let bit = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        let known = tables.iter().flat_map(|table| table.iter()).find(|(other, _)| *other == name);
        known
            .map(|(_, bit)| *bit)
            .or_else(|| u64::from_str_radix(name.strip_prefix("0x")?, 16).ok())
    };
    names.iter().map(|name| bit(name).unwrap_or_else(|| panic!("flag {name} in {event}"))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flag_names_become_the_bits_the_program_gave() {
        let event = json!({"type": "event", "kind": "mmap", "pid": 7, "tid": 8,
            "addr": "0x7f0000001000", "hint": null, "length_bytes": 5, "prot": "r-x",
            "flags": ["shared_validate", "anonymous", "0x8000000"], "fd": null,
            "offset_bytes": 0, "result": 0, "errno": null, "stack": null});
        let flags = 0x800_0023;
        let (addr, hint, length, prot, fd, offset) = (0x7f00_0000_1000, 0, 5, 5, None, 0);
        let deed = Deed::Mmap { addr, hint, length, prot, flags, fd, offset };
        assert_eq!(Act::from_lines(&[event]), [Act { pid: 7, tid: 8, deed }]);
    }

    #[test]
    fn failures_are_no_deeds() {
        let event = json!({"type": "event", "kind": "mmap", "pid": 7, "tid": 8, "errno": 22});
        assert_eq!(Act::from_lines(&[event]), []);
    }
}

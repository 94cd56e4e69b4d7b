//! The line of one event: common fields, then those of its kind.

use std::fmt::Write as _;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::{Timestamp, WallClock};
use crate::event::{Body, Event, ProcessId, TICK_NS};

/// An event with what the inventory knows of its process.
#[derive(Debug)]
pub struct EventLine<'a> {
    /// Number of the event in this run.
    pub seq: u64,
    /// For its times.
    pub clock: WallClock,
    /// The event.
    pub event: &'a Event,
    /// The process; its start is 0 while unknown.
    pub process: ProcessId,
    /// Its name, if known.
    pub comm: Option<&'a str>,
    /// For brk: by how much the heap grew, where that is known.
    pub heap_change: Option<i64>,
}

/// Bits of `MAP_*` and their names (include/uapi/asm-generic/mman.h).
const MAP_FLAGS: [(u32, &str); 14] = [
    (0x10, "fixed"),
    (0x20, "anonymous"),
    (0x40, "32bit"),
    (0x0100, "growsdown"),
    (0x0800, "denywrite"),
    (0x1000, "executable"),
    (0x2000, "locked"),
    (0x4000, "noreserve"),
    (0x8000, "populate"),
    (0x1_0000, "nonblock"),
    (0x2_0000, "stack"),
    (0x4_0000, "hugetlb"),
    (0x8_0000, "sync"),
    (0x10_0000, "fixed_noreplace"),
];
const MAP_TYPE: u32 = 0x0f;
const MREMAP_FLAGS: [(u32, &str); 3] = [(1, "maymove"), (2, "fixed"), (4, "dontunmap")];

impl Serialize for EventLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "event")?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("ts", &self.clock.at(self.event.at_ns))?;
        map.serialize_entry("kind", self.event.kind().name())?;
        map.serialize_entry("pid", &self.event.pid)?;
        map.serialize_entry("tid", &self.event.tid)?;
        map.serialize_entry("start_time", &start_time(self.clock, self.process))?;
        map.serialize_entry("comm", &self.comm)?;
        self.body(&mut map)?;
        map.end()
    }
}

/// The wall-clock start of a process, truncated to the tick as /proc has it.
pub(crate) fn start_time(clock: WallClock, process: ProcessId) -> Option<Timestamp> {
    (process.start_ticks != 0).then(|| clock.at(process.start_ticks * TICK_NS))
}

impl EventLine<'_> {
    fn body<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.event.body {
            Body::Mmap { .. } => mmap(map, &self.event.body),
            Body::Munmap { addr, length } => {
                map.serialize_entry("addr", &Hex(*addr))?;
                map.serialize_entry("length_bytes", length)?;
                map.serialize_entry("result", &None::<i64>)
            }
            Body::Mremap { old_addr, old_length, new_length, flags, result } => {
                map.serialize_entry("addr", &returned(*result))?;
                map.serialize_entry("length_bytes", new_length)?;
                map.serialize_entry("old_addr", &Hex(*old_addr))?;
                map.serialize_entry("old_length_bytes", old_length)?;
                let flags = Flags { first: None, bits: *flags as u32, names: &MREMAP_FLAGS };
                map.serialize_entry("flags", &flags)?;
                outcome(map, *result)
            }
            Body::Brk { requested, result, .. } => {
                map.serialize_entry("addr", &Hex(*result))?;
                map.serialize_entry("length_bytes", &self.heap_change)?;
                map.serialize_entry("requested", &(*requested != 0).then_some(Hex(*requested)))?;
                map.serialize_entry("result", &0)
            }
            Body::Fork { child, child_mm, child_files, .. } => {
                map.serialize_entry("child_pid", child)?;
                let memory = (*child_mm == self.event.mm).then_some("memory");
                let descriptors = (*child_files == self.event.files).then_some("descriptors");
                let shares: Vec<&str> = memory.into_iter().chain(descriptors).collect();
                map.serialize_entry("shares", &shares)
            }
            Body::Exec { filename, .. } => map.serialize_entry("filename", filename),
            Body::Exit { exit_code, .. } => {
                let signal = exit_code & 0x7f;
                let code = (signal == 0).then_some((exit_code >> 8) & 0xff);
                map.serialize_entry("exit_code", &code)?;
                map.serialize_entry("signal", &(signal != 0).then_some(signal))
            }
            Body::Rename { .. }
            | Body::Call(_)
            | Body::Close { .. }
            | Body::TcpState(_)
            | Body::Stack(_) => Ok(()),
        }
    }
}

fn mmap<M: SerializeMap>(map: &mut M, body: &Body) -> Result<(), M::Error> {
    let Body::Mmap { hint, length, offset, prot, flags, fd, result, .. } = body else {
        return Ok(());
    };
    map.serialize_entry("addr", &returned(*result))?;
    map.serialize_entry("hint", &(*hint != 0).then_some(Hex(*hint)))?;
    map.serialize_entry("length_bytes", length)?;
    map.serialize_entry("prot", &protection(*prot))?;
    let first = match flags & MAP_TYPE {
        1 => "shared",
        2 => "private",
        3 => "shared_validate",
        8 => "droppable",
        _ => "untyped",
    };
    let names = Flags { first: Some(first), bits: flags & !MAP_TYPE, names: &MAP_FLAGS };
    map.serialize_entry("flags", &names)?;
    let is_anonymous = flags & 0x20 != 0;
    map.serialize_entry("fd", &(!is_anonymous).then_some(fd))?;
    map.serialize_entry("offset_bytes", offset)?;
    outcome(map, *result)?;
    map.serialize_entry("stack", &None::<()>)
}

/// `result` and `errno` of a call that returns an address.
fn outcome<M: SerializeMap>(map: &mut M, result: i64) -> Result<(), M::Error> {
    let errno = (-4095..0).contains(&result).then_some(-result);
    map.serialize_entry("result", &errno.map_or(Some(0), |_| None))?;
    map.serialize_entry("errno", &errno)
}

fn returned(result: i64) -> Option<Hex> {
    (!(-4095..0).contains(&result)).then_some(Hex(result as u64))
}

fn protection(prot: u32) -> String {
    let mut text: String = [(1, 'r'), (2, 'w'), (4, 'x')]
        .iter()
        .map(|&(bit, letter)| if prot & bit != 0 { letter } else { '-' })
        .collect();
    if prot & !7 != 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, "+{:#x}", prot & !7);
    }
    text
}

struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Names of the bits that are set; what has no name is one hexadecimal string.
struct Flags<'a> {
    first: Option<&'static str>,
    bits: u32,
    names: &'a [(u32, &'static str)],
}

impl Serialize for Flags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(first) = self.first {
            list.serialize_element(first)?;
        }
        let mut rest = self.bits;
        for (bit, name) in self.names {
            if rest & bit != 0 {
                list.serialize_element(name)?;
                rest &= !bit;
            }
        }
        if rest != 0 {
            list.serialize_element(&format!("{rest:#x}"))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::{Comm, FileKind};

    fn line(body: Body) -> serde_json::Value {
        let event = Event { at_ns: 1, pid: 7, tid: 8, mm: 99, files: 5, body };
        let line = EventLine {
            seq: 3,
            clock: WallClock::default(),
            event: &event,
            process: ProcessId { pid: 7, start_ticks: 0 },
            comm: Some("api"),
            heap_change: None,
        };
        serde_json::to_value(&line).unwrap()
    }

    #[test]
    fn a_mapping_says_what_was_asked_and_what_was_got() {
        let got = line(Body::Mmap {
            hint: 0,
            length: 1000,
            offset: 0,
            prot: 3,
            flags: 0x22 | 0x200,
            fd: -1,
            file: FileKind::None,
            result: 0x7f00_0000_0000,
        });
        assert_eq!(got["addr"], "0x7f0000000000");
        assert_eq!(got["flags"], json!(["private", "anonymous", "0x200"]));
        assert_eq!(got["prot"], "rw-");
        assert_eq!((&got["fd"], &got["errno"]), (&json!(null), &json!(null)));
        assert_eq!(got["start_time"], json!(null));
    }

    #[test]
    fn a_failed_call_has_an_errno_and_no_address() {
        let (old_addr, old_length, new_length, flags) = (4096, 4096, 8192, 0);
        let got = line(Body::Mremap { old_addr, old_length, new_length, flags, result: -12 });
        assert_eq!((&got["addr"], &got["errno"]), (&json!(null), &json!(12)));
        assert_eq!(got["result"], json!(null));
    }

    #[test]
    fn exits_tell_status_from_signal() {
        let exit = |exit_code| line(Body::Exit { start_ns: 0, exit_code });
        assert_eq!((&exit(0x700)["exit_code"], &exit(0x700)["signal"]), (&json!(7), &json!(null)));
        assert_eq!((&exit(0x89)["exit_code"], &exit(0x89)["signal"]), (&json!(null), &json!(9)));
    }

    #[test]
    fn a_vfork_shares_memory() {
        let got = line(Body::Fork {
            child: 9,
            child_ppid: 7,
            child_start_ns: 0,
            child_mm: 99,
            child_files: 1,
            open: Box::new(crate::event::OpenSet::UNKNOWN),
            comm: Comm::default(),
        });
        assert_eq!(got["shares"], json!(["memory"]));
    }
}

//! Lines of family memory.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    EventLine, Kind,
    words::{Acquired, Flags, Hex, Names, Outcome, Protection, errno, made},
};
use crate::event::{Body, Call, EventKind};

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
const MAP_ANONYMOUS: u32 = 0x20;
const MREMAP_FLAGS: &Names = &[(1, "maymove"), (2, "fixed"), (4, "dontunmap")];
/// `IPC_*` and `SHM_*`; the nine bits below are the permissions.
const SHM_FLAGS: &Names =
    &[(0o1000, "creat"), (0o2000, "excl"), (0o4000, "hugetlb"), (0o10000, "noreserve")];
const SHM_PERMISSIONS: u64 = 0o777;
/// `MFD_*`
pub(super) const MEMFD_FLAGS: &Names =
    &[(1, "cloexec"), (2, "allow_sealing"), (4, "hugetlb"), (8, "noexec_seal"), (16, "exec")];

/// A mapping was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Mmap<'a> {
    /// Where the mapping is.
    addr: Option<Hex>,
    /// Where it was asked for.
    hint: Option<Hex>,
    /// As asked for, not rounded.
    length_bytes: u64,
    /// What may be done with it.
    prot: Protection,
    /// `MAP_*`, lower case.
    flags: Flags,
    /// The descriptor it maps; null for anonymous memory.
    fd: Option<i32>,
    /// Where in the file it begins.
    offset_bytes: u64,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// Mappings are about to go.
#[derive(Serialize, JsonSchema)]
pub(super) struct Munmap {
    /// First address.
    addr: Hex,
    /// As given, not rounded.
    length_bytes: u64,
    /// Nothing: it is told at its start.
    result: (),
}

/// A mapping was moved or resized.
#[derive(Serialize, JsonSchema)]
pub(super) struct Mremap {
    /// Where the mapping is now.
    addr: Option<Hex>,
    /// How long it is now.
    length_bytes: u64,
    /// Where it was.
    old_addr: Hex,
    /// How long it was.
    old_length_bytes: u64,
    /// `MREMAP_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    outcome: Outcome,
}

/// The end of the heap was asked for or moved.
#[derive(Serialize, JsonSchema)]
pub(super) struct Brk<'a> {
    /// The end of the heap.
    addr: Hex,
    /// By how much the heap grew, where that is known.
    length_bytes: Option<i64>,
    /// The end asked for.
    requested: Option<Hex>,
    /// Always 0: brk tells nobody why it failed.
    result: i64,
    /// The call stack where one was taken: return addresses, innermost first.
    stack: Option<super::words::Frames<'a>>,
}

/// A shared segment was attached.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shmat {
    /// Where the segment is attached.
    addr: Option<Hex>,
    /// Its length, where that is known.
    length_bytes: Option<u64>,
    /// Which segment.
    shmid: i32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Something is about to go that is known by its address.
#[derive(Serialize, JsonSchema)]
pub(super) struct Dropped {
    /// Where it is.
    addr: Hex,
    /// Nothing: it is told at its start.
    result: (),
}

/// A shared segment was made or found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shmget {
    /// Which segment.
    shmid: Option<i32>,
    /// Its key; 0x0 is one that nobody else can ask for.
    key: Hex,
    /// Bytes asked for; 0 where it has to exist.
    length_bytes: u64,
    /// `IPC_*` and `SHM_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A shared segment was marked to go.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shmctl {
    /// Which segment.
    shmid: i32,
    /// What is done with it.
    command: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

/// An AIO context was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct IoSetup {
    /// Where its ring is.
    addr: Option<Hex>,
    /// Bytes of its ring, where that is known.
    length_bytes: Option<u64>,
    /// How many events it was asked to hold.
    events: u32,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A shadow stack was mapped.
#[derive(Serialize, JsonSchema)]
pub(super) struct MapShadowStack {
    /// Where it is.
    addr: Option<Hex>,
    /// As asked for, not rounded.
    length_bytes: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

fn returned(result: i64) -> Option<Hex> {
    errno(result).is_none().then_some(Hex(result as u64))
}

pub(super) fn mmap<'a>(line: &EventLine<'a>, body: &Body) -> Option<Kind<'a>> {
    let Body::Mmap { hint, length, offset, prot, flags, fd, result, .. } = *body else {
        return None;
    };
    let sharing = match flags & MAP_TYPE {
        1 => "shared",
        2 => "private",
        3 => "shared_validate",
        8 => "droppable",
        _ => "untyped",
    };
    Some(Kind::Mmap(Mmap {
        addr: returned(result),
        hint: (hint != 0).then_some(Hex(hint)),
        length_bytes: length,
        prot: Protection(prot),
        flags: Flags::after(sharing, flags & !MAP_TYPE, &MAP_FLAGS),
        fd: (flags & MAP_ANONYMOUS == 0).then_some(fd),
        offset_bytes: offset,
        acquired: Acquired::new(Outcome::made(result, 0), line.stack),
    }))
}

/// The line of munmap, mremap or brk.
pub(super) fn change<'a>(line: &EventLine<'a>, body: &Body) -> Option<Kind<'a>> {
    Some(match *body {
        Body::Munmap { addr, length } => {
            Kind::Munmap(Munmap { addr: Hex(addr), length_bytes: length, result: () })
        }
        Body::Mremap { old_addr, old_length, new_length, flags, result } => Kind::Mremap(Mremap {
            addr: returned(result),
            length_bytes: new_length,
            old_addr: Hex(old_addr),
            old_length_bytes: old_length,
            flags: Flags::new(flags, MREMAP_FLAGS),
            outcome: Outcome::made(result, 0),
        }),
        Body::Brk { requested, result, .. } => Kind::Brk(Brk {
            addr: Hex(result),
            length_bytes: line.heap_change,
            requested: (requested != 0).then_some(Hex(requested)),
            result: 0,
            stack: line.stack.map(super::words::Frames),
        }),
        _ => return None,
    })
}

/// The line of shared memory, AIO contexts and shadow stacks.
pub(super) fn call<'a>(line: &EventLine<'a>, call: &Call) -> Option<Kind<'a>> {
    let Call { kind, args: [first, second, third, _], result, .. } = *call;
    Some(match kind {
        EventKind::Shmat => Kind::Shmat(Shmat {
            addr: returned(result),
            length_bytes: line.length,
            shmid: first as i32,
            outcome: Outcome::made(result, 0),
        }),
        EventKind::Shmdt => Kind::Shmdt(Dropped { addr: Hex(first), result: () }),
        EventKind::Shmget => Kind::Shmget(Shmget {
            shmid: made(result),
            key: Hex(u64::from(first as u32)),
            length_bytes: second,
            flags: Flags::new(third & !SHM_PERMISSIONS, SHM_FLAGS),
            outcome: Outcome::of(result),
        }),
        EventKind::Shmctl => {
            let outcome = Outcome::made(result, 0);
            Kind::Shmctl(Shmctl { shmid: first as i32, command: "rmid", outcome })
        }
        EventKind::IoSetup => Kind::IoSetup(IoSetup {
            addr: errno(result).is_none().then_some(Hex(second)),
            length_bytes: (third != 0).then_some(third),
            events: first as u32,
            outcome: Outcome::made(result, 0),
        }),
        EventKind::IoDestroy => Kind::IoDestroy(Dropped { addr: Hex(first), result: () }),
        EventKind::MapShadowStack => Kind::MapShadowStack(MapShadowStack {
            addr: returned(result),
            length_bytes: second,
            outcome: Outcome::made(result, 0),
        }),
        _ => return None,
    })
}

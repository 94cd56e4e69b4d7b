//! The kernel's own description of its structures: the BTF type format, as far as finding the byte
//! offset of a member needs it. Pure and total: any bytes give a result or an error. The format is
//! Documentation/bpf/btf.rst of the kernel; names are compared where they lie.

mod offsets;
mod resolve;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use self::offsets::kernel_offsets;

/// Where the running kernel shows its BTF.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
/// Bytes of the header that every version has.
const HEADER_BYTES: usize = 24;
/// Bytes that every type starts with: name, info, and size or type.
const TYPE_BYTES: usize = 12;

/// Why BTF does not answer.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bytes end before what they announce.
    #[error("BTF ends inside its {what}")]
    Truncated {
        /// What is cut.
        what: &'static str,
    },
    /// These bytes are not BTF, or that of a machine with another byte order.
    #[error("BTF starts with {found:#06x}, not with {MAGIC:#06x}")]
    Magic {
        /// What they start with.
        found: u16,
    },
    /// The format has changed.
    #[error("BTF has version {found}, not 1")]
    Version {
        /// Its version.
        found: u8,
    },
    /// A type whose length is not known, so that nothing after it can be read.
    #[error("BTF type {id} is of unknown kind {kind}")]
    UnknownKind {
        /// Number of the type.
        id: usize,
        /// Number of its kind.
        kind: u32,
    },
    /// Not a structure and at least one member, set apart by dots.
    #[error("`{path}` is not a path of a member")]
    Path {
        /// What was asked for.
        path: String,
    },
    /// The kernel has no such structure, or it has no such member.
    #[error("the kernel has no `{path}`")]
    Missing {
        /// What was asked for.
        path: String,
    },
    /// The member does not start at a byte, or is not made of bytes.
    #[error("`{path}` is a bitfield")]
    Bitfield {
        /// What was asked for.
        path: String,
    },
    /// Structures of one name disagree.
    #[error("the kernel has several `{path}`, at {first} and at {second}")]
    Ambiguous {
        /// What was asked for.
        path: String,
        /// Offset in one of them.
        first: u32,
        /// Offset in another.
        second: u32,
    },
    /// The types are nested without end, or nearly so.
    #[error("the types around `{path}` have no end")]
    Endless {
        /// What was asked for.
        path: String,
    },
}

/// Kinds of types (`BTF_KIND_*`) that are looked into.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const TYPE_TAG: u32 = 18;
}

/// Parsed BTF: where each type starts. What the types say is read when it is asked for.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Start of each type in `types`; type 1 comes first, as 0 stands for void.
    starts: Vec<u32>,
    /// Numbers of the structures and unions that have a name.
    named: Vec<u32>,
}

/// The twelve bytes that every type starts with.
#[derive(Clone, Copy, Debug)]
struct Type {
    name: u32,
    info: u32,
    /// The type referred to, in kinds that refer to one.
    refers: u32,
    /// Where its members start in `types`.
    rest: usize,
}

impl Type {
    /// Kernels up to 7.0 kept the other bits of the seven at 0.
    const fn kind(self) -> u32 {
        self.info >> 24 & 0x7f
    }

    /// Entries that follow. Kernels up to 7.0 kept the upper 8 of these 24 bits at 0.
    const fn entries(self) -> usize {
        (self.info & 0x00ff_ffff) as usize
    }

    /// Whether members say their own width in bits.
    const fn has_widths(self) -> bool {
        self.info >> 31 == 1
    }

    const fn is_composite(self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }
}

/// The BTF of the running kernel, for [`Btf::parse`].
pub fn read_kernel_btf(path: impl AsRef<Path>) -> Result<Vec<u8>, BtfError> {
    let path = path.as_ref();
    std::fs::read(path).map_err(|source| BtfError::Read { path: path.to_owned(), source })
}

impl<'a> Btf<'a> {
    /// Finds where each type starts.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let header = bytes.get(..HEADER_BYTES).ok_or(BtfError::Truncated { what: "header" })?;
        let magic = u16::from_ne_bytes([header[0], header[1]]);
        if magic != MAGIC {
            return Err(BtfError::Magic { found: magic });
        }
        if header[2] != 1 {
            return Err(BtfError::Version { found: header[2] });
        }
        let field = |at| word(header, at).unwrap_or_default() as usize;
        let sections = bytes.get(field(4).max(HEADER_BYTES)..);
        let sections = sections.ok_or(BtfError::Truncated { what: "header" })?;
        let section = |at, what| {
            let (start, length) = (field(at), field(at + 4));
            let end = start.checked_add(length).ok_or(BtfError::Truncated { what })?;
            sections.get(start..end).ok_or(BtfError::Truncated { what })
        };
        let (types, strings) = (section(8, "types")?, section(16, "strings")?);
        let mut btf = Self { types, strings, starts: Vec::new(), named: Vec::new() };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), BtfError> {
        let mut at = 0;
        while at < self.types.len() {
            let found = self.type_at(at).ok_or(BtfError::Truncated { what: "types" })?;
            let id = self.starts.len() + 1;
            let length = rest_bytes(found)
                .ok_or_else(|| BtfError::UnknownKind { id, kind: found.kind() })?;
            self.starts.push(at as u32);
            if found.is_composite() && found.name != 0 {
                self.named.push(id as u32);
            }
            at = found.rest.saturating_add(length);
        }
        if at == self.types.len() { Ok(()) } else { Err(BtfError::Truncated { what: "types" }) }
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        Some(Type {
            name: word(self.types, at)?,
            info: word(self.types, at + 4)?,
            refers: word(self.types, at + 8)?,
            rest: at + TYPE_BYTES,
        })
    }

    /// A type by its number; `None` for void and for numbers that are none.
    fn get(&self, id: u32) -> Option<Type> {
        let index = (id as usize).checked_sub(1)?;
        self.type_at(*self.starts.get(index)? as usize)
    }

    /// Whether the string at `name` is `wanted`.
    fn is_named(&self, name: u32, wanted: &str) -> bool {
        let rest = self.strings.get(name as usize..).unwrap_or_default();
        rest.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// Bytes after the first twelve of a type; `None` for a kind that is not known.
fn rest_bytes(found: Type) -> Option<usize> {
    let entries = found.entries();
    match found.kind() {
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT and TYPE_TAG.
        2 | 7..=12 | 16 | 18 => Some(0),
        // INT, VAR and DECL_TAG.
        1 | 14 | 17 => Some(4),
        // ARRAY.
        3 => Some(12),
        // ENUM and FUNC_PROTO.
        6 | 13 => Some(entries * 8),
        // STRUCT, UNION, DATASEC and ENUM64.
        4 | 5 | 15 | 19 => Some(entries * 12),
        _ => None,
    }
}

/// The 32-bit number at a place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

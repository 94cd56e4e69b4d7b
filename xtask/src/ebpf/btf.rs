//! Mends the type information that LLVM writes for functions of which it knows no types.
//!
//! The standard library comes with line tables only. For a function of it that was not inlined
//! (`memcpy` and the like) LLVM 22 writes a FUNC that points to an uninitialised number instead of
//! a prototype: `visitSubroutineType` in llvm/lib/Target/BPF/BTFDebug.cpp returns without setting
//! it when the list of types is empty. So the bytes differ from one run to the next, and a kernel
//! refuses the whole section. Pure: bytes in, bytes out. The format is that of
//! <https://docs.kernel.org/bpf/btf.html>.

use anyhow::{Context as _, Result, bail};

const MAGIC: u32 = 0xeb9f;
const TYPE_BYTES: usize = 12;

const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;

/// Offsets in the header of the fields that are needed.
const HEADER_LENGTH: usize = 4;
const TYPES_OFFSET: usize = 8;
const TYPES_LENGTH: usize = 12;
const STRINGS_OFFSET: usize = 16;

/// One type: where it starts and what it is.
struct Type {
    start: usize,
    kind: u32,
}

/// Gives each FUNC without a prototype the prototype `void (void)`, added at the end so that no
/// type changes its number, and makes it static: the kernel verifies global functions by their
/// prototype, and this one is not theirs.
pub(super) fn mend(section: &[u8]) -> Result<Vec<u8>> {
    let mut section = section.to_vec();
    let types = types(&section)?;
    let is_proto = |id: u32| {
        // Number 0 is void and is not in the list.
        let listed = (id as usize).checked_sub(1).and_then(|index| types.get(index));
        listed.is_some_and(|found| found.kind == KIND_FUNC_PROTO)
    };
    let mut broken = Vec::new();
    for found in types.iter().filter(|found| found.kind == KIND_FUNC) {
        if !is_proto(read_u32(&section, found.start + 8)?) {
            broken.push(found.start);
        }
    }
    if broken.is_empty() {
        return Ok(section);
    }
    let added_id = types.len() as u32 + 1;
    for start in broken {
        write_u32(&mut section, start + 4, KIND_FUNC << 24)?;
        write_u32(&mut section, start + 8, added_id)?;
    }
    append_void_proto(&mut section)?;
    Ok(section)
}

/// Puts a FUNC_PROTO without parameters and result between the types and the strings.
fn append_void_proto(section: &mut Vec<u8>) -> Result<()> {
    let header = read_u32(section, HEADER_LENGTH)?;
    let types_length = read_u32(section, TYPES_LENGTH)?;
    let types_end = read_u32(section, TYPES_OFFSET)? + types_length;
    let strings = read_u32(section, STRINGS_OFFSET)?;
    if strings != types_end {
        bail!("the strings of .BTF start at {strings}, not where its types end, at {types_end}");
    }
    let mut proto = [0; TYPE_BYTES];
    write_u32(&mut proto, 4, KIND_FUNC_PROTO << 24)?;
    let at = (header + types_end) as usize;
    section.splice(at..at, proto);
    write_u32(section, TYPES_LENGTH, types_length + TYPE_BYTES as u32)?;
    write_u32(section, STRINGS_OFFSET, strings + TYPE_BYTES as u32)
}

/// All types in the order of their numbers, of which the first is 1.
fn types(section: &[u8]) -> Result<Vec<Type>> {
    let magic = read_u32(section, 0)? & 0xffff;
    if magic != MAGIC {
        bail!(".BTF starts with {magic:#x} instead of {MAGIC:#x}");
    }
    let mut start = (read_u32(section, HEADER_LENGTH)? + read_u32(section, TYPES_OFFSET)?) as usize;
    let end = start + read_u32(section, TYPES_LENGTH)? as usize;
    let mut types = Vec::new();
    while start < end {
        let info = read_u32(section, start + 4)?;
        let (kind, entries) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
        types.push(Type { start, kind });
        start += TYPE_BYTES + extra_bytes(kind, entries)?;
    }
    Ok(types)
}

/// What follows the common part of a type.
fn extra_bytes(kind: u32, entries: usize) -> Result<usize> {
    Ok(match kind {
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // ARRAY
        3 => 12,
        // STRUCT, UNION, DATASEC, ENUM64
        4 | 5 | 15 | 19 => 12 * entries,
        // ENUM, FUNC_PROTO
        6 | 13 => 8 * entries,
        _ => bail!(".BTF has a type of kind {kind}, which this tool does not know"),
    })
}

fn read_u32(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
    Ok(u32::from_le_bytes(*word.with_context(|| format!(".BTF ends before byte {at}"))?))
}

fn write_u32(bytes: &mut [u8], at: usize, value: u32) -> Result<()> {
    let word = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    *word.with_context(|| format!(".BTF ends before byte {at}"))? = value.to_le_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section of an INT (1), a FUNC_PROTO of one parameter (2) and a global FUNC (3) that
    /// points to `func_type`.
    fn section(func_type: u32) -> Vec<u8> {
        let types = [0, 1 << 24, 4, 32, 0, 13 << 24 | 1, 0, 0, 1, 0, 12 << 24 | 1, func_type];
        let length = 4 * types.len() as u32;
        let header = [0x0001_eb9f, 24, 0, length, length, 4];
        header.into_iter().chain(types).chain([0]).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn a_sound_section_stays_as_it_is() {
        assert_eq!(mend(&section(2)).unwrap(), section(2));
    }

    #[test]
    fn a_function_without_prototype_gets_one_whatever_it_pointed_to() {
        let mended = mend(&section(32765)).unwrap();
        assert_eq!(mended, mend(&section(1)).unwrap());
        let types = types(&mended).unwrap();
        assert_eq!(types.len(), 4);
        assert_eq!(types[3].kind, KIND_FUNC_PROTO);
        let func = types[2].start;
        assert_eq!(read_u32(&mended, func + 4).unwrap(), KIND_FUNC << 24, "static");
        assert_eq!(read_u32(&mended, func + 8).unwrap(), 4);
        assert_eq!(mended.len(), section(2).len() + TYPE_BYTES);
        assert_eq!(read_u32(&mended, STRINGS_OFFSET).unwrap(), 60);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        assert!(mend(&section(2)[..40]).is_err());
        assert!(mend(b"").is_err());
    }
}

//! From the path of a member to its byte offset.

use super::{Btf, BtfError, Type, kind, word};

/// Most members looked at for one path. The largest structures of a kernel have some hundreds; types
/// nested to do harm have as many as they like.
const MAX_STEPS: u32 = 1_000_000;
/// Most typedefs and qualifiers between a member and its structure.
const MAX_MODIFIERS: u32 = 64;
/// Bytes of a member of a structure: name, type and offset.
const MEMBER_BYTES: usize = 12;

/// A member that was found.
#[derive(Clone, Copy)]
struct Member {
    /// Number of its type.
    id: u32,
    /// Its place in the structure looked into.
    bits: u64,
    bitfield: bool,
}

/// Why a path does not lead anywhere; the path is added by who knows it whole.
enum Dead {
    Missing,
    Bitfield,
    Endless,
}

impl Btf<'_> {
    /// Byte offset of a member such as `file.f_path.dentry`. Members of anonymous structures and
    /// unions are members of what contains them, as in C. Of several structures with the name, those
    /// that have the member must agree.
    pub fn offset_of(&self, path: &str) -> Result<u32, BtfError> {
        let owned = || path.to_owned();
        let Some((root, members)) = path.split_once('.') else {
            return Err(BtfError::Path { path: owned() });
        };
        if path.split('.').any(str::is_empty) {
            return Err(BtfError::Path { path: owned() });
        }
        let mut steps = MAX_STEPS;
        let mut found = None;
        for &id in &self.named {
            let Some(composite) = self.get(id).filter(|it| self.is_named(it.name, root)) else {
                continue;
            };
            match (self.walk(composite, members, &mut steps), found) {
                (Ok(second), Some(first)) if first != second => {
                    return Err(BtfError::Ambiguous { path: owned(), first, second });
                }
                (Ok(offset), _) => found = Some(offset),
                (Err(Dead::Missing), _) => {}
                (Err(Dead::Bitfield), _) => return Err(BtfError::Bitfield { path: owned() }),
                (Err(Dead::Endless), _) => return Err(BtfError::Endless { path: owned() }),
            }
        }
        found.ok_or_else(|| BtfError::Missing { path: owned() })
    }

    fn walk(&self, root: Type, members: &str, steps: &mut u32) -> Result<u32, Dead> {
        let mut composite = Some(root);
        let mut bits = 0_u64;
        for name in members.split('.') {
            let member = self.member(composite.ok_or(Dead::Missing)?, name, steps)?;
            if member.bitfield {
                return Err(Dead::Bitfield);
            }
            bits += member.bits;
            composite = self.unmodified(member.id)?.filter(|found| found.is_composite());
        }
        if !bits.is_multiple_of(8) {
            return Err(Dead::Bitfield);
        }
        u32::try_from(bits / 8).or(Err(Dead::Missing))
    }

    /// A member of a structure or of the anonymous ones in it.
    fn member(&self, root: Type, name: &str, steps: &mut u32) -> Result<Member, Dead> {
        let mut open = vec![(root, 0_u64)];
        while let Some((composite, base)) = open.pop() {
            for index in 0..composite.entries() {
                *steps = steps.checked_sub(1).ok_or(Dead::Endless)?;
                let at = composite.rest + index * MEMBER_BYTES;
                let [Some(label), Some(id), Some(place)] =
                    [0, 4, 8].map(|field| word(self.types, at + field))
                else {
                    return Err(Dead::Missing);
                };
                let (bits, bitfield) = self.place(composite, id, place);
                let bits = base + bits;
                if self.is_named(label, name) {
                    return Ok(Member { id, bits, bitfield });
                }
                let inner = if label == 0 { self.unmodified(id)? } else { None };
                open.extend(inner.filter(|found| found.is_composite()).map(|found| (found, bits)));
            }
        }
        Err(Dead::Missing)
    }

    /// Place of a member in bits, and whether it is a bitfield: the structure may say so for each
    /// member, or the type of the member may be an integer narrower than its bytes.
    fn place(&self, composite: Type, id: u32, place: u32) -> (u64, bool) {
        if composite.has_widths() {
            return (u64::from(place & 0x00ff_ffff), place >> 24 != 0);
        }
        let integer = self.unmodified(id).ok().flatten().filter(|it| it.kind() == kind::INT);
        let bitfield = integer.is_some_and(|found| {
            let encoding = word(self.types, found.rest).unwrap_or_default();
            let (offset, width) = (encoding >> 16 & 0xff, encoding & 0xff);
            offset != 0 || width != found.refers.saturating_mul(8)
        });
        (u64::from(place), bitfield)
    }

    /// A type behind its typedefs and qualifiers; `None` for void.
    fn unmodified(&self, mut id: u32) -> Result<Option<Type>, Dead> {
        for _ in 0..MAX_MODIFIERS {
            let found = self.get(id);
            match found.map(Type::kind) {
                Some(
                    kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG,
                ) => id = found.map_or(0, |found| found.refers),
                _ => return Ok(found),
            }
        }
        Err(Dead::Endless)
    }
}

//! A mapping in sixteen bytes: a host may hold millions, and the agent keeps each.

use super::mappings::{Mapping, Origin};
use crate::event::MappingClass;

/// Ranges begin and end on pages, and no Linux has smaller ones: the bits below are free for others.
pub(super) const GRAIN: u64 = 4096;
/// Bits of the class, and where those of the origin's kind begin.
const CLASS_MASK: u64 = 3;
const ORIGIN_SHIFT: u32 = 2;
/// log2 of the nanoseconds in which births are counted: 17 ms, so that 32 bits last two years.
const BIRTH_SHIFT: u32 = 24;

/// A [`Mapping`] with its birth cut to [`Mapping::BIRTH_STEP_NS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// End, class and kind of origin.
    end: u64,
    birth: u32,
    /// Number of the stack or of the segment.
    number: u32,
}

impl Mapping {
    /// Births are kept in whole steps of this, in nanoseconds.
    pub const BIRTH_STEP_NS: u64 = 1 << BIRTH_SHIFT;
}

impl Packed {
    pub(super) fn new(mapping: Mapping) -> Self {
        let (kind, number) = match mapping.origin {
            Origin::Unknown => (0, 0),
            Origin::Stack(number) => (1, number),
            Origin::Segment(id) => (2, id.cast_unsigned()),
            Origin::Aio => (3, 0),
        };
        let end = mapping.end & !(GRAIN - 1);
        Self {
            end: end | kind << ORIGIN_SHIFT | mapping.class as u64,
            birth: u32::try_from(mapping.born_ns >> BIRTH_SHIFT).unwrap_or(u32::MAX),
            number,
        }
    }

    pub(super) fn end(self) -> u64 {
        self.end & !(GRAIN - 1)
    }

    pub(super) fn class(self) -> MappingClass {
        MappingClass::ALL[(self.end & CLASS_MASK) as usize]
    }

    pub(super) fn origin(self) -> Origin {
        match self.end >> ORIGIN_SHIFT & CLASS_MASK {
            0 => Origin::Unknown,
            1 => Origin::Stack(self.number),
            2 => Origin::Segment(self.number.cast_signed()),
            _ => Origin::Aio,
        }
    }

    pub(super) fn unpack(self) -> Mapping {
        Mapping {
            end: self.end(),
            born_ns: u64::from(self.birth) << BIRTH_SHIFT,
            class: self.class(),
            origin: self.origin(),
        }
    }

    /// The same up to another end.
    pub(super) fn until(self, end: u64) -> Self {
        Self { end: end & !(GRAIN - 1) | self.end & (GRAIN - 1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_what_it_was_but_for_the_grain_of_its_birth() {
        let origins = [Origin::Unknown, Origin::Stack(u32::MAX), Origin::Segment(-1), Origin::Aio];
        for class in MappingClass::ALL {
            for origin in origins {
                let end = 0x7fff_ffff_f000;
                let born_ns = (1 << 55) + 1;
                let packed = Packed::new(Mapping { end, born_ns, class, origin });
                let kept = Mapping { end, born_ns: 1 << 55, class, origin };
                assert_eq!(packed.unpack(), kept);
                assert_eq!(packed.until(GRAIN).unpack(), Mapping { end: GRAIN, ..kept });
            }
        }
        assert_eq!(size_of::<Packed>(), 16);
    }

    #[test]
    fn a_birth_beyond_all_times_is_the_last_there_is() {
        let (class, origin) = (MappingClass::Heap, Origin::Unknown);
        let packed = Packed::new(Mapping { end: GRAIN, born_ns: u64::MAX, class, origin });
        assert_eq!(packed.unpack().born_ns, u64::from(u32::MAX) * Mapping::BIRTH_STEP_NS);
    }
}

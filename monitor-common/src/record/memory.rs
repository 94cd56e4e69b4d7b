//! Family memory: the calls that change an address space.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;

/// What kind of file a mapping shows, as far as it decides the mapping's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FileKind {
    /// No file: anonymous.
    None = 0,
    /// A file with a path, or a device.
    Path = 1,
    /// A memfd: memory that only descriptors name.
    Memfd = 2,
    /// `/dev/zero`, whose shared mappings are shared memory without a file.
    DevZero = 3,
    /// The descriptor was gone or could not be read when the call returned.
    Unknown = 4,
}

impl FileKind {
    /// Total conversion from the wire; what is not known is [`FileKind::Unknown`].
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            0 => Self::None,
            1 => Self::Path,
            2 => Self::Memfd,
            3 => Self::DevZero,
            _ => Self::Unknown,
        }
    }
}

/// mmap at its return.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawMmap {
    /// Common header.
    pub header: RawHeader,
    /// Address asked for.
    pub hint: u64,
    /// Length asked for, in bytes, not rounded.
    pub length: u64,
    /// Offset into the file, in bytes.
    pub offset: u64,
    /// Address returned, or a negative errno.
    pub result: i64,
    /// `PROT_*`
    pub prot: u32,
    /// `MAP_*`
    pub flags: u32,
    /// Descriptor argument.
    pub fd: i32,
    /// A [`FileKind`].
    pub file_kind: u32,
}

/// munmap at its start: what it will release.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawMunmap {
    /// Common header.
    pub header: RawHeader,
    /// First address.
    pub addr: u64,
    /// Length in bytes, not rounded.
    pub length: u64,
}

/// mremap at its return.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawMremap {
    /// Common header.
    pub header: RawHeader,
    /// Address of the source.
    pub old_addr: u64,
    /// Length of the source in bytes; 0 duplicates a shared mapping.
    pub old_length: u64,
    /// Length of the destination in bytes.
    pub new_length: u64,
    /// Fifth argument: the destination asked for with `MREMAP_FIXED`.
    pub new_addr: u64,
    /// Address returned, or a negative errno.
    pub result: i64,
    /// `MREMAP_*`
    pub flags: u64,
}

/// brk at its return.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawBrk {
    /// Common header.
    pub header: RawHeader,
    /// End of the heap asked for; 0 asks where it is.
    pub requested: u64,
    /// End of the heap after the call. The raw call never fails; it leaves the end where it was.
    pub result: u64,
    /// `mm->start_brk`: where the heap starts.
    pub start_brk: u64,
}

const _: () = assert!(offset_of!(RawMmap, hint) == size_of::<RawHeader>());
const _: () = assert!(size_of::<RawMmap>() == 88);
const _: () = assert!(size_of::<RawMunmap>() == 56);
const _: () = assert!(size_of::<RawMremap>() == 88);
const _: () = assert!(size_of::<RawBrk>() == 64);

//! Family memory: the calls that change an address space.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::RawHeader;

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
    /// A [`super::FileKind`].
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

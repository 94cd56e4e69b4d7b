//! Every map, sized from `monitor_common::limits`.

use aya_ebpf::{
    macros::map,
    maps::{HashMap, PerCpuArray, RingBuf},
};
use monitor_common::{Counter, limits};

/// All records, of all CPUs: one ring keeps causes before effects.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(limits::RING_BYTES, 0);

/// What is counted where it happens, indexed by [`Counter`].
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// Watched thread-group ids, written by userspace and by fork under `follow`. Not preallocated:
/// most runs watch a handful.
#[map]
pub(crate) static WATCHED: HashMap<u32, u8> =
    HashMap::with_max_entries(limits::MAX_WATCHED, aya_ebpf::bindings::BPF_F_NO_PREALLOC);

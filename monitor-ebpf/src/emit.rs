//! The only place that reserves ring space, and the only place that counts.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_get_smp_processor_id, generated::bpf_ktime_get_boot_ns},
};
use monitor_common::{
    Counter, RawHeader, WIRE_VERSION,
    limits::{WAKE_BYTES, WAKE_WINDOW},
    record::WireRecord,
};

use crate::{
    maps::{COUNTERS, EVENTS},
    task::Caller,
};

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the slot belongs to this CPU and outlives the program's run.
        unsafe { *value += 1 };
    }
}

/// The header of a record of `T`, stamped now.
#[inline(always)]
pub(crate) fn header<T: WireRecord>(caller: &Caller) -> RawHeader {
    RawHeader {
        // SAFETY: takes no argument and reads a clock.
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        mm: caller.mm,
        files: caller.files,
        tgid: caller.tgid,
        tid: caller.tid,
        kind: T::KIND as u16,
        version: WIRE_VERSION,
        // SAFETY: takes no argument; always valid.
        cpu: unsafe { bpf_get_smp_processor_id() },
    }
}

/// Puts a record into the ring, or counts that it did not fit.
#[inline(always)]
pub(crate) fn record<T: WireRecord>(value: T) {
    let Some(mut slot) = EVENTS.reserve::<T>(0) else {
        return count(Counter::lost(T::KIND.family()));
    };
    slot.write(value);
    slot.submit(wake_flag());
}

/// As [`record`], filling the slot in place: for records too large for the 512-byte stack.
#[inline(always)]
pub(crate) fn record_with<T: WireRecord>(fill: impl FnOnce(*mut T) -> Result<(), i64>) {
    let Some(mut slot) = EVENTS.reserve::<T>(0) else {
        return count(Counter::lost(T::KIND.family()));
    };
    if fill(slot.as_mut_ptr()).is_ok() {
        slot.submit(wake_flag());
    } else {
        count(Counter::ReadError);
        slot.discard(u64::from(BPF_RB_NO_WAKEUP));
    }
}

/// The reader polls: a wake-up for each event would cost more than the event. Only when the ring
/// passes a quarter is the reader woken early.
#[inline(always)]
fn wake_flag() -> u64 {
    let unread = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    if (WAKE_BYTES..WAKE_BYTES + WAKE_WINDOW).contains(&unread) {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}

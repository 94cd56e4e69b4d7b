//! The only place that reserves ring space, and the only place that counts.

use aya_ebpf::{
    EbpfContext as _,
    bindings::{BPF_F_USER_STACK, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{
        bpf_get_smp_processor_id,
        generated::{bpf_get_stack, bpf_ktime_get_boot_ns},
    },
    programs::TracePointContext,
};
use monitor_common::{
    Counter, EventKind, RawHeader, WIRE_VERSION,
    limits::{WAKE_BYTES, WAKE_WINDOW},
    record::{MAX_FRAMES, RawStack, WireRecord},
};

use crate::{
    maps::{COUNTERS, EVENTS},
    task::Caller,
};

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter.index()) {
        // SAFETY: the slot belongs to this CPU and outlives the program's run.
        unsafe { *value += 1 };
    }
}

/// The header of a record of this kind, stamped now.
#[inline(always)]
pub(crate) fn header(kind: EventKind, caller: &Caller) -> RawHeader {
    RawHeader {
        // SAFETY: takes no argument and reads a clock.
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        mm: caller.mm,
        files: caller.files,
        tgid: caller.tgid,
        tid: caller.tid,
        kind: kind as u16,
        version: WIRE_VERSION,
        // SAFETY: takes no argument; always valid.
        cpu: unsafe { bpf_get_smp_processor_id() },
    }
}

/// Puts a record into the ring, or counts that it did not fit.
#[inline(always)]
pub(crate) fn record<T: WireRecord>(kind: EventKind, value: T) {
    let Some(mut slot) = EVENTS.reserve::<T>(0) else {
        return count(Counter::Lost(kind.family()));
    };
    slot.write(value);
    slot.submit(wake_flag());
}

/// As [`record`], filling the slot in place: for records too large for the 512-byte stack.
#[inline(always)]
pub(crate) fn record_with<T: WireRecord>(
    kind: EventKind,
    fill: impl FnOnce(*mut T) -> Result<(), i64>,
) {
    let Some(mut slot) = EVENTS.reserve::<T>(0) else {
        return count(Counter::Lost(kind.family()));
    };
    if fill(slot.as_mut_ptr()).is_ok() {
        slot.submit(wake_flag());
    } else {
        count(Counter::ReadError);
        slot.discard(u64::from(BPF_RB_NO_WAKEUP));
    }
}

/// Puts the caller's user call stack into the ring, for the record that follows. Without a single
/// frame there is nothing to say.
#[inline(always)]
pub(crate) fn stack(ctx: &TracePointContext, caller: &Caller) {
    let kind = EventKind::Stack;
    let Some(mut slot) = EVENTS.reserve::<RawStack>(0) else {
        return count(Counter::Lost(kind.family()));
    };
    let record: *mut RawStack = slot.as_mut_ptr();
    // SAFETY: `record` is a reserved record: the helper fills all of `frames`, with zeros where
    // there is no frame, and every other field is written before it is submitted.
    let depth = unsafe {
        (*record).header = header(kind, caller);
        let bytes = bpf_get_stack(
            ctx.as_ptr(),
            (&raw mut (*record).frames).cast(),
            size_of::<[u64; MAX_FRAMES]>() as u32,
            u64::from(BPF_F_USER_STACK),
        );
        (*record).depth = (bytes / 8) as u32;
        (*record).reserved = 0;
        bytes / 8
    };
    if depth > 0 {
        slot.submit(wake_flag());
    } else {
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

//! Family memory: mappings, the heap, shared segments, memfds and AIO rings.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};
use aya_log_ebpf::debug;
use monitor_common::{
    EventKind,
    record::{FileKind, RawBrk, RawMmap, RawMremap, RawMunmap},
    settings::STACKS_MEMORY,
};

use super::call::{
    Call, argument, enters, exits, is_failure, is_skipped_failure, on_enter, on_exit, on_exit_if,
    result,
};
use crate::{
    emit::{header, record, stack},
    file::file_kind,
    filter::traced,
    settings::get,
    task::{Arguments, read_user},
};

/// include/uapi/linux/mman.h and include/uapi/asm-generic/mman-common.h
const MAP_PRIVATE: u64 = 0x02;
const MAP_ANONYMOUS: u64 = 0x20;
/// include/uapi/linux/ipc.h, and the bit old C libraries add (ipc/util.h).
const IPC_RMID: u32 = 0;
const IPC_64: u32 = 0x100;
/// Pages are at least this; x86-64 has no other size.
const PAGE_MASK: u64 = 4095;

#[tracepoint]
pub(crate) fn memory_mmap_exit(ctx: TracePointContext) -> u32 {
    on_mmap_exit(&ctx);
    0
}

#[inline(always)]
fn on_mmap_exit(ctx: &TracePointContext) {
    let Some(caller) = traced() else { return };
    let result = result(ctx);
    let args = caller.arguments();
    let length = args.arg1();
    if is_skipped_failure(EventKind::Mmap, result) || length < get!(min_mapping_bytes) {
        return;
    }
    let flags = args.arg3();
    let fd = args.arg4() as i32;
    let is_anonymous = flags & MAP_ANONYMOUS != 0;
    let file = if is_anonymous { FileKind::None } else { file_kind(&caller, fd as u32) };
    debug!(ctx, "mmap pid {} length {} result {:x}", caller.tgid, length, result);
    let is_private = flags & (MAP_ANONYMOUS | MAP_PRIVATE) == MAP_ANONYMOUS | MAP_PRIVATE;
    let is_large = is_private && length >= get!(stack_min_bytes);
    if get!(stacks) >= STACKS_MEMORY && is_large && !is_failure(result) {
        stack(ctx, &caller);
    }
    let value = RawMmap {
        header: header(EventKind::Mmap, &caller),
        hint: args.arg0(),
        length,
        offset: args.arg5(),
        result,
        prot: args.arg2() as u32,
        flags: flags as u32,
        fd,
        file_kind: file as u32,
    };
    record(EventKind::Mmap, value);
}

#[tracepoint]
pub(crate) fn memory_munmap_enter(ctx: TracePointContext) -> u32 {
    on_munmap_enter(&ctx);
    0
}

#[inline(always)]
fn on_munmap_enter(ctx: &TracePointContext) {
    let Some(caller) = traced() else { return };
    let (addr, length) = (argument(ctx, 0), argument(ctx, 1));
    // What the kernel is sure to refuse is left out here; the rest cannot be known at entry.
    if addr & PAGE_MASK != 0 || length == 0 || length < get!(min_mapping_bytes) {
        return;
    }
    let limit = caller.task_size();
    if addr > limit || length > limit - addr {
        return;
    }
    debug!(ctx, "munmap pid {} addr {:x} length {}", caller.tgid, addr, length);
    let header = header(EventKind::Munmap, &caller);
    record(EventKind::Munmap, RawMunmap { header, addr, length });
}

#[tracepoint]
pub(crate) fn memory_mremap_exit(ctx: TracePointContext) -> u32 {
    on_mremap_exit(&ctx);
    0
}

#[inline(always)]
fn on_mremap_exit(ctx: &TracePointContext) {
    let Some(caller) = traced() else { return };
    let result = result(ctx);
    if is_skipped_failure(EventKind::Mremap, result) {
        return;
    }
    let args = caller.arguments();
    let value = RawMremap {
        header: header(EventKind::Mremap, &caller),
        old_addr: args.arg0(),
        old_length: args.arg1(),
        new_length: args.arg2(),
        new_addr: args.arg4(),
        result,
        flags: args.arg3(),
    };
    record(EventKind::Mremap, value);
}

#[tracepoint]
pub(crate) fn memory_brk_exit(ctx: TracePointContext) -> u32 {
    on_brk_exit(&ctx);
    0
}

#[inline(always)]
fn on_brk_exit(ctx: &TracePointContext) {
    let Some(caller) = traced() else { return };
    let result = result(ctx);
    let requested = caller.arguments().arg0();
    // The raw call never fails: an end below the one asked for is the old one.
    let is_moved = requested != 0 && result as u64 >= requested;
    if get!(stacks) >= STACKS_MEMORY && is_moved {
        stack(ctx, &caller);
    }
    let value = RawBrk {
        header: header(EventKind::Brk, &caller),
        requested,
        result: result as u64,
        start_brk: caller.start_brk(),
    };
    record(EventKind::Brk, value);
}

exits! {
    memory_shmat_exit Shmat [arg0 arg1 arg2];
    memory_shmget_exit Shmget [arg0 arg1 arg2];
    memory_memfd_create_exit MemfdCreate [arg1];
    memory_map_shadow_stack_exit MapShadowStack [arg0 arg1 arg2];
}

enters! {
    memory_shmdt_enter Shmdt 1;
    memory_io_destroy_enter IoDestroy 1;
}

#[tracepoint]
pub(crate) fn memory_shmctl_exit(ctx: TracePointContext) -> u32 {
    let is_wanted = |args: &Arguments, _| args.arg1() as u32 & !IPC_64 == IPC_RMID;
    on_exit_if(&ctx, EventKind::Shmctl, is_wanted, |_, args, _| {
        Ok(Call::new([args.arg0(), args.arg1(), 0, 0]))
    });
    0
}

#[tracepoint]
pub(crate) fn memory_io_setup_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::IoSetup, |_, args, result| {
        if is_failure(result) {
            return Ok(Call::new([args.arg0(), 0, 0, 0]));
        }
        let context: u64 = read_user(args.arg1())?;
        Ok(Call::new([args.arg0(), context, aio_ring_bytes(context), 0]))
    });
    0
}

/// Bytes of the mapping an AIO context has; 0 where its head is not in memory yet.
#[inline(always)]
fn aio_ring_bytes(context: u64) -> u64 {
    // `struct aio_ring` (fs/aio.c): id, then how many events of 32 bytes follow its 32 bytes.
    let Ok(events) = read_user::<u32>(context + 4) else { return 0 };
    (u64::from(events) * 32 + 32 + PAGE_MASK) & !PAGE_MASK
}

//! Family memory: mmap, mremap and brk at their return, munmap at its start.
//!
//! A release is stamped when the call starts and an acquisition when it returns, so that an
//! address another thread gets right after its release never looks like a double mapping.

use aya_ebpf::{EbpfContext as _, macros::tracepoint, programs::TracePointContext};
use aya_log_ebpf::debug;
use monitor_common::{
    Counter,
    record::{FileKind, RawBrk, RawMmap, RawMremap, RawMunmap},
};

use crate::{
    emit::{count, header, record},
    filter::should_trace,
    settings::get,
    task::{Caller, read},
};

/// Offset of the return value in the `syscalls:sys_exit_*` record (events/syscalls/*/format).
const RESULT: usize = 16;
/// Offset of the first argument in the `syscalls:sys_enter_*` record.
const ARGUMENT: usize = 16;
/// `MAP_ANONYMOUS`, include/uapi/asm-generic/mman-common.h.
const MAP_ANONYMOUS: u64 = 0x20;
/// Pages are at least this; x86-64 has no other size.
const PAGE_MASK: u64 = 4095;

#[tracepoint]
pub(crate) fn memory_mmap_exit(ctx: TracePointContext) -> u32 {
    on_mmap_exit(&ctx);
    0
}

#[inline(always)]
fn on_mmap_exit(ctx: &TracePointContext) {
    let (tgid, _) = Caller::ids();
    if !should_trace(tgid) {
        return;
    }
    let result = field(ctx, RESULT) as i64;
    let caller = Caller::current();
    let args = caller.arguments();
    let length = args.arg1();
    if is_skipped_failure(result) || length < get!(min_mapping_bytes) {
        return;
    }
    let flags = args.arg3();
    let fd = args.arg4() as i32;
    let file = if flags & MAP_ANONYMOUS != 0 { FileKind::None } else { file_kind(&caller, fd) };
    debug!(ctx, "mmap pid {} length {} result {:x}", tgid, length, result);
    record(RawMmap {
        header: header::<RawMmap>(&caller),
        hint: args.arg0(),
        length,
        offset: args.arg5(),
        result,
        prot: args.arg2() as u32,
        flags: flags as u32,
        fd,
        file_kind: file as u32,
    });
}

#[tracepoint]
pub(crate) fn memory_munmap_enter(ctx: TracePointContext) -> u32 {
    on_munmap_enter(&ctx);
    0
}

#[inline(always)]
fn on_munmap_enter(ctx: &TracePointContext) {
    let (tgid, _) = Caller::ids();
    if !should_trace(tgid) {
        return;
    }
    let (addr, length) = (field(ctx, ARGUMENT), field(ctx, ARGUMENT + 8));
    // What the kernel is sure to refuse is left out here; the rest cannot be known at entry.
    if addr & PAGE_MASK != 0 || length == 0 || length < get!(min_mapping_bytes) {
        return;
    }
    let caller = Caller::current();
    let limit = caller.task_size();
    if addr > limit || length > limit - addr {
        return;
    }
    debug!(ctx, "munmap pid {} addr {:x} length {}", tgid, addr, length);
    record(RawMunmap { header: header::<RawMunmap>(&caller), addr, length });
}

#[tracepoint]
pub(crate) fn memory_mremap_exit(ctx: TracePointContext) -> u32 {
    on_mremap_exit(&ctx);
    0
}

#[inline(always)]
fn on_mremap_exit(ctx: &TracePointContext) {
    let (tgid, _) = Caller::ids();
    if !should_trace(tgid) {
        return;
    }
    let result = field(ctx, RESULT) as i64;
    if is_skipped_failure(result) {
        return;
    }
    let caller = Caller::current();
    let args = caller.arguments();
    record(RawMremap {
        header: header::<RawMremap>(&caller),
        old_addr: args.arg0(),
        old_length: args.arg1(),
        new_length: args.arg2(),
        new_addr: args.arg4(),
        result,
        flags: args.arg3(),
    });
}

#[tracepoint]
pub(crate) fn memory_brk_exit(ctx: TracePointContext) -> u32 {
    on_brk_exit(&ctx);
    0
}

#[inline(always)]
fn on_brk_exit(ctx: &TracePointContext) {
    let (tgid, _) = Caller::ids();
    if !should_trace(tgid) {
        return;
    }
    let result = field(ctx, RESULT) as i64;
    let caller = Caller::current();
    record(RawBrk {
        header: header::<RawBrk>(&caller),
        requested: caller.arguments().arg0(),
        result: result as u64,
        start_brk: caller.start_brk(),
    });
}

/// Eight bytes of the tracepoint's record. The verifier allows the load where the record has them,
/// so no helper is called.
#[inline(always)]
fn field(ctx: &TracePointContext, offset: usize) -> u64 {
    // SAFETY: inside the record this program was attached for; checked when it is loaded.
    unsafe { core::ptr::read_volatile(ctx.as_ptr().byte_add(offset).cast::<u64>()) }
}

/// Counts a failed call, and says whether it is left out of the stream.
#[inline(always)]
fn is_skipped_failure(result: i64) -> bool {
    // The last page of addresses is never a mapping: it holds the negated errnos.
    if !(-4095..0).contains(&result) {
        return false;
    }
    count(Counter::FailedMemory);
    get!(failed) == 0
}

/// What the descriptor names, as far as it decides the class of the mapping.
#[inline(always)]
fn file_kind(caller: &Caller, fd: i32) -> FileKind {
    try_file_kind(caller, fd).unwrap_or(FileKind::Unknown)
}

#[inline(always)]
fn try_file_kind(caller: &Caller, fd: i32) -> Result<FileKind, i64> {
    let table: u64 = read(caller.files, get!(offsets.files_fdt))?;
    let slots: u32 = read(table, get!(offsets.fdt_max_fds))?;
    if fd < 0 || fd as u32 >= slots {
        return Ok(FileKind::Unknown);
    }
    let array: u64 = read(table, get!(offsets.fdt_fd))?;
    let file: u64 = read(array + 8 * fd as u64, 0)?;
    let dentry: u64 = read(file, get!(offsets.file_dentry))?;
    let parent: u64 = read(dentry, get!(offsets.dentry_parent))?;
    // Files made without a path are roots of their own; memfd names them (mm/memfd.c).
    if parent == dentry {
        let name: u64 = read(dentry, get!(offsets.dentry_name))?;
        let start: [u8; 6] = read(name, 0)?;
        if start == *b"memfd:" {
            return Ok(FileKind::Memfd);
        }
    }
    let inode: u64 = read(file, get!(offsets.file_inode))?;
    // /dev/zero is character device 1:5; the kernel packs major << 20 | minor.
    let device: u32 = read(inode, get!(offsets.inode_rdev))?;
    Ok(if device == (1 << 20 | 5) { FileKind::DevZero } else { FileKind::Path })
}

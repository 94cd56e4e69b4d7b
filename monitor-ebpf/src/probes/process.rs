//! Family process: fork, exec, rename and exit, from task pointers of raw tracepoints, and unshare.
//! The plain `sched_process_fork` event has thread ids only and cannot tell a thread from a process.

use aya_ebpf::{
    helpers::{bpf_probe_read_kernel_str_bytes, generated::bpf_probe_read_kernel},
    macros::{raw_tracepoint, tracepoint},
    programs::{RawTracePointContext, TracePointContext},
};
use aya_log_ebpf::debug;
use monitor_common::{
    Counter, EventKind,
    limits::{COMM_LEN, OPEN_WORDS},
    record::{OpenSet, RawExec, RawExit, RawFork, RawRename},
};

use super::call::{Call, on_exit_if};
use crate::{
    emit::{count, header, record, record_with},
    filter::{follow, forget, should_trace_life},
    settings::get,
    task::{Arguments, Caller, read},
};

/// include/uapi/linux/sched.h
const CLONE_FILES: u64 = 0x400;

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`: runs before the
/// child does.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn process_fork(ctx: RawTracePointContext) -> i32 {
    if try_fork(&ctx).is_err() {
        count(Counter::ReadError);
    }
    0
}

#[inline(always)]
fn try_fork(ctx: &RawTracePointContext) -> Result<(), i64> {
    let child: u64 = ctx.arg(1);
    let child_tgid: u32 = read(child, get!(offsets.task_tgid))?;
    let caller = Caller::current();
    let child_mm: u64 = read(child, get!(offsets.task_mm))?;
    // Threads share everything with their process; kernel threads hold nothing of users.
    if child_tgid == caller.tgid || child_mm == 0 {
        return Ok(());
    }
    follow(caller.tgid, child_tgid);
    if !should_trace_life(caller.tgid) {
        return Ok(());
    }
    debug!(ctx, "fork pid {} child {}", caller.tgid, child_tgid);
    record_with(EventKind::Fork, |slot| fill_fork(child, &caller, slot));
    Ok(())
}

#[inline(always)]
fn fill_fork(child: u64, caller: &Caller, slot: *mut RawFork) -> Result<(), i64> {
    let parent: u64 = read(child, get!(offsets.task_real_parent))?;
    let files: u64 = read(child, get!(offsets.task_files))?;
    // SAFETY: `slot` is a reserved record: every field is written before it is submitted.
    unsafe {
        (*slot).header = header(EventKind::Fork, caller);
        (*slot).child_mm = read(child, get!(offsets.task_mm))?;
        (*slot).child_files = files;
        (*slot).child_start_ns = read(child, get!(offsets.task_start_boottime))?;
        (*slot).child_tgid = read(child, get!(offsets.task_tgid))?;
        (*slot).child_ppid = read(parent, get!(offsets.task_tgid))?;
        (*slot).comm = read(child, get!(offsets.task_comm))?;
        fill_open(files, &raw mut (*slot).open);
    }
    Ok(())
}

/// Fills in which descriptors of a table are open; nothing known where it cannot be read.
///
/// # Safety
///
/// `open` lies in a reserved record.
#[inline(always)]
unsafe fn fill_open(files: u64, open: *mut OpenSet) {
    // SAFETY: as the caller promises.
    unsafe {
        *open = OpenSet::UNKNOWN;
        if let Ok(slots) = read_open(files, &raw mut (*open).words) {
            (*open).slots = slots;
        }
    }
}

/// Copies the bits of a table to `words` and says how many descriptors it has room for.
#[inline(always)]
unsafe fn read_open(files: u64, words: *mut [u64; OPEN_WORDS]) -> Result<u32, i64> {
    let table: u64 = read(files, get!(offsets.files_fdt))?;
    let slots: u32 = read(table, get!(offsets.fdt_max_fds))?;
    let bits: u64 = read(table, get!(offsets.fdt_open_fds))?;
    // A table has room for a multiple of 64 descriptors, so no word is cut.
    let bytes = if slots < OpenSet::CAPACITY { slots / 8 } else { OpenSet::CAPACITY / 8 };
    // SAFETY: `words` has room for the bytes, and the helper checks the source.
    let code = unsafe { bpf_probe_read_kernel(words.cast(), bytes, bits as *const _) };
    if code == 0 { Ok(slots) } else { Err(code) }
}

/// `sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`: runs when
/// the new program is mapped and before its first instruction.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub(crate) fn process_exec(ctx: RawTracePointContext) -> i32 {
    let caller = Caller::current();
    if should_trace_life(caller.tgid) {
        record_with(EventKind::Exec, |slot| fill_exec(&ctx, &caller, slot));
    }
    0
}

#[inline(always)]
fn fill_exec(ctx: &RawTracePointContext, caller: &Caller, slot: *mut RawExec) -> Result<(), i64> {
    let (task, binprm): (u64, u64) = (ctx.arg(0), ctx.arg(2));
    let filename: u64 = read(binprm, get!(offsets.binprm_filename))?;
    // SAFETY: `slot` is a reserved record: every field is written before it is submitted.
    unsafe {
        (*slot).header = header(EventKind::Exec, caller);
        (*slot).start_ns = start_ns(task)?;
        (*slot).old_tid = ctx.arg(1);
        (*slot).comm = read(task, get!(offsets.task_comm))?;
        (*slot).filename_len =
            bpf_probe_read_kernel_str_bytes(filename as *const u8, &mut (*slot).filename)?.len()
                as u32;
        fill_open(caller.files, &raw mut (*slot).open);
    }
    debug!(ctx, "exec pid {}", caller.tgid);
    Ok(())
}

/// `sched_process_exit(struct task_struct *p, ...)`: runs for each thread; the process ends with
/// the last.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub(crate) fn process_exit(ctx: RawTracePointContext) -> i32 {
    if try_exit(&ctx).is_err() {
        count(Counter::ReadError);
    }
    0
}

#[inline(always)]
fn try_exit(ctx: &RawTracePointContext) -> Result<(), i64> {
    let task: u64 = ctx.arg(0);
    let signal: u64 = read(task, get!(offsets.task_signal))?;
    // do_exit has already counted the caller out, so the last thread sees zero.
    let live: i32 = read(signal, get!(offsets.signal_live))?;
    if live != 0 {
        return Ok(());
    }
    let caller = Caller::current();
    let is_traced = should_trace_life(caller.tgid);
    forget(caller.tgid);
    if !is_traced {
        return Ok(());
    }
    debug!(ctx, "exit pid {}", caller.tgid);
    let value = RawExit {
        header: header(EventKind::Exit, &caller),
        start_ns: start_ns(task)?,
        exit_code: read(task, get!(offsets.task_exit_code))?,
        reserved: 0,
    };
    record(EventKind::Exit, value);
    Ok(())
}

/// `task_rename(struct task_struct *task, const char *comm)`: runs before the name is stored.
#[raw_tracepoint(tracepoint = "task_rename")]
pub(crate) fn process_rename(ctx: RawTracePointContext) -> i32 {
    if try_rename(&ctx).is_err() {
        count(Counter::ReadError);
    }
    0
}

#[inline(always)]
fn try_rename(ctx: &RawTracePointContext) -> Result<(), i64> {
    let task: u64 = ctx.arg(0);
    let tgid: u32 = read(task, get!(offsets.task_tgid))?;
    let tid: u32 = read(task, get!(offsets.task_pid))?;
    // Only the leader's name is the process's.
    if tid != tgid || !should_trace_life(tgid) {
        return Ok(());
    }
    let mut comm = [0; COMM_LEN];
    let name: *const u8 = ctx.arg(1);
    // SAFETY: the helper checks the address and stops at the buffer's end.
    let _ = unsafe { bpf_probe_read_kernel_str_bytes(name, &mut comm) }?;
    let caller = Caller::current();
    let value = RawRename {
        header: header(EventKind::Rename, &caller),
        renamed_tgid: tgid,
        reserved: 0,
        comm,
    };
    record(EventKind::Rename, value);
    Ok(())
}

/// Only `CLONE_FILES` matters: the other flags move nothing that is counted.
#[tracepoint]
pub(crate) fn process_unshare_exit(ctx: TracePointContext) -> u32 {
    let is_wanted = |args: &Arguments, result| result == 0 && args.arg0() & CLONE_FILES != 0;
    on_exit_if(&ctx, EventKind::Unshare, is_wanted, |_, args, _| {
        Ok(Call::new([args.arg0(), 0, 0, 0]))
    });
    0
}

/// When the process of `task` started: its leader's start, which a thread inherits by exec.
#[inline(always)]
fn start_ns(task: u64) -> Result<u64, i64> {
    let leader: u64 = read(task, get!(offsets.task_group_leader))?;
    read(leader, get!(offsets.task_start_boottime))
}

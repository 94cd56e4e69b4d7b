//! Family descriptor: what makes descriptors that are no sockets, copies them and closes them.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};
use monitor_common::{
    Counter, EventKind,
    record::{FileKind, RawClose},
};

use super::call::{Call, argument, enters, exits, is_failure, on_enter, on_exit, on_exit_if};
use crate::{
    emit::{count, header, record},
    file::File,
    filter::traced,
    task::{Arguments, Caller, read_user},
};

/// include/uapi/linux/close_range.h
const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;
/// include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h
const F_DUPFD: u32 = 0;
const F_DUPFD_CLOEXEC: u32 = 1030;

exits! {
    descriptor_eventfd_exit Eventfd [arg0];
    descriptor_eventfd2_exit Eventfd2 [arg0 arg1];
    descriptor_epoll_create_exit EpollCreate [arg0];
    descriptor_epoll_create1_exit EpollCreate1 [arg0];
    descriptor_epoll_ctl_exit EpollCtl [arg0 arg1 arg2];
    descriptor_inotify_init_exit InotifyInit [];
    descriptor_inotify_init1_exit InotifyInit1 [arg0];
    descriptor_inotify_add_watch_exit InotifyAddWatch [arg0 arg1 arg2];
    descriptor_signalfd_exit Signalfd [arg0];
    descriptor_signalfd4_exit Signalfd4 [arg0 arg1 arg2 arg3];
    descriptor_pidfd_open_exit PidfdOpen [arg0 arg1];
    descriptor_userfaultfd_exit Userfaultfd [arg0];
    descriptor_io_uring_setup_exit IoUringSetup [arg0];
}

enters! {
    descriptor_inotify_rm_watch_enter InotifyRmWatch 2;
}

#[tracepoint]
pub(crate) fn descriptor_close_enter(ctx: TracePointContext) -> u32 {
    if try_close(&ctx).is_err() {
        count(Counter::ReadError);
    }
    0
}

#[inline(always)]
fn try_close(ctx: &TracePointContext) -> Result<(), i64> {
    let Some(caller) = traced() else { return Ok(()) };
    let fd = argument(ctx, 0) as u32;
    // Not open: the kernel is sure to refuse. A plain file: nobody counts those one by one.
    let Some(file) = File::of(&caller, fd)? else { return Ok(()) };
    if !file.is_plain()? {
        let header = header(EventKind::Close, &caller);
        record(EventKind::Close, RawClose { header, fd, reserved: 0 });
    }
    Ok(())
}

#[tracepoint]
pub(crate) fn descriptor_close_range_enter(ctx: TracePointContext) -> u32 {
    let (first, last) = (argument(&ctx, 0) as u32, argument(&ctx, 1) as u32);
    // With CLOEXEC nothing is closed yet; with UNSHARE another table's are; others are refused.
    if argument(&ctx, 2) as u32 & !CLOSE_RANGE_CLOEXEC == 0 && first <= last {
        on_enter::<3>(&ctx, EventKind::CloseRange);
    }
    0
}

/// The caller closed descriptors of a table that it got with the same call.
#[tracepoint]
pub(crate) fn descriptor_close_range_exit(ctx: TracePointContext) -> u32 {
    let is_wanted =
        |args: &Arguments, result| result == 0 && args.arg2() & CLOSE_RANGE_UNSHARE != 0;
    on_exit_if(&ctx, EventKind::CloseRange, is_wanted, |_, args, _| {
        Ok(Call::new([args.arg0(), args.arg1(), args.arg2(), 0]))
    });
    0
}

macro_rules! copies {
    ($($program:ident $kind:ident [$($arg:ident)*];)*) => { $(
        #[tracepoint]
        pub(crate) fn $program(ctx: TracePointContext) -> u32 {
            on_exit(&ctx, EventKind::$kind, |caller, args, result| {
                copied(caller, super::call::fill([$(args.$arg()),*]), result)
            });
            0
        }
    )* };
}

copies! {
    descriptor_dup_exit Dup [arg0];
    descriptor_dup2_exit Dup2 [arg0 arg1];
    descriptor_dup3_exit Dup3 [arg0 arg1 arg2];
}

#[tracepoint]
pub(crate) fn descriptor_fcntl_exit(ctx: TracePointContext) -> u32 {
    let is_wanted = |args: &Arguments, _| matches!(args.arg1() as u32, F_DUPFD | F_DUPFD_CLOEXEC);
    on_exit_if(&ctx, EventKind::Fcntl, is_wanted, |caller, args, result| {
        copied(caller, [args.arg0(), args.arg1(), args.arg2(), 0], result)
    });
    0
}

/// What the new descriptor names.
#[inline(always)]
fn copied(caller: &Caller, args: [u64; 4], result: i64) -> Result<Call, i64> {
    if is_failure(result) {
        return Ok(Call::new(args));
    }
    let Some(file) = File::of(caller, result as u32)? else {
        // Another thread closed it already.
        return Ok(Call { args, file: FileKind::Unknown as u32, inode: 0, detail: 0 });
    };
    let kind = file.kind()?;
    let inode = match kind {
        FileKind::Socket | FileKind::Pipe => file.inode_number()?,
        _ => 0,
    };
    Ok(Call { args, file: kind as u32, inode, detail: 0 })
}

#[tracepoint]
pub(crate) fn descriptor_pipe_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::Pipe, |caller, args, result| piped(caller, args.arg0(), 0, result));
    0
}

#[tracepoint]
pub(crate) fn descriptor_pipe2_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::Pipe2, |caller, args, result| {
        piped(caller, args.arg0(), args.arg1(), result)
    });
    0
}

/// The two descriptors, which the kernel has stored at `address`, and the pipe they share.
#[inline(always)]
fn piped(caller: &Caller, address: u64, flags: u64, result: i64) -> Result<Call, i64> {
    if is_failure(result) {
        return Ok(Call::new([flags, 0, 0, 0]));
    }
    let both: u64 = read_user(address)?;
    let inode = match File::of(caller, both as u32)? {
        Some(file) => file.inode_number()?,
        None => 0,
    };
    Ok(Call { args: [flags, both, 0, 0], inode, file: 0, detail: 0 })
}

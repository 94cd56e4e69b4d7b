//! What the system calls have in common: their tracepoints, and the record most of them share.

use aya_ebpf::{EbpfContext as _, programs::TracePointContext};
use monitor_common::{Counter, EventKind, record::RawCall, settings::STACKS_ALL};

use crate::{
    emit::{count, header, record, stack},
    filter::traced,
    settings::get,
    task::{Arguments, Caller},
};

/// Offset of the return value in the `syscalls:sys_exit_*` record (events/syscalls/*/format).
const RESULT: usize = 16;
/// Offset of the first argument in the `syscalls:sys_enter_*` record.
const ARGUMENT: usize = 16;

/// What a record of a call says beyond its kind and its result.
#[derive(Default)]
pub(super) struct Call {
    pub(super) args: [u64; 4],
    pub(super) inode: u64,
    pub(super) file: u32,
    pub(super) detail: u32,
}

impl Call {
    /// Of a call whose arguments say everything.
    #[inline(always)]
    pub(super) fn new(args: [u64; 4]) -> Self {
        Self { args, ..Self::default() }
    }
}

/// A program for each call that is reported at its return with arguments alone; `0` leaves a
/// place of the record empty.
macro_rules! exits {
    ($($(#[$doc:meta])* $program:ident $kind:ident [$($arg:ident)*];)*) => { $(
        $(#[$doc])*
        #[tracepoint]
        pub(crate) fn $program(ctx: TracePointContext) -> u32 {
            on_exit(&ctx, EventKind::$kind, |_, args, _| {
                let _ = args;
                Ok(Call::new(super::call::fill([$(args.$arg()),*])))
            });
            0
        }
    )* };
}
pub(super) use exits;

/// A program for each release that is reported at its start with its first arguments.
macro_rules! enters {
    ($($program:ident $kind:ident $count:literal;)*) => { $(
        #[tracepoint]
        pub(crate) fn $program(ctx: TracePointContext) -> u32 {
            on_enter::<$count>(&ctx, EventKind::$kind);
            0
        }
    )* };
}
pub(super) use enters;

/// The first arguments, and zeros behind them.
#[inline(always)]
pub(super) fn fill<const N: usize>(first: [u64; N]) -> [u64; 4] {
    let at = |index: usize| if index < N { first[index] } else { 0 };
    [at(0), at(1), at(2), at(3)]
}

/// Reports a call at its start.
#[inline(always)]
pub(super) fn on_enter<const N: usize>(ctx: &TracePointContext, kind: EventKind) {
    let Some(caller) = traced() else { return };
    let at = |index: usize| if index < N { argument(ctx, index) } else { 0 };
    emit(kind, &caller, 0, Call::new([at(0), at(1), at(2), at(3)]));
}

/// Reports a call at its return; `describe` is given the caller, its arguments and the result,
/// which is an error where failures are reported.
#[inline(always)]
pub(super) fn on_exit(
    ctx: &TracePointContext,
    kind: EventKind,
    describe: impl FnOnce(&Caller, &Arguments, i64) -> Result<Call, i64>,
) {
    on_exit_if(ctx, kind, |_, _| true, describe);
}

/// As [`on_exit`], of calls that are of interest with some arguments or results only.
#[inline(always)]
pub(super) fn on_exit_if(
    ctx: &TracePointContext,
    kind: EventKind,
    is_wanted: impl FnOnce(&Arguments, i64) -> bool,
    describe: impl FnOnce(&Caller, &Arguments, i64) -> Result<Call, i64>,
) {
    let Some(caller) = traced() else { return };
    let result = result(ctx);
    let args = caller.arguments();
    if !is_wanted(&args, result) || is_skipped_failure(kind, result) {
        return;
    }
    let Ok(call) = describe(&caller, &args, result) else { return count(Counter::ReadError) };
    if makes_something(kind) && result >= 0 && get!(stacks) >= STACKS_ALL {
        stack(ctx, &caller);
    }
    emit(kind, &caller, result, call);
}

#[inline(always)]
fn emit(kind: EventKind, caller: &Caller, result: i64, call: Call) {
    let Call { args, inode, file, detail } = call;
    let header = header(kind, caller);
    record(kind, RawCall { header, args, result, inode, file, detail });
}

/// Whether the call gives its caller something to hold: a descriptor or a timer.
#[inline(always)]
const fn makes_something(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(
        kind,
        K::MemfdCreate
            | K::TimerCreate
            | K::TimerfdCreate
            | K::Socket
            | K::Socketpair
            | K::Accept
            | K::Accept4
            | K::Dup
            | K::Dup2
            | K::Dup3
            | K::Fcntl
            | K::Pipe
            | K::Pipe2
            | K::Eventfd
            | K::Eventfd2
            | K::EpollCreate
            | K::EpollCreate1
            | K::InotifyInit
            | K::InotifyInit1
            | K::Signalfd
            | K::Signalfd4
            | K::PidfdOpen
            | K::Userfaultfd
            | K::IoUringSetup
    )
}

/// The return value.
#[inline(always)]
pub(super) fn result(ctx: &TracePointContext) -> i64 {
    field(ctx, RESULT) as i64
}

/// An argument, of a program that runs when the call starts.
#[inline(always)]
pub(super) fn argument(ctx: &TracePointContext, index: usize) -> u64 {
    field(ctx, ARGUMENT + 8 * index)
}

/// Eight bytes of the tracepoint's record. The verifier allows the load where the record has them,
/// so no helper is called.
#[inline(always)]
fn field(ctx: &TracePointContext, offset: usize) -> u64 {
    // SAFETY: inside the record this program was attached for; checked when it is loaded.
    unsafe { core::ptr::read_volatile(ctx.as_ptr().byte_add(offset).cast::<u64>()) }
}

/// Whether the result is a negated errno. The last page of addresses is never a mapping.
#[inline(always)]
pub(super) fn is_failure(result: i64) -> bool {
    (-4095..0).contains(&result)
}

/// Counts a failed call, and says whether it is left out of the stream.
#[inline(always)]
pub(super) fn is_skipped_failure(kind: EventKind, result: i64) -> bool {
    if !is_failure(result) {
        return false;
    }
    count(Counter::Failed(kind.family()));
    get!(failed) == 0
}

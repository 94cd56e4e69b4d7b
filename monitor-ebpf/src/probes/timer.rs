//! Family timer: POSIX timers, interval timers and timerfds.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};
use monitor_common::EventKind;

use super::call::{Call, enters, exits, is_failure, on_enter, on_exit};
use crate::task::read_user;

const SECOND_NS: u64 = 1_000_000_000;
const MICROSECOND_NS: u64 = 1000;

exits! {
    timer_alarm_exit Alarm [arg0];
    timer_timerfd_create_exit TimerfdCreate [arg0 arg1];
}

enters! {
    timer_timer_delete_enter TimerDelete 1;
}

#[tracepoint]
pub(crate) fn timer_timer_create_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::TimerCreate, |_, args, result| {
        // The kernel has stored the id where the third argument says.
        let id: i32 = if is_failure(result) { 0 } else { read_user(args.arg2())? };
        Ok(Call::new([args.arg0(), id as u64, 0, 0]))
    });
    0
}

macro_rules! settimes {
    ($($program:ident $kind:ident;)*) => { $(
        #[tracepoint]
        pub(crate) fn $program(ctx: TracePointContext) -> u32 {
            on_exit(&ctx, EventKind::$kind, |_, args, result| {
                let (first, interval) = times(args.arg2(), 1, result)?;
                Ok(Call::new([args.arg0(), args.arg1(), first, interval]))
            });
            0
        }
    )* };
}

settimes! {
    timer_timer_settime_exit TimerSettime;
    timer_timerfd_settime_exit TimerfdSettime;
}

#[tracepoint]
pub(crate) fn timer_setitimer_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::Setitimer, |_, args, result| {
        let (first, interval) = times(args.arg1(), MICROSECOND_NS, result)?;
        Ok(Call::new([args.arg0(), first, interval, 0]))
    });
    0
}

/// First expiry and interval in ns of a `struct itimerspec` or `itimerval` of the caller, whose
/// second words count `unit_ns`. The interval comes first in both; none at all means 0.
#[inline(always)]
fn times(address: u64, unit_ns: u64, result: i64) -> Result<(u64, u64), i64> {
    if address == 0 || is_failure(result) {
        return Ok((0, 0));
    }
    let [interval_s, interval_part, first_s, first_part]: [u64; 4] = read_user(address)?;
    let ns = |seconds: u64, part: u64| {
        seconds.wrapping_mul(SECOND_NS).wrapping_add(part.wrapping_mul(unit_ns))
    };
    Ok((ns(first_s, first_part), ns(interval_s, interval_part)))
}

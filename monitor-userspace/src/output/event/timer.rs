//! Lines of family timer.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    EventLine, Kind,
    words::{Acquired, Flags, Names, Outcome, Word, errno, made},
};
use crate::event::{Call, EventKind};

/// `CLOCK_*` (include/uapi/linux/time.h).
const CLOCKS: &Names = &[
    (0, "realtime"),
    (1, "monotonic"),
    (2, "process_cputime_id"),
    (3, "thread_cputime_id"),
    (4, "monotonic_raw"),
    (5, "realtime_coarse"),
    (6, "monotonic_coarse"),
    (7, "boottime"),
    (8, "realtime_alarm"),
    (9, "boottime_alarm"),
    (11, "tai"),
];
/// `ITIMER_*`
const INTERVAL_TIMERS: &Names = &[(0, "real"), (1, "virtual"), (2, "prof")];
/// `TIMER_ABSTIME`, and `TFD_TIMER_*`
const SET_FLAGS: &Names = &[(1, "abstime"), (2, "cancel_on_set")];
/// `TFD_*`
const TIMERFD_FLAGS: &Names = &[(0x800, "nonblock"), (0x8_0000, "cloexec")];

/// A POSIX timer was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct TimerCreate<'a> {
    /// Its id within the process.
    timer_id: Option<i32>,
    /// `CLOCK_*`, lower case.
    clock: Word,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A POSIX timer was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct TimerSettime {
    /// Its id within the process.
    timer_id: i32,
    /// `TIMER_*`, lower case.
    flags: Flags,
    /// When it expires first: from now, or with `abstime` on its clock; 0 stops it.
    value_ns: u64,
    /// How often it expires after that; 0 never.
    interval_ns: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A POSIX timer is about to go.
#[derive(Serialize, JsonSchema)]
pub(super) struct TimerDelete {
    /// Its id within the process.
    timer_id: i32,
    /// Nothing: it is told at its start.
    result: (),
}

/// An interval timer was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct Setitimer<'a> {
    /// `ITIMER_*`, lower case.
    which: Word,
    /// When it expires first, from now; 0 stops it.
    value_ns: u64,
    /// How often it expires after that; 0 never.
    interval_ns: u64,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// The real-time interval timer was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct Alarm<'a> {
    /// When it expires, from now; 0 stops it.
    seconds: u32,
    /// What was left of the one before; 0 where there was none.
    left_seconds: i64,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A timerfd was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct TimerfdCreate<'a> {
    /// The descriptor made.
    fd: Option<i32>,
    /// `CLOCK_*`, lower case.
    clock: Word,
    /// `TFD_*`, lower case.
    flags: Flags,
    #[serde(flatten)]
    acquired: Acquired<'a>,
}

/// A timerfd was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct TimerfdSettime {
    /// Which.
    fd: i32,
    /// `TFD_TIMER_*`, lower case.
    flags: Flags,
    /// When it expires first: from now, or with `abstime` on its clock; 0 stops it.
    value_ns: u64,
    /// How often it expires after that; 0 never.
    interval_ns: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

pub(super) fn call<'a>(line: &EventLine<'a>, call: &Call) -> Option<Kind<'a>> {
    let Call { kind, args: [first, second, third, fourth], result, .. } = *call;
    let acquired = |made| Acquired::new(Outcome::made(result, made), line.stack);
    Some(match kind {
        EventKind::TimerCreate => Kind::TimerCreate(TimerCreate {
            timer_id: errno(result).is_none().then_some(second as i32),
            clock: Word::new(first, CLOCKS),
            acquired: acquired(i64::from(second as i32)),
        }),
        EventKind::TimerSettime => Kind::TimerSettime(TimerSettime {
            timer_id: first as i32,
            flags: Flags::new(second, SET_FLAGS),
            value_ns: third,
            interval_ns: fourth,
            outcome: Outcome::of(result),
        }),
        EventKind::TimerDelete => {
            Kind::TimerDelete(TimerDelete { timer_id: first as i32, result: () })
        }
        EventKind::Setitimer => Kind::Setitimer(Setitimer {
            which: Word::new(first, INTERVAL_TIMERS),
            value_ns: second,
            interval_ns: third,
            acquired: acquired(0),
        }),
        EventKind::Alarm => Kind::Alarm(Alarm {
            seconds: first as u32,
            left_seconds: result,
            acquired: acquired(0),
        }),
        EventKind::TimerfdCreate => Kind::TimerfdCreate(TimerfdCreate {
            fd: made(result),
            clock: Word::new(first, CLOCKS),
            flags: Flags::new(second, TIMERFD_FLAGS),
            acquired: acquired(result),
        }),
        EventKind::TimerfdSettime => Kind::TimerfdSettime(TimerfdSettime {
            fd: first as i32,
            flags: Flags::new(second, SET_FLAGS),
            value_ns: third,
            interval_ns: fourth,
            outcome: Outcome::of(result),
        }),
        _ => return None,
    })
}

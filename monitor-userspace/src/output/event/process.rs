//! Lines of family process.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    EventLine, Kind,
    words::{Outcome, Shares},
};
use crate::event::{Body, Call, EventKind};

/// A process was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Fork {
    /// The process made.
    child_pid: u32,
    /// What it shares with its maker.
    shares: Shares,
}

/// A process became another program.
#[derive(Serialize, JsonSchema)]
pub(super) struct Exec<'a> {
    /// The path given to execve, cut at 255 bytes.
    filename: &'a str,
}

/// The last thread of a process ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct Exit {
    /// What it exited with; null where a signal ended it.
    exit_code: Option<u32>,
    /// The signal that ended it.
    signal: Option<u32>,
}

/// A thread left a shared descriptor table.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unshare {
    /// What it still shares of its descriptors: nothing.
    shares: Shares,
    #[serde(flatten)]
    outcome: Outcome,
}

pub(super) fn call<'a>(call: &Call) -> Option<Kind<'a>> {
    let outcome = Outcome::of(call.result);
    (call.kind == EventKind::Unshare)
        .then(|| Kind::Unshare(Unshare { shares: Shares::default(), outcome }))
}

pub(super) fn life<'a>(line: &EventLine<'a>) -> Option<Kind<'a>> {
    Some(match &line.event.body {
        Body::Fork { child, child_mm, child_files, .. } => Kind::Fork(Fork {
            child_pid: *child,
            shares: Shares {
                memory: *child_mm == line.event.mm,
                descriptors: *child_files == line.event.files,
            },
        }),
        Body::Exec { filename, .. } => Kind::Exec(Exec { filename }),
        Body::Exit { exit_code, .. } => {
            let signal = exit_code & 0x7f;
            Kind::Exit(Exit {
                exit_code: (signal == 0).then_some((exit_code >> 8) & 0xff),
                signal: (signal != 0).then_some(signal),
            })
        }
        _ => return None,
    })
}

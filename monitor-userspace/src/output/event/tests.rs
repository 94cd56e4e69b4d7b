use serde_json::{Value, json};

use super::*;
use crate::event::{Call, Comm, EventKind, FileKind, OpenSet, SocketFacts, TcpState};

/// An event of any kind, of plausible figures.
pub(in crate::output) fn any(kind: EventKind, result: i64) -> Event {
    let comm = Comm::default();
    let open = || Box::new(OpenSet::UNKNOWN);
    let body = match kind {
        EventKind::Mmap => Body::Mmap {
            hint: 0,
            length: 1000,
            offset: 0,
            prot: 3,
            flags: 0x22 | 0x200,
            fd: -1,
            file: FileKind::None,
            result,
        },
        EventKind::Munmap => Body::Munmap { addr: 4096, length: 4096 },
        EventKind::Mremap => {
            Body::Mremap { old_addr: 4096, old_length: 4096, new_length: 8192, flags: 1, result }
        }
        EventKind::Brk => Body::Brk { requested: 0, result: 8192, start_brk: 4096 },
        EventKind::Fork => Body::Fork {
            child: 9,
            child_ppid: 7,
            child_start_ns: 0,
            child_mm: 99,
            child_files: 1,
            open: open(),
            comm,
        },
        EventKind::Exec => {
            Body::Exec { start_ns: 0, comm, filename: "/bin/true".to_owned(), open: open() }
        }
        EventKind::Exit => Body::Exit { start_ns: 0, exit_code: 0x700 },
        EventKind::Rename => Body::Rename { pid: 7, comm },
        EventKind::Stack => Body::Stack(Box::new([4096])),
        EventKind::Close => Body::Close { fd: 5 },
        EventKind::TcpState => Body::TcpState(Box::new(TcpState {
            inode: 77,
            old_state: 1,
            new_state: 8,
            local: "127.0.0.1:80".parse().unwrap(),
            remote: "[::1]:4000".parse().unwrap(),
        })),
        kind => return of_call(call(kind, [3, 4, 5, 6], result)),
    };
    Event { at_ns: 1, pid: 7, tid: 8, mm: 99, files: 5, body }
}

fn call(kind: EventKind, args: [u64; 4], result: i64) -> Call {
    Call { kind, args, result, inode: 0, file: FileKind::None, detail: 0 }
}

fn of_call(call: Call) -> Event {
    Event { at_ns: 1, pid: 7, tid: 8, mm: 99, files: 5, body: Body::Call(call) }
}

pub(in crate::output) fn of<'a>(event: &'a Event, stack: Option<&'a [u64]>) -> EventLine<'a> {
    EventLine {
        seq: 3,
        clock: WallClock::default(),
        event,
        process: ProcessId { pid: 7, start_ticks: 0 },
        comm: Some("api"),
        heap_change: None,
        length: None,
        stack,
    }
}

fn line(event: &Event) -> Value {
    serde_json::to_value(of(event, None).record()).unwrap()
}

/// Asserts the fields of a line that are named.
fn assert_fields(line: &Value, want: &Value) {
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(line.get(name), Some(value), "{name} of {line}");
    }
}

#[test]
fn every_kind_prints_under_its_name_but_two() {
    for &kind in EventKind::ALL {
        let got = line(&any(kind, 9));
        match kind {
            EventKind::Stack | EventKind::Rename => assert_eq!(got, Value::Null),
            _ => assert_eq!(got["kind"], kind.name()),
        }
    }
}

#[test]
fn a_mapping_says_what_was_asked_and_what_was_got() {
    let got = line(&any(EventKind::Mmap, 0x7f00_0000_0000));
    let flags = ["private", "anonymous", "0x200"];
    let want = json!({
        "addr": "0x7f0000000000", "flags": flags, "prot": "rw-", "fd": null, "result": 0,
        "errno": null, "start_time": null, "stack": null,
    });
    assert_fields(&got, &want);
}

#[test]
fn a_failed_call_has_an_errno_and_no_address() {
    let got = line(&any(EventKind::Mremap, -12));
    assert_fields(&got, &json!({ "addr": null, "errno": 12, "result": null }));
}

#[test]
fn exits_tell_status_from_signal() {
    let mut event = any(EventKind::Exit, 0);
    assert_fields(&line(&event), &json!({ "exit_code": 7, "signal": null }));
    event.body = Body::Exit { start_ns: 0, exit_code: 0x89 };
    assert_fields(&line(&event), &json!({ "exit_code": null, "signal": 9 }));
}

#[test]
fn a_vfork_shares_memory() {
    assert_eq!(line(&any(EventKind::Fork, 0))["shares"], json!(["memory"]));
}

#[test]
fn an_accepted_connection_names_its_listener_and_its_own_descriptor() {
    let facts = SocketFacts { family: 10, socket_type: 1, state: 1 };
    let accepted = call(EventKind::Accept4, [3, 0x8_0800, 0, 0], 9);
    let got = line(&of_call(Call { detail: facts.pack(), ..accepted }));
    let want = json!({
        "fd": 9, "listener_fd": 3, "family": "inet6", "socket_type": "stream", "result": 9,
        "flags": ["nonblock", "cloexec"], "errno": null,
    });
    assert_fields(&got, &want);
}

#[test]
fn a_copy_onto_a_descriptor_says_what_it_is_of() {
    let copied = call(EventKind::Dup2, [4, 11, 0, 0], 11);
    let got = line(&of_call(Call { file: FileKind::Eventfd, ..copied }));
    assert_fields(&got, &json!({ "fd": 11, "old_fd": 4, "file": "eventfd", "result": 11 }));
}

#[test]
fn a_closed_range_may_be_open_ended() {
    let got = line(&of_call(call(EventKind::CloseRange, [3, 0xffff_ffff, 6, 0], 0)));
    let flags = ["unshare", "cloexec"];
    let want = json!({ "first": 3, "last": u32::MAX, "flags": flags, "result": null });
    assert_fields(&got, &want);
    assert_eq!(got.get("errno"), None);
}

#[test]
fn a_tcp_state_is_the_doing_of_no_thread() {
    let event = any(EventKind::TcpState, 0);
    let want = json!({
        "pid": 7, "tid": null, "inode": 77, "old_state": "established", "new_state": "close_wait",
        "local": "127.0.0.1:80", "remote": "[::1]:4000",
    });
    assert_fields(&line(&event), &want);
    let unowned = EventLine { process: ProcessId::default(), ..of(&event, None) };
    assert_eq!(serde_json::to_value(unowned.record()).unwrap()["pid"], Value::Null);
}

#[test]
fn a_socket_that_was_refused_says_why() {
    let got = line(&of_call(call(EventKind::Socket, [2, 0x8_0001, 0, 0], -24)));
    let want = json!({
        "fd": null, "family": "inet", "socket_type": "stream", "protocol": "tcp",
        "flags": ["cloexec"], "result": null, "errno": 24,
    });
    assert_fields(&got, &want);
    let odd = line(&of_call(call(EventKind::Socket, [99, 3, 1, 0], 5)));
    assert_fields(&odd, &json!({ "family": "99", "socket_type": "raw", "protocol": "1" }));
}

#[test]
fn pairs_come_apart_and_ids_are_results() {
    let fds = 7_u64 << 32 | 6;
    let pipe = line(&of_call(call(EventKind::Pipe2, [0x8_0000, fds, 0, 0], 0)));
    assert_fields(&pipe, &json!({ "fds": [6, 7], "flags": ["cloexec"], "result": 0 }));
    let pair = line(&of_call(call(EventKind::Socketpair, [1, 2, 0, fds], 0)));
    assert_fields(&pair, &json!({ "fds": [6, 7], "family": "unix", "socket_type": "dgram" }));
    let timer = line(&of_call(call(EventKind::TimerCreate, [1, 42, 0, 0], 0)));
    assert_fields(&timer, &json!({ "timer_id": 42, "clock": "monotonic", "result": 42 }));
}

#[test]
fn a_stack_is_printed_where_something_was_acquired() {
    for kind in [EventKind::Mmap, EventKind::Brk, EventKind::Dup, EventKind::Socket] {
        let event = any(kind, 9);
        let got = serde_json::to_value(of(&event, Some(&[0x40_1000, 255])).record()).unwrap();
        assert_eq!(got["stack"], json!(["0x401000", "0xff"]), "{kind:?}");
    }
}

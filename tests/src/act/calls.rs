//! The calls whose event is a few numbers: what each is made of, in which order.

use serde_json::Value;

/// Kind and the fields that make it, as event lines name them. The reader of strace gives the same
/// numbers in the same order.
pub const KINDS: [(&str, &[&str]); 44] = [
    ("shmget", &["shmid", "length_bytes"]),
    ("shmat", &["shmid", "addr"]),
    ("shmdt", &["addr"]),
    ("shmctl", &["shmid"]),
    ("memfd_create", &["result", "fd"]),
    ("io_setup", &["addr"]),
    ("io_destroy", &["addr"]),
    ("unshare", &[]),
    ("timer_create", &["timer_id"]),
    ("timer_settime", &["timer_id", "value_ns", "interval_ns"]),
    ("timer_delete", &["timer_id"]),
    ("setitimer", &["which", "value_ns", "interval_ns"]),
    ("alarm", &["seconds"]),
    ("timerfd_create", &["result", "fd"]),
    ("timerfd_settime", &["fd", "value_ns", "interval_ns"]),
    ("socket", &["result", "fd", "family", "socket_type"]),
    ("socketpair", &["fds"]),
    ("bind", &["fd"]),
    ("listen", &["fd"]),
    ("accept", &["result", "fd", "listener_fd"]),
    ("accept4", &["result", "fd", "listener_fd"]),
    ("connect", &["fd"]),
    ("shutdown", &["fd"]),
    ("close", &["fd"]),
    ("close_range", &["first", "last", "flags"]),
    ("dup", &["result", "fd", "old_fd"]),
    ("dup2", &["result", "fd", "old_fd"]),
    ("dup3", &["result", "fd", "old_fd"]),
    ("fcntl", &["result", "fd", "old_fd"]),
    ("pipe", &["fds"]),
    ("pipe2", &["fds"]),
    ("eventfd", &["result", "fd"]),
    ("eventfd2", &["result", "fd"]),
    ("epoll_create", &["result", "fd"]),
    ("epoll_create1", &["result", "fd"]),
    ("epoll_ctl", &["fd", "op", "target_fd"]),
    ("inotify_init", &["result", "fd"]),
    ("inotify_init1", &["result", "fd"]),
    ("inotify_add_watch", &["fd", "watch"]),
    ("inotify_rm_watch", &["fd", "watch"]),
    ("signalfd", &["result", "fd"]),
    ("signalfd4", &["result", "fd"]),
    ("pidfd_open", &["result", "fd", "target_pid"]),
    ("userfaultfd", &["result", "fd"]),
];

/// As [`KINDS`], and refused to everybody by some kernels.
pub const IO_URING: (&str, &[&str]) = ("io_uring_setup", &["result", "fd"]);

/// Taken when they start: their failures are not known and not reported.
pub const RELEASES: [&str; 6] =
    ["close", "close_range", "shmdt", "timer_delete", "inotify_rm_watch", "io_destroy"];

/// Words that event lines use for numbers.
const WORDS: [(&str, &[(&str, i64)]); 5] = [
    ("op", &[("add", 1), ("del", 2), ("mod", 3)]),
    ("family", &[("unix", 1), ("inet", 2), ("inet6", 10), ("netlink", 16), ("packet", 17)]),
    ("socket_type", &[("stream", 1), ("dgram", 2), ("raw", 3), ("seqpacket", 5)]),
    ("which", &[("real", 0), ("virtual", 1), ("prof", 2)]),
    ("flags", &[("unshare", 2), ("cloexec", 4)]),
];

/// Fields of a kind; `None` where it is none of these.
pub fn fields(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    KINDS.iter().chain([&IO_URING]).find(|(name, _)| *name == kind).copied()
}

/// The numbers of an event line.
pub(super) fn numbers(event: &Value, fields: &[&str]) -> Vec<i64> {
    let number = |field: &&str| match &event[*field] {
        // A set of flags is a sum, a pair of descriptors are two numbers.
        Value::Array(parts) if *field == "flags" => {
            vec![parts.iter().map(|part| one(event, field, part)).sum()]
        }
        Value::Array(parts) => parts.iter().map(|part| one(event, field, part)).collect(),
        value => vec![one(event, field, value)],
    };
    fields.iter().flat_map(number).collect()
}

fn one(event: &Value, field: &str, value: &Value) -> i64 {
    let word = |text: &str| {
        let words = WORDS.iter().find(|(name, _)| *name == field)?.1;
        words.iter().find(|(word, _)| *word == text).map(|(_, number)| *number)
    };
    let hexadecimal =
        |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(|bits| bits as i64);
    let number = match value {
        Value::String(text) => word(text).or_else(|| hexadecimal(text)),
        value => value.as_i64(),
    };
    number.unwrap_or_else(|| panic!("{field} is {value} in {event}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_pairs_addresses_and_sums_become_the_numbers_the_kernel_was_given() {
        let event = json!({"fd": 5, "op": "mod", "target_fd": 7, "fds": [3, 4], "addr": "0x7f00",
            "flags": ["unshare", "cloexec"], "family": "inet6"});
        let given = |fields: &[&str]| numbers(&event, fields);
        assert_eq!(given(&["fd", "op", "target_fd"]), [5, 3, 7]);
        assert_eq!(given(&["fds", "addr", "flags", "family"]), [3, 4, 0x7f00, 6, 10]);
    }

    #[test]
    #[should_panic(expected = "watch is null")]
    fn a_missing_field_is_an_error() {
        numbers(&json!({"fd": 5, "watch": null}), &["fd", "watch"]);
    }
}

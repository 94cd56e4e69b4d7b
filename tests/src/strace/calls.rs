//! What strace says of the calls that are a few numbers ([`crate::act::calls`]).

use super::number;

const F_DUPFD: i64 = 0;
const F_DUPFD_CLOEXEC: i64 = 0x406;
const CLONE_FILES: i64 = 0x400;
/// Bits of the type of a socket that are its type.
const SOCKET_TYPE: i64 = 0xf;
const NS: i64 = 1_000_000_000;

/// The arguments of a call, apart at the commas that stand in no bracket, name or text.
pub(super) fn split(arguments: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped, mut start) = (0_i32, false, false, 0);
    let mut parts = Vec::new();
    for (at, letter) in arguments.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' | '<' => depth += 1,
            // `=>` and `->` close nothing.
            '>' if arguments[..at].ends_with(['=', '-']) => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(arguments[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !arguments.trim().is_empty() {
        parts.push(arguments[start..].trim());
    }
    parts
}

/// Whether this form of the call is one the agent reports; a failure says the same.
pub(super) fn is_reported(name: &str, arguments: &[&str]) -> Option<bool> {
    let at = |index: usize| number(arguments.get(index)?);
    Some(match name {
        "fcntl" => matches!(at(1)?, F_DUPFD | F_DUPFD_CLOEXEC),
        // 0x100 is a version that glibc adds on some machines.
        "shmctl" => at(1)? & !0x100 == 0,
        "unshare" => at(0)? & CLONE_FILES != 0,
        _ => true,
    })
}

/// Whether a successful close is of a plain file or a directory, of which the agent says nothing.
/// `None` where strace did not say what it was. A FIFO looks like a file: in these tests it is
/// called `fifo`.
pub(super) fn closes_file(arguments: &[&str]) -> Option<bool> {
    let (_, what) = arguments.first()?.split_once('<')?;
    let special =
        what.contains("<char ") || what.starts_with("/memfd:") || what.ends_with("/fifo>");
    Some(what.starts_with('/') && !special)
}

/// The numbers of a successful call, in the order of its fields; `None` where it was not
/// understood.
pub(super) fn numbers(name: &str, arguments: &[&str], result: i64) -> Option<Vec<i64>> {
    let at = |index: usize| number(arguments.get(index)?);
    let pair = |index: usize| {
        let (one, other) = bracketed(arguments.get(index)?)?.split_once(", ")?;
        Some(vec![number(one)?, number(other)?])
    };
    let times = |index: usize, part: &str, scale: i64| {
        let text = arguments.get(index)?;
        Some([time(text, "it_value=", part, scale)?, time(text, "it_interval=", part, scale)?])
    };
    Some(match name {
        "shmget" => vec![result, at(1)?],
        "shmat" | "inotify_add_watch" => vec![at(0)?, result],
        "shmdt" | "shmctl" | "io_destroy" | "timer_delete" | "alarm" | "bind" | "listen"
        | "connect" | "shutdown" | "close" => vec![at(0)?],
        "unshare" => vec![],
        "io_setup" => vec![number(bracketed(arguments.get(1)?)?)?],
        "timer_create" => vec![number(bracketed(arguments.get(2)?)?)?],
        "timer_settime" | "timerfd_settime" => {
            [vec![at(0)?], times(2, "tv_nsec=", 1)?.to_vec()].concat()
        }
        "setitimer" => [vec![at(0)?], times(1, "tv_usec=", 1000)?.to_vec()].concat(),
        "socket" => vec![result, result, at(0)?, at(1)? & SOCKET_TYPE],
        "socketpair" => pair(3)?,
        "pipe" | "pipe2" => pair(0)?,
        "close_range" | "epoll_ctl" => vec![at(0)?, at(1)?, at(2)?],
        "dup" | "dup2" | "dup3" | "fcntl" | "accept" | "accept4" | "pidfd_open" => {
            vec![result, result, at(0)?]
        }
        "inotify_rm_watch" => vec![at(0)?, at(1)?],
        // All that makes one descriptor and nothing else.
        _ => vec![result, result],
    })
}

fn bracketed(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// Nanoseconds of `it_value={tv_sec=1, tv_nsec=5}`.
fn time(text: &str, which: &str, part: &str, scale: i64) -> Option<i64> {
    let (_, rest) = text.split_once(which)?;
    let (inside, _) = rest.split_once('}')?;
    let field = |name: &str| {
        let (_, digits) = inside.split_once(name)?;
        number(digits.split(',').next()?)
    };
    Some(field("tv_sec=")? * NS + field(part)? * scale)
}

#[cfg(test)]
mod tests {
    use crate::act::Deed;
    use crate::strace::Trace;

    /// The calls of a trace, each as its name and its numbers.
    fn calls(text: &str) -> Vec<(String, Vec<i64>)> {
        let lines: Vec<String> = text.lines().map(|line| format!("5  {line}")).collect();
        let call = |deed| match deed {
            Deed::Call { name, numbers } => (name.to_owned(), numbers),
            other => panic!("{other:?}"),
        };
        let trace = Trace::parse(&lines.join("\n")).unwrap();
        trace.acts.into_iter().map(|act| call(act.deed)).collect()
    }

    fn call(name: &str, numbers: &[i64]) -> (String, Vec<i64>) {
        (name.to_owned(), numbers.to_vec())
    }

    #[test]
    fn each_shape_of_a_line_becomes_its_numbers() {
        let text = "\
pipe2([3<pipe:[258971]>, 4<pipe:[258971]>], 0x80800) = 0
socket(0x2, 0x1|0x80000, 0)       = 5<socket:[258974]>
dup3(5<socket:[258974]>, 72<pipe:[258962]>, 0) = 72<socket:[258974]>
epoll_ctl(4<anon_inode:[eventpoll]>, 0x3, 3<anon_inode:[eventfd]>, {events=0x4, data={u32=0, u64=0}}) = 0
inotify_add_watch(3<anon_inode:inotify>, \"a, \\\"b) = \", 0x400) = 1
timer_create(0x1, {sigev_value={sival_int=0, sival_ptr=NULL}, sigev_signo=0, sigev_notify=0x1}, [7]) = 0
timer_settime(7, 0, {it_interval={tv_sec=500, tv_nsec=7}, it_value={tv_sec=1, tv_nsec=5}}, NULL) = 0
setitimer(0x1, {it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=1, tv_usec=5}}, NULL) = 0
io_setup(16, [0x7f0000001000])    = 0
close_range(3, 4294967295, 0x2)   = 0
memfd_create(\"kinds\", 0x1)        = 3</memfd:kinds>(deleted)
shmat(32769, NULL, 0)             = 0x7f0000002000
";
        let expected = [
            call("pipe2", &[3, 4]),
            call("socket", &[5, 5, 2, 1]),
            call("dup3", &[72, 72, 5]),
            call("epoll_ctl", &[4, 3, 3]),
            call("inotify_add_watch", &[3, 1]),
            call("timer_create", &[7]),
            call("timer_settime", &[7, 1_000_000_005, 500_000_000_007]),
            call("setitimer", &[1, 1_000_005_000, 0]),
            call("io_setup", &[0x7f00_0000_1000]),
            call("close_range", &[3, 4_294_967_295, 2]),
            call("memfd_create", &[3, 3]),
            call("shmat", &[32769, 0x7f00_0000_2000]),
        ];
        assert_eq!(calls(text), expected);
    }

    #[test]
    fn a_close_counts_where_it_is_of_no_plain_file() {
        let text = "\
close(3</etc/ld.so.cache>)        = 0
close(4</dev/null<char 1:3>>)     = 0
close(5</tmp/x/fifo>)             = 0
close(6</memfd:kinds>(deleted))   = 0
close(7</tmp/memfd:x>(deleted))   = 0
close(8<socket:[1]>)              = 0
close(999)                        = -1 EBADF (Bad file descriptor)
";
        assert_eq!(calls(text), [4, 5, 6, 8].map(|fd| call("close", &[fd])));
        assert!(Trace::parse("5  close(3) = 0").is_err());
    }

    #[test]
    fn other_forms_of_a_call_are_none_and_failures_stand_apart() {
        let text = "\
5  fcntl(6<pipe:[1]>, 0x3)           = 0x8001 (flags O_WRONLY|O_LARGEFILE)
5  fcntl(6<pipe:[1]>, 0x406, 60)     = 60<pipe:[1]>
5  fcntl(999, 0x3)                   = -1 EBADF (Bad file descriptor)
5  fcntl(999, 0, 0)                  = -1 EBADF (Bad file descriptor)
5  shmctl(5, 0x2, {shm_perm={uid=0}}) = 0
5  unshare(0x20000)                  = 0
5  close(999)                        = -1 EBADF (Bad file descriptor)
5  accept(3<socket:[1]>, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
";
        let trace = Trace::parse(text).unwrap();
        let numbers = vec![60, 60, 6];
        assert_eq!(trace.acts.len(), 1);
        assert_eq!(trace.acts[0].deed, Deed::Call { name: "fcntl", numbers });
        assert_eq!(trace.failures, [(5, "fcntl", "EBADF".to_owned())]);
    }
}

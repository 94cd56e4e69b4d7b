use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::*;

fn read(kind: ObjectKind, ids: &[u64]) -> ObjectReading {
    let pid = std::process::id();
    Proc::default().read_objects(pid, kind, ids, &mut Scratch::default()).unwrap().unwrap()
}

fn trace(reading: &ObjectReading, id: u64) -> UseTrace {
    reading.objects.iter().find(|object| object.id == id).unwrap().trace
}

fn number(fd: &impl std::os::fd::AsFd) -> u64 {
    fd.as_fd().as_raw_fd() as u64
}

#[test]
fn a_connection_is_quiet_until_something_is_sent() {
    let inode = |fd: &TcpStream| nix::sys::stat::fstat(fd).unwrap().st_ino;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let idle = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    busy.write_all(b"x").unwrap();
    let mut ids = [inode(&busy), inode(&idle)];
    ids.sort_unstable();
    let reading = read(ObjectKind::Sockets, &ids);
    assert_eq!(reading.objects.len(), 2);
    let (UseTrace::Quiet(busy), UseTrace::Quiet(idle)) =
        (trace(&reading, inode(&busy)), trace(&reading, inode(&idle)))
    else {
        panic!("{reading:?}");
    };
    assert!(idle >= 270_000_000 && busy + 200_000_000 < idle, "{busy} {idle}");
}

#[test]
fn a_plain_file_moves_when_it_is_read_and_a_device_tells_nothing() {
    let mut file = tempfile::tempfile().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let of = |reading: &ObjectReading, fd: u64| {
        reading.objects.iter().find(|object| object.id >> 32 == fd).map(|object| object.trace)
    };
    let before = read(ObjectKind::Files, &[]);
    file.write_all(b"abc").unwrap();
    let after = read(ObjectKind::Files, &[]);
    assert_eq!(of(&before, number(&file)), Some(UseTrace::Figure(0)));
    assert_eq!(of(&after, number(&file)), Some(UseTrace::Figure(3)));
    assert_eq!(of(&after, number(&null)), None);
    assert!(after.count >= 1 && after.objects.is_sorted_by_key(|object| object.id));
}

#[test]
fn an_eventfd_that_nobody_reads_is_told_and_an_empty_one_is_not() {
    let (full, empty) = (EventFd::from_value(7).unwrap(), EventFd::from_value(0).unwrap());
    let mut ids = [number(&full), number(&empty)];
    ids.sort_unstable();
    let reading = read(ObjectKind::Eventfds, &ids);
    assert_eq!(trace(&reading, number(&full)), UseTrace::Figure(7));
    assert_eq!(trace(&reading, number(&empty)), UseTrace::Unknown);
}

#[test]
fn timers_that_are_not_armed_or_not_read_are_idle() {
    let timer = |every: Option<Duration>| {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).unwrap();
        if let Some(every) = every {
            let every = Expiration::Interval(TimeSpec::from_duration(every));
            timer.set(every, TimerSetTimeFlags::empty()).unwrap();
        }
        timer
    };
    let unarmed = timer(None);
    let working = timer(Some(Duration::from_secs(30)));
    let seldom = timer(Some(Duration::from_mins(50)));
    let unread = timer(Some(Duration::from_millis(1)));
    std::thread::sleep(Duration::from_millis(50));
    let ids = [number(&unarmed), number(&working), number(&seldom), number(&unread)];
    let reading = read(ObjectKind::Timerfds, &ids);
    let traces = ids.map(|id| trace(&reading, id));
    let expected = [UseTrace::Figure(0), UseTrace::Used, UseTrace::Unknown, UseTrace::Figure(1)];
    assert_eq!(traces, expected);
}

#[test]
fn a_thread_that_sleeps_does_not_run_and_one_that_works_does() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (told, tids) = std::sync::mpsc::channel();
    let start = |pause: Duration, told: std::sync::mpsc::Sender<i32>| {
        std::thread::spawn(move || {
            told.send(nix::unistd::gettid().as_raw()).unwrap();
            std::thread::sleep(pause);
            pause
        })
    };
    let _sleeper = start(Duration::from_mins(10), told.clone());
    let sleeper = tids.recv().unwrap() as u64;
    let worker = std::thread::spawn(move || {
        told.send(nix::unistd::gettid().as_raw()).unwrap();
        while stopped.recv_timeout(Duration::from_millis(1)).is_err() {}
    });
    let busy = tids.recv().unwrap() as u64;
    // The sleeper is on its way to sleep for a moment.
    let is_told = (0..100).any(|_| {
        let before = read(ObjectKind::Threads, &[]);
        std::thread::sleep(Duration::from_millis(50));
        let after = read(ObjectKind::Threads, &[]);
        trace(&before, sleeper) == trace(&after, sleeper)
            && trace(&before, busy) != trace(&after, busy)
    });
    stop.send(()).unwrap();
    worker.join().unwrap();
    assert!(is_told);
}

#[test]
fn a_child_that_sleeps_is_idle() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let id = u64::from(child.id());
    let is_still = (0..100).any(|_| {
        let before = read(ObjectKind::Children, &[id]);
        std::thread::sleep(Duration::from_millis(50));
        let after = read(ObjectKind::Children, &[id]);
        matches!(trace(&before, id), UseTrace::Figure(_)) && before.objects == after.objects
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_still);
    assert!(read(ObjectKind::Children, &[id]).objects.is_empty(), "it is gone");
}

#[test]
fn what_is_no_fdinfo_tells_nothing() {
    for text in ["", "\n", "eventfd-count: x", "ticks: 0\nit_value: (0, 0)", "it_value: (0"] {
        assert_eq!(eventfd(text.as_bytes()), UseTrace::Unknown);
        assert_eq!(timerfd(text.as_bytes()), UseTrace::Unknown);
    }
}

//! Programs of our own for interpreters and virtual machines: each waits for a line, opens and gives
//! back things of every kind, says "ready", and holds still until its input ends.

use std::process::Command;

use nix::sys::signal::Signal;

use super::{LIMIT, Server};
use crate::workload::source;

fn start(program: &str, options: &[&str], script: &str) -> Server {
    let dir = Server::dir();
    let mut command = Command::new(program);
    command.args(options).arg(source(script)).arg(dir.path());
    // Some versions of node hand what they watch to the kernel by a ring, which no event shows.
    command.env("UV_USE_IO_URING", "0");
    let server = Server::start(dir, &mut command, Signal::SIGKILL);
    server.program.wait_for_line("waiting", LIMIT);
    server
}

/// `hold.js`
pub fn node() -> Server {
    start("/usr/bin/node", &["--expose-gc"], "hold.js")
}

/// `hold.py`
pub fn python() -> Server {
    start("/usr/bin/python3", &[], "hold.py")
}

/// `Hold.java`, compiled as it is started.
pub fn jvm() -> Server {
    start("java", &["-Xmx256m", "-XX:+UseG1GC", "-XX:TieredStopAtLevel=1"], "Hold.java")
}

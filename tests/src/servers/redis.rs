//! redis-server, loaded by redis-benchmark.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{LIMIT, Server, address, run};
use crate::workload::Program;

const PORT: &str = "17379";

/// A database of our own at a unix socket and at a port, and a connection to it.
#[derive(Debug)]
pub struct Redis {
    /// Its process.
    pub server: Server,
    connection: UnixStream,
}

impl Redis {
    /// Starts one, which writes files only when it is asked to.
    pub fn start() -> Self {
        let dir = Server::dir();
        let socket = dir.path().join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", PORT, "--bind", &address().to_string()]);
        // Some versions know only one address as this host's own.
        command.args(["--protected-mode", "no", "--logfile", "log"]);
        command.args(["--save", "", "--appendonly", "no"]);
        command.args(["--io-threads", "2", "--unixsocket"]).arg(&socket);
        command.arg("--dir").arg(dir.path());
        let mut server = Server::start(dir, &mut command, Signal::SIGTERM);
        let connection =
            server.wait_until_up("redis to listen", || UnixStream::connect(&socket).ok());
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        let mut redis = Self { server, connection };
        redis.request(b"PING\r\n", b"+PONG\r\n");
        redis
    }

    fn socket(&self) -> PathBuf {
        self.server.path().join("socket")
    }

    /// Sends a command and checks its answer.
    pub fn request(&mut self, command: &[u8], wanted: &[u8]) {
        let mut reply = vec![0; wanted.len()];
        let server = &mut self.connection;
        let answer = server.write_all(command).and_then(|()| server.read_exact(&mut reply));
        let log = || std::fs::read_to_string(self.server.path().join("log")).unwrap_or_default();
        answer.unwrap_or_else(|error| panic!("{error}; redis says: {}", log()));
        assert_eq!(reply, wanted);
    }

    fn client(&self, over_tcp: bool) -> Command {
        let mut client = Command::new("redis-benchmark");
        if over_tcp {
            client.args(["-h", &address().to_string(), "-p", PORT]);
        } else {
            client.arg("-s").arg(self.socket());
        }
        client
    }

    /// Runs a benchmark to its end, over the port or over the socket.
    pub fn load(&self, over_tcp: bool, arguments: &[&str]) {
        run(self.client(over_tcp).arg("-q").args(arguments));
    }

    /// Saves the database from a child process, and waits until that has ended.
    pub fn save(&mut self) {
        self.request(b"BGSAVE\r\n", b"+Background saving started\r\n");
        let file = self.server.path().join("dump.rdb");
        crate::wait_until(LIMIT, "the saving", || file.exists().then_some(()));
        self.server.wait_for_processes(1);
    }

    /// So many connections over the port that do nothing.
    pub fn idle_clients(&mut self, count: u32) -> Program {
        let before = self.clients();
        let mut command = self.client(true);
        command.args(["-I", "-c", &count.to_string()]);
        let clients = Program::start(&mut command);
        crate::wait_until(LIMIT, "the idle clients", || {
            std::thread::sleep(Duration::from_millis(50));
            (self.clients() == before + count).then_some(())
        });
        clients
    }

    /// How many clients it has.
    pub fn clients(&mut self) -> u32 {
        self.connection.write_all(b"INFO clients\r\n").unwrap();
        let mut reply = String::new();
        while !reply.ends_with("\r\n\r\n") {
            let mut some = [0; 4096];
            let length = self.connection.read(&mut some).unwrap();
            assert!(length > 0, "redis closed the connection");
            reply.push_str(&String::from_utf8_lossy(&some[..length]));
        }
        let number = reply.lines().find_map(|line| line.strip_prefix("connected_clients:"));
        number.unwrap_or_else(|| panic!("{reply}")).trim().parse().unwrap()
    }
}

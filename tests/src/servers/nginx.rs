//! nginx, loaded by wrk.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use nix::sys::signal::Signal;

use super::{LIMIT, Server, address, run};
use crate::{held, wait_until};

const PORT: &str = "17080";
/// How many workers it has.
pub const WORKERS: usize = 2;

/// A web server of our own that serves a file, and passes what is asked of it below `/passed` on
/// to itself over a unix socket.
#[derive(Debug)]
pub struct Nginx {
    /// Its processes.
    pub server: Server,
}

impl Nginx {
    /// Starts one.
    pub fn start() -> Self {
        let dir = Server::dir();
        let path = dir.path().to_owned();
        fs::write(path.join("index.html"), "x".repeat(600)).unwrap();
        fs::write(path.join("conf"), configuration(&path.display().to_string())).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-e").arg(path.join("log")).arg("-p").arg(&path);
        let mut server =
            Server::start(dir, command.arg("-c").arg(path.join("conf")), Signal::SIGTERM);
        server.wait_until_up("nginx to listen", || TcpStream::connect(at()).ok());
        server.wait_for_processes(1 + WORKERS);
        let nginx = Self { server };
        drop(nginx.idle_client("/"));
        nginx
    }

    /// Asks the one that runs for a path over many connections that are kept, for a while.
    pub fn load(path: &str, connections: u32, seconds: u32) {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--connections", &connections.to_string()]);
        wrk.args(["--duration", &format!("{seconds}s"), &format!("http://{}{path}", at())]);
        let said = run(&mut wrk);
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
        eprintln!("{path}: {}", said.lines().last().unwrap_or_default());
    }

    /// Waits until its workers have clients.
    pub fn wait_until_busy(&self) {
        wait_until(LIMIT, "the load", || {
            let established = |pid: u32| held::of(pid, 0)["connections.established"];
            let sum: u64 = self.server.pids().into_iter().map(established).sum();
            (sum > 0).then_some(())
        });
    }

    /// A connection over which one answer came, and which is kept.
    pub fn idle_client(&self, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(at()).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(&client).read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "HTTP/1.1 200 OK");
        client
    }
}

fn at() -> String {
    format!("{}:{PORT}", address())
}

fn configuration(dir: &str) -> String {
    let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|module| format!("{module}_temp_path {dir}/{module};\n"))
        .concat();
    format!(
        "daemon off;\nuser root;\npid {dir}/pid;\nworker_processes {WORKERS};\n\
         events {{ worker_connections 512; }}\n\
         http {{\n{scratch}access_log off;\nkeepalive_timeout 600s;\nkeepalive_requests 1000000;\n\
         server {{ listen {};\nroot {dir};\n\
         location /passed {{ proxy_pass http://unix:{dir}/behind:/; }}\n}}\n\
         server {{ listen unix:{dir}/behind;\nreturn 200 \"behind\";\n}}\n}}\n",
        at()
    )
}

//! PostgreSQL, loaded by pgbench.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::{User, chown};

use super::{LIMIT, Server, address, run};
use crate::workload::Program;

const PORT: &str = "17432";
/// Where Debian keeps its versions.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who may run it: anybody but root. The package brings this user.
const USER: &str = "postgres";

/// A database cluster of our own, at a unix socket and at a port.
#[derive(Debug)]
pub struct Postgres {
    /// Its processes.
    pub server: Server,
}

impl Postgres {
    /// Where the programs of the newest version would be.
    pub fn programs() -> PathBuf {
        let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
        let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest = versions.map(|entry| entry.path()).max_by_key(number);
        newest.unwrap_or_else(|| VERSIONS.into()).join("bin")
    }

    /// Makes a cluster and starts it. What it does on its own account it does hourly.
    pub fn start() -> Self {
        let dir = Server::dir();
        let user = User::from_name(USER).unwrap().unwrap_or_else(|| panic!("no user {USER}"));
        chown(dir.path(), Some(user.uid), Some(user.gid)).unwrap();
        let data = dir.path().join("data");
        let as_user = |program: &str| {
            let mut command = Command::new(Self::programs().join(program));
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir(dir.path());
            command
        };
        let initdb = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust"];
        run(as_user("initdb").args(initdb).args(["--username", USER, "--pgdata"]).arg(&data));
        let mut command = as_user("postgres");
        let settings = [
            format!("listen_addresses={}", address()),
            format!("port={PORT}"),
            format!("unix_socket_directories={}", dir.path().display()),
            "fsync=off".into(),
            "shared_buffers=16MB".into(),
            "checkpoint_timeout=1h".into(),
            "autovacuum_naptime=1h".into(),
            // As long as it can be, so that it surely runs while a test looks.
            "authentication_timeout=600s".into(),
        ];
        for setting in &settings {
            command.args(["-c", setting]);
        }
        let mut server = Server::start(dir, command.arg("-D").arg(&data), Signal::SIGQUIT);
        let port = Self::port();
        server.wait_until_up("PostgreSQL to listen", || TcpStream::connect(&port).ok());
        let postgres = Self { server };
        postgres.wait_until_alone();
        postgres
    }

    /// Waits until its processes are those that it names itself: none of a client or of its start
    /// is left, and those that stay, made before the first client is let in, are all up.
    fn wait_until_alone(&self) {
        let own = "select pid from pg_stat_activity where pid <> pg_backend_pid()";
        crate::wait_until(LIMIT, "PostgreSQL to be alone", || {
            let mut psql = self.psql(false);
            let answer = psql.args(["-c", own]).output().unwrap();
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            let named = text.lines().map(|line| line.parse::<u32>().unwrap());
            let named: BTreeSet<u32> = named.chain([self.server.program.pid()]).collect();
            let is_alone = self.server.pids().into_iter().collect::<BTreeSet<_>>() == named;
            (answer.status.success() && is_alone).then_some(())
        });
    }

    fn port() -> String {
        format!("{}:{PORT}", address())
    }

    fn client(&self, program: &str, over_tcp: bool) -> Command {
        let mut client = Command::new(Self::programs().join(program));
        let host =
            if over_tcp { address().to_string().into() } else { self.server.path().to_owned() };
        client.arg("-h").arg(host).args(["-p", PORT, "-U", USER]);
        client
    }

    fn psql(&self, over_tcp: bool) -> Command {
        let mut psql = self.client("psql", over_tcp);
        psql.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-q", "-A", "-t", USER]);
        psql
    }

    /// Runs a statement to its end, over the socket.
    pub fn query(&self, statement: &str) -> String {
        run(self.psql(false).args(["-c", statement]))
    }

    /// Runs pgbench to its end, over the port or over the socket.
    pub fn bench(&self, over_tcp: bool, arguments: &[&str]) {
        run(self.client("pgbench", over_tcp).args(arguments).arg(USER));
    }

    /// A client that has done a statement and now holds its connection.
    pub fn idle_client(&self, over_tcp: bool, statement: &str) -> Program {
        let mut client = Program::start(&mut self.psql(over_tcp));
        client.say(&format!("{statement};\nselect 'done';\n"));
        client.wait_for_line("done", LIMIT);
        client
    }
}

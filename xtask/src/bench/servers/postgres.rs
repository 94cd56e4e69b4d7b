//! PostgreSQL under pgbench, as the user whom its package makes: it refuses to run as root.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::unistd::{User, chown};

use super::server::{Cpus, Dir, Server, number_after};
use crate::sh;

/// Where the package puts what is not on the search path.
const BIN: &str = "/usr/lib/postgresql/15/bin";
const USER: &str = "postgres";
const CLIENTS: &str = "4";
/// A million accounts.
const SCALE: &str = "10";
/// Its name for a socket in its directory, where no other server is.
const PORT: &str = "5432";
/// What a short run needs not do: wait for the disk, write what nobody will read, tidy up.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
];

pub(super) struct Postgres {
    _server: Server,
    dir: Dir,
}

impl Postgres {
    pub(super) fn start(cpus: &Cpus) -> Result<Self> {
        let user = User::from_name(USER)
            .context("failed to look for a user")?
            .with_context(|| format!("there is no user {USER}, whom the package makes"))?;
        let dir = Dir::make(USER)?;
        chown(dir.path(), Some(user.uid), Some(user.gid))
            .with_context(|| format!("failed to give {} away", dir.path().display()))?;
        let data = dir.path().join("data");
        let as_user = |name: &str| {
            let mut command = cpus.server(program(name));
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir(dir.path());
            command.arg("-D").arg(&data);
            command
        };
        let mut initdb = as_user("initdb");
        sh::output(initdb.args(["--auth=trust", "--no-sync", "--locale=C"]))?;
        let mut command = as_user("postgres");
        command.arg("-k").arg(dir.path()).args(["-p", PORT, "-c", "listen_addresses="]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let server = Server::start(&mut command, || is_ready(dir.path()))?;
        let postgres = Self { _server: server, dir };
        sh::output(postgres.pgbench(cpus).args([
            "--initialize",
            "--quiet",
            "--scale",
            SCALE,
            USER,
        ]))?;
        Ok(postgres)
    }

    /// Of the transactions that these options choose.
    pub(super) fn transactions_per_second(
        &self,
        cpus: &Cpus,
        seconds: u32,
        options: &[&str],
    ) -> Result<f64> {
        let mut command = self.pgbench(cpus);
        command.args(["--no-vacuum", "-j", "1", "-c", CLIENTS, "-T", &seconds.to_string()]);
        let text = sh::output(command.args(options).arg(USER))?;
        number_after(&text, "tps = ")
            .with_context(|| format!("`{}` printed {text:?}", sh::quoted(&command)))
    }

    fn pgbench(&self, cpus: &Cpus) -> Command {
        let mut command = cpus.client(program("pgbench"));
        command.arg("-h").arg(self.dir.path()).args(["-p", PORT, "-U", USER]);
        command
    }
}

fn program(name: &str) -> PathBuf {
    PathBuf::from(BIN).join(name)
}

/// Whether it takes connections.
fn is_ready(dir: &Path) -> bool {
    let mut command = Command::new(program("pg_isready"));
    sh::output(command.arg("-q").arg("-h").arg(dir).args(["-p", PORT])).is_ok()
}

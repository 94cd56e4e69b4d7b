//! Starts the command of `--`: a copy of the agent waits at a gate until it is watched, takes the
//! identity of the user who called sudo, and becomes the command.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    unistd::{Gid, Uid, User, initgroups, pipe2, setgid, setuid},
};

/// Name of the variable that tells the gate which descriptor to wait on.
const GATE_FD: &str = "MEMWATCH_GATE_FD";

/// A command waiting to be let go.
#[derive(Debug)]
pub struct Gate {
    child: Child,
    open: File,
    name: String,
}

/// A command that was let go.
#[derive(Debug)]
pub struct Released {
    pid: u32,
    name: String,
    ended: Arc<AtomicBool>,
}

impl Gate {
    /// Starts the gate. `stdout_to_stderr` keeps the command's output out of ours.
    pub fn start(argv: &[String], stdout_to_stderr: bool) -> Result<Self> {
        let name = argv.first().cloned().unwrap_or_default();
        let (wait, open) = pipe2(OFlag::O_CLOEXEC).context("make the gate's pipe")?;
        fcntl(&wait, FcntlArg::F_SETFD(FdFlag::empty())).context("keep the gate's pipe")?;
        let mut command = Command::new("/proc/self/exe");
        command.arg("exec-gate").arg("--").args(argv);
        command.env(GATE_FD, wait.as_raw_fd().to_string());
        if stdout_to_stderr {
            let stderr: OwnedFd = nix::unistd::dup(std::io::stderr()).context("copy stderr")?;
            command.stdout(Stdio::from(stderr));
        }
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Self { child, open: File::from(open), name })
    }

    /// Pid of the command.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets the command go; `ended` hears its status as a shell would say it.
    pub fn release(mut self, ended: impl FnOnce(i32) + Send + 'static) -> Released {
        let flag = Arc::new(AtomicBool::new(false));
        let released = Released { pid: self.pid(), name: self.name, ended: Arc::clone(&flag) };
        // A command that died at the gate is heard of by its status.
        let _ = self.open.write_all(b"!");
        drop(self.open);
        let wait = move || {
            let status = self.child.wait().map_or(1, shell_status);
            flag.store(true, Ordering::Relaxed);
            ended(status);
        };
        if let Err(error) = thread::Builder::new().name("waiter".to_owned()).spawn(wait) {
            tracing::error!("waiting for the command: {error}");
        }
        released
    }
}

impl Released {
    /// Says that the command outlives the run, if it does.
    pub fn note_if_running(&self) {
        if !self.ended.load(Ordering::Relaxed) {
            tracing::warn!("{} (pid {}) is still running", self.name, self.pid);
        }
    }
}

/// An exit status as a shell says it: 128 + signal for a killed command.
fn shell_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// The other side of the gate: waits, takes the invoking user's identity, becomes the command.
/// Returns only if that fails: with the status a shell would end with, and why.
pub fn exec_gate(argv: &[String]) -> Result<(u8, String)> {
    let Some((program, arguments)) = argv.split_first() else { bail!("no command") };
    wait_at_gate()?;
    become_invoking_user()?;
    let error = Command::new(program).args(arguments).env_remove(GATE_FD).exec();
    let status = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    Ok((status, format!("cannot run {program}: {error}")))
}

fn wait_at_gate() -> Result<()> {
    let Ok(text) = std::env::var(GATE_FD) else {
        bail!("exec-gate is started by the agent itself: use memwatch-ebpf -- COMMAND");
    };
    let fd: i32 = text.parse().with_context(|| format!("{GATE_FD}={text}"))?;
    let mut gate = File::open(format!("/proc/self/fd/{fd}")).context("open the gate's pipe")?;
    // The command must not inherit it.
    nix::unistd::close(fd).context("close the gate's pipe")?;
    let mut word = [0];
    if gate.read(&mut word).context("wait at the gate")? == 0 {
        bail!("the agent ended before the command could be watched");
    }
    Ok(())
}

/// Under sudo the command runs as who called it, not as root.
fn become_invoking_user() -> Result<()> {
    let id = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let (Some(uid), Some(gid)) = (id("SUDO_UID"), id("SUDO_GID")) else { return Ok(()) };
    if !Uid::effective().is_root() || uid == 0 {
        return Ok(());
    }
    let user = User::from_uid(Uid::from_raw(uid)).context("look the invoking user up")?;
    let gid = Gid::from_raw(gid);
    if let Some(user) = user {
        let name = std::ffi::CString::new(user.name).context("the invoking user's name")?;
        initgroups(&name, gid).context("take the invoking user's groups")?;
    }
    setgid(gid).context("take the invoking user's group")?;
    setuid(Uid::from_raw(uid)).context("take the invoking user's identity")
}

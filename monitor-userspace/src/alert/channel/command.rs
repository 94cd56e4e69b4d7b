//! A program of the user's: it gets the message as JSON on its standard input, and none of the agent's
//! privilege. No shell is between.

use std::{
    io::Write as _,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{self, Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, Uid, User},
};

use super::{Channel, Failure};
use crate::{
    alert::{
        ChannelOptions,
        decide::{Message, body},
    },
    output::Timestamp,
};

/// How often it is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

pub(super) struct Command {
    argv: Vec<String>,
    user: User,
    timeout: Duration,
    host: String,
}

impl Command {
    pub(super) fn new(options: &ChannelOptions, host: String) -> Result<Self> {
        let user = User::from_name(&options.user).ok().flatten();
        let user = user.with_context(|| format!("there is no user {:?}", options.user))?;
        let own = Uid::effective();
        if user.uid.is_root() {
            bail!("a command does not run as root: name another user");
        }
        if !own.is_root() && own != user.uid {
            bail!(
                "only root can run a command as {}: name the user that the agent runs as",
                user.name
            );
        }
        Ok(Self { argv: options.command.clone(), user, timeout: options.timeout.0, host })
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.argv.split_first().unwrap_or((&self.host, &[]));
        let mut command = process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/")
            .env("USER", &self.user.name)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if Uid::effective().is_root() {
            // With these root's supplementary groups and capabilities go too.
            command.uid(self.user.uid.as_raw()).gid(self.user.gid.as_raw());
        }
        command.spawn()
    }

    /// Waits for its end, which comes in time.
    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Failure> {
        let began = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if began.elapsed() < self.timeout => thread::sleep(POLL),
                Ok(None) => {
                    end(child);
                    let seconds = self.timeout.as_secs_f64();
                    return Err(Failure::passing(format!(
                        "the command took more than {seconds} s"
                    )));
                }
                Err(error) => return Err(Failure::passing(format!("the command: {error}"))),
            }
        }
    }
}

impl Channel for Command {
    fn send(&self, message: &Message, _: Timestamp) -> Result<String, Failure> {
        let text = format!("{}\n", body::webhook(message, &self.host));
        let mut child =
            self.spawn().map_err(|error| Failure::passing(format!("{}: {error}", self.argv[0])))?;
        let stdin = child.stdin.take();
        // A program that does not read must not stop this one: then the thread ends with the program.
        let fed = thread::Builder::new().name("alert-stdin".to_owned()).spawn(move || {
            // Whether it reads to the end is its own business.
            stdin.map(|mut stdin| stdin.write_all(text.as_bytes()))
        });
        if let Err(error) = fed {
            end(&mut child);
            return Err(Failure::passing(format!("start a thread: {error}")));
        }
        let status = self.wait(&mut child)?;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok("ended with status 0".to_owned()),
            (Some(code), _) => {
                Err(Failure::passing(format!("the command ended with status {code}")))
            }
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                Err(Failure::passing(format!("the command was ended by signal {signal}")))
            }
        }
    }
}

/// Ends a program and what it started.
fn end(child: &mut Child) {
    // It may have ended by itself meanwhile: then there is nobody left to end.
    let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    let _ = child.wait();
}

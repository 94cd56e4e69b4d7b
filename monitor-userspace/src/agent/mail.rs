//! How the other threads speak to the engine thread.

use std::sync::{
    Arc,
    mpsc::{self, Receiver, Sender},
};

use anyhow::{Context as _, Result};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::{event::Input, output::View};

/// What the other threads tell the engine thread.
#[derive(Debug)]
pub(super) enum Mail {
    /// Answers to requests.
    Readings(Vec<Input>),
    /// A round of requests is answered.
    RoundDone,
    /// The command started with `--` ended.
    CommandExit(i32),
    /// Somebody wants to know what was seen until now.
    Ask(tokio::sync::oneshot::Sender<Box<View>>),
    /// The run is over.
    Stop,
}

/// Where mail arrives.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) mail: Receiver<Mail>,
    pub(super) wake: Arc<EventFd>,
}

impl Mailbox {
    pub(super) fn new() -> Result<(Post, Self)> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).context("make an eventfd")?);
        let (sender, mail) = mpsc::channel();
        Ok((Post { mail: sender, wake: Arc::clone(&wake) }, Self { mail, wake }))
    }
}

/// A sender of mail that also wakes the engine thread.
#[derive(Clone, Debug)]
pub(super) struct Post {
    mail: Sender<Mail>,
    wake: Arc<EventFd>,
}

impl Post {
    pub(super) fn send(&self, mail: Mail) {
        // The engine thread is gone only when the run is over.
        if self.mail.send(mail).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

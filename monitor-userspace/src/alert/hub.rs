//! The thread that owns the ledger and its journal, and one thread for each channel, which delivers one
//! message at a time: a slow receiver holds up nobody else.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::sync::oneshot;

use super::{
    Kind,
    channel::{Channel, Failure},
    decide::{About, Alert, Backoff, Ending, Ledger, Look, Message, Silence, Wish},
    journal::Journal,
};
use crate::{host::clock, output::Timestamp};

/// Orders that may wait for the thread; of findings beyond them the next look tells again.
pub(super) const MAX_ORDERS: usize = 1024;
/// It looks at the time this often at most.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// And at least.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// A finding began or changed.
    Heard(Box<About>),
    /// A finding is over.
    Over(Ending),
    /// All that is watched was looked at.
    Looked(Look),
    /// A channel has tried to deliver.
    Tried { channel: usize, tried: Tried },
    /// Silence a finding.
    Silence {
        finding: String,
        for_ns: i64,
        reason: String,
        answer: oneshot::Sender<Result<Silence, String>>,
    },
    /// End a silence.
    Unsilence { id: String, answer: oneshot::Sender<bool> },
    /// Other channels from now on, and what they want to hear.
    Channels(Vec<Line>, Vec<Wish>),
    /// Which silences there are.
    Silences(oneshot::Sender<Vec<Silence>>),
    /// Deliver what is on its way, and end.
    End,
}

/// How an attempt went.
#[derive(Debug)]
pub(super) struct Tried {
    /// Which message; `None` for a reminder.
    order: Option<u64>,
    result: Result<String, Failure>,
}

/// What a channel is to do.
#[derive(Debug)]
enum Job {
    Send(Message),
    Remind(Vec<Alert>),
}

/// A channel, as the hub sees it.
#[derive(Debug)]
pub(super) struct Line {
    name: String,
    kind: Kind,
    jobs: SyncSender<Job>,
    is_busy: bool,
    backoff: Backoff,
    not_before: Instant,
    reminded_every: Option<Duration>,
    remind_at: Instant,
}

/// The thread's state.
pub(super) struct Hub {
    ledger: Ledger,
    journal: Journal,
    lines: Vec<Line>,
    /// The channels that take their place once no message is on its way: it would be sent again.
    next: Option<(Vec<Line>, Vec<Wish>)>,
    dropped: u64,
    chance: RandomState,
}

/// A channel that is open, and its name.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) channel: Box<dyn Channel>,
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    Timestamp(clock::wall_ns())
}

/// Starts the threads; the hub's ends when it is told to, or when nobody can tell it anything any more.
pub(super) fn spawn(
    ledger: Ledger,
    journal: Journal,
    lines: Vec<Line>,
    inbox: Receiver<Order>,
) -> Result<Receiver<()>> {
    let chance = RandomState::new();
    let mut hub = Hub { ledger, journal, lines, next: None, dropped: 0, chance };
    let (ended, ending) = sync_channel(1);
    thread::Builder::new()
        .name("alerts".to_owned())
        .spawn(move || {
            hub.run(&inbox);
            // Whoever waited for it may have given up.
            let _ = ended.send(());
        })
        .context("start the thread of the alerts")?;
    Ok(ending)
}

/// Starts the threads of channels, which tell how it went as orders.
pub(super) fn open_lines(channels: Vec<Opened>, orders: &SyncSender<Order>) -> Result<Vec<Line>> {
    let numbered = channels.into_iter().enumerate();
    numbered.map(|(number, opened)| open_line(number, opened, orders.clone())).collect()
}

fn open_line(number: usize, opened: Opened, orders: SyncSender<Order>) -> Result<Line> {
    let Opened { name, kind, channel } = opened;
    let (jobs, todo) = sync_channel::<Job>(1);
    let reminded_every = channel.reminded_every();
    thread::Builder::new()
        .name(format!("alert-{}", kind.name()))
        .spawn(move || {
            for job in todo {
                let (order, result) = match &job {
                    Job::Send(message) => (Some(message.order), channel.send(message, now())),
                    Job::Remind(alerts) => (None, channel.remind(alerts, now())),
                };
                let tried = Tried { order, result };
                if orders.send(Order::Tried { channel: number, tried }).is_err() {
                    return;
                }
            }
        })
        .with_context(|| format!("start the thread of channel {name}"))?;
    let began = Instant::now();
    Ok(Line {
        name,
        kind,
        jobs,
        is_busy: false,
        backoff: Backoff::default(),
        not_before: began,
        reminded_every,
        remind_at: began,
    })
}

impl Hub {
    fn run(&mut self, inbox: &Receiver<Order>) {
        let mut is_ending = false;
        loop {
            self.keep();
            let is_idle = self.lines.iter().all(|line| !line.is_busy);
            if is_ending && is_idle {
                return;
            }
            if let Some((lines, wishes)) = self.next.take_if(|_| is_idle) {
                self.lines = lines;
                self.ledger.set_wishes(wishes);
                continue;
            }
            if !is_ending && self.next.is_none() {
                self.start_jobs();
            }
            match inbox.recv_timeout(self.wait()) {
                Ok(Order::End) => is_ending = true,
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.ledger.tick(now());
            self.note_dropped();
        }
    }

    fn obey(&mut self, order: Order) {
        let now = now();
        match order {
            Order::Heard(about) => self.ledger.heard(*about, now),
            Order::Over(ending) => self.ledger.over(ending, now),
            Order::Looked(look) => self.ledger.looked(look, now),
            Order::Tried { channel, tried } => self.note(channel, tried),
            Order::Silence { finding, for_ns, reason, answer } => {
                let silenced = self.ledger.silence(&finding, for_ns, &reason, now);
                // Kept before it is answered.
                self.keep();
                let _ = answer.send(silenced);
            }
            Order::Unsilence { id, answer } => {
                let was_there = self.ledger.unsilence(&id, now);
                self.keep();
                let _ = answer.send(was_there);
            }
            Order::Silences(answer) => {
                let _ = answer.send(self.ledger.rows().silences.values().cloned().collect());
            }
            Order::Channels(lines, wishes) => self.next = Some((lines, wishes)),
            Order::End => {}
        }
    }

    /// Puts on the disk what changed, before anything is done because of it.
    fn keep(&mut self) {
        let changes = self.ledger.take_changes();
        self.journal.keep(&changes, self.ledger.rows());
    }

    /// Hands each channel that is free what it is to do next.
    fn start_jobs(&mut self) {
        let now = Instant::now();
        for line in &mut self.lines {
            if line.is_busy || now < line.not_before {
                continue;
            }
            let job = match (self.ledger.next(&line.name), line.reminded_every) {
                (Some(message), _) => Job::Send(message.clone()),
                (None, Some(every)) if now >= line.remind_at => {
                    line.remind_at = now + every;
                    let standing = self.ledger.standing(&line.name);
                    if standing.is_empty() {
                        continue;
                    }
                    Job::Remind(standing)
                }
                _ => continue,
            };
            // A thread that died takes nothing any more; its messages stay in the journal.
            line.is_busy = line.jobs.try_send(job).is_ok();
        }
    }

    /// Takes note of how an attempt went.
    fn note(&mut self, channel: usize, Tried { order, result }: Tried) {
        let Some(line) = self.lines.get_mut(channel) else { return };
        line.is_busy = false;
        let failure = match result {
            Ok(answer) => {
                if line.backoff.failures() > 0 {
                    tracing::warn!("alert channel {} works again: {answer}", line.name);
                }
                tracing::debug!("alert channel {}: {answer}", line.name);
                line.backoff.done();
                if let Some(order) = order {
                    self.ledger.done(order);
                }
                return;
            }
            Err(failure) => failure,
        };
        let chance = self.chance.hash_one(Instant::now()) as f64 / u64::MAX as f64;
        let is_refused = failure.is_refused && order.is_some();
        let wait = line.backoff.failed(is_refused, failure.retry_after, chance);
        line.not_before = Instant::now() + wait;
        // The first failure is news, the rest is detail.
        if line.backoff.failures() == 1 {
            let (name, kind) = (&line.name, line.kind.name());
            tracing::warn!(
                "alert channel {name} ({kind}) failed and is tried again: {}",
                failure.text
            );
        } else {
            tracing::debug!(
                "alert channel {} failed, next in {wait:?}: {}",
                line.name,
                failure.text
            );
        }
        if let Some(order) = order.filter(|_| line.backoff.is_hopeless()) {
            tracing::error!(
                "alert channel {} refuses a message, which is given up: {}",
                line.name,
                failure.text
            );
            line.backoff.done();
            self.ledger.done(order);
        }
    }

    fn note_dropped(&mut self) {
        let dropped = self.ledger.dropped();
        if dropped > self.dropped {
            tracing::warn!("{dropped} alerts ended before their channel could take them");
            self.dropped = dropped;
        }
    }

    /// How long nothing is to be done.
    fn wait(&self) -> Duration {
        let due = self.ledger.due().map(|due| {
            Duration::from_nanos(u64::try_from(due.0.saturating_sub(now().0)).unwrap_or(0))
        });
        let retries = self.lines.iter().filter(|line| !line.is_busy).flat_map(|line| {
            let waits = self.ledger.next(&line.name).map(|_| line.not_before);
            let reminds = line.reminded_every.map(|_| line.remind_at.max(line.not_before));
            [waits, reminds]
                .into_iter()
                .flatten()
                .map(|at| at.saturating_duration_since(Instant::now()))
        });
        let wait = due.into_iter().chain(retries).min().unwrap_or(LONGEST_WAIT);
        wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }
}

//! Tells people and programs of findings. What becomes an alert is decided by [`decide`], which is pure;
//! channels are at the edge, each with a thread of its own.

mod channel;
pub mod decide;
mod hub;
mod journal;
mod options;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use decide::{About, Ending, Ledger, Look, Message, MessageKind, Silence, Wish};
use hub::{Line, MAX_ORDERS, Opened, Order};
use journal::{Journal, Problem};
pub use options::{ChannelOptions, Kind, LogLevel, Options};
pub use secret::Secret;
use tokio::sync::{broadcast::error::RecvError, oneshot};

use crate::{
    agent::{Desk, News},
    output::{FindingState, Interval},
    sink,
};

/// How long the end of the agent waits for messages that are on their way: what was not answered by then
/// is sent again by the next run.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Where the alerts of a running agent are told and asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts {
    orders: SyncSender<Order>,
    problem: Problem,
}

/// Ends the alerts when it is dropped.
#[derive(Debug)]
pub struct Ends {
    orders: SyncSender<Order>,
    ending: Receiver<()>,
}

impl Alerts {
    /// Opens all channels and goes on where the last run of the agent was. `None` where alerts are off.
    pub fn start(options: &Options, state: &Path) -> Result<Option<(Self, Ends)>> {
        if !options.enabled {
            return Ok(None);
        }
        let (orders, inbox) = sync_channel(MAX_ORDERS);
        let (lines, wishes) = open(options, &orders)?;
        let (journal, read) = Journal::open(state);
        if let Some(aside) = read.set_aside {
            tracing::error!("the journal of alerts is damaged: it is now {}", aside.display());
        }
        let problem = journal.problem();
        let ledger = Ledger::new(wishes, read.rows, hub::now());
        let ending = hub::spawn(ledger, journal, lines, inbox)?;
        Ok(Some((Self { orders: orders.clone(), problem }, Ends { orders, ending })))
    }

    /// Takes another choice of channels over, once no message is on its way. An error says what is wrong with it;
    /// everything is then as it was.
    pub fn configure(&self, options: &Options) -> Result<()> {
        let (lines, wishes) = open(options, &self.orders)?;
        self.orders
            .try_send(Order::Channels(lines, wishes))
            .ok()
            .context("alerts are behind; try again")
    }

    /// Hears of all findings, until the agent ends.
    pub fn hear(self, desk: &Desk) -> impl Future<Output = ()> + use<> {
        let mut news = desk.news();
        async move {
            loop {
                match news.recv().await {
                    Ok(News::Finding(finding)) => self.tell(match finding.state {
                        FindingState::Resolved => Order::Over(Ending {
                            id: finding.id.clone(),
                            why: sink::ended(&finding).to_owned(),
                        }),
                        _ => Order::Heard(Box::new(About::of(&finding))),
                    }),
                    Ok(News::Interval(interval)) => self.tell(Order::Looked(look(&interval))),
                    // The next interval tells what was missed.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    /// What keeps alerts from being kept over a restart; `None` while all is well.
    pub fn problem(&self) -> Option<String> {
        self.problem.now()
    }

    /// Tells the thread, unless it is far behind: then the next look tells it again.
    fn tell(&self, order: Order) {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(order) {
            tracing::warn!("alerts are behind: the disk or a channel is slow");
        }
    }

    /// Silences the cause of a finding. An error says why not.
    pub async fn silence(
        &self,
        finding: String,
        time: Duration,
        reason: String,
    ) -> Result<Result<Silence, String>> {
        let for_ns = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        self.ask(|answer| Order::Silence { finding, for_ns, reason, answer }).await
    }

    /// Ends a silence; whether there was one.
    pub async fn unsilence(&self, id: String) -> Result<bool> {
        self.ask(|answer| Order::Unsilence { id, answer }).await
    }

    /// The silences there are.
    pub async fn silences(&self) -> Result<Vec<Silence>> {
        self.ask(Order::Silences).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.orders.try_send(order(answer)).ok().context("alerts are behind; try again")?;
        answered.await.context("the agent is ending")
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        // Neither is to be waited for longer: what is not done is in the journal.
        let _ = self.orders.try_send(Order::End);
        let _ = self.ending.recv_timeout(LAST_ANSWERS);
    }
}

/// Opens all channels, which report to `orders`.
fn open(options: &Options, orders: &SyncSender<Order>) -> Result<(Vec<Line>, Vec<Wish>)> {
    let host = host();
    let all = options.all_channels().map_err(|error| anyhow!("[alerts]: {error}"))?;
    let open = |channel: &ChannelOptions| {
        let opened = channel::open(channel, options.log_level, &host);
        let opened = opened.with_context(|| format!("alert channel {:?}", channel.name))?;
        Ok(Opened { name: channel.name.clone(), kind: channel.kind, channel: opened })
    };
    let channels = all.iter().map(open).collect::<Result<Vec<_>>>()?;
    Ok((hub::open_lines(channels, orders)?, all.iter().map(wish).collect()))
}

/// Sends a test message to a channel; what its receiver answered.
pub fn test(options: &Options, name: &str) -> Result<String> {
    let all = options.all_channels().map_err(|error| anyhow!("[alerts]: {error}"))?;
    let names = || all.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ");
    let channel = all.iter().find(|channel| channel.name == name);
    let channel = channel
        .with_context(|| format!("no channel is called {name:?}; there are: {}", names()))?;
    let host = host();
    let opened = channel::open(channel, options.log_level, &host)?;
    let now = hub::now();
    let message = Message {
        order: 0,
        id: format!("test-{:x}", now.0),
        channel: name.to_owned(),
        made_at: now,
        group: host,
        alerts: Vec::new(),
        kind: MessageKind::Test,
    };
    opened.send(&message, now).map_err(|failure| anyhow!("{name}: {}", failure.text))
}

/// The name of this host.
fn host() -> String {
    let name = nix::sys::utsname::uname().ok();
    let name = name.and_then(|it| it.nodename().to_str().map(str::to_owned));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

fn wish(channel: &ChannelOptions) -> Wish {
    let ns = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    Wish {
        channel: channel.name.clone(),
        severities: channel.severities.clone(),
        group_ns: ns(channel.group_window.0),
        cool_down_ns: ns(channel.cool_down.0),
    }
}

fn look(interval: &Interval) -> Look {
    let process = |it: &crate::output::Snapshot| (it.pid, it.start_time);
    Look {
        open: interval.open_findings.iter().map(About::of).collect(),
        processes: interval.snapshots.iter().map(process).collect(),
        components: interval.components.iter().map(|it| it.component.clone()).collect(),
    }
}

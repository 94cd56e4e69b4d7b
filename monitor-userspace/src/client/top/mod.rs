//! `top`: looks at a running agent again and again, and shows it on the whole screen.
//!
//! A thread asks and hears signals, so that keys are never late; this one draws. What is shown is a pure
//! function of what was heard and typed (`state`, `draw`).

mod draw;
mod frame;
mod growth;
mod state;
mod table;
#[cfg(test)]
mod tests;

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde_json::{Value, json};
pub use state::Sort;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    frame::Frame,
    growth::Growths,
    state::{Next, State},
};
use super::Client;

/// How long a key is waited for before what was heard is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Processes that are asked for: more than a person goes through.
const PROCESSES: &str = "/api/monitoring/processes?limit=1000&fields=pid,start_time,comm,user,component,\
                         rss_bytes,rss_anon_bytes,swap_bytes,descriptors,threads,cpu_percent,final";

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often is looked.
    pub interval: Duration,
    /// What comes first.
    pub sort: Sort,
    /// Whether colours are welcome.
    pub has_colour: bool,
}

/// What the asking thread tells.
enum Heard {
    /// A look.
    Look(Box<Value>),
    /// Why there is none.
    Amiss(String),
    /// Somebody wants this process to end.
    End,
}

/// One look: the agent, the host, its processes and what was found.
pub fn look(client: &Client) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(looked(client))
}

async fn looked(client: &Client) -> Result<Value> {
    let agent = client.fetch_json("/api/monitoring/agent").await?;
    let host = client.fetch_json("/api/monitoring/host").await?;
    let mut processes = client.fetch_json(PROCESSES).await?;
    let mut findings = client.fetch_json("/api/monitoring/findings?state=open").await?;
    Ok(json!({
        "agent": agent,
        "host": host["host"],
        "processes": processes["processes"].take(),
        "total": processes["total"],
        "findings": findings["findings"].take(),
    }))
}

/// Takes the screen until somebody leaves; gives it back also where something goes wrong.
pub fn show(client: Client, options: &Options) -> Result<()> {
    let (sender, heard) = channel();
    let interval = options.interval;
    std::thread::Builder::new()
        .name("top-asks".to_owned())
        .spawn(move || asks(&client, interval, &sender))
        .context("start the asking thread")?;
    // Takes the screen, and gives it back when this thread panics.
    let mut terminal = ratatui::try_init().context("take the screen")?;
    let shown = shows(&mut terminal, &heard, options);
    ratatui::restore();
    shown
}

/// Asks until nobody listens.
fn asks(client: &Client, interval: Duration, sender: &Sender<Heard>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        tokio::select! {
            () = ask_again(client, interval, sender) => {}
            () = signalled() => {
                // Who shows may have ended already.
                let _ = sender.send(Heard::End);
            }
        }
    });
}

async fn ask_again(client: &Client, interval: Duration, sender: &Sender<Heard>) {
    let mut clock = tokio::time::interval(interval);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let heard = match looked(client).await {
            Ok(look) => Heard::Look(Box::new(look)),
            Err(error) => Heard::Amiss(format!("{error:#}")),
        };
        if sender.send(heard).is_err() {
            return;
        }
    }
}

/// Until somebody sends what ends a process: the screen is given back first.
async fn signalled() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [interrupt, terminate, hangup] = kinds.map(signal);
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (interrupt, terminate, hangup)
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn shows(
    terminal: &mut ratatui::DefaultTerminal,
    heard: &Receiver<Heard>,
    options: &Options,
) -> Result<()> {
    let mut state = State::new(options.sort, options.has_colour);
    let mut growths = Growths::default();
    let began = Instant::now();
    let mut is_stale = true;
    loop {
        while let Ok(news) = heard.try_recv() {
            match news {
                Heard::Look(look) => {
                    let mut frame = Frame::of(&look);
                    growths.look(began.elapsed().as_secs_f64(), &mut frame);
                    state.take(frame);
                }
                Heard::Amiss(why) => state.amiss = Some(why),
                Heard::End => return Ok(()),
            }
            is_stale = true;
        }
        if is_stale {
            terminal.draw(|screen| draw::draw(screen, &mut state)).context("draw the screen")?;
            is_stale = false;
        }
        if event::poll(TICK).context("wait for a key")? {
            match event::read().context("read a key")? {
                Event::Key(key)
                    if key.kind != KeyEventKind::Release && state.key(key) == Next::Leave =>
                {
                    return Ok(());
                }
                _ => {}
            }
            // A key, or another size.
            is_stale = true;
        }
    }
}

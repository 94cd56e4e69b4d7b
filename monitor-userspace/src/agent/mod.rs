//! Wires the stages of a live run. One thread owns the ring and the engine, one reads /proc for
//! it, one writes the output; the only `select!` is here.

mod child;
mod counters;
mod desk;
mod mail;
mod outcome;
mod outlet;
mod pump;
mod reader;
mod source;

use std::{fs::File, io, path::PathBuf, pin::Pin, thread, time::Duration};

use anyhow::{Context as _, Result, bail};
pub use child::{Gate, exec_gate};
pub use desk::{Desk, News};
use mail::{Mail, Mailbox};
pub use outcome::Outcome;
pub use outlet::{EventChoice, Form, Outlet};
use pump::Pump;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    engine::{CommPattern, Engine},
    event::{RecordingWriter, Start},
    kernel::Kernel,
    output::{Output, Severity},
    rule::Rules,
    sink::{Hurry, Queue},
};

/// How long a slow reader is given for all that waits when the run ends.
const ALL_LINES: Duration = Duration::from_millis(300);
/// How long it is given after that for what is not events.
const LAST_LINES: Duration = Duration::from_millis(300);

/// How long a command waits at its gate for what it inherits to be read.
const SEED_LIMIT: Duration = Duration::from_millis(500);

/// A run, ready to go.
#[derive(Debug)]
pub struct Run {
    /// Facts, filters and configuration.
    pub start: Start,
    /// The compiled name filter.
    pub comm: CommPattern,
    /// The compiled rules.
    pub rules: Rules,
    /// The loaded and attached programs; `None` for /proc alone.
    pub kernel: Option<Kernel>,
    /// What is printed.
    pub form: Form,
    /// Where it is printed; standard output if `None`.
    pub output: Option<PathBuf>,
    /// Where the inputs are kept.
    pub record: Option<PathBuf>,
    /// Where applications report of themselves.
    pub counters: Option<PathBuf>,
    /// When to stop.
    pub duration: Option<Duration>,
    /// The command to start, waiting at its gate.
    pub gate: Option<Gate>,
    /// Whether the kernel side's own log is carried.
    pub kernel_log: bool,
}

/// What attends to the desk of a run, until it is dropped with the run. It ends the run by failing.
pub type Attending = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Makes what attends to a desk.
type Attend = Box<dyn FnOnce(Desk) -> Attending>;

impl Run {
    /// Runs until told to stop. `fail_on` decides the status in the exit line.
    pub fn go(self, fail_on: Option<Severity>) -> Result<Outcome> {
        self.start(fail_on, None)
    }

    /// Runs until told to stop, while others ask and hear at its desk.
    pub fn serve(self, attend: impl FnOnce(Desk) -> Attending + 'static) -> Result<Outcome> {
        self.start(None, Some(Box::new(attend)))
    }

    fn start(self, fail_on: Option<Severity>, attend: Option<Attend>) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        runtime.block_on(self.drive(fail_on, attend))
    }

    async fn drive(mut self, fail_on: Option<Severity>, attend: Option<Attend>) -> Result<Outcome> {
        let mut signals = Signals::catch()?;
        let (post, mailbox) = Mailbox::new().context("make the mailbox")?;
        let (queue, written) = spawn_writer(self.output.as_ref(), post.clone())?;
        let recorder = self.record.as_ref().map(open_recording).transpose()?;
        let hurry = queue.hurry();
        let (attending, press) = attend.map(|attend| Desk::open(&post, attend)).unzip();
        let mut outlet = Outlet::new(self.form, queue).with_press(press);
        let wants_events = outlet.form().wants_events();
        let mut say = |output: Output<'_>| outlet.take(&output);
        let engine =
            Engine::start(self.start.clone(), self.comm, self.rules, wants_events, &mut say);
        let boot_epoch_ns = self.start.boot_epoch_ns;
        let counters = self.counters.as_deref();
        let _counters =
            counters.map(|path| counters::spawn(path, boot_epoch_ns, post.clone())).transpose()?;
        let pass = self.kernel.as_mut().and_then(Kernel::take_table_pass);
        let requests = reader::spawn(post.clone(), pass)?;
        let (ready, known) = tokio::sync::oneshot::channel();
        let pump = Pump::new(pump::Parts {
            engine,
            outlet,
            mailbox,
            requests,
            recorder,
            kernel: self.kernel,
            start: self.start,
            kernel_log: self.kernel_log,
            ready,
        })?;
        let (done, mut finished) = tokio::sync::oneshot::channel();
        thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || done.send(pump.run(fail_on)))
            .context("start the engine thread")?;
        let child_post = post.clone();
        let waiter = match self.gate {
            Some(gate) => Some(release(gate, known, child_post).await),
            None => None,
        };
        let (early, broken) = tokio::select! {
            ended = &mut finished => (Some(ended), None),
            () = signals.come() => (None, None),
            () = after(self.duration) => (None, None),
            served = attended(attending) => (None, served.err()),
        };
        let ended = if let Some(ended) = early {
            ended
        } else {
            post.send(Mail::Stop);
            finished.await
        };
        let outcome = ended.context("the engine thread died")??;
        end_output(written, &hurry).await?;
        if let Some(waiter) = waiter {
            waiter.note_if_running();
        }
        broken.map_or(Ok(outcome), Err)
    }
}

/// Attends until that ends; for ever where nobody does.
async fn attended(attending: Option<Attending>) -> Result<()> {
    match attending {
        Some(attending) => attending.await,
        None => std::future::pending().await,
    }
}

/// Signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they kill nobody.
    fn catch() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("catch SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("catch SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for one.
    async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits as long as the run is to last.
async fn after(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// Lets the command go once it is known what it inherits. A host too busy to answer does not keep it
/// waiting for ever.
async fn release(
    gate: Gate,
    known: tokio::sync::oneshot::Receiver<()>,
    post: mail::Post,
) -> child::Released {
    let _ = tokio::time::timeout(SEED_LIMIT, known).await;
    gate.release(move |status| post.send(Mail::CommandExit(status)))
}

fn open_recording(path: &PathBuf) -> Result<RecordingWriter<io::BufWriter<File>>> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    RecordingWriter::new(io::BufWriter::with_capacity(1 << 20, file))
        .with_context(|| format!("write {}", path.display()))
}

/// Hears how writing the output ended.
type Written = tokio::sync::oneshot::Receiver<io::Result<()>>;

/// Waits for the last lines to be written; a reader that is stuck does not keep us.
async fn end_output(mut written: Written, hurry: &Hurry) -> Result<()> {
    let dropped_before = hurry.dropped_lines();
    let mut ended = tokio::time::timeout(ALL_LINES, &mut written).await;
    if ended.is_err() {
        hurry.up();
        ended = tokio::time::timeout(LAST_LINES, &mut written).await;
    }
    let Ok(result) = ended else { bail!("nobody reads the output: its end is not written") };
    result.context("the writer thread died")?.context("write the output")?;
    let dropped = hurry.dropped_lines() - dropped_before;
    if dropped > 0 {
        tracing::warn!("the output is read too slowly: its last {dropped} events are not written");
    }
    Ok(())
}

/// Starts the thread that writes the output. It ends with the queue, or before that when nobody
/// reads any more or nothing can be written, and then so does the run.
fn spawn_writer(path: Option<&PathBuf>, post: mail::Post) -> Result<(Queue, Written)> {
    let (queue, reader) = Queue::new();
    let out: Box<dyn io::Write + Send> = match path {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("create {}", path.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    let (done, written) = tokio::sync::oneshot::channel();
    thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || {
            let result = reader.run(out);
            post.send(Mail::Stop);
            // Nobody listens any more when the run gave up on us.
            let _ = done.send(result);
        })
        .context("start the writer thread")?;
    Ok((queue, written))
}

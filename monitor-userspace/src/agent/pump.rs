//! The engine thread: drains the ring, decodes, applies, ticks. Everything that enters the engine
//! passes [`Pump::feed`] or the ring, and both are recorded.

use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    sync::mpsc::SyncSender,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::oneshot;

use super::{
    Outcome, Outlet,
    mail::{Mail, Mailbox},
    source::Source,
};
use crate::{
    engine::{Engine, Request},
    event::{CommandExit, Input, Loss, RecordingWriter, Start, decode},
    host::clock,
    kernel::Kernel,
    output::Severity,
};

/// Records taken before the thread looks at anything else.
const DRAIN: usize = 16_384;
/// Records taken at most before a reading is applied: more than the ring holds.
const DRAIN_ALL: usize = 131_072;
/// How long the thread sleeps on an empty ring when nothing asks for it.
const NAP_MS: u16 = 50;
/// How long it sleeps while records stream in. At the peak rate of the budget, 300,000 records a
/// second, a quarter of a MiB comes in that time, a sixteenth of the ring.
const BREATH_MS: u16 = 10;
/// Nanoseconds between ticks.
const TICK_NS: u64 = 1_000_000_000;
/// How long the last checks may take.
const CLOSING: Duration = Duration::from_millis(400);

/// What a pump is made of.
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) outlet: Outlet,
    pub(super) mailbox: Mailbox,
    pub(super) requests: SyncSender<Vec<Request>>,
    pub(super) recorder: Option<RecordingWriter<io::BufWriter<File>>>,
    pub(super) kernel: Option<Kernel>,
    pub(super) start: Start,
    pub(super) kernel_log: bool,
    /// Told when it is known what the waiting command holds.
    pub(super) ready: oneshot::Sender<()>,
}

/// The engine thread's state.
pub(super) struct Pump {
    engine: Engine,
    outlet: Outlet,
    mailbox: Mailbox,
    requests: SyncSender<Vec<Request>>,
    recorder: Option<RecordingWriter<io::BufWriter<File>>>,
    source: Option<Source>,
    ready: Option<oneshot::Sender<()>>,
    decode_errors: u64,
    next_tick_ns: u64,
    is_stopping: bool,
    rounds_open: usize,
}

impl Pump {
    pub(super) fn new(parts: Parts) -> Result<Self> {
        let source =
            parts.kernel.map(|kernel| Source::new(kernel, parts.kernel_log)).transpose()?;
        let mut pump = Self {
            engine: parts.engine,
            outlet: parts.outlet,
            mailbox: parts.mailbox,
            requests: parts.requests,
            recorder: parts.recorder,
            source,
            ready: Some(parts.ready),
            decode_errors: 0,
            next_tick_ns: 0,
            is_stopping: false,
            rounds_open: 0,
        };
        pump.keep(|recorder| recorder.input(&Input::Start(Box::new(parts.start))));
        Ok(pump)
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self, fail_on: Option<Severity>) -> Result<Outcome> {
        while !self.is_stopping {
            let drained = self.drain(DRAIN);
            self.flush_kernel_log();
            self.read_mail();
            if self.engine.knows_command()
                && let Some(ready) = self.ready.take()
            {
                // Nobody waits any more when it took too long.
                let _ = ready.send(());
            }
            let now_ns = clock::boot_ns();
            if now_ns >= self.next_tick_ns {
                self.next_tick_ns = now_ns + TICK_NS;
                self.tick(now_ns)?;
            }
            self.hand_requests();
            self.outlet.flush();
            if drained == 0 && !self.is_stopping {
                self.nap(NAP_MS, true)?;
            } else if drained < DRAIN && !self.is_stopping {
                self.nap(BREATH_MS, false)?;
            }
        }
        self.close()?;
        Ok(self.finish(fail_on))
    }

    /// One input: recorded, then applied.
    fn feed(&mut self, input: &Input) {
        self.keep(|recorder| recorder.input(input));
        let outlet = &mut self.outlet;
        self.engine.apply(input, &mut |output| outlet.take(&output));
    }

    /// Writes to the recording; the first failure ends it, with a word.
    fn keep(
        &mut self,
        write: impl FnOnce(&mut RecordingWriter<io::BufWriter<File>>) -> io::Result<()>,
    ) {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = write(recorder)
        {
            tracing::error!("the recording ends here: {error}");
            self.recorder = None;
        }
    }

    /// Takes records out of the ring; says how many there were.
    fn drain(&mut self, limit: usize) -> usize {
        let Self { engine, outlet, recorder, source, decode_errors, .. } = self;
        let Some(source) = source else { return 0 };
        let mut broken = None;
        let drained = source.ring.drain(limit, |record| match decode(record) {
            Ok(event) => {
                if let Some(writer) = recorder
                    && let Err(error) = writer.record(record)
                {
                    broken = Some(error);
                    *recorder = None;
                }
                let input = Input::Event(event);
                engine.apply(&input, &mut |output| outlet.take(&output));
            }
            Err(error) => {
                tracing::debug!("{error}");
                *decode_errors += 1;
            }
        });
        if let Some(error) = broken {
            tracing::error!("the recording ends here: {error}");
        }
        drained
    }

    fn read_mail(&mut self) {
        // Waking up is all it is for; the mail itself is in the channel.
        let _ = self.mailbox.wake.read();
        while let Ok(mail) = self.mailbox.mail.try_recv() {
            match mail {
                Mail::Readings(readings) => {
                    // A reading counts once the stream has passed its end.
                    self.drain(DRAIN_ALL);
                    for reading in &readings {
                        self.feed(reading);
                    }
                }
                Mail::RoundDone => self.rounds_open = self.rounds_open.saturating_sub(1),
                Mail::CommandExit(status) => {
                    self.drain(DRAIN_ALL);
                    self.feed(&Input::CommandExit(CommandExit { status }));
                    self.is_stopping = true;
                }
                // Who asked may have gone meanwhile.
                Mail::Ask(answer) => drop(answer.send(Box::new(self.engine.view()))),
                Mail::Stop => self.is_stopping = true,
            }
        }
    }

    fn tick(&mut self, now_ns: u64) -> Result<()> {
        if let Some(loss) = self.new_loss(now_ns)? {
            self.feed(&Input::Loss(loss));
        }
        self.engine.set_not_printed(self.outlet.dropped_lines());
        self.feed(&Input::Tick { now_ns });
        // Whoever kills us loses a second of the recording at most.
        self.keep(RecordingWriter::flush);
        Ok(())
    }

    fn flush_kernel_log(&mut self) {
        if let Some(log) = self.source.as_mut().and_then(|source| source.log.as_mut()) {
            log.flush();
        }
    }

    fn new_loss(&mut self, now_ns: u64) -> Result<Option<Loss>> {
        let decode_errors = self.decode_errors;
        self.source.as_mut().map_or(Ok(None), |source| source.new_loss(now_ns, decode_errors))
    }

    /// Carries out what concerns the kernel and hands the rest to the reader.
    fn hand_requests(&mut self) {
        let mut round = self.engine.take_requests();
        for request in &round {
            match (request, &mut self.source) {
                (Request::Watch { pid }, Some(source)) => {
                    if let Err(error) = source.kernel.watch(*pid) {
                        tracing::warn!("pid {pid} cannot be watched: {error}");
                    }
                }
                (Request::Unwatch { pid }, Some(source)) => source.kernel.unwatch(*pid),
                _ => {}
            }
        }
        round.retain(|request| !request.is_for_kernel());
        // A reader that is behind is not given more; the engine asks again.
        if !round.is_empty() && self.requests.try_send(round).is_ok() {
            self.rounds_open += 1;
        }
    }

    /// Sleeps until mail comes or, if `ring_too`, the ring holds something. The ring's descriptor
    /// is readable whenever it is not empty: while events stream in, listening to it would be
    /// spinning.
    fn nap(&self, timeout_ms: u16, ring_too: bool) -> Result<()> {
        let mail = PollFd::new(self.mailbox.wake.as_fd(), PollFlags::POLLIN);
        let source = self.source.as_ref().filter(|_| ring_too);
        let ring = source.map(|source| source.ring.poll_fd());
        let mut fds: Vec<PollFd<'_>> = ring.into_iter().chain([mail]).collect();
        match poll(&mut fds, PollTimeout::from(timeout_ms)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error).context("wait for kernel events and mail"),
        }
    }

    /// The last checks, then the last words.
    fn close(&mut self) -> Result<()> {
        let deadline = Instant::now() + CLOSING;
        self.drain(DRAIN_ALL);
        self.feed(&Input::Closing { now_ns: clock::boot_ns() });
        self.hand_requests();
        while self.rounds_open > 0 && Instant::now() < deadline {
            self.nap(BREATH_MS, false)?;
            self.drain(DRAIN);
            self.read_mail();
        }
        self.drain(DRAIN_ALL);
        self.flush_kernel_log();
        let now_ns = clock::boot_ns();
        if let Some(loss) = self.new_loss(now_ns)? {
            self.feed(&Input::Loss(loss));
        }
        self.engine.set_not_printed(self.outlet.dropped_lines());
        self.feed(&Input::Stop { now_ns });
        self.keep(RecordingWriter::flush);
        Ok(())
    }

    fn finish(mut self, fail_on: Option<Severity>) -> Outcome {
        let outcome = Outcome {
            worst: self.engine.worst_severity(),
            command_status: self.engine.command_status(),
            view: self.outlet.form().wants_view().then(|| Box::new(self.engine.view())),
        };
        if let Some(line) = outcome.exit_line(fail_on).filter(|_| self.outlet.form().is_json()) {
            self.outlet.line(&line);
        }
        self.outlet.flush();
        outcome
    }
}

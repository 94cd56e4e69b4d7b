//! The thread that writes. It is handed what the engine said, gives every problem to the health and tries
//! again; nobody ever waits for it.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::sync::oneshot;

use super::{Health, Options, Store, StoreError, aside};
use crate::{
    host::clock,
    output::{Finding, Interval, Timestamp},
};

/// Notes on their way at most. Findings beyond are lost, and counted.
const NOTES: usize = 4096;
/// Looks among them, each of which may be a megabyte.
const LOOKS: usize = 8;
/// Findings that wait for a disk that cannot be written.
const WAITING_FINDINGS: usize = 4096;
/// How long the end of the agent waits for the last of it to be written.
const LAST_WRITES: Duration = Duration::from_secs(2);
/// Looks that wait for such a disk: ten minutes of them.
const WAITING_LOOKS: usize = 20;
/// How long after a failure it is tried again at least, and at most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// A try may take this part of the time: a large file is read through when it is opened.
const PART: u32 = 10;

/// Something for the history.
enum Note {
    Look(Arc<Interval>),
    Finding(Arc<Finding>),
    Reset(oneshot::Sender<Result<()>>),
    End,
}

/// Where notes are handed in and health is asked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    notes: SyncSender<Note>,
    looks: Arc<AtomicUsize>,
    health: Health,
    options: Arc<Options>,
}

/// A history that is being written; when this is dropped, what is on its way is written first.
#[derive(Debug)]
pub struct History {
    handle: Handle,
    ended: Receiver<()>,
}

impl History {
    /// Starts the thread that opens the file and writes it. Where it cannot start, nothing is kept, which the
    /// health says: it is no reason not to observe.
    pub fn start(options: Options) -> Self {
        let (notes, taken) = mpsc::sync_channel(NOTES);
        let (done, ended) = mpsc::channel();
        let health = Health::default();
        health.change(|state| {
            state.path = options.path.display().to_string();
            state.max_bytes = options.max_bytes.0;
        });
        let looks = Arc::new(AtomicUsize::new(0));
        let mut writer = Writer::new(options.clone(), health.clone(), Arc::clone(&looks));
        let started = thread::Builder::new().name("history".to_owned()).spawn(move || {
            writer.run(&taken);
            // Nobody waits any more where the agent ended before us.
            let _ = done.send(());
        });
        if let Err(error) = started {
            health.fails(format!("its thread cannot be started: {error}"));
        }
        let handle = Handle { notes, looks, health, options: Arc::new(options) };
        Self { handle, ended }
    }

    /// Where notes are handed in.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for History {
    fn drop(&mut self) {
        // Others may still have copies of the handle, so the end is said, not only meant.
        if self.handle.notes.try_send(Note::End).is_ok() {
            // A disk that hangs keeps nobody.
            let _ = self.ended.recv_timeout(LAST_WRITES);
        }
    }
}

impl Handle {
    /// Keeps the state of all processes.
    pub fn look(&self, interval: Arc<Interval>) {
        if self.looks.fetch_add(1, Ordering::Relaxed) >= LOOKS || self.send(Note::Look(interval)) {
            self.looks.fetch_sub(1, Ordering::Relaxed);
            self.health.change(|state| state.lost_looks += 1);
        }
    }

    /// Keeps a line of a finding.
    pub fn finding(&self, finding: Arc<Finding>) {
        if self.send(Note::Finding(finding)) {
            self.health.change(|state| state.lost_findings += 1);
        }
    }

    /// Forgets everything that was kept.
    pub async fn reset(&self) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        if self.send(Note::Reset(answer)) {
            bail!("the history is too busy, or ending");
        }
        answered.await.context("the history is ending")?
    }

    /// How it is.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What is kept, and how.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Hands a note in; whether that failed.
    fn send(&self, note: Note) -> bool {
        match self.notes.try_send(note) {
            Ok(()) => false,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => true,
        }
    }
}

/// The thread's own.
struct Writer {
    options: Options,
    health: Health,
    on_their_way: Arc<AtomicUsize>,
    file: Option<Open>,
    looks: VecDeque<Arc<Interval>>,
    findings: VecDeque<Arc<Finding>>,
    /// When the agent started, which is how a file that is opened again knows the run.
    started: Timestamp,
    /// After a failure, when it is tried again.
    not_before: Option<Instant>,
    /// Whether findings may be open that the file does not have.
    may_lack_findings: bool,
    is_over: bool,
}

/// The store, and which file its name meant when it was opened.
struct Open {
    store: Store,
    is: Option<FileId>,
}

/// Device and inode of a file.
type FileId = (u64, u64);

fn id_of(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

impl Writer {
    fn new(options: Options, health: Health, on_their_way: Arc<AtomicUsize>) -> Self {
        Self {
            options,
            health,
            on_their_way,
            file: None,
            looks: VecDeque::new(),
            findings: VecDeque::new(),
            started: now(),
            not_before: None,
            may_lack_findings: false,
            is_over: false,
        }
    }

    fn run(&mut self, notes: &Receiver<Note>) {
        // The file is opened now: a damaged one is told before the first look.
        self.write();
        while !self.is_over {
            let note = match self.not_before {
                None => notes.recv().map_err(RecvTimeoutError::from),
                Some(at) => notes.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match note {
                Ok(note) => self.take(note),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
            // What came meanwhile is written with it.
            while let Ok(note) = notes.try_recv() {
                self.take(note);
            }
            if self.is_over || self.not_before.is_none_or(|at| Instant::now() >= at) {
                self.write();
            }
        }
        if let Some(open) = self.file.take()
            && let Err(error) = open.store.end(now())
        {
            tracing::warn!("the end of the run is not in the history: {error}");
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Look(interval) => {
                self.on_their_way.fetch_sub(1, Ordering::Relaxed);
                if self.looks.len() == WAITING_LOOKS {
                    self.looks.pop_front();
                    self.health.change(|state| state.lost_looks += 1);
                }
                self.looks.push_back(interval);
            }
            Note::Finding(finding) => {
                if self.findings.len() == WAITING_FINDINGS {
                    self.findings.pop_front();
                    self.may_lack_findings = true;
                    self.health.change(|state| state.lost_findings += 1);
                }
                self.findings.push_back(finding);
            }
            Note::Reset(answer) => {
                // Who asked may not wait any more.
                let _ = answer.send(self.reset());
            }
            Note::End => self.is_over = true,
        }
    }

    fn reset(&mut self) -> Result<()> {
        self.looks.clear();
        self.findings.clear();
        self.opened()?.clear()?;
        self.note_size();
        Ok(())
    }

    /// Writes what waits. What cannot be written waits on, and a damaged file is replaced.
    fn write(&mut self) {
        let began = Instant::now();
        let written = match self.try_write() {
            Err(error) if error.is_damage() => self.replace(&error).and_then(|()| self.try_write()),
            other => other,
        };
        match written {
            Ok(()) => {
                self.not_before = None;
                self.health.writes();
                self.note_size();
            }
            Err(error) => {
                if error.wants_reopening() {
                    self.file = None;
                }
                let pause = (began.elapsed() * PART).clamp(PAUSE[0], PAUSE[1]);
                self.not_before = Some(Instant::now() + pause);
                self.health.fails(error.in_words(&self.options.path));
            }
        }
    }

    fn try_write(&mut self) -> Result<(), StoreError> {
        if !self.findings.is_empty() {
            let findings: Vec<_> = self.findings.iter().map(Arc::clone).collect();
            self.opened()?.findings(findings.iter().map(AsRef::as_ref))?;
            self.findings.clear();
        }
        while let Some(interval) = self.looks.front().map(Arc::clone) {
            self.opened()?;
            if self.may_lack_findings {
                self.opened()?.restate(&interval.open_findings)?;
                self.may_lack_findings = false;
            }
            let rows = self.opened()?.look(&interval)?;
            self.looks.pop_front();
            self.health.change(|state| {
                state.last_write = Some(interval.ts);
                state.rows += rows;
            });
        }
        self.opened().map(|_| ())
    }

    /// The store, opened where it is not, or where its name means another file by now.
    fn opened(&mut self) -> Result<&mut Store, StoreError> {
        let path = &self.options.path;
        // An old one is closed before a new one is opened: they have the names of their logs in common.
        let file = self.file.take().filter(|file| file.is == id_of(path));
        let file = if let Some(file) = file {
            file
        } else {
            let store = Store::open(&self.options, self.started)?;
            self.may_lack_findings = true;
            Open { store, is: id_of(path) }
        };
        let store = &mut self.file.insert(file).store;
        store.check_head()?;
        Ok(store)
    }

    fn replace(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.file = None;
        let aside = aside::set_aside(&self.options.path, now())?;
        tracing::warn!("the history was damaged ({why}); it is now {}", aside.display());
        self.health.change(|state| state.set_aside = Some(aside.display().to_string()));
        Ok(())
    }

    fn note_size(&self) {
        self.health.change(|state| {
            let is_there = |path: &String| fs::exists(path).unwrap_or(true);
            state.set_aside = state.set_aside.take().filter(is_there);
        });
        if let Some(bytes) = self.file.as_ref().and_then(|file| file.store.file_bytes().ok()) {
            self.health.change(|state| state.bytes = bytes);
        }
    }
}

fn now() -> Timestamp {
    Timestamp(clock::wall_ns())
}

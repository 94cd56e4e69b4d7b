//! Reads /proc for the engine, on a thread of its own: a slow file never delays the ring.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use anyhow::{Context as _, Result};

use super::mail::{Mail, Post};
use crate::{
    engine::Request,
    event::{Input, ObjectKind, ProcReading, ProcessId, ReadDescriptor, Reconcile, TableReading},
    host::{Cgroups, Proc, Scratch, SelfMeter, Want, clock},
    kernel::TablePass,
};

/// Rounds of requests that may wait; the engine asks again for what does not fit.
const MAX_ROUNDS: usize = 4;
/// Readings handed over at once.
const BATCH: usize = 32;
/// Over a shorter time, starting up is all that the agent's own CPU figure would show.
const MIN_METER_NS: u64 = 1_000_000_000;
/// State letter of a reading that found no process.
const GONE: char = 'X';

/// Starts the thread; rounds of requests go in here, readings come back as mail. Tables are read by
/// `pass` where there is one.
pub(super) fn spawn(post: Post, pass: Option<TablePass>) -> Result<SyncSender<Vec<Request>>> {
    let (sender, rounds) = sync_channel(MAX_ROUNDS);
    let reader = Reader {
        proc: Proc::default(),
        scratch: Scratch::default(),
        cgroups: Cgroups::find(&Proc::default()),
        pass,
        meter: SelfMeter::new(&Proc::default(), clock::boot_ns()),
        metered_ns: clock::boot_ns(),
        batch: Vec::new(),
        post,
    };
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || reader.run(&rounds))
        .context("start the reader thread")?;
    Ok(sender)
}

struct Reader {
    proc: Proc,
    scratch: Scratch,
    cgroups: Cgroups,
    pass: Option<TablePass>,
    meter: SelfMeter,
    metered_ns: u64,
    batch: Vec<Input>,
    post: Post,
}

impl Reader {
    fn run(mut self, rounds: &Receiver<Vec<Request>>) {
        while let Ok(round) = rounds.recv() {
            for request in &round {
                self.answer(request);
                if self.batch.len() >= BATCH {
                    self.hand_over();
                }
            }
            self.hand_over();
            self.post.send(Mail::RoundDone);
        }
    }

    fn hand_over(&mut self) {
        if !self.batch.is_empty() {
            self.post.send(Mail::Readings(std::mem::take(&mut self.batch)));
        }
    }

    fn answer(&mut self, request: &Request) {
        match request {
            // Goes to the kernel, not to /proc.
            Request::Watch { .. } | Request::Unwatch { .. } => {}
            Request::Scan { known } => self.scan(known),
            &Request::Process { pid, detail, rollup, identity, listing } => {
                self.process(pid, Want { detail, rollup, identity, listing });
            }
            Request::Space { pid } => self.space(*pid),
            Request::Table { pid } => self.table(*pid),
            Request::Ended { pids } => self.ended(pids),
            &Request::Access { pid, begin } => self.access(pid, begin),
            &Request::Sockets { pid, wants_idle } => self.sockets(pid, wants_idle),
            Request::Deleted { pid } => self.deleted(*pid),
            Request::Objects { pid, kind, ids } => self.objects(*pid, *kind, ids),
            Request::Host => self.host(),
            Request::Cgroups { places } => {
                let readings = self.cgroups.read(places).into_iter().map(Box::new);
                self.batch.extend(readings.map(Input::Cgroup));
            }
        }
    }

    fn space(&mut self, pid: u32) {
        let before_ns = clock::thread_cpu_ns();
        let mut reading = self.proc.read_space(pid, &mut self.scratch).unwrap_or_else(|error| {
            tracing::debug!("{error}");
            let process = ProcessId { pid, start_ticks: 0 };
            Reconcile { process, ..Reconcile::default() }
        });
        reading.cost_ns = clock::thread_cpu_ns() - before_ns;
        self.batch.push(Input::Reconcile(Box::new(reading)));
    }

    fn table(&mut self, pid: u32) {
        let before_ns = clock::thread_cpu_ns();
        let Self { proc, scratch, pass, .. } = self;
        let mut list = |tid| by_pass(pass.as_mut()?, tid);
        let mut reading = proc.read_table(pid, &mut list, scratch).unwrap_or_else(|error| {
            tracing::debug!("{error}");
            let process = ProcessId { pid, start_ticks: 0 };
            TableReading { process, ..TableReading::default() }
        });
        reading.cost_ns = clock::thread_cpu_ns() - before_ns;
        self.batch.push(Input::Table(Box::new(reading)));
    }

    fn access(&mut self, pid: u32, begin: bool) {
        match self.proc.read_access(pid, begin, &mut self.scratch) {
            Ok(reading) => self.batch.extend(reading.map(Input::Access)),
            Err(error) => tracing::debug!("{error}"),
        }
    }

    fn objects(&mut self, pid: u32, kind: ObjectKind, ids: &[u64]) {
        match self.proc.read_objects(pid, kind, ids, &mut self.scratch) {
            Ok(reading) => self.batch.extend(reading.map(|it| Input::Objects(Box::new(it)))),
            Err(error) => tracing::debug!("{error}"),
        }
    }

    /// Tells of those that are still there: zombies, and new processes with the pid of an old one.
    fn ended(&mut self, pids: &[u32]) {
        for &pid in pids {
            match self.proc.read_process(pid, Want::default(), &mut self.scratch) {
                Ok(reading) => self.batch.extend(reading.map(|it| Input::Proc(Box::new(it)))),
                Err(error) => tracing::debug!("{error}"),
            }
        }
    }

    fn process(&mut self, pid: u32, want: Want) {
        match self.proc.read_process(pid, want, &mut self.scratch) {
            Ok(Some(reading)) => self.batch.push(Input::Proc(Box::new(reading))),
            Ok(None) => {
                let process = ProcessId { pid, start_ticks: 0 };
                let at_ns = clock::boot_ns();
                let gone = ProcReading { process, at_ns, state: GONE, ..ProcReading::default() };
                self.batch.push(Input::Proc(Box::new(gone)));
            }
            Err(error) => tracing::debug!("{error}"),
        }
    }

    /// Reads every process that is not known, parents first, so that children can be followed.
    fn scan(&mut self, known: &[u32]) {
        let mut pids = Vec::new();
        if let Err(error) = self.proc.pids(&mut pids) {
            tracing::warn!("looking for processes: {error}");
            return;
        }
        let mut found: Vec<ProcReading> = Vec::new();
        for pid in pids.into_iter().filter(|pid| known.binary_search(pid).is_err()) {
            match self.proc.read_process(
                pid,
                Want { detail: true, identity: true, ..Want::default() },
                &mut self.scratch,
            ) {
                Ok(reading) => found.extend(reading.filter(|reading| !reading.kernel_thread)),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        found.sort_by_key(|reading| (reading.process.start_ticks, reading.process.pid));
        self.batch.extend(found.into_iter().map(|reading| Input::Proc(Box::new(reading))));
    }

    fn sockets(&mut self, pid: u32, wants_idle: bool) {
        match self.proc.read_sockets(pid, wants_idle) {
            Ok(reading) => self.batch.push(Input::Sockets(Box::new(reading))),
            // It may be gone, or in a namespace that the agent may not enter.
            Err(error) => tracing::debug!("the sockets of process {pid}: {error}"),
        }
    }

    fn deleted(&mut self, pid: u32) {
        match self.proc.read_deleted(pid, &mut self.scratch) {
            Ok(reading) => self.batch.push(Input::Deleted(Box::new(reading))),
            Err(error) => tracing::debug!("{error}"),
        }
    }

    fn host(&mut self) {
        match self.proc.host_reading() {
            Ok(reading) => self.batch.push(Input::Host(Box::new(reading))),
            Err(error) => tracing::warn!("{error}"),
        }
        let now_ns = clock::boot_ns();
        if now_ns < self.metered_ns + MIN_METER_NS {
            return;
        }
        self.metered_ns = now_ns;
        match self.meter.read(now_ns) {
            Ok(reading) => self.batch.push(Input::SelfReading(reading)),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

/// The descriptors of a thread; `None` where the pass failed and /proc has to be asked.
fn by_pass(pass: &mut TablePass, tid: u32) -> Option<Vec<ReadDescriptor>> {
    pass.read(tid).inspect_err(|error| tracing::debug!("the table of {tid}: {error}")).ok()
}

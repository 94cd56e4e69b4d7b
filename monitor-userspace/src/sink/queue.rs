//! A bounded queue between who makes output and a reader that may be slow or stuck: the kernel
//! side must never wait for a pipe. What does not fit is dropped in whole batches and counted in
//! lines.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes waiting at most. Half a second of output at 300,000 events a second.
const MAX_WAITING_BYTES: usize = 48 << 20;
/// Of these, kept free of events so that findings and summaries pass when events do not.
const RESERVED_BYTES: usize = 8 << 20;
/// Batches waiting at most.
const MAX_BATCHES: usize = 4096;

/// Lines, and whether they are nothing but events.
#[derive(Debug)]
struct Batch {
    text: Bytes,
    is_droppable: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped_lines: AtomicU64,
    is_hurried: AtomicBool,
}

impl Shared {
    fn drop_batch(&self, text: &[u8]) {
        let lines = text.split(|byte| *byte == b'\n').count() as u64 - 1;
        self.dropped_lines.fetch_add(lines, Ordering::Relaxed);
    }
}

/// Tells the emptying end that time is short.
#[derive(Clone, Debug)]
pub struct Hurry {
    shared: Arc<Shared>,
}

impl Hurry {
    /// From now on events are dropped instead of written, so that what was said last gets through.
    pub fn up(&self) {
        self.shared.is_hurried.store(true, Ordering::Relaxed);
    }

    /// Lines dropped so far.
    pub fn dropped_lines(&self) -> u64 {
        self.shared.dropped_lines.load(Ordering::Relaxed)
    }
}

/// The filling end.
#[derive(Debug)]
pub struct Queue {
    batches: SyncSender<Batch>,
    shared: Arc<Shared>,
    batch: BytesMut,
}

/// The emptying end.
#[derive(Debug)]
pub struct QueueReader {
    batches: Receiver<Batch>,
    shared: Arc<Shared>,
}

impl Queue {
    /// Both ends.
    pub fn new() -> (Self, QueueReader) {
        let (sender, batches) = sync_channel(MAX_BATCHES);
        let shared = Arc::<Shared>::default();
        let queue = Self { batches: sender, shared: Arc::clone(&shared), batch: BytesMut::new() };
        (queue, QueueReader { batches, shared })
    }

    /// Adds whole lines to the batch under way.
    pub fn put(&mut self, lines: &[u8]) {
        self.batch.put_slice(lines);
    }

    /// Bytes of the batch under way.
    pub fn pending(&self) -> usize {
        self.batch.len()
    }

    /// Hands the batch over, or drops it if the reader is too far behind. `droppable` batches
    /// hold nothing but events.
    pub fn flush(&mut self, droppable: bool) {
        if self.batch.is_empty() {
            return;
        }
        let text = self.batch.split().freeze();
        let limit = if droppable { MAX_WAITING_BYTES - RESERVED_BYTES } else { MAX_WAITING_BYTES };
        let waiting = self.shared.waiting_bytes.load(Ordering::Relaxed);
        if waiting + text.len() > limit {
            return self.shared.drop_batch(&text);
        }
        self.shared.waiting_bytes.fetch_add(text.len(), Ordering::Relaxed);
        match self.batches.try_send(Batch { text, is_droppable: droppable }) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.shared.waiting_bytes.fetch_sub(batch.text.len(), Ordering::Relaxed);
                self.shared.drop_batch(&batch.text);
            }
        }
    }

    /// For whoever ends the run.
    pub fn hurry(&self) -> Hurry {
        Hurry { shared: Arc::clone(&self.shared) }
    }

    /// Lines dropped so far.
    pub fn dropped_lines(&self) -> u64 {
        self.shared.dropped_lines.load(Ordering::Relaxed)
    }
}

impl QueueReader {
    /// Writes batches until the filling end is gone. A reader that went away (a closed pipe) ends
    /// it without an error.
    pub fn run(self, mut out: impl Write) -> io::Result<()> {
        loop {
            let Ok(batch) = self.batches.recv() else { return out.flush() };
            self.shared.waiting_bytes.fetch_sub(batch.text.len(), Ordering::Relaxed);
            if batch.is_droppable && self.shared.is_hurried.load(Ordering::Relaxed) {
                self.shared.drop_batch(&batch.text);
                continue;
            }
            let written = out.write_all(&batch.text).and_then(|()| out.flush());
            match written {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_arrives_in_order() {
        let (mut queue, reader) = Queue::new();
        for line in ["a\n", "b\n", "c\n"] {
            queue.put(line.as_bytes());
            queue.flush(true);
        }
        drop(queue);
        let mut out = Vec::new();
        reader.run(&mut out).unwrap();
        assert_eq!(out, b"a\nb\nc\n");
    }

    #[test]
    fn in_a_hurry_events_give_way_to_what_was_said_last() {
        let (mut queue, reader) = Queue::new();
        for (line, is_event) in [("event\n", true), ("summary\n", false)] {
            queue.put(line.as_bytes());
            queue.flush(is_event);
        }
        let hurry = queue.hurry();
        hurry.up();
        drop(queue);
        let mut out = Vec::new();
        reader.run(&mut out).unwrap();
        assert_eq!((out.as_slice(), hurry.dropped_lines()), (&b"summary\n"[..], 1));
    }

    #[test]
    fn a_stuck_reader_costs_counted_lines_and_findings_still_pass() {
        let (mut queue, _reader) = Queue::new();
        let batch = vec![b'\n'; 1 << 20];
        for _ in 0..60 {
            queue.put(&batch);
            queue.flush(true);
        }
        assert_eq!(queue.dropped_lines(), 20 << 20);
        queue.put(b"finding\n");
        queue.flush(false);
        assert_eq!(queue.dropped_lines(), 20 << 20, "the finding was dropped with the events");
    }
}

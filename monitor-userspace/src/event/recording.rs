//! The file form of [`Input`]: what `--record` writes and `--replay` reads.
//!
//! A line of magic with the format's version, then frames: one byte of kind, four bytes of length
//! (little endian), the payload. Kernel records are kept as the kernel wrote them; everything else
//! is postcard. A file that was cut short replays up to the cut. Only readers and writers the
//! caller hands in are touched.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{DecodeError, Input, decode};

/// First bytes of a recording. The number changes with any payload, not with a new kind of frame: a
/// recording without it is as good as before, and who does not know the kind says so.
pub const RECORDING_MAGIC: &[u8] = b"memwatch-ebpf recording 7\n";

/// No honest frame is larger: a process of 65,530 mappings takes 2 MiB.
const MAX_FRAME_BYTES: u32 = 64 << 20;

const START: u8 = 0;
const EVENT: u8 = 1;
const LOSS: u8 = 2;
const PROC: u8 = 3;
const RECONCILE: u8 = 4;
const HOST: u8 = 5;
const SELF: u8 = 6;
const COMMAND_EXIT: u8 = 7;
const TICK: u8 = 8;
const STOP: u8 = 9;
const CLOSING: u8 = 10;
const TABLE: u8 = 11;
const CUSTOM: u8 = 14;
const CGROUP: u8 = 12;
const ACCESS: u8 = 13;
const SOCKETS: u8 = 15;
const DELETED: u8 = 16;
const OBJECTS: u8 = 17;
const RULES: u8 = 18;

/// Why a recording cannot be read on.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file does not start with [`RECORDING_MAGIC`].
    #[error("not a recording of this version (it must start with {:?})", String::from_utf8_lossy(RECORDING_MAGIC).trim_end())]
    Magic,
    /// The file ends inside a frame: whoever wrote it was killed.
    #[error("the recording is cut short at byte {offset}")]
    Cut {
        /// Where the incomplete frame starts.
        offset: u64,
    },
    /// A frame that no version writes.
    #[error("damaged recording: {what} at byte {offset}")]
    Damaged {
        /// What is wrong.
        what: String,
        /// Where the frame starts.
        offset: u64,
    },
    /// A kernel record inside does not decode.
    #[error("damaged recording: {source} at byte {offset}")]
    Decode {
        /// Why.
        source: DecodeError,
        /// Where the frame starts.
        offset: u64,
    },
    /// Reading failed.
    #[error("reading the recording")]
    Io(#[from] io::Error),
}

/// Writes inputs in the order the engine gets them.
#[derive(Debug)]
pub struct RecordingWriter<W: Write> {
    out: W,
}

impl<W: Write> RecordingWriter<W> {
    /// Starts a recording.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(RECORDING_MAGIC)?;
        Ok(Self { out })
    }

    /// A kernel record, as it came out of the ring.
    pub fn record(&mut self, raw: &[u8]) -> io::Result<()> {
        self.frame(EVENT, raw)
    }

    /// Any input but an event, whose raw form goes through [`Self::record`].
    pub fn input(&mut self, input: &Input) -> io::Result<()> {
        match input {
            Input::Event(_) => Ok(()),
            Input::Start(start) => self.encode(START, start),
            Input::Loss(loss) => self.encode(LOSS, loss),
            Input::Proc(reading) => self.encode(PROC, reading),
            Input::Reconcile(reading) => self.encode(RECONCILE, reading),
            Input::Table(reading) => self.encode(TABLE, reading),
            Input::Host(reading) => self.encode(HOST, reading),
            Input::Access(reading) => self.encode(ACCESS, reading),
            Input::Sockets(reading) => self.encode(SOCKETS, reading),
            Input::Deleted(reading) => self.encode(DELETED, reading),
            Input::Objects(reading) => self.encode(OBJECTS, reading),
            Input::Cgroup(reading) => self.encode(CGROUP, reading),
            Input::SelfReading(reading) => self.encode(SELF, reading),
            Input::Custom(reading) => self.encode(CUSTOM, reading),
            Input::Rules(files) => self.encode(RULES, files),
            Input::CommandExit(exit) => self.encode(COMMAND_EXIT, exit),
            Input::Tick { now_ns } => self.encode(TICK, now_ns),
            Input::Closing { now_ns } => self.encode(CLOSING, now_ns),
            Input::Stop { now_ns } => self.encode(STOP, now_ns),
        }
    }

    /// Hands buffered bytes to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn encode(&mut self, kind: u8, value: &impl Serialize) -> io::Result<()> {
        let payload = postcard::to_allocvec(value).map_err(io::Error::other)?;
        self.frame(kind, &payload)
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(payload)
    }
}

/// Reads inputs back.
#[derive(Debug)]
pub struct RecordingReader<R: Read> {
    from: R,
    offset: u64,
    payload: Vec<u8>,
}

impl<R: Read> RecordingReader<R> {
    /// Opens a recording, checking its magic.
    pub fn new(mut from: R) -> Result<Self, RecordingError> {
        let mut magic = [0; RECORDING_MAGIC.len()];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == RECORDING_MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(RecordingError::Magic),
        }
        Ok(Self { from, offset: RECORDING_MAGIC.len() as u64, payload: Vec::new() })
    }

    /// The next input; `None` at the end.
    pub fn next_input(&mut self) -> Result<Option<Input>, RecordingError> {
        let offset = self.offset;
        let mut head = [0; 5];
        let got = read_up_to(&mut self.from, &mut head)?;
        if got == 0 {
            return Ok(None);
        }
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length);
        if got < head.len() {
            return Err(RecordingError::Cut { offset });
        }
        if length > MAX_FRAME_BYTES {
            let what = format!("a frame of {length} bytes");
            return Err(RecordingError::Damaged { what, offset });
        }
        // Grows with what is there, not with what a damaged length promises.
        self.payload.clear();
        let got = (&mut self.from).take(u64::from(length)).read_to_end(&mut self.payload)?;
        if got < length as usize {
            return Err(RecordingError::Cut { offset });
        }
        self.offset += (head.len() + got) as u64;
        parse(kind, &self.payload, offset).map(Some)
    }
}

fn parse(kind: u8, payload: &[u8], offset: u64) -> Result<Input, RecordingError> {
    Ok(match kind {
        START => Input::Start(typed(payload, offset)?),
        EVENT => Input::Event(
            decode(payload).map_err(|source| RecordingError::Decode { source, offset })?,
        ),
        LOSS => Input::Loss(typed(payload, offset)?),
        PROC => Input::Proc(typed(payload, offset)?),
        RECONCILE => Input::Reconcile(typed(payload, offset)?),
        TABLE => Input::Table(typed(payload, offset)?),
        HOST => Input::Host(typed(payload, offset)?),
        ACCESS => Input::Access(typed(payload, offset)?),
        SOCKETS => Input::Sockets(typed(payload, offset)?),
        DELETED => Input::Deleted(typed(payload, offset)?),
        OBJECTS => Input::Objects(typed(payload, offset)?),
        CGROUP => Input::Cgroup(typed(payload, offset)?),
        SELF => Input::SelfReading(typed(payload, offset)?),
        CUSTOM => Input::Custom(typed(payload, offset)?),
        RULES => Input::Rules(typed(payload, offset)?),
        COMMAND_EXIT => Input::CommandExit(typed(payload, offset)?),
        TICK => Input::Tick { now_ns: typed(payload, offset)? },
        CLOSING => Input::Closing { now_ns: typed(payload, offset)? },
        STOP => Input::Stop { now_ns: typed(payload, offset)? },
        other => {
            let what = format!("unknown frame kind {other}");
            return Err(RecordingError::Damaged { what, offset });
        }
    })
}

fn typed<T: DeserializeOwned>(payload: &[u8], offset: u64) -> Result<T, RecordingError> {
    postcard::from_bytes(payload)
        .map_err(|error| RecordingError::Damaged { what: error.to_string(), offset })
}

/// Reads until `buffer` is full or the input ends; says how much there was.
fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{
        CgroupReading, DeletedFile, DeletedReading, Listener, MappingClass, MemoryLimit,
        ProcReading, ReadRange, Reconcile, RuleFile, SocketsReading,
    };

    fn recorded(inputs: &[Input]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = RecordingWriter::new(&mut bytes).unwrap();
        for input in inputs {
            writer.input(input).unwrap();
        }
        bytes
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<Input>, RecordingError> {
        let mut reader = RecordingReader::new(bytes)?;
        let mut inputs = Vec::new();
        while let Some(input) = reader.next_input()? {
            inputs.push(input);
        }
        Ok(inputs)
    }

    fn some_inputs() -> Vec<Input> {
        let reading = ProcReading { comm: "a\n\u{202e}b".into(), state: 'Z', ..Default::default() };
        let space = Reconcile {
            ranges: vec![ReadRange(4096, 8192, MappingClass::Heap, None)],
            start_brk: Some(4096),
            found: true,
            ..Default::default()
        };
        let limit = MemoryLimit { path: "/a".into(), limit_bytes: 5, ..Default::default() };
        let cgroup = CgroupReading { memory_max: Some(limit), ..Default::default() };
        let listeners = vec![Listener { inode: 3, waiting: 1, limit: 128 }];
        let sockets = SocketsReading { listeners, idle: Some(vec![9]), ..Default::default() };
        let largest = Some(DeletedFile { path: "/a\n".into(), ..Default::default() });
        let deleted = DeletedReading { largest, files: 1, found: true, ..Default::default() };
        vec![
            Input::Sockets(Box::new(sockets)),
            Input::Deleted(Box::new(deleted)),
            Input::Proc(Box::new(reading)),
            Input::Reconcile(Box::new(space)),
            Input::Cgroup(Box::new(cgroup)),
            Input::Rules(vec![RuleFile { name: "a".into(), text: "b".into() }]),
            Input::Tick { now_ns: 7 },
            Input::Stop { now_ns: u64::MAX },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read_all(&recorded(&some_inputs())).unwrap(), some_inputs());
    }

    #[test]
    fn a_cut_recording_reads_up_to_the_cut() {
        let whole = recorded(&some_inputs());
        let mut reader = RecordingReader::new(&whole[..whole.len() - 1]).unwrap();
        for input in &some_inputs()[..7] {
            assert_eq!(reader.next_input().unwrap().as_ref(), Some(input));
        }
        assert!(matches!(reader.next_input(), Err(RecordingError::Cut { .. })));
        assert!(matches!(read_all(b"something else"), Err(RecordingError::Magic)));
    }

    proptest! {
        #[test]
        fn damaged_recordings_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut file = RECORDING_MAGIC.to_vec();
            file.extend(bytes);
            let _ = read_all(&file);
        }
    }
}

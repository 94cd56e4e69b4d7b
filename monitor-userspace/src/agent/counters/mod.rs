//! `--counters`: reads what applications report of themselves, from a file that grows or from a
//! socket with many writers, on a thread of its own. Bounded: what comes faster than a round takes
//! waits where it is, in the file or with its writer.

mod follow;
mod lines;
mod listen;

use std::{
    fs, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use follow::Followed;
use lines::Lines;
use listen::Listening;

use super::mail::{Mail, Post};
use crate::{
    event::{CustomReading, Input, parse_custom},
    host::clock,
};

/// Time between two looks.
const ROUND: Duration = Duration::from_millis(200);
/// Bytes taken from a file or from one writer in a round.
const ROUND_BYTES: usize = 256 << 10;
/// Wrong lines that are shown; the rest is counted.
const SHOWN: u64 = 10;
/// How the path of a socket that is not there yet ends.
const SOCKET_END: &str = "sock";

/// A running reader of counters; its socket goes with it.
#[derive(Debug)]
pub(super) struct CounterReader {
    socket: Option<PathBuf>,
}

impl Drop for CounterReader {
    fn drop(&mut self) {
        if let Some(path) = &self.socket {
            // The next run clears away what stayed.
            let _ = fs::remove_file(path);
        }
    }
}

/// Starts to read a file, or at a socket that is made here; values arrive as mail.
pub(super) fn spawn(path: &Path, boot_epoch_ns: i64, post: Post) -> Result<CounterReader> {
    let shown = path.display().to_string();
    let is_socket = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type().is_socket(),
        Err(_) => path.extension().is_some_and(|end| end == SOCKET_END),
    };
    let from = if is_socket {
        From::Socket(Listening::bind(path).with_context(|| format!("--counters {shown}"))?)
    } else {
        From::File(Followed::new(path.to_owned()))
    };
    let mut reader = Reader { shown, from, boot_epoch_ns, wrong: 0, trouble: None, post };
    thread::Builder::new()
        .name("counters".to_owned())
        .spawn(move || {
            loop {
                reader.round();
                thread::sleep(ROUND);
            }
        })
        .context("start the thread that reads counters")?;
    Ok(CounterReader { socket: is_socket.then(|| path.to_owned()) })
}

enum From {
    File(Followed),
    Socket(Listening),
}

struct Reader {
    shown: String,
    from: From,
    boot_epoch_ns: i64,
    /// Wrong lines so far.
    wrong: u64,
    /// What was last wrong with the file itself, so that it is told once.
    trouble: Option<io::ErrorKind>,
    post: Post,
}

impl Reader {
    fn round(&mut self) {
        let Self { shown, from, boot_epoch_ns, wrong, .. } = self;
        let mut reading = CustomReading::default();
        let now_ns = clock::boot_ns();
        let mut take = |who: &str, number: u64, line: Result<&[u8], &str>| {
            let parsed = match line {
                Ok(line) => parse_custom(line, now_ns, *boot_epoch_ns),
                Err(why) => Err(why.to_owned()),
            };
            match parsed {
                Ok(value) => reading.values.push(value),
                Err(why) => {
                    reading.rejected += 1;
                    *wrong += 1;
                    tell_wrong(*wrong, &format!("{shown}{who}:{number}"), &why);
                }
            }
        };
        let read = match from {
            From::File(file) => file.read(&mut take),
            From::Socket(socket) => socket.read(&mut take),
        };
        if !reading.values.is_empty() || reading.rejected > 0 {
            self.post.send(Mail::Readings(vec![Input::Custom(Box::new(reading))]));
        }
        let trouble = read.err();
        if let Some(error) = &trouble
            && self.trouble != Some(error.kind())
        {
            tracing::warn!("{}: {error}; it is tried again", self.shown);
        }
        self.trouble = trouble.map(|error| error.kind());
    }
}

fn tell_wrong(count: u64, place: &str, why: &str) {
    if count <= SHOWN {
        tracing::warn!("{place}: {}", crate::sink::escape(why));
    }
    if count == SHOWN {
        tracing::warn!("more wrong lines are counted only (custom_rejected)");
    }
}

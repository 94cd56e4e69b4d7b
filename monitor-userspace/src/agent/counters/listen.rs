//! A unix socket at which many write.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use super::{Lines, ROUND_BYTES, lines::TakeLine};

/// Writers at the same time; others wait to be taken.
const MAX_WRITERS: usize = 64;
/// Bytes taken from all writers in a round.
const ALL_BYTES: usize = 4 * ROUND_BYTES;
/// Bytes read at once.
const PIECE: usize = 16 << 10;
/// Its owner and its group may write, root and whom root lets.
const MODE: u32 = 0o660;

/// The socket and its writers.
#[derive(Debug)]
pub(super) struct Listening {
    listener: UnixListener,
    writers: Vec<Writer>,
    /// Writers so far: the name of one is its number.
    count: u64,
}

#[derive(Debug)]
struct Writer {
    stream: UnixStream,
    name: String,
    lines: Lines,
}

impl Listening {
    /// Makes the socket. What an earlier run left at its path is cleared away, a socket that
    /// somebody listens at is not.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        if path.exists() {
            if UnixStream::connect(path).is_ok() {
                let message = "somebody listens there already";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, writers: Vec::new(), count: 0 })
    }

    /// Takes the lines that have come, up to a bound.
    pub(super) fn read(&mut self, take: &mut TakeLine<'_>) -> io::Result<()> {
        self.accept()?;
        let mut left = ALL_BYTES;
        self.writers.retain_mut(|writer| writer.read(&mut left, take));
        // Whoever came last waits no longer than the others.
        if let Some(first) = self.writers.len().checked_sub(1) {
            self.writers.rotate_left(first.min(1));
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while self.writers.len() < MAX_WRITERS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            self.count += 1;
            let name = format!(" (writer {})", self.count);
            self.writers.push(Writer { stream, name, lines: Lines::default() });
        }
        Ok(())
    }
}

impl Writer {
    /// Takes what it has written; false when it is gone.
    fn read(&mut self, left: &mut usize, take: &mut TakeLine<'_>) -> bool {
        let mut piece = [0; PIECE];
        let mut own = ROUND_BYTES;
        while own > 0 && *left > 0 {
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    // Its last line needs no line break.
                    self.lines.take(b"\n", &self.name, take);
                    return false;
                }
                Ok(got) => {
                    self.lines.take(&piece[..got], &self.name, take);
                    own = own.saturating_sub(got);
                    *left = left.saturating_sub(got);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(socket: &mut Listening) -> Vec<String> {
        let mut seen = Vec::new();
        socket
            .read(&mut |who, number, line| {
                let line = String::from_utf8_lossy(line.unwrap()).into_owned();
                seen.push(format!("{who}:{number} {line}"));
            })
            .unwrap();
        seen.sort();
        seen
    }

    #[test]
    fn many_write_and_each_has_its_own_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.sock");
        let mut socket = Listening::bind(&path).unwrap();
        let mut first = UnixStream::connect(&path).unwrap();
        let mut second = UnixStream::connect(&path).unwrap();
        first.write_all(b"a\nb").unwrap();
        second.write_all(b"x\n").unwrap();
        assert_eq!(read(&mut socket), [" (writer 1):1 a", " (writer 2):1 x"]);
        drop(first);
        second.write_all(b"y\n").unwrap();
        assert_eq!(read(&mut socket), [" (writer 1):2 b", " (writer 2):2 y"]);
        assert_eq!(socket.writers.len(), 1);
    }

    #[test]
    fn a_left_over_socket_is_replaced_and_a_used_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.sock");
        let used = Listening::bind(&path).unwrap();
        let refused = Listening::bind(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(used);
        Listening::bind(&path).unwrap();
    }
}

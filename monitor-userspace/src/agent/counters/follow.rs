//! A file that is read as it grows, and read anew when another takes its place, as `tail -F` does.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use super::{Lines, ROUND_BYTES, lines::TakeLine};

/// A followed file; it need not be there yet.
#[derive(Debug)]
pub(super) struct Followed {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: (u64, u64),
    offset: u64,
    lines: Lines,
}

impl Followed {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Takes the lines that have come, up to a bound.
    pub(super) fn read(&mut self, take: &mut TakeLine<'_>) -> io::Result<()> {
        let got = match &mut self.open {
            Some(open) => open.read(take)?,
            None => 0,
        };
        // What stands in the old file comes before the new one.
        if got == ROUND_BYTES {
            return Ok(());
        }
        let now = match self.path.metadata() {
            Ok(now) => now,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let inode = (now.dev(), now.ino());
        match &mut self.open {
            Some(open) if open.inode == inode => {
                if now.len() < open.offset {
                    open.restart()?;
                }
            }
            _ => {
                let file = File::open(&self.path)?;
                let mut open = Open { file, inode, offset: 0, lines: Lines::default() };
                open.read(take)?;
                self.open = Some(open);
            }
        }
        Ok(())
    }
}

impl Open {
    fn read(&mut self, take: &mut TakeLine<'_>) -> io::Result<usize> {
        let mut bytes = Vec::new();
        (&self.file).take(ROUND_BYTES as u64).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        self.lines.take(&bytes, "", take);
        Ok(bytes.len())
    }

    /// It was cut: what is in it now is new.
    fn restart(&mut self) -> io::Result<()> {
        self.offset = self.file.seek(SeekFrom::Start(0))?;
        self.lines = Lines::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    fn read(followed: &mut Followed) -> Vec<(u64, String)> {
        let mut seen = Vec::new();
        followed
            .read(&mut |_, number, line| {
                seen.push((number, String::from_utf8_lossy(line.unwrap()).into_owned()));
            })
            .unwrap();
        seen
    }

    #[test]
    fn a_file_is_followed_through_growth_cutting_and_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counters");
        let mut followed = Followed::new(path.clone());
        assert_eq!(read(&mut followed), [], "it is not there yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"a\nb").unwrap();
        assert_eq!(read(&mut followed), [(1, "a".to_owned())]);
        file.write_all(b"b\n").unwrap();
        assert_eq!(read(&mut followed), [(2, "bb".to_owned())]);
        fs::write(&path, b"c\n").unwrap();
        read(&mut followed);
        assert_eq!(read(&mut followed), [(1, "c".to_owned())], "it was cut");
        let next = folder.path().join("next");
        fs::write(&next, b"d\n").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!(read(&mut followed), [(1, "d".to_owned())], "another took its place");
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&mut followed), []);
    }
}

//! What alerts must not forget, in a file of its own: a line for each step, which is on the disk before
//! anything is sent. It survives a kill at any moment, and is written anew when most of it is past.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::decide::{Change, Rows};

/// Its name below the folder of the agent's state.
const NAME: &str = "alerts.journal";
/// Lines that were added since it was written anew, after which it is written anew again.
const MAX_LINES: usize = 2000;
/// Who may read it.
const MODE: u32 = 0o600;

/// The file, open at its end.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

/// What was in the file.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// What is kept.
    pub(super) rows: Rows,
    /// Where a damaged file was set aside.
    pub(super) set_aside: Option<PathBuf>,
}

impl Journal {
    /// Reads what is kept below a folder, and goes on writing there. A file that is damaged elsewhere than
    /// in its last line is set aside, and what could be read of it is kept.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Read)> {
        fs::create_dir_all(folder)?;
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let (rows, is_damaged) = replay(&bytes);
        let set_aside = if is_damaged {
            let aside = path.with_extension("damaged");
            fs::rename(&path, &aside)?;
            Some(aside)
        } else {
            None
        };
        let file = write_anew(&path, &rows)?;
        Ok((Self { path, file, lines: 0 }, Read { rows, set_aside }))
    }

    /// Keeps a step: it is on the disk when this returns.
    pub(super) fn keep(&mut self, changes: &[Change], rows: &Rows) -> io::Result<()> {
        if self.lines >= MAX_LINES {
            self.file = write_anew(&self.path, rows)?;
            self.lines = 0;
            return Ok(());
        }
        self.file.write_all(&line(changes)?)?;
        self.file.sync_data()?;
        self.lines += 1;
        Ok(())
    }
}

/// A step as a line.
fn line(changes: &[Change]) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(changes)?;
    line.push(b'\n');
    Ok(line)
}

/// What the lines come to, and whether one before the last makes no sense. A last line that is cut off was
/// being written when the agent was killed: its step did not happen.
fn replay(bytes: &[u8]) -> (Rows, bool) {
    let mut rows = Rows::default();
    for whole in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = whole.strip_suffix(b"\n") else { return (rows, false) };
        let Ok(changes) = serde_json::from_slice::<Vec<Change>>(text) else { return (rows, true) };
        for change in changes {
            rows.apply(change);
        }
    }
    (rows, false)
}

/// Replaces the file by one with all that is kept in its first line, or leaves it.
fn write_anew(path: &Path, rows: &Rows) -> io::Result<File> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().append(true).create_new(true).mode(MODE).open(&new)?;
    file.write_all(&line(&rows.changes())?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{
        super::decide::{CoolDown, Silence},
        *,
    };
    use crate::output::Timestamp;

    fn silence(id: usize) -> Change {
        let text = format!(
            "{{\"id\":\"{id}\",\"finding\":\"f\",\"cause\":{{\"rule\":\"r\",\"resource\":\"heap\"}},\
             \"from\":\"2026-01-01T00:00:00Z\",\"until\":\"2026-01-02T00:00:00Z\",\"reason\":\"why\"}}"
        );
        Change::Silence(serde_json::from_str::<Silence>(&text).unwrap())
    }

    fn kept(folder: &Path) -> (Vec<String>, bool) {
        let (_, read) = Journal::open(folder).unwrap();
        (read.rows.silences.into_keys().collect(), read.set_aside.is_some())
    }

    #[test]
    fn every_step_that_was_kept_is_there_wherever_the_last_one_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, read) = Journal::open(dir.path()).unwrap();
        let mut rows = read.rows;
        for id in 0..3 {
            rows.apply(silence(id));
            journal.keep(&[silence(id)], &rows).unwrap();
        }
        let path = dir.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        let last = line(&[silence(2)]).unwrap().len();
        for cut in 1..last {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(kept(dir.path()), (vec!["0".to_owned(), "1".to_owned()], false), "{cut}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(kept(dir.path()).0.len(), 3);
        let mut broken = whole.clone();
        let middle = whole.len() - last - 3;
        broken[middle] = 0;
        fs::write(&path, &broken).unwrap();
        assert_eq!(kept(dir.path()), (vec!["0".to_owned()], true));
        assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), broken);
    }

    #[test]
    fn it_stays_small_however_much_happens() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, read) = Journal::open(dir.path()).unwrap();
        let mut rows = read.rows;
        let change = Change::CoolDowns(Vec::<CoolDown>::new());
        rows.apply(silence(1));
        for _ in 0..MAX_LINES {
            journal.keep(std::slice::from_ref(&change), &rows).unwrap();
        }
        let before = fs::metadata(dir.path().join(NAME)).unwrap().len();
        journal.keep(std::slice::from_ref(&change), &rows).unwrap();
        let after = fs::metadata(dir.path().join(NAME)).unwrap().len();
        assert!(after < before / 10, "{before} {after}");
        assert_eq!(kept(dir.path()).0, ["1"]);
        assert_eq!(rows.silences["1"].until, Timestamp(1_767_312_000_000_000_000));
    }
}

//! What alerts must not forget, in a file of its own: a line for each step, which is on the disk before
//! anything is sent. It survives a kill at any moment, and is written anew when most of it is past.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::decide::{Change, Rows};

/// Its name below the folder of the agent's state.
const NAME: &str = "alerts.journal";
/// Lines that were added since it was written anew, after which it is written anew again.
const MAX_LINES: usize = 2000;
/// Who may read it.
const MODE: u32 = 0o600;

/// How long nothing is tried after the disk did not take it.
const REST: Duration = Duration::from_secs(10);

/// Where the file is, and as long as the disk takes it the file, open at its end. While it does not, alerts are
/// told all the same; what they are then is written as soon as it does again.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    open: Result<Open, Shut>,
    problem: Problem,
}

/// The file.
#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
}

/// There is none.
#[derive(Debug)]
struct Shut {
    /// Not before.
    again_at: Instant,
    /// Whether what is there now was never read, and is not to be written over.
    is_unread: bool,
}

/// What keeps alerts from being kept, in words; shared with whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem(Arc<Mutex<Option<String>>>);

impl Problem {
    /// What it is now.
    pub(super) fn now(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes it, and what it was.
    fn set(&self, problem: Option<String>) -> Option<String> {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), problem)
    }
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
    pub(super) fn open(folder: &Path) -> (Self, Read) {
        let shut = |is_unread| Err(Shut { again_at: Instant::now(), is_unread });
        let folder = folder.to_owned();
        let mut journal = Self { folder, open: shut(false), problem: Problem::default() };
        let read = match read(&journal.path()) {
            Ok(read) => read,
            Err(error) => {
                journal.open = shut(true);
                journal.fails(&error);
                return (journal, Read::default());
            }
        };
        journal.keep(&[], &read.rows);
        (journal, read)
    }

    /// What keeps it from being written.
    pub(super) fn problem(&self) -> Problem {
        self.problem.clone()
    }

    /// Keeps a step: it is on the disk when this returns, unless the disk does not take it, which is logged.
    pub(super) fn keep(&mut self, changes: &[Change], rows: &Rows) {
        let is_over = match &mut self.open {
            Ok(open) => changes.is_empty() || open.keep(changes),
            Err(shut) => Instant::now() < shut.again_at,
        };
        if is_over {
            return;
        }
        match self.write_anew(rows) {
            Ok(file) => {
                self.open = Ok(Open { file, lines: 0 });
                if self.problem.set(None).is_some() {
                    tracing::info!("alerts are kept over a restart again");
                }
            }
            Err(error) => self.fails(&error),
        }
    }

    fn fails(&mut self, error: &io::Error) {
        let problem = format!("{}: {error}", self.path().display());
        let is_unread = self.open.as_ref().err().is_some_and(|shut| shut.is_unread);
        self.open = Err(Shut { again_at: Instant::now() + REST, is_unread });
        if self.problem.set(Some(problem.clone())).as_ref() != Some(&problem) {
            tracing::error!(
                "alerts are not kept over a restart: {problem}; they are told all the same"
            );
        }
    }

    /// All that is kept in a new file; what was never read is set aside.
    fn write_anew(&self, rows: &Rows) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path();
        if self.open.as_ref().is_err_and(|shut| shut.is_unread) {
            match fs::rename(&path, path.with_extension("damaged")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        write_anew(&path, rows)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }
}

impl Open {
    /// Adds a step; `false` where the file must be written anew, since it is long, or a part of a line may be
    /// in it.
    fn keep(&mut self, changes: &[Change]) -> bool {
        if self.lines >= MAX_LINES {
            return false;
        }
        self.lines += 1;
        let line = line(changes);
        line.and_then(|line| self.file.write_all(&line))
            .and_then(|()| self.file.sync_data())
            .is_ok()
    }
}

/// What is in the file; a damaged one is set aside.
fn read(path: &Path) -> io::Result<Read> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let (rows, is_damaged) = replay(&bytes);
    let aside = path.with_extension("damaged");
    // Where it cannot be renamed, neither can it be written over.
    let set_aside = (is_damaged && fs::rename(path, &aside).is_ok()).then_some(aside);
    Ok(Read { rows, set_aside })
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
        let (journal, read) = Journal::open(folder);
        assert_eq!(journal.problem().now(), None);
        (read.rows.silences.into_keys().collect(), read.set_aside.is_some())
    }

    #[test]
    fn every_step_that_was_kept_is_there_wherever_the_last_one_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, read) = Journal::open(dir.path());
        let mut rows = read.rows;
        for id in 0..3 {
            rows.apply(silence(id));
            journal.keep(&[silence(id)], &rows);
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
    fn what_the_disk_did_not_take_is_there_once_it_takes_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        // No folder can be made where a file is.
        fs::write(&folder, "").unwrap();
        let (mut journal, read) = Journal::open(&folder);
        let mut rows = read.rows;
        rows.apply(silence(1));
        journal.keep(&[silence(1)], &rows);
        assert!(journal.problem().now().is_some_and(|it| it.contains("alerts.journal")));
        fs::remove_file(&folder).unwrap();
        if let Err(shut) = &mut journal.open {
            shut.again_at = Instant::now();
        }
        journal.keep(&[], &rows);
        assert_eq!(journal.problem().now(), None);
        assert_eq!(kept(&folder).0, ["1"]);
    }

    #[test]
    fn it_stays_small_however_much_happens() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, read) = Journal::open(dir.path());
        let mut rows = read.rows;
        let change = Change::CoolDowns(Vec::<CoolDown>::new());
        rows.apply(silence(1));
        for _ in 0..MAX_LINES {
            journal.keep(std::slice::from_ref(&change), &rows);
        }
        let before = fs::metadata(dir.path().join(NAME)).unwrap().len();
        journal.keep(std::slice::from_ref(&change), &rows);
        let after = fs::metadata(dir.path().join(NAME)).unwrap().len();
        assert!(after < before / 10, "{before} {after}");
        assert_eq!(kept(dir.path()).0, ["1"]);
        assert_eq!(rows.silences["1"].until, Timestamp(1_767_312_000_000_000_000));
    }
}

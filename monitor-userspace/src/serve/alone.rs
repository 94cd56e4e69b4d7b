//! One agent for each folder of state: two that write one history and one journal of alerts would each undo
//! what the other one keeps.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// The file that is locked; it says who holds the lock, and stays when nobody does.
const NAME: &str = "agent.lock";

/// Folders that no other agent uses meanwhile. The kernel lets go of them however this one ends.
#[derive(Debug)]
pub struct Alone {
    _locks: Vec<Flock<File>>,
}

impl Alone {
    /// Takes these folders, unless another agent has one. Where there can be no lock, as on a disk that is
    /// read-only, the agent watches all the same.
    pub fn in_folders<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        let mut taken: Vec<PathBuf> = Vec::new();
        let mut locks = Vec::new();
        for folder in folders {
            if taken.iter().any(|it| it == folder) {
                continue;
            }
            // One folder may have two names, and is told of once.
            taken.push(folder.to_owned());
            let same = fs::create_dir_all(folder).and_then(|()| fs::canonicalize(folder));
            let lock = match same {
                Ok(same) if same != folder && taken.contains(&same) => continue,
                Ok(same) => {
                    taken.push(same);
                    lock(&folder.join(NAME))
                }
                Err(error) => Err(error),
            };
            match lock {
                Ok(Lock::Ours(lock)) => locks.push(lock),
                Ok(Lock::Of(other)) => bail!(
                    "another agent ({other}) keeps its state in {}: stop it, or give this one a folder of \
                     its own (--state DIR)",
                    folder.display()
                ),
                Err(error) => tracing::warn!(
                    "whether another agent keeps its state in {} is not known: {error}",
                    folder.display()
                ),
            }
        }
        Ok(Self { _locks: locks })
    }
}

/// What became of an attempt.
enum Lock {
    Ours(Flock<File>),
    /// Somebody else has it: who, as far as the file says.
    Of(String),
}

fn lock(path: &Path) -> io::Result<Lock> {
    let mut options = OpenOptions::new();
    let file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            // On a full disk it is a lock without a name.
            let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
            Ok(Lock::Ours(lock))
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim().parse::<u32>();
            Ok(Lock::Of(pid.map_or("its pid is unknown".to_owned(), |pid| format!("pid {pid}"))))
        }
        Err((_, errno)) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_refused_with_the_pid_of_the_first_until_that_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (state, other) = (dir.path().join("state"), dir.path().join("other"));
        let first = Alone::in_folders([&*state]).unwrap();
        let refused = Alone::in_folders([&*other, &*state]).unwrap_err().to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        assert!(refused.contains(state.to_str().unwrap()), "{refused}");
        fs::write(state.join(NAME), "").unwrap();
        let refused = Alone::in_folders([&*state]).unwrap_err().to_string();
        assert!(refused.contains("its pid is unknown"), "{refused}");
        drop(first);
        Alone::in_folders([&*other, &*state]).unwrap();
    }

    #[test]
    fn a_folder_with_two_names_is_one_and_one_that_cannot_be_there_keeps_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(&state, dir.path().join("name")).unwrap();
        Alone::in_folders([&*state, &*dir.path().join("name"), &*state]).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        Alone::in_folders([&*dir.path().join("file"), &*state]).unwrap();
    }
}

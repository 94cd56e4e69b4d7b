//! What was made, written down while it is made; and taking that away again, and only that.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{Places, write_whole};
use crate::rule::fnv1a;

/// The file in the state directory that says what was made.
const FILE: &str = "setup.json";

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Whether the group was.
    pub group: bool,
    /// Directories, outermost first.
    pub directories: Vec<PathBuf>,
    /// Files, and what their text was, as a hash.
    pub files: Vec<(PathBuf, u64)>,
}

/// What taking away came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// What is gone, or would be.
    pub removed: Vec<PathBuf>,
    /// What stays, and why.
    pub kept: Vec<(PathBuf, &'static str)>,
}

impl Made {
    /// What earlier runs wrote down; nothing where none did.
    pub fn read(places: &Places) -> Result<Self> {
        let path = places.state.join(FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Writes it down.
    pub fn write(&self, places: &Places) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("write down what was made")?;
        write_whole(&places.state.join(FILE), &text)
    }

    /// A directory was made.
    pub fn add_directory(&mut self, path: &Path) {
        self.directories.push(path.to_owned());
    }

    /// Whether this file was made.
    pub fn has_file(&self, path: &Path) -> bool {
        self.files.iter().any(|(known, _)| known == path)
    }

    /// A file was written.
    pub fn add_file(&mut self, path: &Path, text: &str) {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), fnv1a(0, text.bytes())));
    }
}

/// Takes away what was made and not changed since; with `is_dry` only says what that would be.
pub fn remove(places: &Places, made: &Made, is_dry: bool) -> Result<Removal> {
    let mut removal = Removal::default();
    for (path, hash) in &made.files {
        match fs::read(path) {
            Ok(text) if fnv1a(0, text.iter().copied()) == *hash => {
                if !is_dry {
                    fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
                }
                removal.removed.push(path.clone());
            }
            Ok(_) => removal.kept.push((path.clone(), "it was changed since")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
    let list = places.state.join(FILE);
    if removal.kept.is_empty() && list.exists() {
        if !is_dry {
            fs::remove_file(&list).with_context(|| format!("remove {}", list.display()))?;
        }
        removal.removed.push(list);
    }
    for path in made.directories.iter().rev() {
        let holds = |path: &Path| -> io::Result<bool> {
            let rest = fs::read_dir(path)?.flatten().map(|entry| entry.path());
            Ok(rest.into_iter().any(|inside| !removal.removed.contains(&inside)))
        };
        match holds(path) {
            Ok(true) => removal.kept.push((path.clone(), "there is something in it")),
            Ok(false) => {
                if !is_dry {
                    fs::remove_dir(path).with_context(|| format!("remove {}", path.display()))?;
                }
                removal.removed.push(path.clone());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_and_not_changed_goes() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        fs::create_dir_all(&places.config).unwrap();
        fs::create_dir_all(&places.state).unwrap();
        let [mine, changed, others] =
            ["mine", "changed", "others"].map(|name| places.config.join(name));
        let mut made = Made::default();
        made.add_directory(&places.config);
        made.add_directory(&places.state);
        for path in [&mine, &changed] {
            fs::write(path, "text").unwrap();
            made.add_file(path, "text");
        }
        fs::write(&changed, "other text").unwrap();
        fs::write(&others, "text").unwrap();
        made.write(&places).unwrap();
        assert_eq!(Made::read(&places).unwrap(), made);

        let would = remove(&places, &made, true).unwrap();
        assert!(mine.exists());
        assert_eq!(remove(&places, &made, false).unwrap(), would);
        assert_eq!(would.removed, std::slice::from_ref(&mine));
        assert!(!mine.exists() && changed.exists() && others.exists());
        fs::write(&changed, "text").unwrap();
        fs::remove_file(&others).unwrap();
        let rest = remove(&places, &made, false).unwrap();
        assert!(rest.kept.is_empty() && !places.config.exists() && !places.state.exists());
    }
}

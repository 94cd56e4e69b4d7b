//! All layers: from files, environment and options to one configuration, or all that is wrong.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;

use super::{Config, Fault, Faults, Key, Layers, Leaf, Origin, Profile, check, env, file, known};

/// Where the configuration is if nobody says.
const DIRECTORY: &str = "/etc/memwatch-ebpf";
/// The first file of a directory.
const FILE: &str = "config.toml";
/// The folder of further files beside it.
const FRAGMENTS: &str = "conf.d";
/// Bytes of a file at most.
const MAX_FILE: u64 = 1 << 20;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory: its `config.toml`, then `conf.d/*.toml` in the order of their names. None of
    /// them need be there.
    Directory(PathBuf),
    /// One file, which must be there.
    File(PathBuf),
}

/// Everything that sets values.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Where the files are.
    pub place: Place,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
    /// What the command line says: keys, values, and the names of the options.
    pub options: Vec<(Key, toml::Value, &'static str)>,
}

/// A configuration and where its values are from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where its values are from.
    pub layers: Layers,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
}

impl Place {
    /// The named directory or file, else the usual directory.
    pub fn new(given: Option<&Path>) -> Self {
        match given {
            None => Self::Directory(PathBuf::from(DIRECTORY)),
            Some(path) if path.is_dir() => Self::Directory(path.to_owned()),
            Some(path) => Self::File(path.to_owned()),
        }
    }

    /// The file that is changed when somebody changes the configuration.
    pub fn main_file(&self) -> PathBuf {
        match self {
            Self::Directory(dir) => dir.join(FILE),
            Self::File(path) => path.clone(),
        }
    }

    /// Folders in which a change may change the configuration.
    pub fn directories(&self) -> Vec<PathBuf> {
        match self {
            Self::Directory(dir) => vec![dir.clone(), dir.join(FRAGMENTS)],
            Self::File(path) => vec![path.parent().map_or_else(PathBuf::new, Path::to_owned)],
        }
    }

    /// The texts that are there, in their order.
    fn texts(&self) -> Result<Vec<(PathBuf, String)>, Vec<Fault>> {
        let (needed, mut paths) = match self {
            Self::Directory(dir) => (None, vec![dir.join(FILE)]),
            Self::File(path) => (Some(path), vec![path.clone()]),
        };
        if let Self::Directory(dir) = self {
            paths.extend(fragments(&dir.join(FRAGMENTS)).map_err(|fault| vec![fault])?);
        }
        let mut texts = Vec::new();
        let mut faults = Vec::new();
        for path in paths {
            match read(&path) {
                Ok(text) => texts.push((path, text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && needed.is_none() => {}
                Err(error) => faults.push(Fault::new(path.display(), error.to_string())),
            }
        }
        if faults.is_empty() { Ok(texts) } else { Err(faults) }
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(io::Error::other("a file of the configuration has at most 1 MiB"));
    }
    fs::read_to_string(path)
}

/// Files of a folder by name; none where there is no folder.
fn fragments(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::new(dir.display(), error.to_string())),
    };
    let is_ours = |path: &PathBuf| {
        let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        !is_hidden && path.extension().is_some_and(|end| end == "toml")
    };
    let mut paths: Vec<PathBuf> =
        listed.flatten().map(|entry| entry.path()).filter(is_ours).collect();
    paths.sort();
    Ok(paths)
}

impl Sources {
    /// From here, and from the environment of this process.
    pub fn of(place: Place, options: Vec<(Key, toml::Value, &'static str)>) -> Self {
        // Values that are no text are no values of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { place, environment: std::env::vars_os().filter_map(text).collect(), options }
    }

    /// Reads, lays over each other and checks.
    pub fn load(&self) -> Result<Loaded, Faults> {
        self.load_with(None)
    }

    /// As if the main file had this text already.
    pub fn load_with(&self, main_text: Option<&str>) -> Result<Loaded, Faults> {
        let mut texts = match self.place.texts() {
            // A file that is about to be written need not be there.
            Err(_) if main_text.is_some() && matches!(self.place, Place::File(_)) => Vec::new(),
            texts => texts.map_err(Faults)?,
        };
        if let Some(text) = main_text {
            let main = self.place.main_file();
            texts.retain(|(path, _)| *path != main);
            texts.insert(0, (main, text.to_owned()));
        }
        let mut upper = Vec::new();
        let mut faults = Vec::new();
        let files = texts.iter().map(|(path, _)| path.clone()).collect();
        let read = texts.iter().map(|(path, text)| file::read(path, text));
        for leaves in read.chain([env::read(&self.environment)]) {
            match leaves {
                Ok(leaves) => upper.extend(leaves),
                Err(more) => faults.extend(more),
            }
        }
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let option = |(key, value, name): &(Key, toml::Value, &'static str)| {
            (key.clone(), Leaf { value: value.clone(), origin: Origin::Option(name) })
        };
        upper.extend(self.options.iter().map(option));
        finish(upper, files)
    }
}

/// Puts the profile below what was set, and makes one configuration of it.
fn finish(upper: Vec<(Key, Leaf)>, files: Vec<PathBuf>) -> Result<Loaded, Faults> {
    let is_profile = |(key, _): &&(Key, Leaf)| *key == Key::new(["profile"]);
    let chosen = upper.iter().rev().find(is_profile);
    let profile = chosen
        .and_then(|(_, leaf)| Profile::deserialize(leaf.value.clone()).ok())
        .unwrap_or_default();
    let mut layers = Layers::default();
    let below = file::read(Path::new(profile.name()), profile.text()).map_err(Faults)?;
    let origin = Origin::Profile(profile);
    layers.lay(
        below
            .into_iter()
            .map(|(key, Leaf { value, .. })| (key, Leaf { value, origin: origin.clone() })),
    );
    layers.lay(upper);
    let config = Config::deserialize(layers.document())
        .map_err(|error| Fault::new("configuration", file::meant(error.message())))?;
    let faults = check::check(&config, &layers);
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    Ok(Loaded { config, layers, files })
}

impl Loaded {
    /// Every value, as JSON, and where it is from; unset ones are `null`.
    pub fn values(&self) -> Vec<(Key, serde_json::Value, &Origin)> {
        let leaves = known::leaves(&known::as_json(&self.config));
        leaves
            .into_iter()
            .map(|(key, value)| {
                let origin = self.layers.origin(&key);
                (key, value, origin)
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

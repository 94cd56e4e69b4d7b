//! What there is to be made, decided from what is there.

use std::{fs, io, path::Path, path::PathBuf};

use super::{GROUP, Places, unit_text};
use crate::config::{Key, Profile, updated};

/// What the host is like.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether systemd manages it.
    pub has_systemd: bool,
    /// Whether the group is there.
    pub has_group: bool,
    /// The program that the service starts.
    pub program: PathBuf,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the group.
    Group,
    /// Make a directory with this mode.
    Directory {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Write a file that is not there.
    File {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its text.
        text: String,
    },
    /// Write another text over a file.
    Replace {
        /// Where.
        path: PathBuf,
        /// Its text.
        text: String,
    },
    /// Have systemd read its units again.
    DaemonReload,
}

/// All that is to be done, and what is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What is there already, as it should be.
    pub as_is: Vec<PathBuf>,
}

/// Decides what is to be done.
pub fn plan(facts: &Facts, places: &Places, profile: Profile) -> io::Result<Plan> {
    let mut plan = Plan::default();
    if !facts.has_group {
        plan.steps.push(Step::Group);
    }
    // First, since it holds the list of what was made.
    plan.directory(&places.state, 0o750);
    plan.directory(&places.config, 0o755);
    plan.directory(&places.config.join("conf.d"), 0o755);
    plan.config(&places.config.join("config.toml"), profile)?;
    if facts.has_systemd {
        let steps = plan.steps.len();
        plan.file(&places.unit, 0o644, unit_text(&facts.program))?;
        if plan.steps.len() > steps {
            plan.steps.push(Step::DaemonReload);
        }
    }
    Ok(plan)
}

impl Plan {
    fn directory(&mut self, path: &Path, mode: u32) {
        if path.is_dir() {
            self.as_is.push(path.to_owned());
        } else {
            self.steps.push(Step::Directory { path: path.to_owned(), mode });
        }
    }

    /// Of a configuration that is there only the profile changes.
    fn config(&mut self, path: &Path, profile: Profile) -> io::Result<()> {
        let text = match fs::read_to_string(path) {
            Ok(there) => {
                let set = (Key::new(["profile"]), profile.name().into());
                updated(&there, &[set]).map_err(|fault| io::Error::other(fault.message))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => config_text(profile),
            Err(error) => return Err(error),
        };
        self.file(path, 0o640, text)
    }

    fn file(&mut self, path: &Path, mode: u32, text: String) -> io::Result<()> {
        let path = path.to_owned();
        match fs::read_to_string(&path) {
            Ok(there) if there == text => self.as_is.push(path),
            Ok(_) => self.steps.push(Step::Replace { path, text }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.steps.push(Step::File { path, mode, text });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The first configuration: the profile, and the ways to go on.
fn config_text(profile: Profile) -> String {
    format!(
        "# Configuration of memwatch-ebpf. Every key is optional: `memwatch-ebpf config` shows all of\n\
         # them, what they are and where they are from. A running agent takes changes over by itself.\n\
         profile = \"{profile}\"\n\n\
         # Components with absolute thresholds, by systemd unit, container or cgroup:\n\
         # [components.\"{GROUP}.service\"]\n\
         # memory_warning = \"256M\"\n"
    )
}

impl Step {
    /// In one line.
    pub fn title(&self) -> String {
        match self {
            Self::Group => format!("make the group {GROUP}: its members may use the unix socket"),
            Self::Directory { path, mode } => {
                format!("make the directory {} (mode {mode:o})", path.display())
            }
            Self::File { path, mode, .. } => format!("write {} (mode {mode:o})", path.display()),
            Self::Replace { path, .. } => {
                format!("write over {}, which is kept as {}.old", path.display(), path.display())
            }
            Self::DaemonReload => "systemctl daemon-reload".to_owned(),
        }
    }

    /// The text it writes.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::File { text, .. } | Self::Replace { text, .. } => Some(text),
            Self::Group | Self::Directory { .. } | Self::DaemonReload => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Sources};

    fn titles(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(|step| step.title().split(" /").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_there_is_left_and_only_the_profile_of_a_configuration_changes() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let program = PathBuf::from("/usr/bin/memwatch-ebpf");
        let mut facts = Facts { has_systemd: true, has_group: false, program };
        let first = plan(&facts, &places, Profile::Production).unwrap();
        assert_eq!(
            titles(&first),
            [
                "make the group memwatch-ebpf: its members may use the unix socket",
                "make the directory",
                "make the directory",
                "make the directory",
                "write",
                "write",
                "systemctl daemon-reload",
            ]
        );
        for step in &first.steps {
            match step {
                Step::Directory { path, .. } => fs::create_dir_all(path).unwrap(),
                Step::File { path, text, .. } => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, text).unwrap();
                }
                Step::Group | Step::Replace { .. } | Step::DaemonReload => {}
            }
        }
        let place = Place::Directory(places.config.clone());
        let written = Sources { place, environment: Vec::new(), options: Vec::new() }.load();
        assert_eq!(written.unwrap().config.profile, Profile::Production);
        facts.has_group = true;
        assert!(plan(&facts, &places, Profile::Production).unwrap().steps.is_empty());

        let config = places.config.join("config.toml");
        fs::write(&config, "# mine\nprofile = \"production\" # yes\n").unwrap();
        let changed = plan(&facts, &places, Profile::Development).unwrap();
        let text = "# mine\nprofile = \"development\" # yes\n".to_owned();
        assert_eq!(changed.steps, [Step::Replace { path: config, text }]);
    }

    #[test]
    fn without_systemd_there_is_no_unit() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let facts = Facts { has_systemd: false, has_group: true, program: PathBuf::new() };
        let plan = plan(&facts, &places, Profile::Production).unwrap();
        assert_eq!(plan.steps.len(), 4, "{plan:?}");
    }
}

//! The configuration of a service while it runs: read again when it changes or SIGHUP comes. What is
//! wrong is said and changes nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use notify::{RecursiveMode, Watcher as _};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
};

use super::manager;
use crate::{
    agent::Desk,
    api::Configuration,
    config::{Change, Config, Loaded, Sources, changes},
    event::{Input, RuleFile},
    host::clock,
    log,
    output::Timestamp,
};

/// How long files must be left alone before they are read: editors write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Reads and checks the rules that a configuration asks for.
type ReadRules = fn(&Config) -> Result<Vec<RuleFile>>;

/// The configuration that counts now.
#[derive(Debug)]
pub struct Live {
    sources: Sources,
    read_rules: ReadRules,
    loaded: Loaded,
    rules: Vec<RuleFile>,
    current: watch::Sender<Arc<Config>>,
    state: watch::Sender<Configuration>,
}

/// What a reload came to.
#[derive(Debug, Default)]
struct Reloaded {
    changes: Vec<Change>,
    has_new_rules: bool,
}

impl Live {
    /// What was loaded at the start, and how to load it again.
    pub fn new(
        sources: Sources,
        loaded: Loaded,
        rules: Vec<RuleFile>,
        read_rules: ReadRules,
    ) -> Self {
        let (current, _) = watch::channel(Arc::new(loaded.config.clone()));
        let (state, _) = watch::channel(Configuration { loaded_at: now(), problem: None });
        Self { sources, read_rules, loaded, rules, current, state }
    }

    /// Hears of every configuration that is read from now on, changed or not. What of it needs a restart is said when
    /// it changes; a part that can take its section over at once does so.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.current.subscribe()
    }

    /// How it was read last.
    pub fn state(&self) -> watch::Receiver<Configuration> {
        self.state.subscribe()
    }

    /// Keeps it up to date, for ever.
    pub(super) async fn keep(mut self, desk: Desk) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("catch SIGHUP")?;
        let changed = Arc::new(Notify::new());
        let mut _watching = self.watch(&changed);
        manager::ready("watching");
        loop {
            let is_asked = tokio::select! {
                _ = hangup.recv() => true,
                () = changed.notified() => {
                    while tokio::time::timeout(DEBOUNCE, changed.notified()).await.is_ok() {}
                    false
                }
            };
            manager::reloading();
            let said = match self.reload(&desk).await {
                Ok(reloaded) => {
                    self.state.send_replace(Configuration { loaded_at: now(), problem: None });
                    said(&reloaded, is_asked)
                }
                Err(error) => {
                    tracing::error!("the configuration stays as it was: {error:#}");
                    self.state.send_modify(|state| state.problem = Some(format!("{error:#}")));
                    Some("watching; the configuration on disk is wrong".to_owned())
                }
            };
            manager::ready(said.as_deref().unwrap_or("watching"));
            _watching = self.watch(&changed);
        }
    }

    async fn reload(&mut self, desk: &Desk) -> Result<Reloaded> {
        let (sources, read_rules) = (self.sources.clone(), self.read_rules);
        let reading = tokio::task::spawn_blocking(move || {
            let loaded = sources.load()?;
            let rules = read_rules(&loaded.config)?;
            Ok::<_, anyhow::Error>((loaded, rules))
        });
        let (loaded, rules) = reading.await.context("read the configuration")??;
        let changes = changes(&self.loaded, &loaded);
        let has_new_rules = rules != self.rules;
        if has_new_rules {
            desk.feed(vec![Input::Rules(rules.clone())]);
            self.rules = rules;
        }
        log::set_level(loaded.config.serve.log_level.name());
        // Also where no change is seen: secrets are not.
        self.current.send_replace(Arc::new(loaded.config.clone()));
        self.loaded = loaded;
        Ok(Reloaded { changes, has_new_rules })
    }

    /// Looks after the folders in which something may change. Without that there is still SIGHUP.
    fn watch(&self, changed: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let files = self.rules_files();
        let whole = match &self.sources.place {
            crate::config::Place::Directory(_) => self.sources.place.directories(),
            crate::config::Place::File(_) => Vec::new(),
        };
        let mut single = files;
        single.push(self.sources.place.main_file());
        let mut folders: Vec<PathBuf> = self.sources.place.directories();
        folders.extend(single.iter().filter_map(|path| path.parent().map(Path::to_owned)));
        folders.sort();
        folders.dedup();
        let wake = Arc::clone(changed);
        let heard = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if !event.kind.is_access()
                && event.paths.iter().any(|path| concerns(path, &whole, &single))
            {
                wake.notify_one();
            }
        };
        let mut watcher = match notify::recommended_watcher(heard) {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::warn!("changes of the configuration count after SIGHUP only: {error}");
                return None;
            }
        };
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(
                    "changes below {} count after SIGHUP only: {error}",
                    folder.display()
                );
            }
        }
        Some(watcher)
    }

    fn rules_files(&self) -> Vec<PathBuf> {
        self.loaded.config.watch.rules.clone()
    }
}

fn now() -> Timestamp {
    Timestamp(clock::wall_ns())
}

/// Whether something that happened to a path may change what is read: it is one of the files, or
/// anything in a folder of ours, or what a folder that is swapped as a whole points to.
fn concerns(path: &Path, whole: &[PathBuf], single: &[PathBuf]) -> bool {
    let is_swap = path.file_name().is_some_and(|name| name == "..data");
    let is_below = |folder: &PathBuf| path.parent() == Some(folder) || path == folder;
    is_swap || single.iter().any(|file| file == path) || whole.iter().any(is_below)
}

/// Says what changed; what the service manager is told.
fn said(reloaded: &Reloaded, is_asked: bool) -> Option<String> {
    let Reloaded { changes, has_new_rules } = reloaded;
    if changes.is_empty() && !has_new_rules {
        if is_asked {
            tracing::info!("the configuration has not changed");
        }
        return None;
    }
    let list = |needs_restart: bool| {
        let chosen = changes.iter().filter(|change| change.needs_restart == needs_restart);
        chosen.map(|change| change.key.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (now, later) = (list(false), list(true));
    if !now.is_empty() {
        tracing::info!("the configuration has changed: {now}");
    }
    if *has_new_rules {
        tracing::info!("the rules have changed");
    }
    if later.is_empty() {
        return None;
    }
    tracing::warn!("these have changed and count after a restart: {later}");
    Some(format!("watching; after a restart: {later}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_wakes() {
        let whole = [PathBuf::from("/etc/m"), PathBuf::from("/etc/m/conf.d")];
        let single = [PathBuf::from("/srv/my.toml")];
        let concerned = |path: &str| concerns(Path::new(path), &whole, &single);
        for path in ["/etc/m/config.toml", "/etc/m/conf.d/a.toml", "/srv/my.toml", "/srv/..data"] {
            assert!(concerned(path), "{path}");
        }
        for path in ["/srv/other.toml", "/etc/m/conf.d/deep/a.toml", "/etc/x"] {
            assert!(!concerned(path), "{path}");
        }
    }
}

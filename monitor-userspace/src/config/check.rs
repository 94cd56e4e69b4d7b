//! Ranges: what the types let pass and the service could not work with.

use std::{fmt::Display, path::Path, time::Duration};

use regex::Regex;

use super::{ByteSize, Config, Fault, Key, Layers, Origin, Thresholds, TimeSpan};
use crate::history::LEAST_BYTES;

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_hours(1);
/// Less would not hold the processes of a small host.
const LEAST_MEMORY: ByteSize = ByteSize(1 << 20);
/// Callers need some time, and nobody waits longer.
const TIMEOUTS: (TimeSpan, TimeSpan) =
    (TimeSpan(Duration::from_millis(100)), TimeSpan(Duration::from_mins(10)));
const BODIES: (ByteSize, ByteSize) = (ByteSize(1 << 10), ByteSize(16 << 20));
const CONNECTIONS: (usize, usize) = (1, 4096);
const LONGEST_HISTORY: Duration = Duration::from_hours(10 * 366 * 24);
const MOST_HISTORY: ByteSize = ByteSize(1 << 40);
/// More components with thresholds than the rules have room for.
const MOST_COMPONENTS: usize = 100;

/// What is out of its range, with where it was set.
pub(super) fn check(config: &Config, layers: &Layers) -> Vec<Fault> {
    let mut found = Found { layers, faults: Vec::new() };
    found.serve(config);
    found.watch(config);
    found.api(config);
    found.history(config);
    if let Err(message) = config.alerts.all_channels() {
        found.add(&Key::new(["alerts", "channels"]), format!("[alerts]: {message}"));
    }
    let none = super::Component::default();
    found.thresholds(&Key::new(["thresholds"]), &config.thresholds.of(&none));
    for (name, own) in &config.components {
        found.thresholds(&Key::new(["components", name]), &config.thresholds.of(own));
    }
    if config.components.len() > MOST_COMPONENTS {
        let message = format!("at most {MOST_COMPONENTS} components have thresholds of their own");
        found.faults.push(Fault::new("components", message));
    }
    found.faults
}

struct Found<'a> {
    layers: &'a Layers,
    faults: Vec<Fault>,
}

impl Found<'_> {
    fn add(&mut self, key: &Key, message: String) {
        self.faults.push(Fault::new(self.layers.origin(key), message));
    }

    fn serve(&mut self, config: &Config) {
        let intervals = (TimeSpan(SHORTEST_INTERVAL), TimeSpan(LONGEST_INTERVAL));
        self.range(["serve", "interval"], config.serve.interval, intervals);
        self.absolute(["serve", "socket"], &config.serve.socket);
        self.absolute(["serve", "state"], &config.serve.state);
    }

    fn api(&mut self, config: &Config) {
        let api = &config.api;
        self.range(["api", "max_body"], api.max_body, BODIES);
        self.range(["api", "header_timeout"], api.header_timeout, TIMEOUTS);
        self.range(["api", "request_timeout"], api.request_timeout, TIMEOUTS);
        self.range(["api", "write_timeout"], api.write_timeout, TIMEOUTS);
        self.range(["api", "max_connections"], api.max_connections, CONNECTIONS);
        // Streams must leave room for questions.
        let streams = (0, api.max_connections.saturating_sub(1));
        self.range(["api", "max_streams"], api.max_streams, streams);
        if let Some(path) = &api.token_file {
            self.absolute(["api", "token_file"], path);
        }
    }

    fn history(&mut self, config: &Config) {
        let history = &config.history;
        let intervals = (TimeSpan(SHORTEST_INTERVAL), TimeSpan(LONGEST_INTERVAL));
        self.range(["history", "interval"], history.interval, intervals);
        let ages = (TimeSpan(Duration::from_hours(1)), TimeSpan(LONGEST_HISTORY));
        self.range(["history", "keep"], history.keep, ages);
        self.range(
            ["history", "max_bytes"],
            history.max_bytes,
            (ByteSize(LEAST_BYTES), MOST_HISTORY),
        );
        self.absolute(["history", "path"], &history.path);
    }

    fn range<T: PartialOrd + Display + Copy>(
        &mut self,
        key: [&str; 2],
        value: T,
        (least, most): (T, T),
    ) {
        if value < least || value > most {
            let key = Key::new(key);
            self.add(&key, format!("{key} is {value}: from {least} to {most} it may be"));
        }
    }

    /// The service runs in another directory than whoever writes the file.
    fn absolute(&mut self, key: [&str; 2], path: &Path) {
        let key = Key::new(key);
        if path.is_relative() && !matches!(self.layers.origin(&key), Origin::Option(_)) {
            self.add(&key, format!("{key}: {} must be an absolute path", path.display()));
        }
    }

    fn watch(&mut self, config: &Config) {
        let watch = &config.watch;
        if watch.max_memory < LEAST_MEMORY {
            let message =
                format!("watch.max_memory is {}: {LEAST_MEMORY} at least", watch.max_memory);
            self.add(&Key::new(["watch", "max_memory"]), message);
        }
        if let Some(Err(error)) = watch.comm.as_deref().map(Regex::new) {
            let message = format!("watch.comm is no regular expression: {error}");
            self.add(&Key::new(["watch", "comm"]), message);
        }
        let paths = watch.rules.iter().map(|path| ("rules", path));
        for (name, path) in paths.chain(watch.counters.iter().map(|path| ("counters", path))) {
            self.absolute(["watch", name], path);
        }
    }

    fn thresholds(&mut self, key: &Key, limits: &Thresholds) {
        let Thresholds { memory_warning, memory_critical, .. } = *limits;
        if memory_warning < LEAST_MEMORY {
            let message =
                format!("{key}.memory_warning is {memory_warning}: {LEAST_MEMORY} at least");
            self.add(&key.below("memory_warning"), message);
        }
        if memory_critical < memory_warning {
            let message = format!(
                "{key}.memory_critical is {memory_critical}: not less than memory_warning, \
                 {memory_warning}"
            );
            self.add(&key.below("memory_critical"), message);
        }
        let (warning, critical) = (limits.cpu_warning_percent, limits.cpu_critical_percent);
        for (name, percent) in
            [("cpu_warning_percent", warning), ("cpu_critical_percent", critical)]
        {
            // A process may take several cores.
            if !(1.0..=1e6).contains(&percent) {
                let message = format!("{key}.{name} is {percent} %: 1 % of a core at least");
                self.add(&key.below(name), message);
            }
        }
        if critical < warning {
            let message = format!(
                "{key}.cpu_critical_percent is {critical} %: not less than cpu_warning_percent, \
                 {warning} %"
            );
            self.add(&key.below("cpu_critical_percent"), message);
        }
    }
}

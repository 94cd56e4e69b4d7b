//! Ranges: what the types let pass and the service could not work with.

use std::time::Duration;

use regex::Regex;

use super::{ByteSize, Config, Fault, Key, Layers, Origin, Thresholds, TimeSpan};

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_hours(1);
/// Less would not hold the processes of a small host.
const LEAST_MEMORY: ByteSize = ByteSize(1 << 20);
/// More components with thresholds than the rules have room for.
const MOST_COMPONENTS: usize = 100;

/// What is out of its range, with where it was set.
pub(super) fn check(config: &Config, layers: &Layers) -> Vec<Fault> {
    let mut found = Found { layers, faults: Vec::new() };
    found.serve(config);
    found.watch(config);
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
        let interval = config.serve.interval;
        if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval.0) {
            let (least, most) = (TimeSpan(SHORTEST_INTERVAL), TimeSpan(LONGEST_INTERVAL));
            let message = format!("serve.interval is {interval}: from {least} to {most} it may be");
            self.add(&Key::new(["serve", "interval"]), message);
        }
        if !config.serve.socket.is_absolute() {
            let key = Key::new(["serve", "socket"]);
            if !matches!(self.layers.origin(&key), Origin::Option(_)) {
                self.add(&key, "serve.socket must be an absolute path".to_owned());
            }
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
        // The service runs in another directory than whoever writes the file.
        let paths = watch.rules.iter().map(|path| ("rules", path));
        for (name, path) in paths.chain(watch.counters.iter().map(|path| ("counters", path))) {
            let key = Key::new(["watch", name]);
            if path.is_relative() && !matches!(self.layers.origin(&key), Origin::Option(_)) {
                let message = format!("watch.{name}: {} must be an absolute path", path.display());
                self.add(&key, message);
            }
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

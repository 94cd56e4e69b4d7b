//! Absolute thresholds of named components. They become rules, in the form of a user's, so that they
//! are judged, recorded and replayed like all others. Of what nobody names no absolute threshold is
//! asked: a database that uses what it was given is healthy.

use std::{collections::BTreeSet, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{ByteSize, Component, Config};
use crate::event::RuleFile;

/// The name under which the rules made here are told of.
const FILE_NAME: &str = "thresholds of the configuration";
/// Characters of a component's name in the name of a rule.
const MAX_NAME: usize = 40;

/// Absolute thresholds; they count for the components that are named.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Working set from which on it is told, as `medium`.
    pub memory_warning: ByteSize,
    /// Working set from which on it is told, as `critical`.
    pub memory_critical: ByteSize,
    /// CPU of one of its processes, in percent of one core, from which on it is told, as `low`.
    pub cpu_warning_percent: f64,
    /// CPU of one of its processes, in percent of one core, from which on it is told, as `medium`.
    pub cpu_critical_percent: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            memory_warning: ByteSize(1 << 30),
            memory_critical: ByteSize(2 << 30),
            cpu_warning_percent: 80.0,
            cpu_critical_percent: 95.0,
        }
    }
}

impl Thresholds {
    /// What counts for a component.
    pub(super) fn of(&self, own: &Component) -> Self {
        let Component {
            memory_warning,
            memory_critical,
            cpu_warning_percent,
            cpu_critical_percent,
        } = own;
        Self {
            memory_warning: memory_warning.unwrap_or(self.memory_warning),
            memory_critical: memory_critical.unwrap_or(self.memory_critical),
            cpu_warning_percent: cpu_warning_percent.unwrap_or(self.cpu_warning_percent),
            cpu_critical_percent: cpu_critical_percent.unwrap_or(self.cpu_critical_percent),
        }
    }
}

/// The rules of all named components; `None` where there are none.
pub fn rules_of_thresholds(config: &Config) -> Option<RuleFile> {
    if config.components.is_empty() {
        return None;
    }
    let mut text = String::new();
    let mut names = BTreeSet::new();
    for (component, own) in &config.components {
        let name = name_of(component, &mut names);
        let limits = config.thresholds.of(own);
        // The forms of JSON are forms of CEL.
        let quoted = serde_json::Value::from(component.as_str()).to_string();
        let memory = [
            ("warning", "medium", limits.memory_warning),
            ("critical", "critical", limits.memory_critical),
        ];
        for (which, severity, bytes) in memory {
            Rule {
                name: &format!("memory_{which}-{name}"),
                description: &format!("The working set of {component} has reached {bytes}."),
                severity,
                subject: "component",
                condition: &format!("component == {quoted} && memory_bytes >= {}", bytes.0),
                resource: "memory",
            }
            .write(&mut text);
        }
        let cpu = [
            ("warning", "low", limits.cpu_warning_percent),
            ("critical", "medium", limits.cpu_critical_percent),
        ];
        for (which, severity, percent) in cpu {
            Rule {
                name: &format!("cpu_{which}-{name}"),
                description: &format!("A process of {component} takes {percent} % of a core."),
                severity,
                subject: "process",
                condition: &format!("component == {quoted} && cpu_percent >= {percent:?}"),
                resource: "CPU",
            }
            .write(&mut text);
        }
    }
    Some(RuleFile { name: FILE_NAME.to_owned(), text })
}

/// A rule to be written.
struct Rule<'a> {
    name: &'a str,
    description: &'a str,
    severity: &'a str,
    subject: &'a str,
    condition: &'a str,
    resource: &'a str,
}

impl Rule<'_> {
    fn write(&self, text: &mut String) {
        let quoted = |text: &str| toml::Value::from(text);
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "[[rule]]\nname = {}\ndescription = {}\nseverity = {}\nsubject = {}\ncondition = {}\n\
             for = \"60s\"\nresource = {}\n\n",
            quoted(self.name),
            quoted(self.description),
            quoted(self.severity),
            quoted(self.subject),
            quoted(self.condition),
            quoted(self.resource),
        );
    }
}

/// A name for the rules of a component that no other component's rules have.
fn name_of(component: &str, names: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = component.chars().map(plain).take(MAX_NAME).collect();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or(name);
    names.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;

    #[test]
    fn named_components_have_rules_whatever_their_names_are() {
        let mut config = Config::default();
        assert!(rules_of_thresholds(&config).is_none());
        for name in ["api.service", "api service", "a\"b\\c\n'''\u{202e}", ""] {
            config.components.insert(name.to_owned(), Component::default());
        }
        let own = Component { memory_warning: Some(ByteSize(5 << 20)), ..Component::default() };
        config.components.insert("small".to_owned(), own);
        let file = rules_of_thresholds(&config).unwrap();
        let rules = Rules::load(&[file]).unwrap();
        let condition = |name: &str| {
            rules.iter().find(|rule| rule.name == name).map(|rule| rule.condition_text.clone())
        };
        assert_eq!(
            condition("memory_warning-small").unwrap(),
            "component == \"small\" && memory_bytes >= 5242880"
        );
        assert_eq!(
            condition("memory_critical-small").unwrap(),
            "component == \"small\" && memory_bytes >= 2147483648"
        );
        assert_eq!(
            condition("cpu_critical-api_service-2").unwrap(),
            "component == \"api.service\" && cpu_percent >= 95.0"
        );
    }
}

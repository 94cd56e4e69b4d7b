//! Thresholds that applications bring along.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From where on a component is worth a warning, or critical; what is left out has no threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Thresholds {
    /// Memory, in MB (1,048,576 bytes).
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub memory_warning: Option<f64>,
    /// Memory, in MB.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub memory_critical: Option<f64>,
    /// CPU, in percent of one core.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub cpu_warning: Option<f64>,
    /// CPU, in percent of one core.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub cpu_critical: Option<f64>,
    /// What 95 % of its requests are to be below, in milliseconds.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub response_time_warning: Option<f64>,
    /// The same of critical.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub response_time_critical: Option<f64>,
}

/// What thresholds are compared with; `None` where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// In MB.
    pub memory: Option<f64>,
    /// In percent of one core.
    pub cpu: Option<f64>,
    /// In milliseconds.
    pub response_time: Option<f64>,
}

/// Something above its threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// `memory`, `cpu` or `response time`.
    pub what: &'static str,
    /// Whether it is critical.
    pub is_critical: bool,
    /// The whole in words, without whose it is.
    pub text: String,
}

impl Thresholds {
    /// All of them, with names that rules can use.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let mb = |value: Option<f64>| value.map(|value| value * super::MB);
        [
            ("threshold_memory_warning_bytes", mb(self.memory_warning)),
            ("threshold_memory_critical_bytes", mb(self.memory_critical)),
            ("threshold_cpu_warning", self.cpu_warning),
            ("threshold_cpu_critical", self.cpu_critical),
            ("threshold_response_time_warning", self.response_time_warning),
            ("threshold_response_time_critical", self.response_time_critical),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// Whether all are what the schema says.
    pub fn are_valid(&self) -> bool {
        let all = [
            self.memory_warning,
            self.memory_critical,
            self.cpu_warning,
            self.cpu_critical,
            self.response_time_warning,
            self.response_time_critical,
        ];
        all.into_iter().flatten().all(|value| (0.0..=1e9).contains(&value))
    }

    /// What of this is above.
    pub fn passed(&self, load: Load) -> Vec<Passed> {
        let rows = [
            ("memory", "MB", load.memory, self.memory_warning, self.memory_critical),
            ("cpu", "%", load.cpu, self.cpu_warning, self.cpu_critical),
            (
                "response time",
                "ms",
                load.response_time,
                self.response_time_warning,
                self.response_time_critical,
            ),
        ];
        let above = |(what, unit, value, warning, critical): (
            &'static str,
            &str,
            Option<f64>,
            Option<f64>,
            Option<f64>,
        )| {
            let value = value?;
            let is_above = |limit: &f64| value >= *limit;
            let critical = critical.filter(is_above);
            let limit = critical.or_else(|| warning.filter(is_above))?;
            let text = format!("{what} is {value:.1} {unit}, its threshold is {limit} {unit}");
            Some(Passed { what, is_critical: critical.is_some(), text })
        };
        rows.into_iter().filter_map(above).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_threshold_that_is_passed_counts_and_the_unknown_passes_none() {
        let thresholds = Thresholds {
            memory_warning: Some(512.0),
            memory_critical: Some(1024.0),
            cpu_warning: Some(80.0),
            response_time_critical: Some(1000.0),
            ..<_>::default()
        };
        let passed = |memory, cpu| {
            let load = Load { memory: Some(memory), cpu, response_time: None };
            let all = thresholds.passed(load);
            all.iter().map(|it| (it.what, it.is_critical)).collect::<Vec<_>>()
        };
        assert_eq!(passed(511.0, Some(10.0)), []);
        assert_eq!(passed(512.0, None), [("memory", false)]);
        assert_eq!(passed(1024.0, Some(99.0)), [("memory", true), ("cpu", false)]);
        let names: Vec<_> = thresholds.named().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| crate::event::is_custom_name(name)), "{names:?}");
        assert_eq!(
            thresholds.named().next(),
            Some(("threshold_memory_warning_bytes", 536_870_912.0))
        );
    }
}

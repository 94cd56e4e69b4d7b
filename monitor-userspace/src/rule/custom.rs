//! Counters that applications report of themselves: what was last said, by name, bounded.

use std::collections::BTreeMap;

use super::{
    Change, Single, SingleReport, fnv1a,
    signal::{MIN_EFFECT_BYTES, MIN_EFFECT_ITEMS},
};
use crate::{
    event::{CustomKind, CustomValue},
    series::SeriesSpec,
};

/// Names a process or a component may report.
const MAX_NAMES: usize = 32;

const MINUTE_NS: f64 = 60e9;

/// A name's last report.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Last {
    at_ns: u64,
    raw: f64,
    /// What rules see; `None` until it is known.
    seen: Option<f64>,
}

/// What one process or component reports of itself.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    by_name: BTreeMap<String, Last>,
    /// Growth of gauges. A counter rises for ever by its nature, and a rate that rises is load.
    growths: BTreeMap<String, Single>,
}

impl Counters {
    /// Takes a report; false where there is no room for another name.
    pub fn take(&mut self, value: &CustomValue) -> bool {
        let last = self.by_name.get(&value.name);
        if last.is_none() && self.by_name.len() >= MAX_NAMES {
            return false;
        }
        let seen = match value.kind {
            CustomKind::Gauge => Some(value.value),
            CustomKind::Counter => last.and_then(|last| rate(last, value)),
        };
        let next = Last { at_ns: value.at_ns, raw: value.value, seen };
        self.by_name.insert(value.name.clone(), next);
        true
    }

    /// Judges what was taken: a gauge as it is, a counter not at all. `seed` is of whoever reports
    /// it, `load` the CPU it used lately, percent of one core.
    pub fn judge(
        &mut self,
        value: &CustomValue,
        seed: u64,
        load: f64,
    ) -> Option<(Change, SingleReport)> {
        if value.kind == CustomKind::Counter {
            return self.growths.get_mut(&value.name).and_then(Single::stop);
        }
        let single = self.growths.entry(value.name.clone()).or_default();
        single.observe(|| spec(&value.name, seed), value.at_ns, Some(value.value), load)
    }

    /// The growth of gauges, by name.
    pub fn growths(&self) -> impl Iterator<Item = (&String, &Single)> {
        self.growths.iter()
    }

    /// The growth of a gauge.
    pub fn growth_mut(&mut self, name: &str) -> Option<&mut Single> {
        self.growths.get_mut(name)
    }

    /// Starts all series anew but for those that hold a finding open.
    pub fn forget(&mut self) {
        self.growths.values_mut().for_each(Single::forget);
    }

    /// A gauge's value, or a counter's increase a minute; `None` while it is not known.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.by_name.get(name)?.seen
    }

    /// Bytes of memory, the heap's included.
    pub fn memory_bytes(&self) -> usize {
        let names = self.by_name.keys().map(|name| size_of::<(String, Last)>() + name.len());
        let series = self
            .growths
            .iter()
            .map(|(name, single)| size_of::<(String, Single)>() + name.len() + single.heap_bytes());
        names.chain(series).sum()
    }
}

/// What a gauge counts, by the ending of its name, as metrics are commonly named.
pub fn is_bytes(name: &str) -> bool {
    name.ends_with("_bytes") || name == "bytes"
}

/// The series of a gauge.
fn spec(name: &str, seed: u64) -> SeriesSpec {
    let seed = fnv1a(seed, name.bytes());
    let min_effect = if is_bytes(name) { MIN_EFFECT_BYTES } else { MIN_EFFECT_ITEMS };
    SeriesSpec { quantum: 1.0, min_effect, seed, counts: !is_bytes(name), prior: 0.0 }
}

/// Increase a minute. A counter that fell was started anew, from zero.
fn rate(last: &Last, now: &CustomValue) -> Option<f64> {
    let passed_ns = now.at_ns.checked_sub(last.at_ns).filter(|&passed| passed > 0)?;
    let grown = if now.value >= last.raw { now.value - last.raw } else { now.value };
    Some(grown / passed_ns as f64 * MINUTE_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CustomSubject;

    const SECOND: u64 = 1_000_000_000;

    fn value(name: &str, kind: CustomKind, second: u64, value: f64) -> CustomValue {
        CustomValue {
            at_ns: second * SECOND,
            subject: CustomSubject::Pid(7),
            name: name.to_owned(),
            kind,
            value,
        }
    }

    #[test]
    fn a_gauge_is_its_value_and_a_counter_its_increase_a_minute() {
        let mut counters = Counters::default();
        assert!(counters.take(&value("entries", CustomKind::Gauge, 1, 5.0)));
        assert_eq!(counters.get("entries"), Some(5.0));
        for (second, total, rate) in
            [(0, 100.0, None), (30, 150.0, Some(100.0)), (60, 20.0, Some(40.0))]
        {
            assert!(counters.take(&value("served", CustomKind::Counter, second, total)));
            assert_eq!(counters.get("served"), rate, "after {second} s");
        }
        assert_eq!(counters.get("other"), None);
    }

    #[test]
    fn names_are_bounded_and_known_ones_still_count() {
        let mut counters = Counters::default();
        for number in 0..MAX_NAMES {
            assert!(counters.take(&value(&format!("n{number}"), CustomKind::Gauge, 1, 1.0)));
        }
        assert!(!counters.take(&value("more", CustomKind::Gauge, 1, 1.0)));
        assert!(counters.take(&value("n0", CustomKind::Gauge, 2, 2.0)));
        assert_eq!(counters.get("n0"), Some(2.0));
    }
}

//! What of a recorded series a baseline sees: the measures of each process, evenly spaced.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::baseline::{self, Baseline, Said, Samples};

/// A snapshot line, as far as it matters here; other lines have no `pid`.
#[derive(Deserialize)]
struct Line {
    ts: Option<Timestamp>,
    pid: Option<u32>,
    #[serde(default)]
    rss_anon_bytes: Option<f64>,
    #[serde(default)]
    swap_bytes: Option<f64>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Objects that are counted beside anonymous memory.
const COUNTS: [&str; 8] = [
    "descriptors",
    "threads",
    "timers",
    "children",
    "zombies",
    "epoll_watches",
    "inotify_watches",
    "shm_segments",
];

/// Samples of one measure of one process, with their times.
type Series = Vec<(Timestamp, f64)>;

/// All measures of a file.
#[derive(Default)]
pub struct Measured {
    series: BTreeMap<(u32, &'static str), Series>,
    span: Option<[Timestamp; 2]>,
}

impl Measured {
    /// Takes a line; what is none of a process is left out.
    pub fn take(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return };
        let (Some(ts), Some(pid)) = (line.ts, line.pid) else { return };
        let [first, last] = self.span.unwrap_or([ts, ts]);
        self.span = Some([first.min(ts), last.max(ts)]);
        let memory = line.rss_anon_bytes.map(|anon| anon + line.swap_bytes.unwrap_or(0.0));
        let counts = COUNTS.map(|name| (name, line.others.get(name).and_then(Value::as_f64)));
        for (name, value) in [("memory", memory)].into_iter().chain(counts) {
            if let Some(value) = value {
                self.series.entry((pid, name)).or_default().push((ts, value));
            }
        }
    }

    /// When the first line was.
    pub fn first(&self) -> Option<Timestamp> {
        self.span.map(|[first, _]| first)
    }

    /// Summed time of its processes, in days.
    pub fn days(&self) -> f64 {
        let span = |series: &Series| Some(seconds(series.first()?.0, series.last()?.0));
        let mut spans: BTreeMap<u32, f64> = BTreeMap::new();
        for ((pid, _), series) in &self.series {
            let longest = spans.entry(*pid).or_default();
            *longest = longest.max(span(series).unwrap_or(0.0));
        }
        spans.values().sum::<f64>() / 86_400.0
    }

    /// What the baselines say of any measure of any process.
    pub fn judge(&self) -> [Said; Baseline::ALL.len()] {
        let mut all = [Said::default(); Baseline::ALL.len()];
        for ((_, name), series) in &self.series {
            let (values, step_s) = spaced(series);
            let samples = Samples { values: &values, step_s, counts: *name != "memory" };
            for (all, one) in all.iter_mut().zip(baseline::judge(samples)) {
                all.ever |= one.ever;
                all.at_end |= one.at_end;
            }
        }
        all
    }
}

/// A value at every step: who is idle is looked at less often, and what was read last holds.
fn spaced(series: &Series) -> (Vec<f64>, u64) {
    let gaps = series.windows(2).map(|pair| seconds(pair[0].0, pair[1].0));
    let step = gaps.filter(|gap| *gap >= 1.0).fold(f64::INFINITY, f64::min);
    let Some(&(first, _)) = series.first().filter(|_| step.is_finite()) else {
        return (Vec::new(), 1);
    };
    let step_s = step.round() as u64;
    let mut values: Vec<f64> = Vec::new();
    for &(at, value) in series {
        let step = (seconds(first, at) / step_s as f64).round() as usize;
        let before = values.last().copied().unwrap_or(value);
        values.resize(step.max(values.len()), before);
        values.push(value);
    }
    (values, step_s)
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, fields: &str) -> String {
        let ts = Timestamp::from_second(1_000_000_000 + second).unwrap();
        format!("{{\"type\":\"snapshot\",\"ts\":\"{ts}\",\"pid\":7,{fields}}}")
    }

    #[test]
    fn idle_stretches_are_filled_with_what_was_read_last() {
        let mut measured = Measured::default();
        for (second, value) in [(0, 1), (5, 1), (35, 4), (40, 5)] {
            measured.take(line(second, &format!("\"threads\":{value}")).as_bytes());
        }
        measured.take(b"{\"type\":\"header\"}");
        let (values, step_s) = spaced(&measured.series[&(7, "threads")]);
        assert_eq!(step_s, 5);
        assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 5.0]);
        assert!((measured.days() * 86_400.0 - 40.0).abs() < 1e-9);
    }

    #[test]
    fn any_measure_may_be_called_a_leak() {
        let mut measured = Measured::default();
        for second in 0..200 {
            let fields = format!("\"rss_anon_bytes\":1000000,\"descriptors\":{}", 10 + second);
            measured.take(line(second * 5, &fields).as_bytes());
        }
        let said = measured.judge();
        assert_eq!(said.map(|said| said.at_end), [true, true, false, false]);
    }
}

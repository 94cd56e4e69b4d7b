//! `bench judge`: what the engine takes of one core while half of so many processes change every
//! second, without a kernel. The program that feeds it is part of `cargo xtask evaluate`.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::stats::slope;
use super::table::{Table, met};
use crate::sh;

/// Processes of the budget.
const BUDGET_PROCESSES: u64 = 1_000;
const BUDGET_PERCENT: f64 = 1.0;

/// CPU time of the engine's parts, over so many seconds of the stream.
#[derive(Deserialize)]
struct Cost {
    processes: u64,
    seconds: u64,
    events: u64,
    readings: u64,
    events_ns: f64,
    readings_ns: f64,
    host_ns: f64,
    rules_ns: f64,
    checks_ns: f64,
    ticks_ns: f64,
}

pub(super) fn run(seconds: u32) -> Result<Vec<Table>> {
    let mut program = sh::cargo()?;
    program
        .args(["run", "--locked", "--quiet", "--release", "--package", "monitor-userspace"])
        .args(["--example", "evaluate", "--", "cost", "--seconds", &seconds.to_string()]);
    let text = sh::output(&mut program)?;
    let cost = |line| serde_json::from_str(line).with_context(|| format!("not a cost: {line}"));
    let costs: Vec<Cost> = text.lines().map(cost).collect::<Result<_>>()?;
    Ok(vec![table(&costs), budgets(&costs)])
}

impl Cost {
    /// Percent of one core.
    fn percent(&self, ns: f64) -> f64 {
        ns / (self.seconds as f64 * 1e9) * 100.0
    }

    /// What looks give: series, verdicts and rules, of processes, components and the host.
    fn judging(&self) -> f64 {
        self.percent(self.readings_ns + self.host_ns)
    }

    fn all(&self) -> f64 {
        self.judging() + self.percent(self.events_ns + self.checks_ns + self.ticks_ns)
    }

    fn cells(&self, first: Option<&Self>) -> Vec<String> {
        let a_second = |count: u64| format!("{:.0}", count as f64 / self.seconds as f64);
        let per_process = |it: &Self| it.all() / it.processes as f64;
        let times = first.map_or(1.0, |first| per_process(self) / per_process(first));
        vec![
            self.processes.to_string(),
            a_second(self.events),
            a_second(self.readings),
            format!("{:.3}", self.judging()),
            format!("{:.3}", self.percent(self.rules_ns)),
            format!("{:.3}", self.percent(self.events_ns)),
            format!("{:.3}", self.percent(self.checks_ns)),
            format!("{:.3}", self.percent(self.ticks_ns)),
            format!("{:.3}", self.all()),
            format!("{:.1}", self.readings_ns / self.readings.max(1) as f64 / 1e3),
            format!("{times:.2}"),
        ]
    }
}

fn table(costs: &[Cost]) -> Table {
    let seconds = costs.first().map_or(0, |cost| cost.seconds);
    Table {
        heading: vec![
            "processes",
            "events/s",
            "looks/s",
            "judging, %",
            "of it rules, %",
            "events, %",
            "checks, %",
            "ticks, %",
            "all, % of a core",
            "a look, µs",
            "times the first, a process",
        ],
        rows: costs.iter().map(|cost| cost.cells(costs.first())).collect(),
        notes: vec![format!(
            "Half of the processes change every second: a sixth of all leak, a sixth gather garbage, a \
             sixth wander. Rules are those that are no growth rules: what judging takes less without them. \
             CPU time of the engine over {seconds} s of the stream, after as many; \
             without what reading /proc takes."
        )],
    }
}

fn budgets(costs: &[Cost]) -> Table {
    let points: Vec<_> = costs.iter().map(|cost| (cost.processes as f64, cost.all())).collect();
    let mut rows = vec![vec![
        "1,000 more processes".to_owned(),
        format!("{:.3} % of a core", slope(&points) * 1000.0),
        String::new(),
        String::new(),
    ]];
    if let Some(cost) = costs.iter().find(|cost| cost.processes == BUDGET_PROCESSES) {
        rows.push(vec![
            format!("{BUDGET_PROCESSES} processes, half of them changing every second"),
            format!("{:.3} % of a core", cost.all()),
            format!("< {BUDGET_PERCENT} %"),
            met(cost.all() < BUDGET_PERCENT),
        ]);
    }
    let notes = vec!["One more: the slope of what all takes.".to_owned()];
    Table { heading: vec!["", "measured", "budget", "met"], rows, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(processes: u64, ns: f64) -> Cost {
        Cost {
            processes,
            seconds: 100,
            events: 500 * processes,
            readings: 10 * processes,
            events_ns: ns,
            readings_ns: 6.0 * ns,
            host_ns: ns,
            rules_ns: 2.0 * ns,
            checks_ns: ns,
            ticks_ns: ns,
        }
    }

    #[test]
    fn a_line_has_shares_of_a_core_and_what_a_process_takes() {
        let costs = [cost(10, 1e6), cost(1_000, 1.5e8)];
        let rows = table(&costs).rows;
        assert_eq!(rows[1][..3], ["1000", "5000", "100"]);
        // 150 ms in 100 s are 0.15 %; ten parts of it.
        assert_eq!(
            rows[1][3..],
            ["1.050", "0.300", "0.150", "0.150", "0.150", "1.500", "90.0", "1.50"]
        );
        assert_eq!(rows[0].len(), table(&costs).heading.len());
        assert_eq!(budgets(&costs).rows[1][1..], ["1.500 % of a core", "< 1 %", "**no**"]);
    }
}

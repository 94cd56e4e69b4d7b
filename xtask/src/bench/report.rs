//! From raw numbers to the table: what each system call costs more with the agent attached, beside
//! its budget. Pure, apart from the table's way to the terminal.

use serde::Serialize;

use super::stats::median;
use super::syscalls::Round;
use super::table::Table;
use super::workload::Kind;

/// Extra nanoseconds that a traced system call may cost by tracepoint, without a stack.
const TRACED_BUDGET_NS: f64 = 200.0;
/// Extra nanoseconds that any other system call may cost while a tracepoint is attached.
const UNTRACED_BUDGET_NS: f64 = 22.0;

/// One line of the table. All times are nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    kind: Kind,
    /// Median over the rounds, of one turn of the loop.
    bare_ns: f64,
    agent_ns: f64,
    /// What one system call costs more: of each round's pair, so that a slow minute cancels out.
    extra_ns: f64,
    extra_ns_min: f64,
    extra_ns_max: f64,
    budget_ns: f64,
    within_budget: bool,
}

impl Row {
    /// Sums up one kind over all rounds; `None` if it was never measured.
    pub(super) fn of(kind: Kind, rounds: &[Round]) -> Option<Self> {
        let pairs: Vec<(f64, f64)> = rounds
            .iter()
            .filter_map(|round| Some((pick(kind, &round.bare)?, pick(kind, &round.agent)?)))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let calls = f64::from(kind.events_per_call().max(1));
        let extras: Vec<f64> = pairs.iter().map(|(bare, agent)| (agent - bare) / calls).collect();
        let budget_ns =
            if kind.events_per_call() > 0 { TRACED_BUDGET_NS } else { UNTRACED_BUDGET_NS };
        let extra_ns = median(&extras);
        Some(Self {
            kind,
            bare_ns: median(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>()),
            agent_ns: median(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>()),
            extra_ns,
            extra_ns_min: extras.iter().copied().fold(f64::INFINITY, f64::min),
            extra_ns_max: extras.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            budget_ns,
            within_budget: extra_ns <= budget_ns,
        })
    }

    /// What one turn of the loop calls.
    const fn label(&self) -> &'static str {
        match self.kind {
            Kind::Mmap => "mmap + munmap",
            Kind::Brk => "brk + brk",
            Kind::Getppid => "getppid (untraced)",
        }
    }
}

fn pick(kind: Kind, measured: &[super::workload::Measured]) -> Option<f64> {
    measured.iter().find(|one| one.kind == kind).map(|one| one.ns_per_call_median)
}

pub(super) fn print(rows: &[Row], rounds: &[Round]) {
    println!(
        "\n{:<20} {:>9} {:>9} {:>12} {:>17} {:>8}",
        "ns, medians", "bare", "agent", "extra/call", "min .. max", "budget"
    );
    for row in rows {
        println!(
            "{:<20} {:>9.1} {:>9.1} {:>+12.1} {:>17} {:>8} {}",
            row.label(),
            row.bare_ns,
            row.agent_ns,
            row.extra_ns,
            format!("{:+.1} .. {:+.1}", row.extra_ns_min, row.extra_ns_max),
            format!("<= {}", row.budget_ns),
            if row.within_budget { "within" } else { "OVER" }
        );
    }
    let count = |value: fn(&Round) -> Option<u64>| match rounds.iter().map(value).sum() {
        Some::<u64>(sum) => sum.to_string(),
        None => "unknown".to_owned(),
    };
    println!(
        "events seen {}, lost {}, in {} rounds",
        count(|round| round.events_seen),
        count(|round| round.events_lost),
        rounds.len()
    );
}

/// The same for the documents, in whole nanoseconds.
pub(super) fn table(rows: &[Row], rounds: &[Round]) -> Table {
    let whole = |ns: f64| format!("{ns:.0}");
    let cells = |row: &Row| {
        let figures = [row.bare_ns, row.agent_ns, row.extra_ns, row.budget_ns].map(whole);
        std::iter::once(row.label().to_owned()).chain(figures).collect()
    };
    let sum = |value: fn(&Round) -> Option<u64>| rounds.iter().filter_map(value).sum::<u64>();
    let (seen, lost) = (sum(|round| round.events_seen), sum(|round| round.events_lost));
    Table {
        heading: vec!["ns a call", "bare", "with the agent", "extra a call", "budget"],
        rows: rows.iter().map(cells).collect(),
        notes: vec![format!(
            "Medians of {} rounds in turns; {seen} events, {lost} lost.",
            rounds.len()
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Measured;
    use super::*;

    fn round(bare: f64, agent: f64) -> Round {
        let measured = |ns| {
            vec![Measured { kind: Kind::Mmap, count: 1, ns_per_call: ns, ns_per_call_median: ns }]
        };
        Round {
            bare: measured(bare),
            agent: measured(agent),
            attach: serde_json::Value::Null,
            events_seen: Some(2),
            events_lost: Some(0),
        }
    }

    #[test]
    fn the_extra_is_per_event_and_of_each_pair() {
        let rounds = [round(2000.0, 2300.0), round(3000.0, 3200.0), round(2000.0, 3000.0)];
        let row = Row::of(Kind::Mmap, &rounds).unwrap();
        assert_eq!((row.extra_ns, row.extra_ns_min, row.extra_ns_max), (150.0, 100.0, 500.0));
        assert!(row.within_budget);
        assert!(Row::of(Kind::Brk, &rounds).is_none());
    }
}

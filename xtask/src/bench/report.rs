//! From raw numbers to the table: what each system call costs more with the agent attached, beside
//! its budget. Pure, apart from the table's way to the terminal.

use serde::Serialize;

use super::deep::FRAMES;
use super::stats::median;
use super::syscalls::{Round, Run};
use super::table::Table;
use super::workload::{Kind, Measured};

/// Extra nanoseconds that a traced system call may cost by tracepoint, without a stack.
const TRACED_BUDGET_NS: f64 = 200.0;
/// The same with its call stack.
const STACK_BUDGET_NS: f64 = 700.0;
/// Extra nanoseconds that any other system call may cost while a tracepoint is attached.
const UNTRACED_BUDGET_NS: f64 = 22.0;

/// One line of the table. All times are nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    kind: Kind,
    /// Median over the rounds.
    bare_ns: f64,
    /// While no call stacks are taken.
    plain: Extra,
    /// With its call stack; of calls that have one.
    stack: Option<Extra>,
}

/// What one system call costs more: of each round's pair, so that a slow minute cancels out.
#[derive(Debug, Serialize)]
struct Extra {
    ns: f64,
    ns_min: f64,
    ns_max: f64,
    budget_ns: f64,
    within_budget: bool,
}

impl Row {
    /// Sums up one kind over all rounds; `None` if it was never measured.
    pub(super) fn of(kind: Kind, rounds: &[Round]) -> Option<Self> {
        let budget = if kind.is_traced() { TRACED_BUDGET_NS } else { UNTRACED_BUDGET_NS };
        let bare: Vec<f64> = rounds.iter().filter_map(|round| pick(kind, &round.bare)).collect();
        if bare.is_empty() {
            return None;
        }
        let stack = || Extra::of(kind, rounds, |round| &round.stacks, STACK_BUDGET_NS);
        Some(Self {
            kind,
            bare_ns: median(&bare),
            plain: Extra::of(kind, rounds, |round| &round.plain, budget)?,
            stack: if kind.has_stack() { Some(stack()?) } else { None },
        })
    }

    /// What is called.
    const fn label(&self) -> &'static str {
        match self.kind {
            Kind::Mmap => "mmap of a page",
            Kind::Munmap => "munmap of a page",
            Kind::LargeMmap => "mmap of 128 KiB",
            Kind::Brk => "brk, a page up",
            Kind::Eventfd => "eventfd2",
            Kind::Dup => "dup of an eventfd",
            Kind::Close => "close of an eventfd",
            Kind::PlainClose => "close of a plain file (looked at, no event)",
            Kind::Getppid => "getppid (not traced)",
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.label().to_owned(), format!("{:.0}", self.bare_ns)];
        cells.extend(self.plain.cells());
        cells.extend(self.stack.as_ref().map_or_else(|| ["", ""].map(str::to_owned), Extra::cells));
        cells
    }
}

impl Extra {
    fn of(
        kind: Kind,
        rounds: &[Round],
        run: impl Fn(&Round) -> &Run,
        budget_ns: f64,
    ) -> Option<Self> {
        let extra =
            |round: &Round| Some(pick(kind, &run(round).measured)? - pick(kind, &round.bare)?);
        let extras: Vec<f64> = rounds.iter().filter_map(extra).collect();
        if extras.is_empty() {
            return None;
        }
        let ns = median(&extras);
        Some(Self {
            ns,
            ns_min: extras.iter().copied().fold(f64::INFINITY, f64::min),
            ns_max: extras.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            budget_ns,
            within_budget: ns <= budget_ns,
        })
    }

    /// The figure with its range, and the budget.
    fn cells(&self) -> [String; 2] {
        let Self { ns, ns_min, ns_max, budget_ns, within_budget } = self;
        let verdict = if *within_budget { "" } else { ", **over**" };
        [format!("{ns:.0} ({ns_min:.0} to {ns_max:.0})"), format!("≤ {budget_ns:.0}{verdict}")]
    }
}

fn pick(kind: Kind, measured: &[Measured]) -> Option<f64> {
    measured.iter().find(|one| one.kind == kind).map(|one| one.ns_per_call_median)
}

/// The table of all rows.
pub(super) fn table(rows: &[Row], rounds: &[Round]) -> Table {
    let runs = || rounds.iter().flat_map(|round| [&round.plain, &round.stacks]);
    let sum = |value: fn(&Run) -> Option<u64>| runs().filter_map(value).sum::<u64>();
    let (seen, lost) = (sum(|run| run.events_seen), sum(|run| run.events_lost));
    Table {
        heading: vec!["a call", "bare, ns", "extra, ns", "budget", "with its stack, ns", "budget"],
        rows: rows.iter().map(Row::cells).collect(),
        notes: vec![format!(
            "Medians (and ranges) of {} rounds in turns; call stacks of {FRAMES} frames, the most \
             that are kept; {seen} events, {lost} lost.",
            rounds.len()
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(ns: f64) -> Vec<Measured> {
        let one = |kind| Measured { kind, count: 1, ns_per_call: ns, ns_per_call_median: ns };
        vec![one(Kind::Eventfd), one(Kind::Getppid)]
    }

    fn round(bare: f64, plain: f64, stacks: f64) -> Round {
        let run = |ns| Run {
            measured: measured(ns),
            attach: serde_json::Value::Null,
            events_seen: Some(2),
            events_lost: Some(0),
        };
        Round { bare: measured(bare), plain: run(plain), stacks: run(stacks) }
    }

    #[test]
    fn the_extra_is_of_each_round_beside_its_budget() {
        let rounds = [
            round(2000.0, 2150.0, 2800.0),
            round(3000.0, 3100.0, 3600.0),
            round(1.0, 501.0, 1001.0),
        ];
        let row = Row::of(Kind::Eventfd, &rounds).unwrap();
        assert_eq!((row.plain.ns, row.plain.ns_min, row.plain.ns_max), (150.0, 100.0, 500.0));
        assert!(row.plain.within_budget);
        let stack = row.stack.as_ref().unwrap();
        assert_eq!((stack.ns, stack.within_budget), (800.0, false));
        assert_eq!(
            row.cells()[2..],
            ["150 (100 to 500)", "≤ 200", "800 (600 to 1000)", "≤ 700, **over**"]
        );
        assert!(Row::of(Kind::Brk, &rounds).is_none());
        let untraced = Row::of(Kind::Getppid, &rounds).unwrap();
        assert_eq!(untraced.cells()[3..], ["≤ 22, **over**", "", ""]);
    }
}

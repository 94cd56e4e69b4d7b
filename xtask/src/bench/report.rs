//! From raw numbers to the table: what each system call costs more with the agent attached, beside
//! its budget. Pure, apart from the table's way to the terminal.

use serde::Serialize;

use super::deep::{ALL_FRAMES, FEW_FRAMES};
use super::stats::median;
use super::syscalls::{Counts, Round};
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
    /// With its call stack, of few frames and of as many as are kept; of calls that have one.
    stacks: Option<[Extra; 2]>,
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
        let few = Extra::of(kind, rounds, |round| &round.few_frames, STACK_BUDGET_NS);
        let all = Extra::of(kind, rounds, |round| &round.all_frames, STACK_BUDGET_NS);
        Some(Self {
            kind,
            bare_ns: median(&bare),
            plain: Extra::of(kind, rounds, |round| &round.plain, budget)?,
            stacks: few.zip(all).map(|(few, all)| [few, all]),
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
        cells.extend([self.plain.figure(), self.plain.budget()]);
        cells.extend(match &self.stacks {
            Some([few, all]) => [few.figure(), all.figure(), all.budget()],
            None => ["", "", ""].map(str::to_owned),
        });
        cells
    }
}

impl Extra {
    fn of(
        kind: Kind,
        rounds: &[Round],
        of: impl Fn(&Round) -> &[Measured],
        budget_ns: f64,
    ) -> Option<Self> {
        let extra = |round: &Round| Some(pick(kind, of(round))? - pick(kind, &round.bare)?);
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

    /// With its range.
    fn figure(&self) -> String {
        let Self { ns, ns_min, ns_max, .. } = self;
        format!("{ns:.0} ({ns_min:.0} to {ns_max:.0})")
    }

    fn budget(&self) -> String {
        let verdict = if self.within_budget { "" } else { ", **over**" };
        format!("≤ {:.0}{verdict}", self.budget_ns)
    }
}

fn pick(kind: Kind, measured: &[Measured]) -> Option<f64> {
    measured.iter().find(|one| one.kind == kind).map(|one| one.ns_per_call_median)
}

/// The table of all rows.
pub(super) fn table(rows: &[Row], rounds: &[Round]) -> Table {
    let agents = || rounds.iter().flat_map(|round| &round.agents);
    let sum = |value: fn(&Counts) -> Option<u64>| agents().filter_map(value).sum::<u64>();
    let (seen, lost) = (sum(|counts| counts.events_seen), sum(|counts| counts.events_lost));
    Table {
        heading: vec![
            "a call",
            "bare, ns",
            "extra, ns",
            "budget",
            "with a short stack, ns",
            "with a full one, ns",
            "budget",
        ],
        rows: rows.iter().map(Row::cells).collect(),
        notes: vec![format!(
            "Medians (and ranges) of {} rounds in turns. A short call stack has {FEW_FRAMES} frames, \
             a full one {ALL_FRAMES}, the most that are kept. {seen} events, {lost} lost.",
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

    fn round(bare: f64, plain: f64, stack: f64) -> Round {
        let attach = serde_json::Value::Null;
        let counts = || Counts { attach: attach.clone(), events_seen: Some(2), events_lost: None };
        let (mut few_frames, mut all_frames) = (measured(stack - 100.0), measured(stack));
        few_frames.truncate(1);
        all_frames.truncate(1);
        let (bare, plain) = (measured(bare), measured(plain));
        Round { bare, plain, few_frames, all_frames, agents: [counts(), counts()] }
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
        let cells = [
            "eventfd2",
            "2000",
            "150 (100 to 500)",
            "≤ 200",
            "700 (500 to 900)",
            "800 (600 to 1000)",
            "≤ 700, **over**",
        ];
        assert_eq!(row.cells(), cells);
        assert!(Row::of(Kind::Brk, &rounds).is_none());
        let untraced = Row::of(Kind::Getppid, &rounds).unwrap();
        assert_eq!(untraced.cells()[3..], ["≤ 22, **over**", "", "", ""]);
        assert_eq!(table(&[row], &rounds).rows[0].len(), table(&[], &rounds).heading.len());
    }
}

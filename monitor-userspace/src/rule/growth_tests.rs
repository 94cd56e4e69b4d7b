use super::*;

const SECOND: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;
const ID: ProcessId = ProcessId { pid: 7, start_ticks: 11 };
const QUANTA: Quanta = Quanta { mapped: 4096.0, resident: 524_288.0 };

/// Feeds a sample every 5 s for `minutes`; `shape` gives the values. What is held of memory is
/// never touched again.
fn run(minutes: u64, shape: impl Fn(u64) -> Vec<(Signal, u64)>) -> Vec<(u64, Change, Report)> {
    let mut growths = Growths::new(ID, QUANTA);
    let times = (0..minutes * 12).map(|round| round * 5);
    let mut changes = Vec::new();
    for second in times {
        let mut values = Values::default();
        for (signal, value) in shape(second) {
            values.set(signal, Some(value));
        }
        if growths.is_weighing_memory() {
            let held = values.0[Signal::Touched as usize].unwrap_or_default();
            let (window_ns, touched) = (60 * SECOND, MIB as f64);
            growths.set_touched(&LookAtPages { window_ns, held, touched });
        }
        let sample = Sample { at_ns: (1000 + second) * SECOND, load: 1.0, values };
        changes.extend(
            growths.observe(&sample).into_iter().map(|(change, report)| (second, change, report)),
        );
    }
    changes
}

fn memory(heap: u64, anon: u64, touched: u64) -> Vec<(Signal, u64)> {
    vec![(Signal::Heap, heap * MIB), (Signal::Anon, anon * MIB), (Signal::Touched, touched * MIB)]
}

fn leak(changes: &[(u64, Change, Report)]) -> (u64, Report) {
    let found = changes.iter().find(|(_, _, report)| report.leading.is_leak);
    found.map(|(second, _, report)| (*second, *report)).expect("a leak")
}

#[test]
fn what_was_held_before_and_given_back_is_no_leak_when_it_comes_back_elsewhere() {
    let changes = |before: u64| {
        run(12, move |second| {
            if second < 120 {
                return memory(4, 100 + before, 50 + before);
            }
            let grown = second.saturating_sub(300) / 4;
            memory(4 + grown, 100, 50 + grown)
        })
    };
    let has_leak = |all: &[(u64, Change, Report)]| all.iter().any(|it| it.2.leading.is_leak);
    assert!(has_leak(&changes(0)) && !has_leak(&changes(200)));
}

#[test]
fn a_growing_heap_that_is_never_read_is_one_leak_named_heap_within_three_minutes() {
    let changes = run(6, |second| memory(4 + second, 100, 50 + second));
    assert_eq!(changes[0].1, Change::Opened);
    assert!(changes[1..].iter().all(|(_, change, _)| *change == Change::Updated));
    let (second, report) = leak(&changes);
    assert_eq!(report.place, Signal::Heap);
    assert!(second <= 180, "found after {second} s");
    let rate = report.leading.rate_per_min / MIB as f64;
    assert!((57.0..63.0).contains(&rate), "{rate} MiB a minute");
}

#[test]
fn growing_mappings_are_named_so_and_touching_old_ones_is_not() {
    let mapped = run(6, |second| memory(4, 100 + second, 50 + second));
    assert_eq!(leak(&mapped).1.place, Signal::Anon);
    let touched = run(6, |second| memory(4, 4000, 50 + second));
    assert_eq!(leak(&touched).1.place, Signal::Touched);
}

#[test]
fn growth_that_went_to_swap_is_named_so_and_what_only_moves_there_is_no_growth() {
    let touching = |swapped: fn(u64) -> u64| {
        run(6, move |second| {
            let swap = (Signal::Swapped, swapped(second) * MIB);
            memory(4, 4000, 50 + second).into_iter().chain([swap]).collect()
        })
    };
    assert_eq!(leak(&touching(|second| second * 3 / 4)).1.place, Signal::Swapped);
    assert_eq!(leak(&touching(|second| second / 4)).1.place, Signal::Touched);
    let pressed_out = run(12, |second| {
        memory(4, 4000, 3000).into_iter().chain([(Signal::Swapped, second * MIB)]).collect()
    });
    assert!(pressed_out.is_empty(), "{pressed_out:?}");
    let heap = run(6, |second| {
        let swap = (Signal::Swapped, second * MIB);
        memory(4 + second, 100, 50 + second).into_iter().chain([swap]).collect()
    });
    assert_eq!(leak(&heap).1.place, Signal::Heap, "where it is allocated says more");
}

#[test]
fn growth_that_stops_ends_the_finding() {
    let changes = run(12, |second| memory(4 + second.min(240), 100, 50 + second.min(240)));
    assert_eq!(changes.last().map(|(_, change, _)| *change), Some(Change::Ended));
}

#[test]
fn descriptors_that_grow_are_named_after_their_kind() {
    let changes = run(6, |second| {
        let sockets = 3 + second / 2;
        vec![
            (Signal::Descriptors, 20 + sockets),
            (Signal::Sockets, sockets),
            (Signal::CloseWait, 0),
            (Signal::Files, 17),
        ]
    });
    let (_, report) = leak(&changes);
    assert_eq!(report.place, Signal::Sockets);
    assert!(changes.iter().all(|(_, _, report)| report.cause == Cause::Descriptors));
}

//! Compares, thread by thread and in order, what the agent reported with what strace saw.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Deed};
use crate::strace::Trace;

/// How far ahead the same act is looked for before two acts count as one that differs.
const LOOK_AHEAD: usize = 64;

/// The differences, one sentence each; empty means that both saw the same.
///
/// Acts of processes that strace did not trace, strace itself among them, are left out, and so is
/// what its first child did before it became the program.
pub fn compare(agent: &[Act], strace: &Trace) -> Vec<String> {
    let pids: BTreeSet<u32> = strace.acts.iter().map(|act| act.pid).collect();
    let mut started = false;
    let agent = agent.iter().filter(|act| {
        started |= act.pid == strace.root && matches!(act.deed, Deed::Exec { .. });
        pids.contains(&act.pid) && (act.pid != strace.root || started)
    });
    let (agent, strace) = (by_thread(agent), by_thread(strace.acts.iter()));
    let tids: BTreeSet<u32> = agent.keys().chain(strace.keys()).copied().collect();
    let mut differences = Vec::new();
    for tid in tids {
        let seen = agent.get(&tid).map_or(&[][..], Vec::as_slice);
        let expected = strace.get(&tid).map_or(&[][..], Vec::as_slice);
        compare_thread(seen, expected, &mut differences);
    }
    differences
}

fn by_thread<'a>(acts: impl Iterator<Item = &'a Act>) -> BTreeMap<u32, Vec<&'a Act>> {
    let mut threads: BTreeMap<u32, Vec<&Act>> = BTreeMap::new();
    for act in acts {
        threads.entry(act.tid).or_default().push(act);
    }
    threads
}

fn compare_thread(mut seen: &[&Act], mut expected: &[&Act], differences: &mut Vec<String>) {
    loop {
        match (seen, expected) {
            ([], []) => return,
            ([extra, rest @ ..], []) => {
                differences.push(format!("extra: {extra:?}"));
                seen = rest;
            }
            ([], [missing, rest @ ..]) => {
                differences.push(format!("missing: {missing:?}"));
                expected = rest;
            }
            ([one, ones @ ..], [other, others @ ..]) => {
                let until_seen = distance(other, ones);
                let until_expected = distance(one, others);
                if one == other {
                    (seen, expected) = (ones, others);
                } else if until_expected < until_seen {
                    differences.push(format!("missing: {other:?}"));
                    expected = others;
                } else if until_seen < LOOK_AHEAD {
                    differences.push(format!("extra: {one:?}"));
                    seen = ones;
                } else {
                    differences.push(format!("different: {one:?} where strace has {other:?}"));
                    (seen, expected) = (ones, others);
                }
            }
        }
    }
}

/// How many acts stand before the next that equals `act`.
fn distance(act: &Act, ahead: &[&Act]) -> usize {
    ahead.iter().take(LOOK_AHEAD).position(|other| *other == act).unwrap_or(LOOK_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
5  execve(\"/bin/a\", [\"a\"], 0x7ffc /* 35 vars */) = 0
5  brk(NULL)                         = 0x1000
5  mmap(NULL, 4096, 0x3, 0x22, -1, 0) = 0x7000
5  munmap(0x7000, 4096)              = 0
5  fork()                            = 6
6  brk(0x3000)                       = 0x3000
6  +++ exited with 1 +++
5  +++ exited with 0 +++
";

    /// The differences after `change` was done to a faithful report.
    fn differences(change: impl FnOnce(&mut Vec<Act>)) -> Vec<String> {
        let trace = Trace::parse(TEXT).unwrap();
        let mut acts = trace.acts.clone();
        change(&mut acts);
        compare(&acts, &trace)
    }

    #[test]
    fn a_faithful_report_has_no_differences() {
        assert_eq!(differences(|_| {}), [""; 0]);
    }

    #[test]
    fn each_missing_event_is_reported() {
        for index in 1..8 {
            let found = differences(|acts| drop(acts.remove(index)));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("missing: "), "{found:?}");
        }
    }

    #[test]
    fn each_extra_event_is_reported() {
        for index in 0..8 {
            let found = differences(|acts| acts.insert(index, acts[index].clone()));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("extra: "), "{found:?}");
        }
    }

    #[test]
    fn an_event_of_a_traced_process_is_extra_in_whatever_thread() {
        let deed = Deed::Munmap { addr: 1, length: 2 };
        let found = differences(|acts| acts.push(Act { pid: 5, tid: 77, deed }));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_wrong_argument_a_wrong_result_and_a_wrong_process_are_reported() {
        let wrong = |index: usize, deed: Deed| differences(|acts| acts[index].deed = deed);
        assert_eq!(wrong(1, Deed::Brk { addr: 0x2000, requested: 0 }).len(), 1);
        assert_eq!(wrong(3, Deed::Munmap { addr: 0x7000, length: 4095 }).len(), 1);
        assert_eq!(wrong(6, Deed::Exit { code: Some(2), signal: None }).len(), 1);
        assert_eq!(differences(|acts| acts[5].pid = 5).len(), 1);
        let flags = |acts: &mut Vec<Act>| {
            if let Deed::Mmap { flags, .. } = &mut acts[2].deed {
                *flags |= 0x8000;
            }
        };
        assert_eq!(differences(flags).len(), 1);
    }

    #[test]
    fn two_events_of_one_thread_in_the_wrong_order_are_reported() {
        assert!(!differences(|acts| acts.swap(2, 3)).is_empty());
    }

    #[test]
    fn strace_itself_and_its_child_before_the_program_are_left_out() {
        let deed = Deed::Munmap { addr: 1, length: 2 };
        let found = differences(|acts| {
            acts.insert(0, Act { pid: 5, tid: 5, deed: deed.clone() });
            acts.insert(0, Act { pid: 4, tid: 4, deed });
        });
        assert_eq!(found, [""; 0]);
    }
}

//! Whatever the order of findings, deliveries, failures and restarts: each finding is told once that it
//! began and once that it is over, in this order, and its cause not again while it lasts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    tests::{about, at, over, wish},
    *,
};

const CHANNELS: [&str; 3] = ["quick", "gathers", "cools"];

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The growth of this process is found, or its figures change.
    Found(u32, Severity),
    /// It ends.
    Over(u32),
    /// Everything is looked at.
    Look,
    /// Seconds pass.
    Wait(i64),
    /// The next message of this channel arrives, or not; the agent learns of it, or is killed before.
    Deliver { channel: usize, arrives: bool, is_noted: bool },
    /// kill -9, after or before the last thing that happened was kept; a process may end meanwhile.
    Kill { is_kept: bool, ends: Option<u32> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let severity = prop_oneof![Just(Severity::Low), Just(Severity::Medium), Just(Severity::High)];
    let step = prop_oneof![
        4 => (0..4_u32, severity).prop_map(|(pid, severity)| Step::Found(pid, severity)),
        2 => (0..4_u32).prop_map(Step::Over),
        1 => Just(Step::Look),
        2 => (1..40_i64).prop_map(Step::Wait),
        4 => (0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(channel, arrives, is_noted)| Step::Deliver { channel, arrives, is_noted }),
        1 => (any::<bool>(), proptest::option::of(0..4_u32))
            .prop_map(|(is_kept, ends)| Step::Kill { is_kept, ends }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The agent, the host it watches, the disk and the receivers.
struct World {
    ledger: Ledger,
    disk: Rows,
    now: i64,
    /// What this run of the agent calls the growth of each process that it found.
    found: BTreeMap<u32, (String, Severity)>,
    names: u32,
    /// Messages that arrived, by channel, and what they told of which process.
    arrived: BTreeSet<String>,
    told: BTreeMap<&'static str, Vec<(u32, String, MessageKind)>>,
    /// Processes of which something worth telling was kept on the disk.
    due: BTreeSet<u32>,
}

fn wishes() -> Vec<Wish> {
    vec![wish("quick", 0, 0), wish("gathers", 15, 0), wish("cools", 5, 60)]
}

impl World {
    fn new() -> Self {
        let ledger = Ledger::new(wishes(), Rows::default(), at(0));
        let (found, arrived, told, due) = Default::default();
        Self { ledger, disk: Rows::default(), now: 0, found, names: 0, arrived, told, due }
    }

    fn now(&self) -> Timestamp {
        at(self.now)
    }

    fn keep(&mut self) {
        for change in self.ledger.take_changes() {
            self.disk.apply(change);
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::Found(pid, severity) => {
                self.names += 1;
                let name = format!("{pid}-{}", self.names);
                let found = self.found.entry(pid).or_insert((name, severity));
                found.1 = severity;
                let about = about(&found.0, pid, severity);
                self.ledger.heard(about, now);
                if severity > Severity::Low {
                    self.due.insert(pid);
                }
            }
            Step::Over(pid) => {
                if let Some((id, _)) = self.found.remove(&pid) {
                    self.ledger.over(over(&id), now);
                }
            }
            Step::Look => self.look(0..4),
            Step::Wait(seconds) => {
                self.now += seconds;
                self.ledger.tick(self.now());
            }
            Step::Deliver { channel, arrives, is_noted } => {
                self.keep();
                self.deliver(CHANNELS[channel], arrives, is_noted);
            }
            Step::Kill { is_kept, ends } => {
                if is_kept {
                    self.keep();
                }
                self.restart(ends);
                return;
            }
        }
        // The next step may be a kill that loses this one: then nobody was told of it either.
        if self.names.is_multiple_of(3) {
            self.keep();
        }
    }

    fn look(&mut self, pids: std::ops::Range<u32>) {
        let open =
            self.found.iter().map(|(pid, (id, severity))| about(id, *pid, *severity)).collect();
        let processes = pids.map(|pid| (pid, Some(at(i64::from(pid))))).collect();
        self.ledger.looked(Look { open, processes, components: Vec::new() }, self.now());
    }

    fn deliver(&mut self, channel: &'static str, arrives: bool, is_noted: bool) {
        let Some(message) = self.ledger.next(channel).cloned() else { return };
        if arrives && self.arrived.insert(message.id.clone()) {
            let told = self.told.entry(channel).or_default();
            told.extend(message.alerts.iter().map(|alert| {
                (alert.about.cause.pid.unwrap(), alert.about.id.clone(), message.kind)
            }));
        }
        if arrives {
            self.ledger.done(message.order);
        }
        if arrives && !is_noted {
            self.restart(None);
        } else {
            self.keep();
        }
    }

    fn restart(&mut self, ends: Option<u32>) {
        self.found.clear();
        self.now += 1;
        self.ledger = Ledger::new(wishes(), self.disk.clone(), self.now());
        self.due = self.disk.cases.values().filter_map(|case| case.about.cause.pid).collect();
        let told = self.told.values().flatten();
        self.due.extend(told.map(|(pid, _, _)| *pid));
        if let Some(pid) = ends {
            self.look(0..pid);
            self.look(0..pid);
        }
    }

    /// All processes end and all messages arrive.
    fn finish(&mut self) {
        self.ledger.tick(self.now());
        self.look(0..0);
        self.look(0..0);
        self.found.clear();
        self.look(0..0);
        for _ in 0..40 {
            self.now += 20;
            self.ledger.tick(self.now());
            for channel in CHANNELS {
                while self.ledger.next(channel).is_some() {
                    self.deliver(channel, true, true);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn each_finding_is_told_once_that_it_began_and_once_that_it_is_over(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.keep();
        world.finish();
        for (channel, told) in &world.told {
            let mut by_id: BTreeMap<&str, Vec<MessageKind>> = BTreeMap::new();
            let mut by_cause: BTreeMap<u32, Vec<MessageKind>> = BTreeMap::new();
            for (pid, id, kind) in told {
                by_id.entry(id).or_default().push(*kind);
                by_cause.entry(*pid).or_default().push(*kind);
            }
            for (id, kinds) in by_id {
                prop_assert_eq!(&kinds, &[MessageKind::Open, MessageKind::Resolved], "{} {}", channel, id);
            }
            for (pid, kinds) in by_cause {
                let alternate = kinds.chunks(2).all(|it| *it == [MessageKind::Open, MessageKind::Resolved]);
                prop_assert!(alternate, "{} told of {} again while it lasted: {:?}", channel, pid, kinds);
            }
        }
        for pid in &world.due {
            let told = world.told.get("quick").into_iter().flatten();
            prop_assert!(told.filter(|it| it.0 == *pid).count() > 0, "nobody heard of {}", pid);
        }
        prop_assert!(world.ledger.rows().cases.is_empty() && world.ledger.rows().messages.is_empty());
    }
}

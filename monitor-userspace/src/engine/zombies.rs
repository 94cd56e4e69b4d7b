//! Processes that ended and were not waited for. The kernel says when a process ends, not when it is
//! waited for: who ended is looked at again until it is gone.

use std::collections::BTreeMap;

/// How long after its end a process is looked at: most are waited for at once.
const SETTLED_NS: u64 = 1_000_000_000;
/// How often a zombie is looked at again.
const LOOK_NS: u64 = 5_000_000_000;
/// A zombie not seen for this long is gone.
const FORGET_NS: u64 = 12_000_000_000;
/// Processes that are looked at on one tick, and those that are remembered.
const MAX_LOOKS: usize = 1024;
const MAX_KEPT: usize = 65_536;

#[derive(Clone, Copy, Debug)]
struct Zombie {
    ppid: u32,
    seen_ns: u64,
    due_ns: u64,
}

/// Zombies by pid, and processes whose end is too fresh to tell.
#[derive(Debug, Default)]
pub(super) struct Zombies {
    ended: BTreeMap<u32, u64>,
    known: BTreeMap<u32, Zombie>,
}

impl Zombies {
    /// A process ended.
    pub(super) fn ended(&mut self, pid: u32, at_ns: u64) {
        if self.ended.len() < MAX_KEPT {
            self.ended.insert(pid, at_ns + SETTLED_NS);
        }
    }

    /// A pid is a living process's.
    pub(super) fn revive(&mut self, pid: u32) {
        self.ended.remove(&pid);
        self.known.remove(&pid);
    }

    /// A process was read as a zombie.
    pub(super) fn seen(&mut self, pid: u32, ppid: u32, at_ns: u64) {
        if self.known.len() < MAX_KEPT {
            self.known.insert(pid, Zombie { ppid, seen_ns: at_ns, due_ns: at_ns + LOOK_NS });
        }
    }

    /// How many a process has not waited for.
    pub(super) fn of(&self, ppid: u32) -> u64 {
        self.known.values().filter(|zombie| zombie.ppid == ppid).count() as u64
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Who is to be looked at now.
    pub(super) fn due(&mut self, now_ns: u64) -> Vec<u32> {
        self.known.retain(|_, zombie| now_ns < zombie.seen_ns + FORGET_NS);
        let mut due: Vec<u32> = self
            .ended
            .iter()
            .filter_map(|(&pid, &at_ns)| (now_ns >= at_ns).then_some(pid))
            .take(MAX_LOOKS)
            .collect();
        for pid in &due {
            self.ended.remove(pid);
        }
        for (&pid, zombie) in self.known.iter_mut().take(MAX_KEPT) {
            if due.len() < MAX_LOOKS && now_ns >= zombie.due_ns {
                zombie.due_ns = now_ns + LOOK_NS;
                due.push(pid);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn who_ended_is_looked_at_until_it_is_gone() {
        let mut zombies = Zombies::default();
        zombies.ended(7, SECOND);
        assert_eq!(zombies.due(SECOND), [0; 0]);
        assert_eq!(zombies.due(2 * SECOND), [7]);
        zombies.seen(7, 1, 2 * SECOND);
        assert_eq!((zombies.of(1), zombies.of(2), zombies.len()), (1, 0, 1));
        assert_eq!(zombies.due(3 * SECOND), [0; 0]);
        assert_eq!(zombies.due(8 * SECOND), [7]);
        assert_eq!(zombies.due(14 * SECOND), [0; 0], "not seen any more");
        assert_eq!(zombies.len(), 0);
    }

    #[test]
    fn a_pid_that_lives_again_is_no_zombie() {
        let mut zombies = Zombies::default();
        zombies.ended(7, 0);
        zombies.seen(8, 1, 0);
        zombies.revive(7);
        zombies.revive(8);
        assert_eq!((zombies.due(2 * SECOND), zombies.len()), (vec![], 0));
    }
}

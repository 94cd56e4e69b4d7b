//! The life of what rules say of one subject: a condition begins to hold, has held long enough, and
//! holds no more.

use super::{Holds, Rules, Unit, Value, View, news::UPDATE_NS};

/// A variable of a condition, as it was when the condition was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// Its value.
    pub value: f64,
}

/// A rule that holds, in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its number, see [`Rules::get`].
    pub rule: usize,
    /// When its condition began to hold, in nanoseconds since boot.
    pub since_ns: u64,
    /// When it had held for long enough, in nanoseconds since boot.
    pub opened_ns: u64,
    /// The numbers in its condition.
    pub quotes: Vec<Quote>,
}

/// What a look at a subject changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A rule has held for long enough.
    Opened(Held),
    /// A rule still holds, with other figures.
    Updated(Held),
    /// A rule holds no more.
    Resolved(Held),
    /// A condition cannot be evaluated; it is left alone until its variables change.
    Failed {
        /// The number of its rule.
        rule: usize,
        /// Why.
        message: String,
    },
}

#[derive(Clone, Debug)]
enum Life {
    /// It has not held for long enough, or rests after its last finding.
    Waiting {
        /// Since when it holds; `None` where it is not known to.
        since_ns: Option<u64>,
        /// Until then nothing opens.
        rests_until_ns: u64,
    },
    /// It holds, and was last told of then.
    Open { held: Held, told_ns: u64 },
}

/// What is remembered of a subject: what was last seen of its variables, and the rules that hold.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Fingerprints, by slot; empty before the first look.
    seen: Box<[u64]>,
    /// By the number of the rule.
    lives: Vec<(usize, Life)>,
}

impl Watched {
    /// Rules whose findings are open.
    pub fn open(&self) -> impl Iterator<Item = &Held> {
        self.lives.iter().filter_map(|(_, life)| match life {
            Life::Open { held, .. } => Some(held),
            Life::Waiting { .. } => None,
        })
    }

    /// The rules have changed: conditions are looked at anew. What is open under rules that are no
    /// longer on ends.
    pub fn renew(&mut self, rules: &Rules) -> Vec<Held> {
        self.seen = Box::default();
        let is_on = |rule: usize| rules.get(rule).is_some_and(|rule| rule.enabled);
        let (kept, gone) = std::mem::take(&mut self.lives).into_iter().partition(|it| is_on(it.0));
        self.lives = kept;
        let gone: Vec<(usize, Life)> = gone;
        let held = |(_, life)| match life {
            Life::Open { held, .. } => Some(held),
            Life::Waiting { .. } => None,
        };
        gone.into_iter().filter_map(held).collect()
    }

    /// Bytes of memory, the heap's included.
    pub fn memory_bytes(&self) -> usize {
        let quotes: usize = self.open().map(|held| held.quotes.len()).sum();
        size_of::<Self>()
            + self.seen.len() * size_of::<u64>()
            + self.lives.capacity() * size_of::<(usize, Life)>()
            + quotes * (size_of::<Quote>() + 32)
    }
}

impl Rules {
    /// Looks at a subject. Only conditions of which a variable changed are evaluated.
    pub fn observe(&self, watched: &mut Watched, view: &View<'_>, at_ns: u64) -> Vec<Verdict> {
        let plan = self.plan(view.subject());
        let values: Vec<Value<'_>> = plan.slots.iter().map(|slot| slot.read(view)).collect();
        let now: Box<[u64]> = values.iter().map(|value| value.fingerprint()).collect();
        let before = std::mem::replace(&mut watched.seen, now);
        let has_changed = |slot: &usize| before.get(*slot) != watched.seen.get(*slot);
        let mut verdicts = Vec::new();
        for planned in &plan.rules {
            let number = planned.rule;
            let at = watched.lives.iter().position(|(rule, _)| *rule == number);
            let holds = if planned.slots.iter().any(has_changed) {
                let value = |place: usize| {
                    let slot = planned.slots.get(place);
                    slot.and_then(|&slot| values.get(slot)).copied().unwrap_or(Value::Unknown)
                };
                self.holds(number, value)
            } else {
                match at.and_then(|at| watched.lives.get(at)) {
                    None | Some((_, Life::Waiting { since_ns: None, .. })) => continue,
                    Some(_) => Ok(Holds::Yes),
                }
            };
            let life = at.map(|at| watched.lives.swap_remove(at).1);
            let quote = || quotes(plan, planned, &values);
            let step = self.step(number, life, holds, at_ns, quote);
            watched.lives.extend(step.life.map(|life| (number, life)));
            verdicts.extend(step.verdict);
        }
        verdicts
    }

    fn step(
        &self,
        rule: usize,
        life: Option<Life>,
        holds: Result<Holds, String>,
        at_ns: u64,
        quote: impl Fn() -> Vec<Quote>,
    ) -> Step {
        match (life, holds) {
            (life, Err(message)) => {
                let verdict = Some(Verdict::Failed { rule, message });
                Step { life: unknown(life, at_ns), verdict }
            }
            (Some(Life::Open { held, .. }), Ok(Holds::No)) => {
                let rest_ns = self.get(rule).and_then(|rule| rule.cooldown_ns).unwrap_or(0);
                let life = waiting(None, at_ns.saturating_add(rest_ns), at_ns);
                Step { life, verdict: Some(Verdict::Resolved(held)) }
            }
            // Where nobody knows whether it still holds that is neither news nor the end.
            (life, Ok(Holds::No | Holds::Undecided)) => {
                Step { life: unknown(life, at_ns), verdict: None }
            }
            (Some(Life::Open { held, told_ns }), Ok(Holds::Yes)) => {
                still_open(held, told_ns, at_ns, quote())
            }
            (life, Ok(Holds::Yes)) => {
                let (since_ns, rests_until_ns) = match life {
                    Some(Life::Waiting { since_ns, rests_until_ns }) => {
                        (since_ns.unwrap_or(at_ns), rests_until_ns)
                    }
                    _ => (at_ns, 0),
                };
                let hold_ns = self.get(rule).map_or(0, |rule| rule.hold_ns);
                if at_ns < since_ns.saturating_add(hold_ns).max(rests_until_ns) {
                    let life = Some(Life::Waiting { since_ns: Some(since_ns), rests_until_ns });
                    return Step { life, verdict: None };
                }
                let held = Held { rule, since_ns, opened_ns: at_ns, quotes: quote() };
                let verdict = Some(Verdict::Opened(held.clone()));
                Step { life: Some(Life::Open { held, told_ns: at_ns }), verdict }
            }
        }
    }
}

struct Step {
    life: Option<Life>,
    verdict: Option<Verdict>,
}

/// A finding that is open stays so.
fn still_open(mut held: Held, told_ns: u64, at_ns: u64, quotes: Vec<Quote>) -> Step {
    if at_ns < told_ns.saturating_add(UPDATE_NS) || quotes == held.quotes {
        return Step { life: Some(Life::Open { held, told_ns }), verdict: None };
    }
    held.quotes = quotes;
    let verdict = Some(Verdict::Updated(held.clone()));
    Step { life: Some(Life::Open { held, told_ns: at_ns }), verdict }
}

/// What has not been known to hold all the time has not held for long enough. What is open stays,
/// and what rests goes on resting.
fn unknown(life: Option<Life>, at_ns: u64) -> Option<Life> {
    match life {
        Some(Life::Waiting { rests_until_ns, .. }) => waiting(None, rests_until_ns, at_ns),
        life => life,
    }
}

/// Nothing need be remembered of what neither holds nor rests.
fn waiting(since_ns: Option<u64>, rests_until_ns: u64, at_ns: u64) -> Option<Life> {
    let is_needed = since_ns.is_some() || rests_until_ns > at_ns;
    is_needed.then_some(Life::Waiting { since_ns, rests_until_ns })
}

fn quotes(plan: &super::Plan, planned: &super::Planned, values: &[Value<'_>]) -> Vec<Quote> {
    let quote = |&slot: &usize| {
        let (variable, Value::Number(value)) = (plan.slots.get(slot)?, values.get(slot)?) else {
            return None;
        };
        Some(Quote { name: variable.name(), unit: variable.unit(), value: *value })
    };
    planned.slots.iter().filter_map(quote).collect()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

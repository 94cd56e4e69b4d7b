//! All rules of a run: the built-in ones and what the user's files make of them, checked.

use super::{
    Grade, Grower, Holds, RuleFault, RuleFaults, Subject, Value, Variable, View,
    condition::{Condition, Functions},
    file::{Draft, Place, inside, read},
};
use crate::event::RuleFile;

const BUILTIN: &str = include_str!("builtin.toml");
const BUILTIN_NAME: &str = "built-in";
/// Rules at most.
const MAX_RULES: usize = 500;

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is built in.
    BuiltIn,
    /// It is built in, and this file changes it.
    Changed(String),
    /// This file has it.
    File(String),
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it finds.
    pub description: String,
    /// How bad that is.
    pub grade: Grade,
    /// What it is about.
    pub subject: Subject,
    /// Its condition, as written.
    pub condition_text: String,
    /// How long the condition must hold, in nanoseconds.
    pub hold_ns: u64,
    /// What would be done.
    pub action: Option<String>,
    /// How long nothing more is done after that, in nanoseconds.
    pub cooldown_ns: Option<u64>,
    /// What grows, or is near its limit.
    pub resource: String,
    /// What to do.
    pub recommendation: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Where it comes from.
    pub origin: Origin,
    condition: Condition,
    /// Whose growth it names.
    grower: Option<Grower>,
    /// Whether it was taken away while the run went on: what was told under it still names it.
    is_gone: bool,
}

/// What is looked at of a kind of subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Every variable that a rule uses, once.
    pub(super) slots: Vec<Variable>,
    pub(super) rules: Vec<Planned>,
}

/// A rule that is on, by its number, and the slots of its condition's variables.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) rule: usize,
    pub(super) slots: Vec<usize>,
}

/// The rules of a run.
#[derive(Clone, Debug)]
pub struct Rules {
    all: Vec<Rule>,
    plans: [Plan; Subject::ALL.len()],
    functions: Functions,
}

impl Rules {
    /// The built-in rules, and what these files add to and change in them, in their order; or all
    /// that is wrong with the files.
    pub fn load(files: &[RuleFile]) -> Result<Self, RuleFaults> {
        let builtin = RuleFile { name: BUILTIN_NAME.to_owned(), text: BUILTIN.to_owned() };
        let files: Vec<&RuleFile> = std::iter::once(&builtin).chain(files).collect();
        let mut faults = Vec::new();
        let mut drafts: Vec<Draft> = Vec::new();
        let mut firsts: Vec<usize> = Vec::new();
        for (number, file) in files.iter().enumerate() {
            for draft in read(number, file, &mut faults) {
                let known = drafts.iter().position(|known| known.name.value == draft.name.value);
                match known {
                    Some(at) if drafts[at].name.place.file == number => {
                        let message = format!("a second rule {:?} in one file", draft.name.value);
                        faults.push(RuleFault::new(file, &draft.name.place.at, message));
                    }
                    Some(at) => drafts[at].amend(draft),
                    None if drafts.len() >= MAX_RULES => {
                        let message = format!("there are more than {MAX_RULES} rules");
                        faults.push(RuleFault::new(file, &draft.name.place.at, message));
                        return Err(RuleFaults(faults));
                    }
                    None => {
                        drafts.push(draft);
                        firsts.push(number);
                    }
                }
            }
        }
        let mut rules: Vec<Rule> = Vec::new();
        for (draft, first) in drafts.into_iter().zip(firsts) {
            match finish(draft, first, &files).and_then(|rule| one_a_signal(&rules, rule, &files)) {
                Ok(rule) => rules.push(rule.0),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(RuleFaults(faults));
        }
        let plans = Subject::ALL.map(|subject| plan(&rules, subject));
        Ok(Self { all: rules, plans, functions: Functions::default() })
    }

    /// These rules in place of others while a run goes on. A rule keeps its number as long as there is
    /// one of its name, and for one change more, so that what was told under it is still its.
    #[must_use]
    pub fn in_place_of(self, before: &Self) -> Self {
        let mut new: Vec<Rule> = self.all;
        let mut all: Vec<Rule> = Vec::new();
        let mut free = Vec::new();
        for (number, old) in before.all.iter().enumerate() {
            let at = new.iter().position(|rule| rule.name == old.name);
            if at.is_none() && old.is_gone {
                free.push(number);
            }
            let gone = || Rule { enabled: false, is_gone: true, ..old.clone() };
            all.push(at.map_or_else(gone, |at| new.remove(at)));
        }
        // Nothing was told under the number of a rule that was gone at the last change.
        let mut free = free.into_iter();
        for rule in new {
            match free.next().and_then(|number| all.get_mut(number)) {
                Some(place) => *place = rule,
                None => all.push(rule),
            }
        }
        let plans = Subject::ALL.map(|subject| plan(&all, subject));
        Self { all, plans, functions: self.functions }
    }

    /// All of them, on or off: built-in ones first, then by file.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.all.iter()
    }

    /// The rule of this number.
    pub fn get(&self, number: usize) -> Option<&Rule> {
        self.all.get(number)
    }

    /// The rule that names growth of this in such a subject, and its number; `None` where it is
    /// switched off.
    pub fn growth_rule(&self, subject: Subject, grower: &Grower) -> Option<(usize, &Rule)> {
        let mut enabled = self.all.iter().enumerate().filter(|(_, rule)| rule.enabled);
        let of = |grower: Grower| {
            enabled
                .clone()
                .find(|(_, rule)| rule.subject == subject && rule.grower.as_ref() == Some(&grower))
        };
        let any = matches!(grower, Grower::Gauge(_)).then_some(Grower::AnyGauge);
        let found = of(grower.clone()).or_else(|| of(any?));
        // What has no rule of its own comes under a wider one: files are descriptors, and there is
        // one for all gauges of whoever reports them.
        found.or_else(|| {
            enabled.find(|(_, rule)| rule.grower.is_some() && rule.name == grower.rule())
        })
    }

    /// Whether the judge's figures, and whatever else its condition asks for, are enough for a growth
    /// rule.
    ///
    /// # Errors
    /// Why its condition cannot be evaluated.
    pub fn growth_holds(&self, number: usize, view: &View<'_>) -> Result<Holds, String> {
        let Some(rule) = self.all.get(number) else { return Ok(Holds::No) };
        let variables = rule.condition.variables();
        let values: Vec<Value<'_>> = variables.iter().map(|it| it.read(view)).collect();
        let value = |at: usize| values.get(at).copied().unwrap_or(Value::Unknown);
        rule.condition.holds(&self.functions, value)
    }

    /// What the condition of a rule says where its variables have these values.
    pub(super) fn holds<'a>(
        &self,
        number: usize,
        value: impl Fn(usize) -> Value<'a> + Send + Sync,
    ) -> Result<Holds, String> {
        let Some(rule) = self.all.get(number) else { return Ok(Holds::No) };
        rule.condition.holds(&self.functions, value)
    }

    pub(super) fn plan(&self, subject: Subject) -> &Plan {
        &self.plans[subject as usize]
    }

    /// Whether any rule looks at such subjects.
    pub fn concerns(&self, subject: Subject) -> bool {
        !self.plan(subject).rules.is_empty()
    }
}

/// A checked rule and where its condition stands.
type Finished = (Rule, Place);

fn finish(draft: Draft, first: usize, files: &[&RuleFile]) -> Result<Finished, RuleFault> {
    let fault = |place: &Place, message: String| {
        files.get(place.file).map_or_else(
            || RuleFault::new(&RuleFile::default(), &place.at, message.as_str()),
            |file| RuleFault::new(file, &place.at, message.as_str()),
        )
    };
    let name = draft.name;
    let missing = |key: &str| fault(&name.place, format!("rule {:?} needs {key}", name.value));
    let condition_text = draft.condition.ok_or_else(|| missing("a condition"))?;
    let grade = draft.severity.ok_or_else(|| missing("a severity"))?;
    let subject = draft.subject.as_ref().map_or(Subject::Process, |subject| subject.value);
    let place = condition_text.place;
    let text = condition_text.value;
    let condition = Condition::compile(&text, subject).map_err(|wrong| {
        let file = files.get(place.file).map_or("", |file| file.text.as_str());
        let at = inside(file, &place.at, &wrong.at);
        fault(&Place { file: place.file, at }, wrong.message)
    })?;
    // A built-in rule about growth stays one when its severity is changed.
    let is_growth = grade.value == Grade::Computed || (first == 0 && Grower::has_rule(&name.value));
    let grower = grower_of(&condition).filter(|_| is_growth);
    if is_growth && grower.is_none() {
        return Err(fault(&grade.place, NOT_ONE_SERIES.to_owned()));
    }
    let from = |number: usize| files.get(number).map_or(String::new(), |file| file.name.clone());
    let origin = match (first, name.place.file) {
        (0, 0) => Origin::BuiltIn,
        (0, changed) => Origin::Changed(from(changed)),
        (_, last) => Origin::File(from(last)),
    };
    let rule = Rule {
        description: draft.description.map(|it| it.value).unwrap_or_default(),
        grade: grade.value,
        subject,
        condition_text: text,
        hold_ns: draft.hold_ns.map_or(0, |hold| hold.value),
        action: draft.action.map(|action| action.value),
        cooldown_ns: draft.cooldown_ns.map(|cooldown| cooldown.value),
        resource: draft.resource.map_or_else(|| name.value.clone(), |resource| resource.value),
        recommendation: draft.recommendation.map(|it| it.value).unwrap_or_default(),
        enabled: draft.enabled.is_none_or(|enabled| enabled.value),
        origin,
        condition,
        grower,
        is_gone: false,
        name: name.value,
    };
    Ok((rule, place))
}

const NOT_ONE_SERIES: &str = "severity \"computed\" is for conditions over the growth of one series (growth.heap.confidence)";

/// The one series whose growth a condition is about.
fn grower_of(condition: &Condition) -> Option<Grower> {
    let mut growers = condition.variables().iter().filter_map(Variable::grower);
    let first = growers.next()?;
    growers.all(|grower| grower == first).then(|| first.clone())
}

/// Growth of a series has one name.
fn one_a_signal(
    rules: &[Rule],
    finished: Finished,
    files: &[&RuleFile],
) -> Result<Finished, RuleFault> {
    let (rule, place) = &finished;
    let is_same = |other: &&Rule| {
        let is_on = other.enabled && rule.enabled && other.subject == rule.subject;
        is_on && other.grower.is_some() && other.grower == rule.grower
    };
    let Some(other) = rules.iter().find(is_same) else { return Ok(finished) };
    let message =
        format!("rule {:?} names the growth of this series already: switch one off", other.name);
    let none = RuleFile::default();
    Err(RuleFault::new(files.get(place.file).copied().unwrap_or(&none), &place.at, message))
}

/// The rules that are evaluated here: growth rules are the judge's to ask for.
fn plan(rules: &[Rule], subject: Subject) -> Plan {
    let mut plan = Plan::default();
    for (number, rule) in rules.iter().enumerate() {
        if !rule.enabled || rule.subject != subject || rule.grower.is_some() {
            continue;
        }
        let mut slots = Vec::new();
        for variable in rule.condition.variables() {
            let known = plan.slots.iter().position(|slot| slot == variable);
            slots.push(known.unwrap_or(plan.slots.len()));
            if known.is_none() {
                plan.slots.push(variable.clone());
            }
        }
        plan.rules.push(Planned { rule: number, slots });
    }
    plan
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

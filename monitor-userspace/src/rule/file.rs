//! A file of rules: TOML, read strictly. What a key may be, and where it stood, so that what is
//! wrong with it later can be shown there.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Subject, fault::RuleFault, variable::nearest_of};
use crate::{event::RuleFile, output::Severity};

const KEYS: [&str; 11] = [
    "name",
    "description",
    "severity",
    "subject",
    "condition",
    "for",
    "action",
    "cooldown",
    "resource",
    "recommendation",
    "enabled",
];
/// Characters of a name at most.
const MAX_NAME: usize = 64;
/// The only key of a file.
const RULE: &str = "rule";

/// How bad it is when a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Always this bad.
    Fixed(Severity),
    /// As bad as the judge finds the growth: by its confidence and the time to the limit.
    Computed,
}

impl Grade {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed(severity) => severity.name(),
            Self::Computed => "computed",
        }
    }
}

/// Where something stands: the file's number and its bytes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) at: Range<usize>,
}

/// A key's value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A rule as one file gives it: any of its keys may be left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) name: Given<String>,
    pub(super) description: Option<Given<String>>,
    pub(super) severity: Option<Given<Grade>>,
    pub(super) subject: Option<Given<Subject>>,
    pub(super) condition: Option<Given<String>>,
    pub(super) hold_ns: Option<Given<u64>>,
    pub(super) action: Option<Given<String>>,
    pub(super) cooldown_ns: Option<Given<u64>>,
    pub(super) resource: Option<Given<String>>,
    pub(super) recommendation: Option<Given<String>>,
    pub(super) enabled: Option<Given<bool>>,
}

impl Draft {
    /// What a later file says of this rule goes before what an earlier one said.
    pub(super) fn amend(&mut self, later: Self) {
        fn over<T>(earlier: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *earlier = later;
            }
        }
        self.name = later.name;
        over(&mut self.description, later.description);
        over(&mut self.severity, later.severity);
        over(&mut self.subject, later.subject);
        over(&mut self.condition, later.condition);
        over(&mut self.hold_ns, later.hold_ns);
        over(&mut self.action, later.action);
        over(&mut self.cooldown_ns, later.cooldown_ns);
        over(&mut self.resource, later.resource);
        over(&mut self.recommendation, later.recommendation);
        over(&mut self.enabled, later.enabled);
    }
}

/// Reads the rules of a file; what is wrong with it goes to `faults`.
pub(super) fn read(number: usize, file: &RuleFile, faults: &mut Vec<RuleFault>) -> Vec<Draft> {
    let root = match DeTable::parse(&file.text) {
        Ok(root) => root,
        Err(error) => {
            let at = error.span().unwrap_or(0..0);
            faults.push(RuleFault::new(file, &at, format!("this is no TOML: {}", error.message())));
            return Vec::new();
        }
    };
    let mut reader = Reader { number, file, faults };
    let mut drafts = Vec::new();
    for (key, value) in root.get_ref() {
        if key.get_ref() != RULE {
            reader.unknown_key(key.get_ref(), &key.span(), &[RULE]);
            continue;
        }
        let Some(rules) = value.get_ref().as_array() else {
            reader.fault(&key.span(), "rules are written as [[rule]]");
            continue;
        };
        for rule in rules {
            drafts.extend(reader.rule(rule));
        }
    }
    drafts
}

struct Reader<'a> {
    number: usize,
    file: &'a RuleFile,
    faults: &'a mut Vec<RuleFault>,
}

impl Reader<'_> {
    fn fault(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.faults.push(RuleFault::new(self.file, at, message));
    }

    fn unknown_key(&mut self, key: &str, at: &Range<usize>, known: &[&str]) {
        let hint = match nearest_of(key, known.iter().copied()) {
            Some(near) => format!(": did you mean {near:?}?"),
            None => format!(" (known: {})", known.join(", ")),
        };
        self.fault(at, format!("there is no key {key:?}{hint}"));
    }

    fn rule(&mut self, rule: &Spanned<DeValue<'_>>) -> Option<Draft> {
        let Some(table) = rule.get_ref().as_table() else {
            self.fault(&rule.span(), "a rule is a table: [[rule]]");
            return None;
        };
        for (key, _) in table {
            if !KEYS.contains(&key.get_ref().as_ref()) {
                self.unknown_key(key.get_ref(), &key.span(), &KEYS);
            }
        }
        let Some(name) = self.text(table, "name") else {
            if table.get("name").is_none() {
                self.fault(&rule.span(), "a rule needs a name");
            }
            return None;
        };
        if !is_name(&name.value) {
            let message = "a name is made of letters, digits, _ and - (at most 64)";
            self.fault(&name.place.at, message);
            return None;
        }
        Some(Draft {
            name,
            description: self.text(table, "description"),
            severity: self.word(table, "severity", &GRADES),
            subject: self.word(table, "subject", &SUBJECTS),
            condition: self.text(table, "condition"),
            hold_ns: self.time(table, "for"),
            action: self.text(table, "action"),
            cooldown_ns: self.time(table, "cooldown"),
            resource: self.text(table, "resource"),
            recommendation: self.text(table, "recommendation"),
            enabled: self.truth(table, "enabled"),
        })
    }

    fn get<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        what: &str,
        take: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<Given<T>> {
        let value = table.get(key)?;
        let Some(taken) = take(value.get_ref()) else {
            let is = value.get_ref().type_str();
            self.fault(&value.span(), format!("{key} is {what}, not {is}"));
            return None;
        };
        Some(Given { value: taken, place: Place { file: self.number, at: value.span() } })
    }

    fn truth(&mut self, table: &DeTable<'_>, key: &str) -> Option<Given<bool>> {
        self.get(table, key, "true or false", |value| match value {
            DeValue::Boolean(truth) => Some(*truth),
            _ => None,
        })
    }

    fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<Given<String>> {
        self.get(table, key, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn word<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<Given<T>> {
        let given = self.text(table, key)?;
        let Some((_, value)) = words.iter().find(|(word, _)| *word == given.value) else {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("{key} is one of {}, not {:?}", known.join(", "), given.value);
            self.fault(&given.place.at, message);
            return None;
        };
        Some(Given { value: *value, place: given.place })
    }

    fn time(&mut self, table: &DeTable<'_>, key: &str) -> Option<Given<u64>> {
        let given = self.text(table, key)?;
        let Some(value) = time_ns(&given.value) else {
            let message = format!("{key} is a time (0s, 30s, 5m, 2h), not {:?}", given.value);
            self.fault(&given.place.at, message);
            return None;
        };
        Some(Given { value, place: given.place })
    }
}

const GRADES: [(&str, Grade); 5] = [
    ("low", Grade::Fixed(Severity::Low)),
    ("medium", Grade::Fixed(Severity::Medium)),
    ("high", Grade::Fixed(Severity::High)),
    ("critical", Grade::Fixed(Severity::Critical)),
    ("computed", Grade::Computed),
];

const SUBJECTS: [(&str, Subject); 3] = [
    (Subject::Process.name(), Subject::Process),
    (Subject::Component.name(), Subject::Component),
    (Subject::Host.name(), Subject::Host),
];

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_letter)
}

fn time_ns(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

/// The bytes of a file at which a part of a string stands, which may have escapes in it. `string` is
/// where the string stands, quotes included; `part` are bytes of what it says.
pub(super) fn inside(file: &str, string: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    let raw = file.get(string.clone()).unwrap_or_default();
    let is_basic = raw.starts_with('"');
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let mut at = quotes;
    // A line break right after three quotes says nothing.
    if quotes == 3 {
        at += raw[at..].len() - raw[at..].trim_start_matches("\r\n").trim_start_matches('\n').len();
    }
    let (mut said, mut start) = (0, None);
    while said < part.end && at < raw.len() {
        if said >= part.start && start.is_none() {
            start = Some(at);
        }
        let (length, says) = piece(&raw[at..], is_basic);
        at += length;
        said += says;
    }
    string.start + start.unwrap_or(at)..string.start + at
}

/// Bytes of the next character as written, and of what it says.
fn piece(raw: &str, is_basic: bool) -> (usize, usize) {
    let mut chars = raw.chars();
    let first = chars.next().map_or(1, char::len_utf8);
    if !is_basic || !raw.starts_with('\\') {
        return (first, first);
    }
    match chars.next() {
        Some(c @ ('u' | 'U' | 'x')) => {
            let digits = match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let hex = raw.get(2..2 + digits).unwrap_or_default();
            let says = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
            (2 + digits, says.map_or(1, char::len_utf8))
        }
        Some(c) if c.is_whitespace() => (raw[1..].len() - raw[1..].trim_start().len() + 1, 0),
        _ => (2, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_string_is_found_behind_escapes() {
        for (file, said) in [
            (r#"a = "x == \"y\" && word > 1""#, r#"x == "y" && word > 1"#),
            ("a = 'x && word > 1'", "x && word > 1"),
            ("a = \"\"\"\nx\n && word > 1\"\"\"", "x\n && word > 1"),
            ("a = \"\"\"x \\\n   && word > 1\"\"\"", "x && word > 1"),
            (r#"a = "\u00e4 && word > 1""#, "ä && word > 1"),
        ] {
            let at = said.find("word").unwrap();
            let found = inside(file, &(4..file.len()), &(at..at + 4));
            assert_eq!(&file[found], "word", "{file}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time_ns("0s"), Some(0));
        assert_eq!(time_ns("5m"), Some(300_000_000_000));
        for wrong in ["", "5", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "9999999999999d"]
        {
            assert_eq!(time_ns(wrong), None, "{wrong:?}");
        }
    }
}

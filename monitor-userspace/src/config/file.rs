//! One file: its values, with their lines, or all that is wrong with it. Unknown keys are looked for
//! first, since one of them explains whatever else the types say.

use std::path::Path;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config, Fault, Key, Leaf, Origin,
    known::{self, Place},
};

/// The values of a file.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<(Key, Leaf)>, Vec<Fault>> {
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![Fault::new(place(path, text, at), format!("this is no TOML: {}", error.message()))]
    })?;
    let document = known::as_json(&Config::default());
    let mut reader = Reader { path, text, document: &document, leaves: Vec::new(), faults: vec![] };
    reader.table(&Key(Vec::new()), root.get_ref());
    let Reader { leaves, faults, .. } = reader;
    if !faults.is_empty() {
        return Err(faults);
    }
    let values: toml::Table = toml::from_str(text).map_err(|error| wrong(path, text, &error))?;
    toml::from_str::<Config>(text).map_err(|error| wrong(path, text, &error))?;
    let leaf = |(key, line)| {
        let value = value_at(&values, &key)?.clone();
        let origin = Origin::File { path: path.to_owned(), line };
        Some((key, Leaf { value, origin }))
    };
    Ok(leaves.into_iter().filter_map(leaf).collect())
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    document: &'a Value,
    /// Keys of single values, and their lines.
    leaves: Vec<(Key, usize)>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn table(&mut self, key: &Key, table: &DeTable<'_>) {
        let siblings = match known::place(self.document, key) {
            Place::Table(names) => Some(names),
            Place::Open | Place::Unknown => None,
        };
        for (name, value) in table {
            let below = key.below(name.get_ref());
            match &siblings {
                Some(names) if !names.iter().any(|known| known == name.get_ref().as_ref()) => {
                    let message = known::unknown(name.get_ref(), names, self.document);
                    let at = place(self.path, self.text, name.span().start);
                    self.faults.push(Fault::new(at, message));
                }
                _ => self.value(below, name.span().start, value),
            }
        }
    }

    fn value(&mut self, key: Key, at: usize, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => self.table(&key, inner),
            _ => self.leaves.push((key, line_of(self.text, at))),
        }
    }
}

fn value_at<'a>(root: &'a toml::Table, key: &Key) -> Option<&'a toml::Value> {
    let (first, rest) = key.0.split_first()?;
    rest.iter().try_fold(root.get(first)?, |at, name| at.get(name))
}

/// What a type says is wrong; of an unknown key with what may be meant.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Vec<Fault> {
    let at = error.span().map_or(0, |span| span.start);
    vec![Fault::new(place(path, text, at), meant(error.message()))]
}

/// Serde names a key that it does not know and those it knows.
pub(super) fn meant(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((name, known)) if message.starts_with("unknown field") => {
            let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
            known::unknown(name, &known, &Value::Null)
        }
        _ => message.to_owned(),
    }
}

fn place(path: &Path, text: &str, at: usize) -> String {
    format!("{}:{}", path.display(), line_of(text, at))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = read(Path::new("c.toml"), text).expect_err("it is wrong");
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_meant() {
        let text = "profil = \"production\"\n[watch]\n\nmax_memmory = \"1M\"\n";
        assert_eq!(
            faults(text),
            [
                "c.toml:1: there is no key \"profil\": did you mean \"profile\"?",
                "c.toml:4: there is no key \"max_memmory\": did you mean \"max_memory\"?",
            ]
        );
        assert_eq!(
            faults("[serve]\nstacks = \"off\"\n"),
            ["c.toml:2: there is no key \"stacks\" here: did you mean watch.stacks?"]
        );
        assert_eq!(
            faults("[components.\"api.service\"]\nmemory_warnin = 5\n"),
            ["c.toml:2: there is no key \"memory_warnin\": did you mean \"memory_warning\"?"]
        );
        let [fault] = &faults("\n[serve]\ninterval = \"5 moons\"\n")[..] else { panic!("one") };
        assert!(fault.starts_with("c.toml:3: ") && fault.contains("write 500ms, 30s"), "{fault}");
        let [fault] = &faults("a = [")[..] else { panic!("one") };
        assert!(fault.starts_with("c.toml:1: this is no TOML"), "{fault}");
    }

    #[test]
    fn values_come_with_their_lines() {
        let text =
            "profile = \"development\"\n\n[watch]\nrules = [\n  \"/a\",\n]\n[components.a]\n";
        let leaves = read(Path::new("c.toml"), text).unwrap();
        let lines: Vec<String> =
            leaves.iter().map(|(key, leaf)| format!("{key} {}", leaf.origin)).collect();
        assert_eq!(
            lines.iter().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
            ["components.a c.toml:7", "profile c.toml:1", "watch.rules c.toml:4"].into()
        );
    }
}
